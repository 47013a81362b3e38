"""One business many times over, in the memory of one: a million charges made on the fly.

What belongs here: an account whose customers, and all that is theirs, exist in N copies. Copies
share the catalogue and differ in their ids alone, so every sum is N times the original's and every
ratio is the same: the truth about a million charges is as exact as the truth about twenty thousand.
The copies are never kept; each is made from its original's bytes when somebody asks for it.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from itertools import pairwise
from typing import Any

from stripe_simulator.entries import Entry
from stripe_simulator.store import ObjectStore, Shelf

# Objects of these types exist once, whatever the number of copies.
SHARED_TYPES = ("account", "coupon", "price", "product")
COPIED_TYPES = (
    "balance_transaction",
    "charge",
    "credit_note",
    "customer",
    "discount",
    "dispute",
    "event",
    "invoice",
    "invoice_payment",
    "payment_intent",
    "refund",
    "subscription",
)
# Ids of what is copied; prices, products, coupons and accounts are not among them.
_COPIED_ID = r"\b(?:ch|cn|cnli|cus|di|du|evt|ii|il|in|inpay|pi|pm|re|si|sub|txn)_[A-Za-z0-9]{14,}"
COPIED_ID = re.compile(_COPIED_ID)
COPIED_ID_BYTES = re.compile(_COPIED_ID.encode())
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SUFFIX_LENGTH = 2
# A page of copies shows few originals, so few are kept cut open.
KEPT_TEMPLATES = 256
MOST_COPIES = len(ALPHABET) ** SUFFIX_LENGTH

# Metrics that do not grow with the number of copies; all others are sums.
RATIOS = frozenset(
    {
        "arpu",
        "attempt_success_rate",
        "customer_churn_rate_30d",
        "customer_growth_rate",
        "estimated_mrr_share",
        "grr",
        "gross_mrr_churn_rate",
        "ltv",
        "net_mrr_churn_rate",
        "nrr",
        "payment_success_rate",
        "realised_revenue_per_customer",
    }
)

Truth = Callable[..., dict[Any, Any]]


def suffix(copy: int) -> str:
    """What the ids of one copy end in."""
    return ALPHABET[copy // len(ALPHABET)] + ALPHABET[copy % len(ALPHABET)]


SUFFIXES = tuple(suffix(copy) for copy in range(MOST_COPIES))
COPY_OF = {text: copy for copy, text in enumerate(SUFFIXES)}


class Template:
    """One original, cut open behind each id of it, so that a copy is a join."""

    def __init__(self, original: Entry) -> None:
        self.plain = original.plain
        self._id = original.id
        self._created = original.created
        self._irregular = original.irregular
        self._pieces = _cut(original.plain)
        extras = original.extras
        self._extras = None if extras is None else {name: _cut(extras[name]) for name in extras}
        self._fields = original.fields

    def copy(self, ending: str, sequence: int) -> Entry:
        """The copy whose ids end in `ending`."""
        made = Entry(self._id + ending, self._created, sequence)
        joint = ending.encode()
        made.plain = joint.join(self._pieces)
        if self._extras is not None:
            made.extras = {name: joint.join(pieces) for name, pieces in self._extras.items()}
        made.irregular = self._irregular
        made.fields = tuple(_renamed_field(value, ending) for value in self._fields)
        return made


def _cut(content: bytes) -> list[bytes]:
    """The content in pieces, each but the last one ending in the id of something copied."""
    ends = [found.end() for found in COPIED_ID_BYTES.finditer(content)]
    return [content[start:end] for start, end in pairwise([0, *ends, len(content)])]


def _renamed_field(value: Any, ending: str) -> Any:
    """The value that a copy is filtered by."""
    if isinstance(value, str):
        return value + ending if COPIED_ID.fullmatch(value) else value
    if isinstance(value, dict):
        return {name: _renamed_field(each, ending) for name, each in value.items()}
    return value


class Copies:
    """The copies of one shelf, as a lazy sequence: copies of one object stand side by side."""

    def __init__(self, shelf: Shelf, count: int) -> None:
        self._shelf = shelf
        self._count = count
        self._templates: dict[str, Template] = {}

    def __len__(self) -> int:
        """How many copies of all objects there are."""
        return len(self._shelf) * self._count

    def created(self, index: int) -> int:
        """Unix seconds of the original."""
        return self._shelf.at(index // self._count).created

    def id(self, index: int) -> str:
        """The original's id and the copy's suffix."""
        return self._shelf.at(index // self._count).id + SUFFIXES[index % self._count]

    def index(self, object_id: str) -> int | None:
        """Where a copy is, or None if its original is not in a list."""
        copy = COPY_OF.get(object_id[-SUFFIX_LENGTH:])
        original = self._shelf.find(object_id[:-SUFFIX_LENGTH])
        if copy is None or copy >= self._count or original is None:
            return None
        place = self._shelf.place_of(original)
        if place == len(self._shelf) or self._shelf.at(place) is not original:
            return None
        return place * self._count + copy

    def entry(self, index: int) -> Entry:
        """One copy, made of its original's bytes."""
        original = self._shelf.at(index // self._count)
        template = self._templates.get(original.id)
        if template is None or template.plain is not original.plain:
            if len(self._templates) >= KEPT_TEMPLATES:
                self._templates.clear()
            template = self._templates[original.id] = Template(original)
        return template.copy(SUFFIXES[index % self._count], index)


class CopiedWorld:
    """A world of which some accounts show their customers several times."""

    def __init__(
        self, world: Any, originals: ObjectStore, store: ObjectStore, counts: Mapping[str, int]
    ) -> None:
        """Attach the copies.

        Args:
            world: The world that was built into `originals`.
            originals: Where it goes on writing.
            store: What is to be served.
            counts: How many copies there shall be, by account; an account without is shown as
                it is.

        Raises:
            ValueError: If there cannot be so many.
        """
        for count in counts.values():
            if not 1 <= count <= MOST_COPIES:
                raise ValueError(f"There can be 1 to {MOST_COPIES} copies, not {count}.")
        self.original = world
        self.counts = counts
        self.accounts = world.accounts
        for account in world.accounts:
            for object_type in SHARED_TYPES + COPIED_TYPES:
                shelf = originals.shelf(account.id, object_type)
                if account.id in counts and object_type in COPIED_TYPES:
                    store.attach(account.id, object_type, Copies(shelf, counts[account.id]))
                else:
                    store.share(account.id, object_type, shelf)

    @property
    def now(self) -> int:
        """The virtual present."""
        moment: int = self.original.now
        return moment

    def advance(self, to: int) -> None:
        """Let the original live on; its copies follow."""
        self.original.advance(to)


def copied_truth(truth: Truth) -> Truth:
    """The ledger's question, asked of a `CopiedWorld`."""

    def asked(world: Any, account_id: str, first: date, last: date, **known: Any) -> dict[Any, Any]:
        days = truth(world.original, account_id, first, last, **known)
        count = world.counts.get(account_id, 1)
        return {
            day: {
                currency: {
                    name: value if name in RATIOS or value is None else value * count
                    for name, value in metrics.items()
                }
                for currency, metrics in currencies.items()
            }
            for day, currencies in days.items()
        }

    return asked
