"""The kinds of rows that a number can lead down to, each from one mart."""

from __future__ import annotations

from dataclasses import dataclass

from console.web.numbers.data import Column, Shown
from console.web.numbers.metrics import Unit


@dataclass(frozen=True, slots=True)
class Drill:
    """One kind of rows.

    Attributes:
        title: What they are.
        table: The mart, called `facts` in the rest.
        where: Which of its rows, with `$account`, `$currency`, `$first`, `$last`, `$timezone`.
        order: The first rows are those that matter; ends with a key, so that pages do not overlap.
        shown: What is shown of each, in the order of `columns`.
        columns: Theirs.
        joins: Where names come from: joined to one page's rows only, as the mart may have millions.
        amount: What adds up to the number, if something does; `count` = the rows do.
    """

    title: str
    table: str
    where: str
    order: str
    shown: str
    columns: tuple[Column, ...]
    joins: str
    amount: str | None = "count"


def _money(name: str, label: str) -> Column:
    return Column(name, label, Unit.MONEY)


_CUSTOMER = Column("customer", "Customer", Shown.TEXT)
_DAY = Column("day", "Day", Shown.DAY)
_STATUS = Column("status", "Status", Shown.STATUS)
_LINK = Column("stripe_url", "Stripe", Shown.LINK)
_PLAN = Column("plan", "Plan", Shown.TEXT)
_ESTIMATED = Column("is_estimated", "", Shown.FLAG)

_NAMED = """
    left join dim_customers as customers
        on facts.account_id = customers.account_id and facts.customer_id = customers.customer_id
"""
_PRICED = """
    left join dim_prices as prices
        on facts.account_id = prices.account_id and {price} = prices.price_id
    left join dim_products as products
        on prices.account_id = products.account_id and prices.product_id = products.product_id
"""
_WHO = "coalesce(customers.name, facts.customer_id, 'No customer')"
_WHAT = "coalesce(products.name, prices.nickname, prices.price_id)"
_MINE = "facts.account_id = $account and facts.currency = $currency"
_IN_RANGE = f"{_MINE} and facts.day between $first and $last"


def local(instant: str) -> str:
    """The local day of an instant in UTC."""
    return f"cast(timezone($timezone, timezone('UTC', facts.{instant})) as date)"


def around(instant: str) -> str:
    """Instants whose local day is in the range.

    A zone is at most a day away from UTC, so most instants are in or out without looking it up,
    which costs more than everything else here; only those near the ends are told exactly.
    """
    return (
        f"facts.{instant} between $first::timestamp - interval 1 day"
        f" and $last::timestamp + interval 2 day"
        f" and (facts.{instant} between $first::timestamp + interval 1 day"
        f" and $last::timestamp - interval 1 day or {local(instant)} between $first and $last)"
    )


def until(instant: str) -> str:
    """Instants whose local day is not after the range."""
    return (
        f"(facts.{instant} < $last::timestamp - interval 1 day"
        f" or facts.{instant} <= $last::timestamp + interval 2 day and {local(instant)} <= $last)"
    )


def spans(where: str, title: str, mrr: str = "mrr", amount: str | None = None) -> Drill:
    """Items of subscriptions in force at the close of the range's last day."""
    return Drill(
        title,
        "fct_subscription_item_spans",
        f"{_MINE} and facts.first_day <= $last"
        f" and (facts.day_after_last is null or facts.day_after_last > $last) and {where}",
        f"facts.{mrr} desc, facts.customer_id, facts.item_id",
        f"{_WHO}, {_WHAT}, facts.quantity, facts.status, facts.{mrr}, facts.is_estimated,"
        " facts.stripe_url",
        (
            _CUSTOMER,
            _PLAN,
            Column("quantity", "Quantity", Unit.COUNT),
            _STATUS,
            _money("mrr", "MRR"),
            _ESTIMATED,
            _LINK,
        ),
        _NAMED + _PRICED.format(price="facts.price_id"),
        amount,
    )


def movements(kinds: str, title: str) -> Drill:
    """Movements of MRR in the range, item by item."""
    return Drill(
        title,
        "fct_mrr_movement_items",
        f"{_IN_RANGE} and facts.movement in ({kinds})",
        "facts.day desc, abs(facts.mrr_change) desc, facts.item_id",
        f"facts.day, {_WHO}, facts.movement, {_WHAT}, facts.mrr_before, facts.mrr_after,"
        " facts.mrr_change, facts.is_estimated, facts.stripe_url",
        (
            _DAY,
            _CUSTOMER,
            Column("movement", "Movement", Shown.TEXT),
            _PLAN,
            _money("mrr_before", "Before"),
            _money("mrr_after", "After"),
            _money("mrr_change", "Change"),
            _ESTIMATED,
            _LINK,
        ),
        _NAMED + _PRICED.format(price="coalesce(facts.price_id_after, facts.price_id_before)"),
        "facts.mrr_change",
    )


def subscriptions(instant: str, where: str, title: str) -> Drill:
    """Subscriptions of which something fell into the range."""
    return Drill(
        title,
        "fct_subscriptions",
        f"{_MINE} and {around(instant)} and {where}",
        f"facts.{instant} desc, facts.subscription_id",
        f"{local(instant)}, {_WHO}, facts.status, facts.mrr, facts.stripe_url",
        (_DAY, _CUSTOMER, _STATUS, _money("mrr", "MRR now"), _LINK),
        _NAMED,
    )


def attempts(where: str, title: str, amount: str | None = "count") -> Drill:
    """Attempts to take a payment in the range."""
    return Drill(
        title,
        "fct_payment_attempts",
        f"{_IN_RANGE} and {where}",
        "facts.day desc, facts.amount desc, facts.attempt_id",
        f"facts.day, {_WHO}, facts.outcome,"
        " replace(coalesce(facts.failure_code, facts.outcome_reason), '_', ' '),"
        " facts.amount, facts.captured_amount, facts.stripe_url",
        (
            _DAY,
            _CUSTOMER,
            _STATUS,
            Column("reason", "Reason", Shown.TEXT),
            _money("amount", "Amount"),
            _money("captured_amount", "Captured"),
            _LINK,
        ),
        _NAMED,
        amount,
    )


def payments(where: str, title: str, amount: str | None = "count") -> Drill:
    """Payments first tried in the range."""
    return Drill(
        title,
        "fct_payments",
        f"{_IN_RANGE} and {where}",
        "facts.day desc, facts.amount desc, facts.payment_id",
        f"facts.day, {_WHO}, facts.outcome, facts.attempts, facts.failed_attempts, facts.amount,"
        " facts.recovered_amount, facts.stripe_url",
        (
            _DAY,
            _CUSTOMER,
            _STATUS,
            Column("attempts", "Attempts", Unit.COUNT),
            Column("failed_attempts", "Failed", Unit.COUNT),
            _money("amount", "Amount"),
            _money("recovered_amount", "Recovered"),
            _LINK,
        ),
        _NAMED,
        amount,
    )


def lines(kinds: str, title: str, sign: str = "") -> Drill:
    """Revenue of the range, line by line."""
    return Drill(
        title,
        "fct_revenue_lines",
        f"{_IN_RANGE} and facts.kind in ({kinds})",
        "facts.day desc, abs(facts.amount) desc, facts.source_id, facts.line_number",
        f"facts.day, {_WHO}, facts.kind, {_WHAT}, facts.country, {sign}facts.amount,"
        " facts.stripe_url",
        (
            _DAY,
            _CUSTOMER,
            Column("kind", "Kind", Shown.TEXT),
            _PLAN,
            Column("country", "Country", Shown.TEXT),
            _money("amount", "Amount"),
            _LINK,
        ),
        _NAMED + _PRICED.format(price="facts.price_id"),
        f"{sign}facts.amount",
    )


def customers(where: str, title: str) -> Drill:
    """Customers of the account."""
    return Drill(
        title,
        "dim_customers",
        # Customers belong to the account: their number is not by currency.
        f"facts.account_id = $account and {where}",
        "facts.created_at desc, facts.customer_id",
        f"{local('created_at')}, coalesce(facts.name, facts.customer_id), facts.country,"
        " facts.stripe_url",
        (
            Column("day", "Created", Shown.DAY),
            _CUSTOMER,
            Column("country", "Country", Shown.TEXT),
            _LINK,
        ),
        "",
        None,
    )


def subscribers(movement: str, title: str) -> Drill:
    """Customers with one kind of movement in the range."""
    return Drill(
        title,
        "fct_mrr_movements",
        f"{_IN_RANGE} and facts.movement = '{movement}'",
        "facts.day desc, facts.customer_id",
        f"facts.day, {_WHO}, facts.opening_mrr, facts.closing_mrr, facts.stripe_url",
        (_DAY, _CUSTOMER, _money("opening_mrr", "Before"), _money("closing_mrr", "After"), _LINK),
        _NAMED,
    )


def trials(day: str, title: str, amount: str | None = "count") -> Drill:
    """Trials of which something fell into the range."""
    return Drill(
        title,
        "fct_trials",
        f"{_MINE} and facts.{day} between $first and $last",
        f"facts.{day} desc, facts.subscription_id",
        f"facts.{day}, {_WHO}, facts.outcome, facts.stripe_url",
        (_DAY, _CUSTOMER, _STATUS, _LINK),
        _NAMED,
        amount,
    )


INVOICES = Drill(
    "Invoices finalised in this period",
    "fct_invoices",
    f"{_MINE} and facts.revenue_day between $first and $last",
    "facts.revenue_day desc, facts.total_excluding_tax desc, facts.invoice_id",
    f"facts.revenue_day, {_WHO}, facts.number, facts.status, facts.total_excluding_tax,"
    " facts.amount_paid, facts.stripe_url",
    (
        _DAY,
        _CUSTOMER,
        Column("number", "Number", Shown.TEXT),
        _STATUS,
        _money("total_excluding_tax", "Without tax"),
        _money("amount_paid", "Paid"),
        _LINK,
    ),
    _NAMED,
    "facts.total_excluding_tax",
)
