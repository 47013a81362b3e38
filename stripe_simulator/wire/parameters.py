"""Query parameters: Stripe's bracket notation, and one strict reader for each kind of value.

What belongs here: turning ``created[gte]=1&expand[]=data.customer`` into typed values, refusing
what an endpoint does not take in Stripe's words. Which endpoint takes what is in ``endpoints``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from stripe_simulator.wire import errors

MAX_STRING = 5000
MAX_ARRAY = 20
RANGE_BOUNDS = ("gt", "gte", "lt", "lte")
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_INTEGER = re.compile(r"-?\d{1,18}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """What one parameter of one endpoint may hold.

    `kind` is one of string, integer, boolean, enum, range (whole seconds or gt/gte/lt/lte),
    strings (an array), mapping (nested parameters in `fields`).
    """

    kind: str
    values: tuple[str, ...] = ()
    fields: Mapping[str, "Parameter"] | None = None
    required: bool = False
    max_length: int = MAX_STRING
    # Names the object type whose id this is: an id that names nothing is `resource_missing`.
    refers_to: str | None = None


def parse_pairs(query: str) -> list[tuple[list[str], str]]:
    """Split a query or form body into key paths and values.

    Returns:
        ``(["created", "gte"], "1")`` for ``created[gte]=1``; an array's ``[]`` or ``[0]`` is "".
    """
    pairs = []
    for key, value in parse_qsl(query, keep_blank_values=True):
        head, bracket, _ = key.partition("[")
        path = [head]
        if bracket:
            path += ["" if part.isdigit() else part for part in _BRACKETS.findall(key)]
        pairs.append((path, value))
    return pairs


def read(query: str, accepted: Mapping[str, Parameter]) -> dict[str, Any]:
    """Typed values of a query, or Stripe's refusal.

    Returns:
        Only what was sent. Ranges become ``(low, high)``, half-open, in unix seconds.

    Raises:
        StripeError: For an unknown, empty, malformed or missing parameter.
    """
    if not query and not any(parameter.required for parameter in accepted.values()):
        return {}
    grouped: dict[str, list[tuple[list[str], str]]] = {}
    unknown: list[str] = []
    for path, value in parse_pairs(query):
        if path[0] in accepted:
            grouped.setdefault(path[0], []).append((path[1:], value))
        elif path[0] not in unknown:
            unknown.append(path[0])
    if unknown:
        raise errors.unknown_parameters(unknown)
    for name, parameter in accepted.items():
        if parameter.required and name not in grouped:
            raise errors.missing_parameter(name)
    return {name: _read_one(name, accepted[name], got) for name, got in grouped.items()}


def _read_one(name: str, parameter: Parameter, got: list[tuple[list[str], str]]) -> Any:
    """The typed value of one parameter from all its pairs."""
    if parameter.kind == "strings":
        return _strings(name, parameter, got)
    if parameter.kind == "range":
        return _range(name, got)
    if parameter.kind == "mapping":
        return _mapping(name, parameter.fields or {}, got)
    path, value = got[-1]
    if path:
        raise errors.invalid_parameter(name, f"Invalid {parameter.kind}")
    return _scalar(name, parameter, value)


def _scalar(name: str, parameter: Parameter, value: str) -> Any:
    """A string, integer, boolean or enum."""
    if value == "":
        raise errors.empty_parameter(name)
    if parameter.kind == "integer":
        return integer(name, value)
    if parameter.kind == "boolean":
        if value not in ("true", "false"):
            raise errors.invalid_parameter(name, f"Invalid boolean: {value}")
        return value == "true"
    if parameter.kind == "enum" and value not in parameter.values:
        choices = ", ".join(parameter.values[:-1]) + f", or {parameter.values[-1]}"
        raise errors.invalid_parameter(name, f"Invalid {name}: must be one of {choices}")
    if len(value) > parameter.max_length:
        raise errors.invalid_parameter(
            name,
            f"Invalid string: {value[:8]}...{value[-8:]}; must be at most "
            f"{parameter.max_length} characters",
            code="parameter_invalid_string",
        )
    return value


def integer(name: str, value: str) -> int:
    """A whole number, or Stripe's refusal."""
    if not _INTEGER.fullmatch(value):
        raise errors.invalid_parameter(
            name, f"Invalid integer: {value}", code="parameter_invalid_integer"
        )
    return int(value)


def _strings(name: str, parameter: Parameter, got: list[tuple[list[str], str]]) -> list[str]:
    """An array of strings, sent as ``name[]=`` or ``name[0]=``."""
    values = []
    for path, value in got:
        if path != [""]:
            raise errors.invalid_parameter(name, "Invalid array")
        values.append(_scalar(name, parameter, value))
    if len(values) > MAX_ARRAY:
        raise errors.invalid_parameter(
            name, f"Array {name} exceeded maximum {MAX_ARRAY} allowed elements."
        )
    return values


def _range(name: str, got: list[tuple[list[str], str]]) -> tuple[int | None, int | None]:
    """``created=…`` or ``created[gte]=…`` as a half-open window of unix seconds."""
    low: int | None = None
    high: int | None = None
    for path, value in got:
        bound = path[0] if path else ""
        where = f"{name}[{bound}]" if path else name
        if len(path) > 1 or (path and bound not in RANGE_BOUNDS):
            raise errors.unknown_parameters([where])
        if value == "":
            raise errors.empty_parameter(where)
        seconds = integer(where, value)
        if bound in ("gt", "gte", ""):
            edge = seconds + 1 if bound == "gt" else seconds
            low = edge if low is None else max(low, edge)
        if bound in ("lt", "lte", ""):
            edge = seconds if bound == "lt" else seconds + 1
            high = edge if high is None else min(high, edge)
    return low, high


def _mapping(
    name: str, fields: Mapping[str, Parameter], got: list[tuple[list[str], str]]
) -> dict[str, Any]:
    """Nested parameters such as ``recurring[interval]=month``."""
    values = {}
    for path, value in got:
        if not path:
            raise errors.invalid_parameter(name, "Invalid object")
        where = f"{name}[{path[0]}]"
        if len(path) > 1 or path[0] not in fields:
            raise errors.unknown_parameters([where])
        values[path[0]] = _scalar(where, fields[path[0]], value)
    return values
