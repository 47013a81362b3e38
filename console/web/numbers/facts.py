"""Queries behind charts and tables that are no course of metrics: cohorts, plans, customers.

They follow the reports of the marts (`rpt_…`), which are by calendar month or as of now; each
says so in its note.
"""

from __future__ import annotations

from datetime import date

from console.web.numbers import formats
from console.web.numbers.data import Column, Data, Shown
from console.web.numbers.metrics import Unit
from console.web.numbers.published import Reader
from console.web.numbers.selection import Selection

#: Cohorts and later months that the heat map has room for.
COHORTS = 13
TOP_CUSTOMERS = 10
TOP_PLACES = 10

#: What a price is called: by its own name, its product's, and how often it is billed.
PRICE_NAME = """
    case
        when starts_with(prices.nickname, products.name) then prices.nickname
        else coalesce(products.name, prices.product_id, 'No product')
            || coalesce(' · ' || coalesce(
                prices.nickname,
                case
                    when prices.interval_count = 1 then 'every ' || prices.billing_interval
                    else 'every ' || prices.interval_count || ' ' || prices.billing_interval || 's'
                end
            ), '')
    end
"""


def cohorts(reader: Reader, selection: Selection) -> Data:
    """Retention by cohort month and month since, of the last cohorts up to the range's end."""
    until = _month(selection.span.last)
    rows = reader.rows(
        """
        select
            cohort_month, months_since_start, cohort_customers, retained_customers,
            logo_retention, revenue_retention
        from rpt_cohort_retention
        where
            account_id = ? and currency = ? and month <= ?::date
            and cohort_month > ?::date - to_months(?)
            and cohort_month <= ?::date
        order by cohort_month, months_since_start
        """,
        (selection.account, selection.currency, until, until, COHORTS, until),
    )
    return Data(
        columns=(
            Column("cohort_month", "Cohort", Shown.MONTH),
            Column("months_since_start", "Months since", Unit.COUNT),
            Column("cohort_customers", "Customers", Unit.COUNT),
            Column("retained_customers", "Retained", Unit.COUNT),
            Column("logo_retention", "Customers retained", Unit.RATE),
            Column("revenue_retention", "MRR retained", Unit.RATE),
        ),
        rows=[tuple(row.values()) for row in rows],
        note="Months before the imported history are blank.",
        empty="No customer has started to pay yet.",
    )


def plan_mix(reader: Reader, selection: Selection) -> Data:
    """MRR by price at the close of the range's last month."""
    month = _month(selection.span.last)
    rows = reader.rows(
        f"""
        select
            {PRICE_NAME} as plan, mix.price_id, mix.subscriptions, mix.subscribers,
            mix.quantity, mix.mrr, mix.mrr_share, prices.stripe_url
        from rpt_plan_mix as mix
        left join dim_prices as prices
            on mix.account_id = prices.account_id and mix.price_id = prices.price_id
        left join dim_products as products
            on prices.account_id = products.account_id and prices.product_id = products.product_id
        where mix.account_id = ? and mix.currency = ? and mix.month = ?
        order by mix.mrr desc, mix.price_id
        """,  # noqa: S608 - a constant of this module
        (selection.account, selection.currency, month),
    )
    return Data(
        columns=(
            Column("plan", "Plan", Shown.TEXT),
            Column("price_id", "Price", Shown.TEXT),
            Column("subscriptions", "Subscriptions", Unit.COUNT),
            Column("subscribers", "Subscribers", Unit.COUNT),
            Column("quantity", "Quantity", Unit.COUNT),
            Column("mrr", "MRR", Unit.MONEY),
            Column("mrr_share", "Share of MRR", Unit.RATE),
            Column("stripe_url", "Stripe", Shown.LINK),
        ),
        rows=[tuple(row.values()) for row in rows],
        note=_close_of(month, selection),
        empty="No subscription was active at that close.",
    )


def top_customers(reader: Reader, selection: Selection) -> Data:
    """The customers with the most MRR now."""
    rows = reader.rows(
        """
        select
            coalesce(customers.name, top.customer_id) as customer, top.customer_id,
            top.mrr, top.mrr_share, top.net_revenue, top.stripe_url
        from rpt_top_customers as top
        left join dim_customers as customers
            on top.account_id = customers.account_id and top.customer_id = customers.customer_id
        where top.account_id = ? and top.currency = ? and top.mrr_rank <= ?
        order by top.mrr_rank
        """,
        (selection.account, selection.currency, TOP_CUSTOMERS),
    )
    return Data(
        columns=(
            Column("customer", "Customer", Shown.TEXT),
            Column("customer_id", "Id", Shown.TEXT),
            Column("mrr", "MRR", Unit.MONEY),
            Column("mrr_share", "Share", Unit.RATE),
            Column("net_revenue", "Net revenue", Unit.MONEY),
            Column("stripe_url", "Stripe", Shown.LINK),
        ),
        rows=[tuple(row.values()) for row in rows],
        note="As of now; net revenue of the imported history.",
        empty="No customer pays a subscription now.",
    )


def revenue_by_country(reader: Reader, selection: Selection) -> Data:
    """Revenue of the range by where the payer is, the largest first."""
    rows = reader.rows(
        """
        select
            country,
            coalesce(sum(amount) filter (where kind = 'charge'), 0) as gross_revenue,
            sum(amount) as net_revenue
        from fct_revenue_lines
        where account_id = ? and currency = ? and day between ? and ?
        group by country
        order by gross_revenue desc, country nulls last
        limit ?
        """,
        (selection.account, selection.currency, *_days(selection), TOP_PLACES),
    )
    territories = selection.locale.territories
    return Data(
        columns=(
            Column("country", "Country", Shown.TEXT),
            Column("gross_revenue", "Gross revenue", Unit.MONEY),
            Column("net_revenue", "Net revenue", Unit.MONEY),
        ),
        rows=[
            (
                territories.get(row["country"], row["country"]) or "Unknown",
                row["gross_revenue"],
                row["net_revenue"],
            )
            for row in rows
        ],
        note=_days_words(selection),
        empty="Nothing was charged in this period.",
    )


def revenue_by_product(reader: Reader, selection: Selection) -> Data:
    """Revenue of the range by what was sold, the largest first."""
    rows = reader.rows(
        """
        with lines as (
            select
                account_id,
                product_id,
                coalesce(sum(amount) filter (where kind = 'charge'), 0) as gross_revenue,
                -coalesce(sum(amount) filter (where kind = 'refund'), 0) as refunds,
                -coalesce(sum(amount) filter (where kind = 'dispute'), 0) as disputes,
                sum(amount) as net_revenue
            from fct_revenue_lines
            where account_id = ? and currency = ? and day between ? and ?
            group by account_id, product_id
        )
        select
            coalesce(products.name, lines.product_id, 'Without a product') as product,
            gross_revenue, refunds, disputes, net_revenue, products.stripe_url
        from lines
        left join dim_products as products
            on lines.account_id = products.account_id and lines.product_id = products.product_id
        order by net_revenue desc, product
        limit ?
        """,
        (selection.account, selection.currency, *_days(selection), TOP_PLACES),
    )
    return Data(
        columns=(
            Column("product", "Product", Shown.TEXT),
            Column("gross_revenue", "Gross", Unit.MONEY),
            Column("refunds", "Refunds", Unit.MONEY),
            Column("disputes", "Disputes", Unit.MONEY),
            Column("net_revenue", "Net", Unit.MONEY),
            Column("stripe_url", "Stripe", Shown.LINK),
        ),
        rows=[tuple(row.values()) for row in rows],
        note=_days_words(selection),
        empty="Nothing was charged in this period.",
    )


def failure_reasons(reader: Reader, selection: Selection) -> Data:
    """Why attempts of the range failed, the most frequent first."""
    rows = reader.rows(
        """
        select
            coalesce(failure_code, outcome_reason, 'no reason given') as reason,
            count(*) as failed_payments,
            sum(amount) as failed_amount
        from fct_payment_attempts
        where account_id = ? and currency = ? and day between ? and ? and outcome = 'failed'
        group by 1
        order by failed_payments desc, reason
        limit ?
        """,
        (selection.account, selection.currency, *_days(selection), TOP_PLACES),
    )
    return Data(
        columns=(
            Column("reason", "Reason", Shown.TEXT),
            Column("failed_payments", "Failed payments", Unit.COUNT),
            Column("failed_amount", "Failed amount", Unit.MONEY),
        ),
        rows=[(row["reason"].replace("_", " "), *tuple(row.values())[1:]) for row in rows],
        note=_days_words(selection),
        empty="No payment failed in this period.",
    )


def _month(day: date) -> date:
    return day.replace(day=1)


def _days(selection: Selection) -> tuple[date, date]:
    return selection.span.first, selection.span.last


def _days_words(selection: Selection) -> str:
    first, last = (formats.day(day, selection.locale) for day in _days(selection))
    return f"{first} to {last}"


def _close_of(month: date, selection: Selection) -> str:
    if month == _month(selection.reach.today):
        return "As of now."
    return f"At the close of {formats.month(month, selection.locale)}."
