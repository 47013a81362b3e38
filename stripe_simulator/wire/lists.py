"""Lists: which objects a page holds, newest first.

What belongs here: filters, cursors, limits. A page is found by bisection on the creation order, so
that the millionth page costs what the first one does.
"""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from stripe_simulator.entries import INDEXED_FIELDS, Entry
from stripe_simulator.store import Shelf
from stripe_simulator.wire import errors
from stripe_simulator.wire.endpoints import NOUNS

DEFAULT_LIMIT = 10
MAX_LIMIT = 100
MAX_EVENT_TYPES = 20
EVENT_RETENTION_SECONDS = 30 * 86_400
ENDED_STATUSES = ("canceled", "incomplete_expired")

Test = Callable[[Entry], bool]


def limit_of(parameters: Mapping[str, Any]) -> int:
    """The page size asked for, 1 to 100, by default 10."""
    limit: int = parameters.get("limit", DEFAULT_LIMIT)
    if limit > MAX_LIMIT:
        raise errors.invalid_parameter(
            "limit",
            f"This value must be less than or equal to {MAX_LIMIT}.",
            code="parameter_invalid_integer",
        )
    if limit < 1:
        raise errors.invalid_parameter(
            "limit",
            "This value must be greater than or equal to 1.",
            code="parameter_invalid_integer",
        )
    return limit


def check_cursors(parameters: Mapping[str, Any]) -> None:
    """Refuse a page that is asked for in both directions."""
    if "starting_after" in parameters and "ending_before" in parameters:
        raise errors.exclusive_parameters("starting_after", "ending_before")


def page(
    shelf: Shelf,
    parameters: Mapping[str, Any],
    oldest: int | None = None,
    visible: Test | None = None,
) -> tuple[list[Entry], bool]:
    """The entries of one page, newest first, and whether there are more beyond it.

    Args:
        shelf: Everything of one type of one account.
        parameters: As read by ``parameters.read``.
        oldest: Unix seconds before which objects are out of reach (events).
        visible: Whether an object has arrived yet; None when all have.

    Raises:
        StripeError: For a limit out of range or a cursor that names nothing.
    """
    limit = limit_of(parameters)
    low, high = parameters.get("created", (None, None))
    if oldest is not None:
        low = oldest if low is None else max(low, oldest)
    first = 0 if low is None else shelf.first_at_or_after(low)
    last = len(shelf) if high is None else shelf.first_at_or_after(high)
    after = _cursor(shelf, parameters, "starting_after")
    before = _cursor(shelf, parameters, "ending_before")
    # A cursor that names nothing is refused before two cursors are.
    check_cursors(parameters)
    if after is not None:
        last = min(last, shelf.place_of(after))
    if before is not None:
        first = max(first, shelf.place_after(before))
    test = both(matcher(shelf.object_type, parameters), visible)
    if shelf.lazy is not None:
        test = both(shelf.is_listed, test)
    if before is not None:
        entries, more = _collect(shelf, range(first, last), limit, test)
        return entries[::-1], more
    return _collect(shelf, range(last - 1, first - 1, -1), limit, test)


def _cursor(shelf: Shelf, parameters: Mapping[str, Any], name: str) -> Entry | None:
    """The entry that a cursor names; a deleted or unknown one is an error, as on Stripe."""
    object_id = parameters.get(name)
    if object_id is None:
        return None
    entry = shelf.find(object_id)
    if entry is None:
        noun = NOUNS.get(shelf.object_type, shelf.object_type)
        raise errors.resource_missing(noun, object_id, name, 400)
    return entry


def _collect(
    shelf: Shelf, positions: range, limit: int, test: Test | None
) -> tuple[list[Entry], bool]:
    """The first `limit` matching entries along `positions`, and whether another one follows."""
    if test is None:
        return [shelf.at(position) for position in positions[:limit]], len(positions) > limit
    found: list[Entry] = []
    for position in positions:
        entry = shelf.at(position)
        if test(entry):
            if len(found) == limit:
                return found, True
            found.append(entry)
    return found, False


def both(first: Test | None, second: Test | None) -> Test | None:
    """One test out of two that may not be there."""
    if first is None or second is None:
        return first or second
    return lambda entry: first(entry) and second(entry)


def matcher(object_type: str, parameters: Mapping[str, Any]) -> Test | None:
    """One test for all filters of a request; None when everything matches."""
    tests = []
    for position, name in enumerate(INDEXED_FIELDS.get(object_type, ())):
        test = _field_test(object_type, name, parameters)
        if test is not None:
            tests.append((position, test))
    ids = parameters.get("ids")
    if not tests and ids is None:
        return None

    def matches(entry: Entry) -> bool:
        if ids is not None and entry.id not in ids:
            return False
        return all(test(entry.fields[position]) for position, test in tests)

    return matches


def _field_test(
    object_type: str, name: str, parameters: Mapping[str, Any]
) -> Callable[[Any], bool] | None:
    """The test that a request puts to one indexed field."""
    if object_type == "event":
        return _event_test(name, parameters)
    if object_type == "subscription" and name == "status":
        return _subscription_status_test(parameters.get("status"))
    if name == "test_clock" and name not in parameters:
        # What belongs to a test clock is only listed for its clock or its customer.
        return None if "customer" in parameters else lambda value: value is None
    if name == "prices":
        wanted = parameters.get("price")
        return None if wanted is None else lambda value: wanted in value
    if name == "lookup_key":
        keys = parameters.get("lookup_keys")
        return None if keys is None else lambda value: value in keys
    if name not in parameters:
        return None
    expected = parameters[name]
    if name == "recurring":
        return lambda value: all(value.get(key) == wish for key, wish in expected.items())
    if name == "payment":
        return lambda value: all(value.get(key) == wish for key, wish in expected.items())
    if name == "automatic_tax":
        return lambda value: value == expected.get("enabled", value)
    if name in ("due_date", "current_period_start", "current_period_end"):
        return _range_test(expected)
    return lambda value: value == expected


def _range_test(window: tuple[int | None, int | None]) -> Callable[[Any], bool]:
    """Whether a time, or any of several, lies in a half-open window."""
    low, high = window

    def inside(value: Any) -> bool:
        times = value if isinstance(value, list) else [value]
        return any(
            time is not None and (low is None or time >= low) and (high is None or time < high)
            for time in times
        )

    return inside


def _subscription_status_test(status: str | None) -> Callable[[Any], bool] | None:
    """Stripe lists what is not canceled unless it is told otherwise."""
    if status == "all":
        return None
    if status is None:
        return lambda value: value != "canceled"
    if status == "ended":
        return lambda value: value in ENDED_STATUSES
    return lambda value: value == status


def _event_test(name: str, parameters: Mapping[str, Any]) -> Callable[[Any], bool] | None:
    """`type` with wildcards, or up to twenty exact `types`, and the delivery state."""
    if name == "pending_webhooks":
        wanted = parameters.get("delivery_success")
        return None if wanted is None else lambda value: (not value) == wanted
    if "type" in parameters and "types" in parameters:
        raise errors.exclusive_parameters("type", "types")
    if "types" in parameters:
        types = frozenset(parameters["types"])
        return lambda value: value in types
    if "type" in parameters:
        pattern = parameters["type"]
        if "*" in pattern:
            return lambda value: fnmatchcase(value, pattern)
        return lambda value: value == pattern
    return None


def nested_page(
    elements: list[dict[str, Any]], object_type: str, parameters: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], bool]:
    """One page of a list inside another object, in the order in which it is kept there."""
    limit = limit_of(parameters)
    check_cursors(parameters)
    first, last = 0, len(elements)
    for name in ("starting_after", "ending_before"):
        object_id = parameters.get(name)
        if object_id is None:
            continue
        at = next((i for i, element in enumerate(elements) if element["id"] == object_id), None)
        if at is None:
            noun = NOUNS.get(object_type, object_type)
            raise errors.resource_missing(noun, object_id, name, 400)
        if name == "starting_after":
            first = at + 1
        else:
            last = at
    if "ending_before" in parameters:
        start = max(first, last - limit)
        return elements[start:last], start > first
    return elements[first : first + limit], last - first > limit
