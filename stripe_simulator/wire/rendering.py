"""Objects as Stripe sends them: stripped of what nobody asked for, cut, and expanded.

What belongs here: the walk over one stored object that follows ``shapes``, and the check that a
request expands only what can be expanded.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from stripe_simulator.entries import Entry
from stripe_simulator.wire import errors
from stripe_simulator.wire.related import Lookup
from stripe_simulator.wire.shapes import (
    LISTS,
    MAX_EXPAND_DEPTH,
    NESTED_LIMIT,
    SHAPES,
    Shape,
)

Tree = dict[str, Any]

NOTHING = Shape()


def expansion_tree(paths: list[str], object_type: str, in_list: bool) -> Tree:
    """The requested expansions as nested dicts, ``{"customer": {"default_source": {}}}``.

    Args:
        paths: The values of ``expand[]``.
        object_type: What is retrieved or listed.
        in_list: Whether the paths start with ``data``.

    Raises:
        StripeError: For a path that is too deep or leads nowhere.
    """
    tree: Tree = {}
    for path in paths:
        segments = path.split(".")
        if len(segments) > MAX_EXPAND_DEPTH:
            raise errors.too_deep(path, MAX_EXPAND_DEPTH)
        if in_list:
            if segments[0] != "data":
                raise errors.not_expandable(path, in_list)
            segments = segments[1:]
        if segments and not _leads_somewhere(object_type, segments):
            raise errors.not_expandable(path, in_list)
        branch = tree
        for segment in segments:
            branch = branch.setdefault(segment, {})
    return tree


def _leads_somewhere(object_type: str, segments: list[str]) -> bool:
    """Whether a path of property names ends at something expandable."""
    shape = SHAPES.get(object_type, NOTHING)
    known = {**shape.embedded, **shape.included}
    path = ""
    for position, segment in enumerate(segments):
        path = f"{path}.{segment}" if path else segment
        rest = segments[position + 1 :]
        if path in shape.references:
            return not rest or any(
                _leads_somewhere(target, rest) for target in shape.references[path]
            )
        if path in known:
            if rest and (object_type, path) in LISTS:
                if rest[0] != "data":
                    return False
                rest = rest[1:]
            return not rest or _leads_somewhere(known[path], rest)
    return False


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a request expands, prepared for many objects."""

    tree: Tree
    # The asked-for top-level properties that are only sent when expanded, nothing within them.
    appended: tuple[str, ...]
    # How a property that has to be looked up would show in an object's bytes.
    marks: tuple[bytes, ...]


NO_EXPANSION = Expansion({}, (), ())


@lru_cache(maxsize=1024)
def expansion(paths: tuple[str, ...], object_type: str, in_list: bool) -> Expansion:
    """The prepared form of ``expand[]``; see `expansion_tree` for the arguments and errors."""
    tree = expansion_tree(list(paths), object_type, in_list)
    included = SHAPES.get(object_type, NOTHING).included
    appended = tuple(name for name, branch in tree.items() if name in included and not branch)
    marks: list[bytes] = []

    def mark(branch: Tree) -> None:
        for name, deeper in branch.items():
            marks.extend((b'"%b":"' % name.encode(), b'"%b":["' % name.encode()))
            mark(deeper)

    mark({name: branch for name, branch in tree.items() if name not in appended})
    return Expansion(tree, appended, tuple(marks))


def answer(entry: Entry, asked: Expansion, lookup: Lookup) -> bytes:
    """One stored object's bytes as a request wants them.

    Most objects need no parsing: what is expanded is either kept beside them or, like the
    discounts of an invoice that has none, not there at all.
    """
    if entry.irregular:
        return orjson.dumps(render(entry.load(), asked.tree, lookup))
    if not asked.tree:
        return entry.plain
    extras = entry.extras or {}
    appended = [name for name in asked.appended if name in extras]
    plain = entry.plain
    nested = len(appended) < len(asked.appended) or any(
        name in extras for name in asked.tree if name not in appended
    )
    if nested or any(mark in plain for mark in asked.marks):
        tree = {name: branch for name, branch in asked.tree.items() if name not in appended}
        plain = orjson.dumps(_expand_regular(entry, extras, tree, lookup))
    pieces = [b',"%b":%b' % (name.encode(), extras[name]) for name in appended]
    return b"".join((plain[:-1], *pieces, b"}"))


def _expand_regular(
    entry: Entry, extras: dict[str, bytes], tree: Tree, lookup: Lookup
) -> dict[str, Any]:
    """An object in which only the expanded properties need to be looked at."""
    obj: dict[str, Any] = orjson.loads(entry.plain)
    shape = SHAPES.get(obj["object"], NOTHING)
    obj.update((name, orjson.loads(extras[name])) for name in tree if name in extras)
    _add_related(obj, shape, tree, lookup)
    for key, branch in tree.items():
        if key in obj:
            obj[key] = _value(obj[key], shape, key, branch, lookup)
    return obj


def render(obj: dict[str, Any], tree: Tree, lookup: Lookup) -> dict[str, Any]:
    """One object as it goes over the wire.

    Args:
        obj: The complete stored object; left unchanged.
        tree: What to expand, from `expansion_tree`.
        lookup: Finds referenced objects of the same account.
    """
    shape = SHAPES.get(obj["object"], NOTHING)
    if tree:
        obj = dict(obj)
        _add_related(obj, shape, tree, lookup)
    return _properties(obj, shape, "", tree, lookup)


def _add_related(obj: dict[str, Any], shape: Shape, tree: Tree, lookup: Lookup) -> None:
    """Put in the asked-for lists that are kept apart from the object."""
    for name in tree:
        if name in shape.included and name not in obj:
            found = lookup.list_of(obj, name)
            if found is not None:
                obj[name] = found


def _properties(
    node: dict[str, Any], shape: Shape, prefix: str, tree: Tree, lookup: Lookup
) -> dict[str, Any]:
    """The properties of an object, or of a plain hash inside one."""
    rendered = {}
    for key, value in node.items():
        path = prefix + key
        branch = tree.get(key)
        if branch is None and path in shape.included:
            continue
        if value.__class__ in (dict, list) or branch is not None:
            value = value if key == "metadata" else _value(value, shape, path, branch, lookup)
        rendered[key] = value
    return rendered


def _value(value: Any, shape: Shape, path: str, branch: Tree | None, lookup: Lookup) -> Any:
    """One property's value; `branch` is None when nothing beneath it is to be expanded."""
    if isinstance(value, dict):
        kind = value.get("object")
        if kind == "list":
            return cut_list(value, (branch or {}).get("data") or {}, lookup)
        if isinstance(kind, str):
            return render(value, branch or {}, lookup)
        return _properties(value, shape, path + ".", branch or {}, lookup)
    if isinstance(value, list):
        return [_value(element, shape, path, branch, lookup) for element in value]
    if isinstance(value, str) and branch is not None and path in shape.references:
        target = lookup.find(shape.references[path], value)
        return value if target is None else render(target, branch, lookup)
    return value


def cut_list(nested: dict[str, Any], tree: Tree, lookup: Lookup) -> dict[str, Any]:
    """A nested list with its first ten elements."""
    data = nested["data"]
    return {
        **nested,
        "data": [
            render(element, tree, lookup) if isinstance(element, dict) else element
            for element in data[:NESTED_LIMIT]
        ],
        "has_more": bool(nested.get("has_more")) or len(data) > NESTED_LIMIT,
    }
