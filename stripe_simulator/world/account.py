"""One account of the world: its objects, its clock, its log, and what Stripe would show of it.

What belongs here: keeping the store and the event feed in step with the state. What does not:
deciding anything (`lifecycle`, `billing`, `payments`, `behaviour`).
"""

from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

from stripe_simulator.store import ObjectStore
from stripe_simulator.world import events, legacy
from stripe_simulator.world.clock import DAY, Queue
from stripe_simulator.world.ids import Ids, encode
from stripe_simulator.world.log import Decision
from stripe_simulator.world.presets import Rates
from stripe_simulator.world.render import kind_of, render
from stripe_simulator.world.state import (
    Charge,
    Coupon,
    Customer,
    Discount,
    Intent,
    Price,
    Product,
    Shop,
    Subscription,
)

EVENT_RETENTION = 30 * DAY


class Account:
    """The state of one account and the only way to change what Stripe shows of it."""

    def __init__(
        self,
        store: ObjectStore,
        seed: str,
        start: int,
        *,
        default_currency: str,
        timezone: str | None,
        name: str,
        rates: Rates,
        country: str = "US",
        api_version: str = events.API_VERSION,
    ) -> None:
        """Open an account.

        Args:
            store: Where the objects go.
            seed: Decides every id and every chance of this account.
            start: Unix seconds of the beginning.
            default_currency: In lower case.
            timezone: Of the dashboard, such as ``Europe/Berlin``; None hides it.
            name: Shown to people.
            rates: The chances of its business.
            country: Two letters.
            api_version: The shape of its events: the pinned version, or `legacy.VERSION`.
        """
        self.id = f"acct_1{encode(f'{seed}/account', 15)}"
        self.api_key_seed = encode(f"{seed}/key", 24)
        self.store = store
        self.seed = seed
        self.start = start
        self.default_currency = default_currency
        self.timezone = timezone
        self.name = name
        self.country = country
        self.api_version = api_version
        self.livemode = False
        self.rates = rates
        self.shop = Shop()
        # What an owner or a bank does about a charge that went through.
        self.after_charge: Callable[[Account, Charge], None] | None = None
        self.now = start
        self.ids = Ids(seed)
        self.rng = Random(f"{seed}/account")
        self.queue = Queue()
        self.log: list[Decision] = []
        self.customers: dict[str, Customer] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.products: dict[str, Product] = {}
        self.prices: dict[str, Price] = {}
        self.coupons: dict[str, Coupon] = {}
        self.discounts: dict[str, Discount] = {}
        self.charges: dict[str, Charge] = {}
        # For plays: what they share, and how often each was staged.
        self.props: dict[tuple[Any, ...], Any] = {}
        self.staged: dict[str, int] = {}
        # Which invoice an intent pays, and which intent and charge an invoice was tried with.
        self._invoices: dict[str, str] = {}
        self._intents: dict[str, Intent] = {}
        self._dirty: dict[str, Any] = {}
        self._gone: list[tuple[str, str]] = []
        self._hidden: list[tuple[str, str]] = []
        self._event_floor = start
        self._events: deque[tuple[int, str]] = deque()
        store.put(self.id, render(self, self))

    # Time -----------------------------------------------------------------

    def schedule(self, at: int, action: Callable[..., None], *arguments: Any) -> None:
        """Let `action(account, *arguments)` happen at `at`."""
        self.queue.push(at, action, *arguments)

    def advance(self, to: int) -> None:
        """Let everything up to and including `to` happen, then bring the store up to date."""
        self._event_floor = to - EVENT_RETENTION
        while (step := self.queue.pop_until(to)) is not None:
            at, action, arguments = step
            self.now = at
            action(self, *arguments)
        self.now = to
        self._flush()
        while self._events and self._events[0][0] < self._event_floor:
            _, event_id = self._events.popleft()
            self.store.delete(self.id, "event", event_id)
            # An event of the past was not deleted: Stripe knows it no more.
            self.store.shelf(self.id, "event").deleted.pop(event_id, None)

    # What refers to what --------------------------------------------------

    def link(self, intent: Intent, invoice: str) -> None:
        """Remember that the intent pays the invoice."""
        self._invoices[intent.id] = invoice
        self._intents[invoice] = intent

    def invoice_of(self, intent: str | None) -> str | None:
        """The invoice that an intent pays, if any."""
        return None if intent is None else self._invoices.get(intent)

    def collected_by(self, invoice: str) -> tuple[str | None, str | None]:
        """The intent of an invoice and its newest charge."""
        intent = self._intents.get(invoice)
        return (None, None) if intent is None else (intent.id, intent.latest_charge)

    def rendered_price(self, price: str) -> dict[str, Any]:
        """A price as it is shown inside other objects."""
        return events.view(render(self, self.prices[price]))

    # What Stripe shows ----------------------------------------------------

    def decide(self, decision: Decision) -> None:
        """Write a fact of the business into the log."""
        self.log.append(decision)

    def snapshot(self, thing: Any) -> dict[str, Any] | None:
        """The object as events show it, to be compared later; None where no event can be seen."""
        if self.now < self._event_floor:
            return None
        return self._view(thing)

    def show(self, thing: Any, *event_types: str, before: dict[str, Any] | None = None) -> None:
        """Bring the object up to date in Stripe and announce it.

        Args:
            thing: The object that is new or has changed.
            event_types: What happened to it, such as ``invoice.paid``; none for silence.
            before: Its `snapshot` before the change, for ``previous_attributes``.
        """
        self._dirty[thing.id] = thing
        if not event_types:
            return
        used = self.ids.skip("evt", len(event_types))
        if self.now < self._event_floor:
            return
        payload = self._view(thing)
        for number, event_type in enumerate(event_types, used + 1):
            event_id = self.ids.numbered("evt", number)
            tells = event_type.endswith(".updated") or event_type == "charge.refunded"
            self._put_event(event_id, event_type, payload, before if tells else None)

    def remove(self, thing: Any, event_type: str) -> None:
        """Delete the object in Stripe."""
        self.show(thing, event_type)
        self._gone.append((kind_of(thing), thing.id))

    def hide(self, thing: Any) -> None:
        """Leave the object out of every list, though it answers by id."""
        self._hidden.append((kind_of(thing), thing.id))

    def _view(self, thing: Any) -> dict[str, Any]:
        """The object as this account's events carry it."""
        shown = events.view(render(self, thing))
        return shown if self.api_version == events.API_VERSION else legacy.view(self, shown)

    def _put_event(
        self,
        event_id: str,
        event_type: str,
        payload: dict[str, Any],
        before: dict[str, Any] | None,
    ) -> None:
        previous = events.difference(before, payload) if before is not None else None
        event = events.build(
            event_id, event_type, self.now, payload, previous, self.livemode, self.api_version
        )
        self.store.put(self.id, event)
        self._events.append((self.now, event_id))

    def _flush(self) -> None:
        for thing in self._dirty.values():
            self.store.put(self.id, render(self, thing))
        self._dirty.clear()
        for kind, object_id in self._hidden:
            self.store.hide(self.id, kind, object_id)
        self._hidden.clear()
        for kind, object_id in self._gone:
            self.store.delete(self.id, kind, object_id)
        self._gone.clear()
