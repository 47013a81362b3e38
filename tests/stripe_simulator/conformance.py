"""Everything that the simulator serves, judged by Stripe's published description.

What belongs here: the sweep over all endpoints of a world and its table, for the tests and as a
command: ``python -m tests.stripe_simulator.conformance``.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from stripe_simulator.building import build
from stripe_simulator.server import Options, Simulator
from stripe_simulator.store import ObjectStore
from stripe_simulator.wire.clock import VirtualClock
from stripe_simulator.wire.endpoints import ENDPOINTS, Endpoint
from stripe_simulator.wire.http import Request
from stripe_simulator.wire.shapes import LISTS, NESTED_LIMIT, SHAPES
from tests.stripe_simulator.description import faults

START = 1_735_689_600
DAYS = 540
DAY = 86_400
SAMPLE = 100
# Subscriptions are only all there when all are asked for.
EXTRA = {"/v1/subscriptions": "&status=all"}


@dataclass
class Verdict:
    """How many objects of each type were judged, and what was wrong with some."""

    checked: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def judge(self, obj: dict[str, Any], label: str | None = None) -> None:
        """Judge one object; one without a label was asked for without any expansion."""
        kind = label or str(obj.get("object"))
        wrong = faults(obj)
        if label is None:
            wrong += unasked(obj)
        self.note(kind, f"{obj.get('id')}: {'; '.join(wrong)}" if wrong else None)

    def note(self, kind: str, wrong: str | None) -> None:
        """Count one judgement and keep the first examples of what was wrong."""
        self.checked[kind] += 1
        if wrong is not None:
            self.failed[kind] += 1
            examples = self.examples.setdefault(kind, [])
            if len(examples) < 3:
                examples.append(wrong)

    def judge_list(self, path: str, objects: list[dict[str, Any]], stored: list[str]) -> None:
        """Judge a list read page by page: everything once, newest first, nothing else.

        Args:
            path: The list's address.
            objects: What the pages held, in their order.
            stored: The ids that should be there, oldest first.
        """
        ids = [obj["id"] for obj in objects]
        created = [obj["created"] for obj in objects]
        wrong = []
        if ids != stored[::-1]:
            wrong.append(f"{len(ids)} ids listed, {len(set(ids))} different, {len(stored)} stored")
        if created != sorted(created, reverse=True):
            wrong.append("not newest first")
        self.note("(list)", f"{path}: {'; '.join(wrong)}" if wrong else None)

    def table(self) -> str:
        """One line a type, and examples of what failed."""
        lines = [f"{'object':<34}{'checked':>10}{'failed':>8}"]
        for kind in sorted(self.checked):
            lines.append(f"{kind:<34}{self.checked[kind]:>10}{self.failed[kind]:>8}")
            lines += [f"    {example}" for example in self.examples.get(kind, [])]
        lines.append(f"{'all':<34}{self.checked.total():>10}{self.failed.total():>8}")
        return "\n".join(lines)


def simulate(preset: str, seed: int, days: int = DAYS) -> Simulator:
    """A simulator over a built world, standing still."""
    store = ObjectStore()
    now = START + days * DAY
    world, truth = build(preset, seed, START, now, store)
    return Simulator(world, truth, store, VirtualClock(now), Options(seed=str(seed)))


def get(simulator: Simulator, account_id: str, path: str, query: str = "") -> dict[str, Any]:
    """One good answer, parsed.

    Raises:
        AssertionError: If the answer is an error.
    """
    key = simulator.credentials.account_key(account_id)
    request = Request("GET", path, query, {"authorization": f"Bearer {key}"}, b"")
    answer = simulator.handle(request)
    assert answer.status == 200, f"{path}?{query}: {answer.status} {answer.body[:500]!r}"
    parsed: dict[str, Any] = orjson.loads(answer.body)
    return parsed


def every(
    simulator: Simulator, account_id: str, path: str, extra: str = "", most: int | None = None
) -> Iterator[dict[str, Any]]:
    """All objects of a list, page by page."""
    query = f"limit=100{extra}"
    while True:
        page = get(simulator, account_id, path, query)
        yield from page["data"]
        if not page["has_more"] or (most is not None and most <= len(page["data"])):
            return
        query = f"limit=100{extra}&starting_after={page['data'][-1]['id']}"


def listed(simulator: Simulator, account_id: str, endpoint: Endpoint) -> list[str]:
    """The ids that a list should hold, oldest first, straight from the store."""
    if endpoint.path == "/v1/prices":
        # Inline prices are in no list; the store keeps them apart.
        return [entry.id for entry in simulator.store.shelf(account_id, "price").order]
    return [obj["id"] for obj in simulator.store.scan(account_id, endpoint.object_type)]


def expansions(object_type: str, depth: int) -> Iterator[str]:
    """Every path that can be expanded from a type, `depth` references deep."""
    shape = SHAPES.get(object_type)
    if shape is None or depth == 0:
        return
    for path, targets in shape.references.items():
        yield path
        for target in targets:
            yield from (f"{path}.{deeper}" for deeper in expansions(target, depth - 1))
    for path, target in {**shape.embedded, **shape.included}.items():
        yield path
        between = f"{path}.data" if is_list(object_type, path) else path
        yield from (f"{between}.{deeper}" for deeper in expansions(target, depth - 1))


def is_list(object_type: str, path: str) -> bool:
    """Whether an expansion has to say ``data`` after this property."""
    return (object_type, path) in LISTS


def unasked(value: Any, where: str = "") -> list[str]:
    """What an unexpanded answer should not hold: fields only sent when expanded, long lists."""
    if isinstance(value, list):
        return [wrong for each in value for wrong in unasked(each, where)]
    if not isinstance(value, dict):
        return []
    kind = value.get("object")
    wrong = []
    if isinstance(kind, str) and kind in SHAPES:
        wrong = [f"{where}{name} unasked" for name in SHAPES[kind].included if name in value]
    if kind == "list" and len(value["data"]) > NESTED_LIMIT:
        wrong.append(f"{where}data holds {len(value['data'])}")
    for name, inner in value.items():
        if name != "metadata":
            wrong += unasked(inner, f"{where}{name}.")
    return wrong


def sweep(simulator: Simulator, verdict: Verdict, only: frozenset[str] | None = None) -> None:
    """Judge every object behind every endpoint, then a page of each with each expansion.

    Args:
        simulator: What is judged.
        verdict: Collects the judgements.
        only: The addresses of some endpoints; None for all.
    """
    for account_id in [account.id for account in simulator.accounts]:
        verdict.judge(get(simulator, account_id, "/v1/account"))
        for endpoint in ENDPOINTS:
            if only is not None and endpoint.path not in only:
                continue
            if endpoint.kind == "list":
                _sweep_list(simulator, account_id, endpoint, verdict)
            elif endpoint.kind in ("nested", "items"):
                _sweep_nested(simulator, account_id, endpoint, verdict)


def _sweep_list(
    simulator: Simulator, account_id: str, endpoint: Endpoint, verdict: Verdict
) -> None:
    """Judge a list whole, then its first page expanded in every way."""
    extra = EXTRA.get(endpoint.path, "")
    everything = list(every(simulator, account_id, endpoint.path, extra))
    verdict.judge_list(endpoint.path, everything, listed(simulator, account_id, endpoint))
    for obj in everything:
        verdict.judge(obj)
        carried = obj.get("data", {}).get("object", {}) if obj["object"] == "event" else {}
        if "object" in carried and obj["api_version"] == simulator.api_version:
            verdict.judge(carried, f"event > {carried['object']}")
    for path in expansions(endpoint.object_type, 2):
        if path.count(".") < 3:
            asked = f"{extra}&expand[]=data.{path}"
            for obj in every(simulator, account_id, endpoint.path, asked, SAMPLE):
                verdict.judge(obj, f"{endpoint.object_type} expanded")


def _sweep_nested(
    simulator: Simulator, account_id: str, endpoint: Endpoint, verdict: Verdict
) -> None:
    """Judge the nested lists of the parents of one page."""
    collection = endpoint.path.split("/{id}")[0]
    if endpoint.kind == "items":
        collection = "/v1/subscriptions"
    extra = EXTRA.get(collection, "")
    for parent in every(simulator, account_id, collection, extra, SAMPLE):
        path = endpoint.path.replace("{id}", parent["id"])
        asked = f"&subscription={parent['id']}" if endpoint.kind == "items" else ""
        for obj in every(simulator, account_id, path, asked):
            verdict.judge(obj)


def main() -> int:
    """Print the table; 1 when anything failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--preset", help="judge this one only (default: every-case once, then tiny per seed)"
    )
    parser.add_argument("--seeds", type=int, default=10, help="seeds 1 to N (default 10)")
    parser.add_argument("--days", type=int, default=DAYS, help="age of the world")
    options = parser.parse_args()
    seeds = range(1, options.seeds + 1)
    if options.preset is None:
        worlds = [("every-case", 1), *(("tiny", seed) for seed in seeds)]
    else:
        worlds = [(options.preset, seed) for seed in seeds]
    verdict = Verdict()
    for preset, seed in worlds:
        sweep(simulate(preset, seed, options.days), verdict)
    print(verdict.table())
    return 1 if verdict.failed.total() else 0


if __name__ == "__main__":
    raise SystemExit(main())
