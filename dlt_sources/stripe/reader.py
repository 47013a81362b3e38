"""Reading objects of one account: lists in windows, nested lists to their end, objects by id.

What to read is decided elsewhere (`first_import`, `changes`); here is how, for any stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

from dlt_sources.stripe.client import Client, Params, Reply
from dlt_sources.stripe.errors import MalformedBody, ObjectMissing, StripeReadError
from dlt_sources.stripe.journal import Held, Left, Part
from dlt_sources.stripe.landing import AccountLanding
from dlt_sources.stripe.models import Progress
from dlt_sources.stripe.rows import tombstone
from dlt_sources.stripe.streams import BY_NAME, Nested, Stream
from dlt_sources.stripe.tasks import TaskGroup
from dlt_sources.stripe.windows import PAGE, Window, continue_after, estimate_pages

MIN_LIMIT = 10
"""Page size below which a page that keeps arriving cut is a failure."""

SPLIT_FROM = 0.5
"""Pages of a part that is cut, at least, as a share of those of an average part of its list."""

EARLIEST = 1_293_840_000
"""2011-01-01, before Stripe's first customers: nothing is expected before it."""

Select = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
"""Takes the objects of a page and returns those to be landed."""


def everything(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Land all objects of a page."""
    return objects


def members_of(reply: Reply) -> tuple[list[dict[str, Any]], bool]:
    """Return a list reply's objects and `has_more`.

    Raises:
        MalformedBody: If the body is no list, or promises more without giving anything.
    """
    members, has_more = reply.data.get("data"), bool(reply.data.get("has_more"))
    if not isinstance(members, list) or (has_more and not members):
        raise MalformedBody("the answer is not a list page")
    return members, has_more


def list_params(part: Part) -> list[tuple[str, str]]:
    """Return the query of the next page of `part`."""
    window = part.window
    params = [("limit", str(part.limit)), *part.query]
    if window.gte:
        params.append(("created[gte]", str(window.gte)))
    params.append(("created[lt]", str(window.lt)))
    if window.starting_after:
        params.append(("starting_after", window.starting_after))
    params += [("expand[]", f"data.{name}") for name in BY_NAME[part.stream].expand]
    return params


def parts_of(stream: Stream, window: Window, extra: Sequence[tuple[str, str]] = ()) -> list[Part]:
    """Return the parts whose union is every object of `stream` in `window`: one per variant.

    Args:
        stream: What to list.
        window: Bounds of `created`.
        extra: Further query parameters, such as `types[]`.
    """
    return [Part(stream.name, (*each.items(), *extra), window) for each in stream.variants]


def is_cut(obj: Mapping[str, Any], nested: Nested) -> bool:
    """Tell whether Stripe sent only the beginning of a nested list."""
    value = obj.get(nested.field)
    return isinstance(value, dict) and bool(value.get("has_more"))


class Landing(Protocol):
    """Takes readings; a sweep compares them instead of keeping them."""

    def add(
        self,
        stream: str,
        objects: Iterable[dict[str, Any]],
        read_at: int,
        read_order: int,
        *,
        done: Left | None = None,
        left: Iterable[Left] = (),
    ) -> int:
        """Take readings of `stream`; returns how many it has had."""
        ...


@dataclass
class AccountReader:
    """How one account is read.

    `landing` takes what arrives; `account` knows what the account has and what is left to read,
    and is the same unless a sweep compares instead of landing.
    """

    account_id: str
    client: Client
    group: TaskGroup
    landing: Landing
    account: AccountLanding
    report: Callable[[Progress], None]
    floor: int = EARLIEST
    phase: str = field(default="listing")

    def receive(
        self,
        stream: Stream,
        objects: Sequence[dict[str, Any]],
        reply: Reply,
        *,
        done: Left | None = None,
        left: Sequence[Part] = (),
        kept: bool = False,
    ) -> None:
        """Land objects; those with cut nested lists are completed first, each in its own task.

        Args:
            stream: Of which stream they are.
            objects: The objects.
            reply: What they came with.
            done: What of the checkpoint has been read by this.
            left: Parts that are to be read because of this.
            kept: Whether objects that wait for completion belong into the checkpoint, because
                nothing else would bring them again after a kill.
        """
        whole, cut = [], []
        for obj in objects:
            lists = [nested for nested in stream.nested if is_cut(obj, nested)]
            if lists:
                cut.append((obj, lists, Held(stream.name, obj["id"]) if kept else None))
            else:
                whole.append(obj)
        held = [held for _, _, held in cut if held is not None]
        self._land(stream, whole, reply, done=done, left=[*left, *held])
        for obj, lists, waiting in cut:
            complete = partial(self._complete, stream, obj, lists, reply, waiting)
            self.group.add(lists[0].path, complete, holds=True)

    def _land(
        self,
        stream: Stream,
        objects: list[dict[str, Any]],
        read: Reply | ObjectMissing,
        *,
        done: Left | None = None,
        left: Sequence[Left] = (),
    ) -> None:
        if not objects and done is None and not left:
            return
        count = self.landing.add(
            stream.name, objects, read.date, read.read_order, done=done, left=left
        )
        share = self.account.share_read(stream.name)
        self.report(Progress(self.account_id, stream.name, self.phase, count, share))

    # Lists.

    def read_part(
        self, part: Part, select: Select = everything, *, kept: bool = False, pages: float = 1.0
    ) -> None:
        """Queue the reading of a part of a list.

        Args:
            part: Which part.
            select: Chooses what is landed; everything if not given.
            kept: Whether the part is in the checkpoint.
            pages: How many it may have.
        """
        read = partial(self._list_page, part, select, kept)
        self.group.add(BY_NAME[part.stream].path, read, requests=pages)

    def list_window(self, stream: Stream, window: Window, select: Select = everything) -> None:
        """Queue the reading of every object of `stream` in `window`, in all its variants."""
        for part in parts_of(stream, window):
            self.read_part(part, select)

    def _list_page(self, part: Part, select: Select, kept: bool) -> None:
        stream = BY_NAME[part.stream]
        try:
            reply = self.client.get(
                stream.path,
                list_params(part),
                endpoint=stream.path,
                cut_bodies=2 if part.limit > MIN_LIMIT else None,
            )
            members, has_more = members_of(reply)
        except MalformedBody:
            if part.limit <= MIN_LIMIT:
                raise
            # A page of heavily expanded objects can arrive cut: ask for half as many.
            self._instead(part, replace(part, limit=part.limit // 2), select, kept)
            return
        except ObjectMissing:
            if part.window.starting_after is None:
                raise
            # The object that the page starts after was deleted meanwhile: read the part again.
            again = replace(part, window=replace(part.window, starting_after=None))
            self._instead(part, again, select, kept)
            return
        left = self.continued(part, members) if has_more else []
        self.receive(
            stream,
            select(members),
            reply,
            done=part if kept else None,
            left=left if kept else (),
            kept=kept,
        )
        for each in left:
            pages = estimate_pages(part.window, members[-1]["created"], self.floor) / len(left)
            self.read_part(each, select, kept=kept, pages=pages)

    def _instead(self, part: Part, other: Part, select: Select, kept: bool) -> None:
        if kept:
            self.account.exchange(part, other)
        self.read_part(other, select, kept=kept)

    def continued(self, part: Part, members: Sequence[dict[str, Any]]) -> list[Part]:
        """Return what is left of `part` after a page with `members` that said `has_more`."""
        path, last, window = BY_NAME[part.stream].path, members[-1], part.window
        if last["id"] == window.starting_after:
            raise StripeReadError(f"{path}: the list does not advance past {last['id']}")
        limiter, active = self.client.limiter, self.group.active(path)
        idle = max(0, limiter.side_by_side(path) - active)
        pages = estimate_pages(window, last["created"], self.floor)
        if pages < SPLIT_FROM * limiter.ahead(path) / max(1, active):
            # A larger part comes back in a moment; cutting that one makes fewer half-empty pages.
            idle = 0
        windows = continue_after(window, last["id"], last["created"], floor=self.floor, idle=idle)
        return [replace(part, window=each) for each in windows]

    # Nested lists.

    def _complete(
        self,
        stream: Stream,
        obj: dict[str, Any],
        cut: Sequence[Nested],
        reply: Reply,
        held: Held | None,
    ) -> None:
        try:
            for nested in cut:
                obj[nested.field] = {
                    **obj[nested.field],
                    "data": self._all_of(nested, obj["id"]),
                    "has_more": False,
                }
        except ObjectMissing:
            # It was deleted since its page was read, a draft invoice for instance.
            self._fetch(stream, obj["id"], held)
            return
        # The object keeps the time of its own page: what changed since has an event after T0.
        self._land(stream, [obj], reply, done=held)

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

    def fetch(self, stream_name: str, object_id: str, held: Held | None = None) -> None:
        """Queue the reading of one object; one that is gone lands as a tombstone."""
        stream = BY_NAME[stream_name]
        self.group.add(stream.path, partial(self._fetch, stream, object_id, held))

    def _fetch(self, stream: Stream, object_id: str, held: Held | None) -> None:
        try:
            reply = self.client.get(
                f"{stream.path}/{object_id}",
                [("expand[]", name) for name in stream.expand],
                endpoint=stream.path,
            )
        except ObjectMissing as missing:
            stone = tombstone(stream.object_type, object_id)
            self._land(stream, [stone], missing, done=held)
            return
        obj = reply.data
        if obj.get("deleted"):
            obj = tombstone(stream.object_type, object_id)
        self.receive(stream, [obj], reply, done=held, kept=held is not None)

    def fetch_missing(self) -> None:
        """Read objects that others name and that were not read, until nothing is missing."""
        self.phase = "completing"
        while missing := self.account.missing():
            for stream_name, ids in missing.items():
                for object_id in ids:
                    self.fetch(stream_name, object_id)
            self.group.wait()
