"""From a number down to what it is made of: subscriptions, movements, payments, customers.

One entry of `DRILLS` per metric. Where the number is a sum, its rows add up to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType

from console.web.numbers.data import Column, Data, Shown
from console.web.numbers.metrics import Metric, Unit
from console.web.numbers.published import Reader
from console.web.numbers.selection import Selection, SelectionError

PAGE = 50
_FURTHEST = 100_000


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


@dataclass(frozen=True, slots=True)
class Drilled:
    """One page of rows.

    Attributes:
        title: What they are.
        data: The rows.
        page: Which page, from 1.
        pages: How many there are.
        count: Rows on all pages.
        total: What they add up to; None where they do not.
        total_unit: Its unit.
    """

    title: str
    data: Data
    page: int
    pages: int
    count: int
    total: Decimal | int | None
    total_unit: Unit


def _money(name: str, label: str) -> Column:
    return Column(name, label, Unit.MONEY)


_CUSTOMER = Column("customer", "Customer", Shown.TEXT)
_DAY = Column("day", "Day", Shown.DAY)
_STATUS = Column("status", "Status", Shown.TEXT)
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


def _local(instant: str) -> str:
    """The local day of an instant in UTC."""
    return f"cast(timezone($timezone, timezone('UTC', facts.{instant})) as date)"


def _around(instant: str) -> str:
    """Instants whose local day may be in the range: cheap to tell, before the zone is looked up."""
    return (
        f"facts.{instant} between $first::timestamp - interval 1 day"
        f" and $last::timestamp + interval 2 day and {_local(instant)} between $first and $last"
    )


def _spans(where: str, title: str, mrr: str = "mrr", amount: str | None = None) -> Drill:
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


def _movements(kinds: str, title: str) -> Drill:
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


def _subscriptions(instant: str, where: str, title: str) -> Drill:
    return Drill(
        title,
        "fct_subscriptions",
        f"{_MINE} and {_around(instant)} and {where}",
        f"facts.{instant} desc, facts.subscription_id",
        f"{_local(instant)}, {_WHO}, facts.status, facts.mrr, facts.stripe_url",
        (_DAY, _CUSTOMER, _STATUS, _money("mrr", "MRR now"), _LINK),
        _NAMED,
    )


def _attempts(where: str, title: str, amount: str | None = "count") -> Drill:
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


def _payments(where: str, title: str, amount: str | None = "count") -> Drill:
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


def _lines(kinds: str, title: str, sign: str = "") -> Drill:
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


def _customers(where: str, title: str) -> Drill:
    return Drill(
        title,
        "dim_customers",
        # Customers belong to the account: their number is not by currency.
        f"facts.account_id = $account and {where}",
        "facts.created_at desc, facts.customer_id",
        f"{_local('created_at')}, coalesce(facts.name, facts.customer_id), facts.country,"
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


def _subscribers(movement: str, title: str) -> Drill:
    return Drill(
        title,
        "fct_mrr_movements",
        f"{_IN_RANGE} and facts.movement = '{movement}'",
        "facts.day desc, facts.customer_id",
        f"facts.day, {_WHO}, facts.opening_mrr, facts.closing_mrr, facts.stripe_url",
        (_DAY, _CUSTOMER, _money("opening_mrr", "Before"), _money("closing_mrr", "After"), _LINK),
        _NAMED,
    )


def _trials(day: str, title: str, amount: str | None = "count") -> Drill:
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


_INVOICES = Drill(
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

_ACTIVE = "facts.status in ('active', 'past_due')"
_PAYING = "Subscription items with MRR at the close"
_ALL = "'new', 'reactivation', 'expansion', 'contraction', 'churn'"
_LOST = "'contraction', 'churn'"

#: Where each metric leads.
DRILLS: Mapping[str, Drill] = MappingProxyType(
    {
        "mrr": _spans("facts.mrr > 0", _PAYING, amount="facts.mrr"),
        "arr": _spans("facts.mrr > 0", _PAYING),
        "mrr_gross": _spans("facts.mrr_gross > 0", _PAYING, "mrr_gross", "facts.mrr_gross"),
        "mrr_net": _spans("facts.mrr_net > 0", _PAYING, "mrr_net", "facts.mrr_net"),
        "estimated_mrr_share": _spans(
            "facts.is_estimated and facts.mrr > 0",
            "Estimated items at the close",
            amount="facts.mrr",
        ),
        "mrr_opening": _movements(_ALL, "Movements since"),
        "mrr_new": _movements("'new'", "New MRR, item by item"),
        "mrr_reactivation": _movements("'reactivation'", "Reactivations, item by item"),
        "mrr_expansion": _movements("'expansion'", "Expansions, item by item"),
        "mrr_contraction": _movements("'contraction'", "Contractions, item by item"),
        "mrr_churn": _movements("'churn'", "Churned MRR, item by item"),
        "active_subscriptions": _spans(_ACTIVE, "Items of active subscriptions at the close"),
        "trialing_subscriptions": _spans(
            "facts.status = 'trialing'", "Items of subscriptions in trial at the close"
        ),
        "new_subscriptions": _subscriptions(
            "first_active_at", "true", "Subscriptions that became active in this period"
        ),
        "churned_subscriptions": _subscriptions(
            "ended_at",
            "facts.first_active_at is not null",
            "Subscriptions that ended in this period",
        ),
        "trial_starts": _trials("started_day", "Trials that began in this period"),
        "trial_conversions": _trials("converted_day", "Trials that converted in this period"),
        "trial_conversion_rate": _trials("started_day", "Trials that began in this period", None),
        "customer_count": _customers(
            f"not facts.is_deleted and {_local('created_at')} <= $last", "Customers"
        ),
        "new_customers": _customers(_around("created_at"), "Customers created in this period"),
        "customer_growth_rate": _customers(
            _around("created_at"), "Customers created in this period"
        ),
        "active_subscribers": _spans("facts.mrr > 0", _PAYING),
        "new_subscribers": _subscribers("new", "Customers who began to pay"),
        "reactivated_subscribers": _subscribers("reactivation", "Customers who came back"),
        "churned_subscribers": _subscribers("churn", "Customers who stopped paying"),
        "arpu": _spans("facts.mrr > 0", _PAYING),
        "ltv": _spans("facts.mrr > 0", _PAYING),
        "realised_revenue_per_customer": _lines(
            "'charge', 'refund', 'dispute'", "Revenue of this period, line by line"
        ),
        "customer_churn_rate_30d": _subscribers("churn", "Customers who stopped paying"),
        "gross_mrr_churn_rate": _movements(_LOST, "Losses of this period, item by item"),
        "net_mrr_churn_rate": _movements(_ALL, "Movements of this period, item by item"),
        "grr": _movements(_LOST, "Losses of this period, item by item"),
        "nrr": _movements(_ALL, "Movements of this period, item by item"),
        "quick_ratio": _movements(_ALL, "Movements of this period, item by item"),
        "gross_revenue": _lines("'charge'", "Charges of this period, line by line"),
        "refunds": _lines("'refund'", "Refunds of this period, line by line", "-"),
        "disputes": _lines("'dispute'", "Disputes of this period, line by line", "-"),
        "net_revenue": _lines(
            "'charge', 'refund', 'dispute'", "Revenue of this period, line by line"
        ),
        "invoiced_revenue": _INVOICES,
        "payment_success_rate": _payments(
            "facts.outcome in ('succeeded', 'failed')", "Payments of this period", None
        ),
        "attempt_success_rate": _attempts(
            "facts.outcome in ('succeeded', 'failed')", "Attempts of this period", None
        ),
        "transaction_count": _attempts("facts.outcome = 'succeeded'", "Charges that succeeded"),
        "succeeded_payments": _payments("facts.outcome = 'succeeded'", "Payments that succeeded"),
        "pending_payments": _payments("facts.outcome = 'pending'", "Payments without an outcome"),
        "failed_payments": _attempts("facts.outcome = 'failed'", "Attempts that failed"),
        "failed_amount": _attempts(
            "facts.outcome = 'failed'", "Attempts that failed", "facts.amount"
        ),
        "failed_payments_unrecovered": _payments(
            "facts.failed_attempts > 0 and facts.outcome in ('failed', 'pending')",
            "Payments that failed and were not made good",
        ),
        "recovered_payments": _payments("facts.is_recovered", "Payments that were made good"),
        "recovered_amount": _payments(
            "facts.is_recovered", "Payments that were made good", "facts.recovered_amount"
        ),
        "payment_recovery_rate": _payments(
            "facts.failed_attempts > 0", "Payments with a failed attempt", None
        ),
        "hours_to_recovery": _payments("facts.is_recovered", "Payments that were made good", None),
    }
)


def page_number(word: str) -> int:
    """Which page an address asks for; nothing = the first.

    Raises:
        SelectionError: It is no number of a page.
    """
    if not word.strip():
        return 1
    if not (word.isascii() and word.isdigit() and 1 <= int(word[:9]) <= _FURTHEST):
        raise SelectionError(f"page= must be a number from 1 to {_FURTHEST}.")
    return int(word[:9])


def drill_into(reader: Reader, selection: Selection, metric: Metric, *, page: int) -> Drilled:
    """The rows behind a metric, one page of them.

    Args:
        reader: The marts.
        selection: What was selected.
        metric: Whose rows.
        page: From 1.
    """
    entry = DRILLS[metric.name]
    facts = f"from {entry.table} as facts where {entry.where}"
    sums = "count(*)" if entry.amount in {None, "count"} else f"coalesce(sum({entry.amount}), 0)"
    summary = reader.named(
        f"select count(*) as rows, {sums} as total {facts}",
        _values(selection),
    )[0]
    rows = reader.named(
        f"""
        select {entry.shown}
        from (
            select facts.* {facts} order by {entry.order} limit {PAGE} offset {PAGE * (page - 1)}
        ) as facts {entry.joins}
        order by {entry.order}
        """,  # noqa: S608 - ditto
        _values(selection),
    )
    count = int(summary["rows"])
    return Drilled(
        title=entry.title,
        data=Data(entry.columns, [tuple(row.values()) for row in rows]),
        page=page,
        pages=max(1, -(-count // PAGE)),
        count=count,
        total=None if entry.amount is None else summary["total"],
        total_unit=Unit.COUNT if entry.amount == "count" else Unit.MONEY,
    )


def _values(selection: Selection) -> dict[str, str | date]:
    return {
        "account": selection.account,
        "currency": selection.currency,
        "first": selection.span.first,
        "last": selection.span.last,
        "timezone": selection.reach.timezone,
    }
