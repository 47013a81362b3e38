"""Reading objects of one account: lists in windows, nested lists to their end, objects by id.

What to read is decided elsewhere (`first_import`, `changes`); here is how, for any stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from dlt_sources.stripe.client import Client, Params, Reply
from dlt_sources.stripe.errors import MalformedBody, ObjectMissing, StripeReadError
from dlt_sources.stripe.landing import tombstone
from dlt_sources.stripe.models import Progress
from dlt_sources.stripe.references import References
from dlt_sources.stripe.streams import BY_NAME, Nested, Stream
from dlt_sources.stripe.tasks import TaskGroup
from dlt_sources.stripe.windows import PAGE, Window, continue_after

MIN_LIMIT = 10
"""Page size below which a page that keeps arriving cut is a failure."""

EARLIEST = 1_293_840_000
"""2011-01-01, before Stripe's first customers: nothing is expected before it."""

Receive = Callable[[Stream, list[dict[str, Any]], Reply], None]


def members_of(reply: Reply) -> tuple[list[dict[str, Any]], bool]:
    """Return a list reply's objects and `has_more`.

    Raises:
        MalformedBody: If the body is no list, or promises more without giving anything.
    """
    members, has_more = reply.data.get("data"), bool(reply.data.get("has_more"))
    if not isinstance(members, list) or (has_more and not members):
        raise MalformedBody("the answer is not a list page")
    return members, has_more


def list_params(
    stream: Stream, variant: Params, window: Window, limit: int
) -> list[tuple[str, str]]:
    """Return the query of one list page."""
    params = [("limit", str(limit)), *variant]
    if window.gte:
        params.append(("created[gte]", str(window.gte)))
    params.append(("created[lt]", str(window.lt)))
    if window.starting_after:
        params.append(("starting_after", window.starting_after))
    params += [("expand[]", f"data.{name}") for name in stream.expand]
    return params


def is_cut(obj: Mapping[str, Any], nested: Nested) -> bool:
    """Tell whether Stripe sent only the beginning of a nested list."""
    value = obj.get(nested.field)
    return isinstance(value, dict) and bool(value.get("has_more"))


class Landing(Protocol):
    """Takes readings; a sweep compares them instead of keeping them."""

    def add(
        self, stream: str, objects: Iterable[dict[str, Any]], read_at: int, read_order: int
    ) -> int:
        """Take readings of `stream`; returns how many it has had."""
        ...


@dataclass
class AccountReader:
    """How one account is read; `landing` and `references` fill as objects arrive."""

    account_id: str
    client: Client
    group: TaskGroup
    landing: Landing
    references: References
    report: Callable[[Progress], None]
    floor: int = EARLIEST
    phase: str = field(default="listing")

    def receive(self, stream: Stream, objects: list[dict[str, Any]], reply: Reply) -> None:
        """Land objects; those with cut nested lists are completed first, each in its own task."""
        whole = []
        for obj in objects:
            cut = [nested for nested in stream.nested if is_cut(obj, nested)]
            if cut:
                self._later(cut[0].path, self._complete, stream, obj, cut, reply)
            else:
                whole.append(obj)
        self._land(stream, whole, reply.date, reply.read_order)

    def _land(
        self, stream: Stream, objects: list[dict[str, Any]], date: int, read_order: int
    ) -> None:
        self.references.note(stream, objects)
        count = self.landing.add(stream.name, objects, date, read_order)
        self.report(Progress(self.account_id, stream.name, self.phase, count))

    def _later(self, endpoint: str, work: Callable[..., None], *args: Any) -> None:
        self.group.add(endpoint, lambda: work(*args))

    # Lists.

    def list_window(
        self,
        stream: Stream,
        window: Window,
        *,
        receive: Receive | None = None,
        extra: Params = (),
    ) -> None:
        """Queue the reading of every object of `stream` in `window`, in all its variants.

        Args:
            stream: What to list.
            window: Bounds of `created`.
            receive: Takes the objects of each page; lands them if not given.
            extra: Further query parameters, such as `types[]`.
        """
        for variant in stream.variants:
            self._later(
                stream.path,
                self._list_page,
                stream,
                [*variant.items(), *extra],
                window,
                PAGE,
                receive or self.receive,
            )

    def _list_page(
        self,
        stream: Stream,
        variant: Params,
        window: Window,
        limit: int,
        receive: Receive,
    ) -> None:
        try:
            reply = self.client.get(
                stream.path,
                list_params(stream, variant, window, limit),
                endpoint=stream.path,
                cut_bodies=2 if limit > MIN_LIMIT else None,
            )
            members, has_more = members_of(reply)
        except MalformedBody:
            if limit <= MIN_LIMIT:
                raise
            # A page of heavily expanded objects can arrive cut: ask for half as many.
            self._later(stream.path, self._list_page, stream, variant, window, limit // 2, receive)
            return
        except ObjectMissing:
            if window.starting_after is None:
                raise
            # The object that the page starts after was deleted meanwhile: read the part again.
            again = Window(window.gte, window.lt)
            self._later(stream.path, self._list_page, stream, variant, again, limit, receive)
            return
        receive(stream, members, reply)
        if has_more:
            self.read_on(stream, variant, window, members, limit=limit, receive=receive)

    def read_on(
        self,
        stream: Stream,
        variant: Params,
        window: Window,
        members: Sequence[dict[str, Any]],
        *,
        limit: int = PAGE,
        receive: Receive,
    ) -> None:
        """Queue what follows a page of `window` that said `has_more`."""
        last = members[-1]
        if last["id"] == window.starting_after:
            raise StripeReadError(f"{stream.path}: the list does not advance past {last['id']}")
        busy = self.group.active(stream.path)
        idle = max(0, self.client.limiter.endpoint_concurrency(stream.path) - busy)
        for part in continue_after(
            window, last["id"], last["created"], floor=self.floor, idle=idle
        ):
            self._later(stream.path, self._list_page, stream, variant, part, limit, receive)

    # Nested lists.

    def _complete(
        self, stream: Stream, obj: dict[str, Any], cut: Sequence[Nested], reply: Reply
    ) -> None:
        for nested in cut:
            obj[nested.field] = {
                **obj[nested.field],
                "data": self._all_of(nested, obj["id"]),
                "has_more": False,
            }
        # The object keeps the time of its own page: what changed since has an event after T0.
        self._land(stream, [obj], reply.date, reply.read_order)

    def _all_of(self, nested: Nested, parent_id: str) -> list[dict[str, Any]]:
        path = nested.path.replace("{id}", parent_id)
        fixed: Params = [
            ("limit", str(PAGE)),
            *([(nested.parent_param, parent_id)] if nested.parent_param else []),
            *[("expand[]", f"data.{name}") for name in nested.expand],
        ]
        found: list[dict[str, Any]] = []
        start: list[tuple[str, str]] = []
        while True:
            try:
                reply = self.client.get(path, [*fixed, *start], endpoint=nested.path)
            except ObjectMissing:
                if not start:
                    raise
                # A member was removed between two pages: begin again, so that none is missed.
                found, start = [], []
                continue
            members, has_more = members_of(reply)
            found += members
            if not has_more:
                return found
            start = [("starting_after", members[-1]["id"])]

    # Objects by id.

    def fetch(self, stream_name: str, object_id: str) -> None:
        """Queue the reading of one object; one that is gone lands as a tombstone."""
        stream = BY_NAME[stream_name]
        self._later(stream.path, self._fetch, stream, object_id)

    def _fetch(self, stream: Stream, object_id: str) -> None:
        try:
            reply = self.client.get(
                f"{stream.path}/{object_id}",
                [("expand[]", name) for name in stream.expand],
                endpoint=stream.path,
            )
        except ObjectMissing as missing:
            stone = tombstone(stream.object_type, object_id)
            self._land(stream, [stone], missing.date, missing.read_order)
            return
        obj = reply.data
        if obj.get("deleted"):
            obj = tombstone(stream.object_type, object_id)
        self.receive(stream, [obj], reply)

    def fetch_missing(self) -> None:
        """Read objects that others name and that were not read, until nothing is missing."""
        self.phase = "completing"
        while missing := self.references.missing():
            for stream_name, ids in missing.items():
                for object_id in ids:
                    self.fetch(stream_name, object_id)
            self.group.wait()
