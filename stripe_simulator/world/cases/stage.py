"""What plays are written with: the `case` mark and short words for what can happen.

What belongs here: conveniences. What does not: rules; every word leads to `lifecycle`, `changes`,
`billing`, `payments` or `catalog`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from stripe_simulator.world import billing, catalog, changes, lifecycle, payments
from stripe_simulator.world.account import Account
from stripe_simulator.world.clock import DAY
from stripe_simulator.world.state import (
    Charge,
    Coupon,
    Customer,
    Intent,
    Invoice,
    Item,
    Price,
    Product,
    Subscription,
)

# A play yields the seconds to let pass before it goes on.
Play = Iterator[int]


@dataclass(frozen=True)
class Case:
    """One named edge case and the section of docs/metrics.md that it is about.

    `exact` is false where, once its events are older than 30 days, a first import can only
    estimate when it happened (`docs/metrics.md` §5).
    """

    name: str
    section: str
    about: str
    exact: bool
    play: Callable[["Stage"], Play]


CASES: dict[str, Case] = {}


def case(
    section: str, *, exact: bool = True
) -> Callable[[Callable[["Stage"], Play]], Callable[["Stage"], Play]]:
    """Put a play into the table under its function's name."""

    def mark(play: Callable[["Stage"], Play]) -> Callable[["Stage"], Play]:
        name = play.__name__.replace("_", "-")
        about = (play.__doc__ or "").strip().splitlines()[0]
        CASES[name] = Case(name, section, about, exact, play)
        return play

    return mark


class Stage:
    """One staging of a case: its customer, and words for what happens to them."""

    def __init__(self, account: Account, name: str) -> None:
        """Begin with a new customer who is called like the case."""
        self.account = account
        self.name = name
        self.customer = lifecycle.add_customer(account, f"Case {name}")

    @property
    def now(self) -> int:
        """The present in unix seconds."""
        return self.account.now

    # The catalogue is made once for an account and kind, not once for a staging.

    def product(self, name: str = "Case plan") -> Product:
        """The product of this name."""
        key = ("product", name)
        if key not in self.account.props:
            self.account.props[key] = catalog.add_product(self.account, name)
        found: Product = self.account.props[key]
        return found

    def price(
        self,
        unit: int | str | None = 1_200,
        interval: str | None = "month",
        count: int = 1,
        *,
        product: str = "Case plan",
        currency: str | None = None,
        **more: Any,
    ) -> Price:
        """A price with these properties."""
        currency = currency or self.account.default_currency
        key = ("price", unit, interval, count, product, currency, str(sorted(more.items())))
        if key not in self.account.props:
            self.account.props[key] = catalog.add_price(
                self.account,
                self.product(product),
                unit,
                currency,
                interval,
                interval_count=count,
                nickname=f"{product} {unit} each {count} {interval}",
                **more,
            )
        found: Price = self.account.props[key]
        return found

    def coupon(
        self,
        duration: str = "forever",
        *,
        percent: str | None = None,
        amount: int | None = None,
        months: int | None = None,
        products: tuple[str, ...] = (),
    ) -> Coupon:
        """A coupon with these properties; `products` by name."""
        key = ("coupon", duration, percent, amount, months, products)
        if key not in self.account.props:
            self.account.props[key] = catalog.add_coupon(
                self.account,
                f"{percent or amount} {'%' if percent else 'off'} {duration}",
                duration,
                percent=percent,
                amount=amount,
                currency=None if amount is None else self.account.default_currency,
                months=months,
                products=[self.product(name).id for name in products],
            )
        found: Coupon = self.account.props[key]
        return found

    # Subscriptions

    def subscribe(self, *parts: Price | tuple[Price, int | None], **more: Any) -> Subscription:
        """Subscribe to these prices; a bare price means a quantity of one."""
        pairs = [part if isinstance(part, tuple) else (part, 1) for part in parts]
        return lifecycle.subscribe(self.account, self.customer, pairs, **more)

    def change(self, subscription: Subscription, place: int = 0, **more: Any) -> None:
        """Change the item at a place."""
        changes.change(self.account, subscription, subscription.items[place], **more)

    def add(self, subscription: Subscription, price: Price, quantity: int = 1, **more: Any) -> Item:
        """Add an item."""
        return changes.add_item(self.account, subscription, price, quantity, **more)

    def remove(self, subscription: Subscription, place: int, **more: Any) -> None:
        """Remove the item at a place."""
        changes.remove_item(self.account, subscription, subscription.items[place], **more)

    def pause(self, subscription: Subscription, behavior: str | None) -> None:
        """Pause collection, or with None resume it."""
        changes.pause_collection(self.account, subscription, behavior)

    def cancel(self, subscription: Subscription) -> None:
        """Cancel at once."""
        lifecycle.cancel_now(self.account, subscription)

    def leave(self, subscription: Subscription) -> None:
        """Cancel at the end of the period."""
        lifecycle.cancel_at_period_end(self.account, subscription, "unused")

    def attach(
        self, coupon: Coupon, subscription: Subscription | None = None, item: Item | None = None
    ) -> Any:
        """Attach a coupon to the customer, a subscription or an item."""
        return catalog.attach(self.account, coupon, self.customer, subscription, item)

    def script(self, *outcomes: str) -> None:
        """Decide the outcomes of the next attempts beforehand."""
        self.customer.scripted.extend(outcomes)

    # Money

    def intent(self, amount: int = 5_000, **more: Any) -> Intent:
        """A payment of its own, without an invoice."""
        currency = self.account.default_currency
        return payments.open_intent(
            self.account, self.customer, currency, amount, self.name, **more
        )

    def pay(self, amount: int = 5_000, outcome: str = "succeeded", **more: Any) -> Charge:
        """Try to collect a payment of its own."""
        return payments.attempt(self.account, self.intent(amount, **more), outcome)

    def charge_of(self, invoice: Invoice) -> Charge:
        """The newest charge of an invoice.

        Raises:
            ValueError: If nobody has tried to collect it.
        """
        if invoice.intent is None or invoice.intent.latest_charge is None:
            raise ValueError(f"Nobody has tried to collect invoice {invoice.id}.")
        return self.account.charges[invoice.intent.latest_charge]

    def bill(self, invoice: Invoice) -> None:
        """Let the customer pay an invoice by hand."""
        billing.pay_now(self.account, invoice)

    # Time

    def until_local(self, days: int = 1, hour: int = 0, minute: int = 0, second: int = 0) -> int:
        """Seconds until that time of day in the account's zone, so many days from today."""
        name = self.account.timezone
        zone = UTC if name is None else ZoneInfo(name)
        local = datetime.fromtimestamp(self.now, zone) + timedelta(days=days)
        target = local.replace(hour=hour, minute=minute, second=second)
        return int(target.timestamp()) - self.now

    def days(self, count: float) -> int:
        """So many days in seconds."""
        return round(count * DAY)


def other_customer(stage: Stage) -> Customer:
    """A second customer of the same play."""
    return lifecycle.add_customer(stage.account, f"Case {stage.name} (2)")
