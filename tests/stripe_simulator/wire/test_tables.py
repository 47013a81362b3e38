"""The wire's tables, compared with Stripe's published description."""

from typing import Any

import pytest

from stripe_simulator.wire.endpoints import ENDPOINTS, Endpoint
from stripe_simulator.wire.parameters import Parameter
from stripe_simulator.wire.shapes import LISTS, SHAPES
from tests.stripe_simulator.description import description

SCHEMAS: dict[str, Any] = description()["components"]["schemas"]


def described_operation(endpoint: Endpoint) -> dict[str, Any]:
    """The GET of the described path that this endpoint imitates."""
    for path, item in description()["paths"].items():
        parts = ["{id}" if part.startswith("{") else part for part in path.split("/")]
        if "/".join(parts) == endpoint.path and "get" in item:
            operation: dict[str, Any] = item["get"]
            return operation
    raise AssertionError(f"{endpoint.path} is not described")


def described_parameter(schema: dict[str, Any], required: bool) -> Parameter:
    """A described query parameter in the terms of the simulator's table."""
    if "anyOf" in schema:
        assert set(schema["anyOf"][0]["properties"]) == {"gt", "gte", "lt", "lte"}
        return Parameter("range")
    if schema["type"] == "array":
        return Parameter("strings")
    if schema["type"] == "object":
        fields = {
            name: described_parameter(each, False) for name, each in schema["properties"].items()
        }
        return Parameter("mapping", fields=fields)
    if "enum" in schema:
        return Parameter("enum", values=tuple(schema["enum"]))
    return Parameter(schema["type"], required=required, max_length=schema.get("maxLength", 5000))


def plain(parameter: Parameter) -> Any:
    """What the description can say of a parameter."""
    fields = {name: plain(each) for name, each in (parameter.fields or {}).items()}
    return parameter.kind, set(parameter.values), fields, parameter.required, parameter.max_length


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.path)
def test_an_endpoint_takes_exactly_the_described_parameters(endpoint: Endpoint) -> None:
    described = {
        each["name"]: plain(described_parameter(each["schema"], each.get("required", False)))
        for each in described_operation(endpoint)["parameters"]
        if each["in"] == "query"
    }
    assert {name: plain(each) for name, each in endpoint.parameters.items()} == described


def resolve(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The alternatives of a schema, references followed."""
    found = []
    for each in schema.get("anyOf", [schema]):
        name = each.get("$ref", "").rpartition("/")[2]
        found.append(SCHEMAS[name] if name else each)
    return found


def object_name(schema: dict[str, Any]) -> str | None:
    """The value of `object` in instances of a schema, if they have one."""
    kinds = schema.get("properties", {}).get("object", {}).get("enum", [])
    return kinds[0] if kinds else None


def described_references(schema: dict[str, Any], prefix: str = "") -> dict[str, set[str]]:
    """Every property that is an id or its object, by path, with the types of the object."""
    found: dict[str, set[str]] = {}
    for name, declared in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        inner = declared.get("items", declared) if declared.get("type") == "array" else declared
        alternatives = resolve(inner)
        objects = {object_name(each) for each in alternatives} - {None, "list"}
        if objects and any(each.get("type") == "string" for each in alternatives):
            found[path] = {str(each) for each in objects}
        elif not objects and prefix.count(".") < 4:
            for each in alternatives:
                if each.get("type") == "object" and object_name(each) != "list":
                    found |= described_references(each, f"{path}.")
    return found


@pytest.mark.parametrize("object_type", SHAPES)
def test_references_are_those_described(object_type: str) -> None:
    described = described_references(SCHEMAS[object_type])
    for path, targets in SHAPES[object_type].references.items():
        assert path in described, f"{object_type}.{path} is no reference"
        assert set(targets) <= described[path], f"{object_type}.{path}"


@pytest.mark.parametrize("object_type", SHAPES)
def test_no_reference_to_a_simulated_object_is_forgotten(object_type: str) -> None:
    simulated = set(SHAPES) - {"account"}
    known = SHAPES[object_type].references
    forgotten = {
        path
        for path, targets in described_references(SCHEMAS[object_type]).items()
        if targets & simulated and path not in known
    }
    assert not forgotten


@pytest.mark.parametrize("object_type", SHAPES)
def test_what_is_only_sent_when_expanded_is_optional_and_expandable(object_type: str) -> None:
    schema = SCHEMAS[object_type]
    for path in SHAPES[object_type].included:
        assert path not in schema.get("required", [])
        assert path in schema["x-expandableFields"]


@pytest.mark.parametrize("object_type", SHAPES)
def test_lists_are_those_described(object_type: str) -> None:
    described = {
        name
        for name, declared in SCHEMAS[object_type].get("properties", {}).items()
        if any(object_name(each) == "list" for each in resolve(declared))
    }
    shape = SHAPES[object_type]
    for path in {**shape.embedded, **shape.included}:
        assert (path in described) == ((object_type, path) in LISTS), f"{object_type}.{path}"
