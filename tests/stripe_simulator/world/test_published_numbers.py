"""The examples of Stripe's own documentation come out of the ledger (docs/metrics.md §6)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from stripe_simulator.ledger import truth
from stripe_simulator.store import ObjectStore
from stripe_simulator.world import World, catalog, lifecycle, payments
from stripe_simulator.world.account import Account
from stripe_simulator.world.presets import Rates

DAY = 86_400
START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
FIRST = datetime.fromtimestamp(START, UTC).date()


def numbers(script: Callable[[Account], None], days: int) -> dict[str, Any]:
    """The truth so many days after the start of an account in which `script` happens."""
    account = Account(
        ObjectStore(),
        "published",
        START,
        default_currency="usd",
        timezone=None,
        name="Published",
        rates=Rates(failure=0, failure_again=0),
    )
    account.schedule(START + 60, script)
    world = World([account], START + days * DAY + 3_600)
    day = FIRST + timedelta(days=days)
    return truth(world, account.id, day, day, history_start=START)[day]["usd"]


def subscribers(account: Account, count: int, unit: int, interval: str = "month") -> list[Any]:
    """So many customers, each with one subscription."""
    product = catalog.add_product(account, "Plan")
    price = catalog.add_price(account, product, unit, "usd", interval)
    return [
        lifecycle.subscribe(account, lifecycle.add_customer(account, "C"), [(price, 1)])
        for _ in range(count)
    ]


def test_mrr_of_monthly_and_yearly_plans() -> None:
    def script(account: Account) -> None:
        subscribers(account, 100, 10_000)
        subscribers(account, 50, 60_000, "year")

    found = numbers(script, 2)
    assert found["mrr"] == 12_500
    assert found["arr"] == 150_000
    assert found["active_subscribers"] == 150


def test_churn_and_lifetime_value() -> None:
    def leave(account: Account, leaving: list[Any]) -> None:
        for subscription in leaving:
            lifecycle.cancel_now(account, subscription)

    def join(account: Account, count: int, unit: int) -> None:
        subscribers(account, count, unit)

    def script(account: Account) -> None:
        before = subscribers(account, 100, 50_000)
        account.schedule(START + 40 * DAY, leave, before[:10])
        account.schedule(START + 41 * DAY, join, 10, 50_000)

    found = numbers(script, 45)
    assert found["customer_churn_rate_30d"] == Decimal("0.090909")
    assert found["arpu"] == 500
    assert found["ltv"] == 5_500


def test_an_account_without_business_has_a_row_of_zeros() -> None:
    found = numbers(lambda account: None, 3)
    assert found["mrr"] == 0 and found["transaction_count"] == 0
    assert found["arpu"] is None and found["payment_success_rate"] is None


def test_three_attempts_at_one_payment() -> None:
    def script(account: Account) -> None:
        intent = payments.open_intent(account, None, "usd", 5_000, "Order")
        for outcome in ("card_declined", "card_declined", "succeeded"):
            payments.attempt(account, intent, outcome)

    found = numbers(script, 0)
    assert found["attempt_success_rate"] == Decimal("0.333333")
    assert found["payment_success_rate"] == 1
    assert found["failed_payments"] == 2 and found["failed_payments_unrecovered"] == 0
