"""What a price comes to in a month: `docs/metrics.md` §1 but for discounts."""

from __future__ import annotations

from tests.dbt_project.casting import Expected, Streams, case, streams
from tests.dbt_project.objects import (
    ago,
    charge,
    coupon,
    discount,
    invoice,
    line,
    price,
    subscription,
)


@case
def printed_mrr() -> tuple[Streams, Expected]:
    """100 × $100 a month and 50 × $600 a year are 12,500."""
    monthly, yearly = price("10000"), price("60000", "year")
    own = [subscription((monthly,), customer_id=f"cus_m{n}") for n in range(100)]
    own += [subscription((yearly,), customer_id=f"cus_y{n}") for n in range(50)]
    return streams(*own), {
        "mrr": "12500",
        "arr": "150000",
        "active_subscribers": 150,
        "active_subscriptions": 150,
        "arpu": "83.333333",
    }


@case
def each_item_has_its_own_interval() -> tuple[Streams, Expected]:
    """A day, a week, two weeks, a month, a quarter and a year in one subscription."""
    parts = [
        (price("100", "day"),),
        (price("700", "week"),),
        (price("1400", "week", 2),),
        (price("3000", "month", 3),),
        (price("12000", "year"), 2),
    ]
    # Three times 3041.666667 cents, each rounded for itself, 1,000 and 2,000.
    return streams(subscription(*parts)), {"mrr": "121.250000010"}


@case
def a_dollar_a_day_is_seven_a_week() -> tuple[Streams, Expected]:
    """The same MRR on a 365-day basis, not 0."""
    one = subscription((price("100", "day"),))
    other = subscription((price("700", "week"),), customer_id="cus_b")
    return streams(one, other), {"mrr": "60.833333340"}


@case
def graduated_and_volume_tiers() -> tuple[Streams, Expected]:
    """Tier by tier with flat amounts, and all units at one tier."""
    steps: list[tuple[int | None, str, str]] = [(5, "500", "0"), (None, "300", "1000")]
    graduated = price(None, tiers=steps, tiers_mode="graduated")
    volume = price(None, tiers=steps, tiers_mode="volume")
    own = subscription((graduated, 8), (volume, 8), (volume, 5))
    # 5·500 + 3·300 + 1000, then 8·300 + 1000, then 5·500.
    return streams(own, prices=(graduated, volume)), {"mrr": "103"}


@case
def tiers_at_zero_keep_the_first_flat_amount() -> tuple[Streams, Expected]:
    """Quantity 0 costs the first tier's flat amount."""
    steps: list[tuple[int | None, str, str]] = [(5, "500", "1200"), (None, "300", "1000")]
    graduated = price(None, tiers=steps, tiers_mode="graduated")
    volume = price(None, tiers=steps, tiers_mode="volume")
    return streams(subscription((graduated, 0), (volume, 0)), prices=(graduated, volume)), {
        "mrr": "24"
    }


@case
def packages_round_before_the_price() -> tuple[Streams, Expected]:
    """17 units in packages of 5: 4 rounded up, 3 rounded down."""
    up, down = price("1000", package=(5, "up")), price("1000", package=(5, "down"))
    return streams(subscription((up, 17), (down, 17))), {"mrr": "70"}


@case
def fractions_of_a_cent() -> tuple[Streams, Expected]:
    """Unit prices with decimals, rounded once at the item."""
    return streams(subscription((price("0.0123456789"), 1000), (price("33.333", "year"), 7))), {
        "mrr": "0.317899290"
    }


@case
def metered_counts_nothing() -> tuple[Streams, Expected]:
    """A missing quantity of a metered item is never one."""
    return streams(subscription((price("5000", usage="metered"), None), (price("1000"), 1))), {
        "mrr": "10",
        "active_subscriptions": 1,
    }


@case
def inclusive_tax_is_taken_out() -> tuple[Streams, Expected]:
    """120 with 20 % inside, half off: 50."""
    half = coupon(50)
    held = discount(half, ago(60), "cus_a")
    included = price("12000", tax_behavior="inclusive")
    made = subscription((included,), discounts=(held,))
    part = made["items"]["data"][0]
    billed = line(
        made["id"],
        included,
        part,
        12000,
        ago(30),
        discount_amounts=[{"amount": 6000, "discount": held["id"]}],
        taxes=[{"amount": 1000, "tax_behavior": "inclusive"}],
    )
    sent = invoice(billed, created=ago(30), subscription=made["id"], discounts=[held])
    return streams(made, coupons=(half,), invoices=[sent]), {
        "mrr": "50",
        "mrr_gross": "100",
        "mrr_net": "50",
    }


@case
def yen_and_dinars() -> tuple[Streams, Expected]:
    """No decimals and three; default currency of the account is looked at."""
    yen = subscription((price("1200", currency="jpy"),), currency="jpy")
    paid = charge(1200, ago(0.1), currency="jpy")
    return streams(yen, charges=[paid]), {
        "currency": "jpy",
        "mrr": "1200",
        "gross_revenue": "1200",
    }


@case
def dinars_have_three_decimals() -> tuple[Streams, Expected]:
    """1,234 fils are 1.234 dinars."""
    made = subscription((price("1234", currency="kwd"),), currency="kwd")
    return streams(made, charges=[charge(1234, ago(0.1), currency="kwd")]), {
        "currency": "kwd",
        "mrr": "1.234",
        "gross_revenue": "1.234",
    }


@case
def two_decimals_for_kronur_and_shillings() -> tuple[Streams, Expected]:
    """ISK and UGX have two decimals on the wire, as Stripe's special cases."""
    kronur = subscription((price("120000", currency="isk"),), currency="isk")
    shillings = subscription(
        (price("500000", currency="ugx"),), currency="ugx", customer_id="cus_b"
    )
    paid = charge(500000, ago(0.1), currency="ugx")
    return streams(kronur, shillings, charges=[paid]), {
        "currency": "isk",
        "mrr": "1200",
        "elsewhere": {"ugx": {"mrr": "5000", "gross_revenue": "5000"}},
    }


@case
def a_year_counts_a_twelfth() -> tuple[Streams, Expected]:
    """Two years at 480 are 20 a month; the first month is no more than the last."""
    made = subscription((price("48000", "year", 2),), start=ago(85))
    return streams(made), {"mrr": "20", "days": {84: "20", 30: "20"}}


@case
def a_subscription_in_another_currency_than_its_price() -> tuple[Streams, Expected]:
    """The price's option for that currency counts; a price without one is worth nothing."""
    euro = {"unit_amount": None, "unit_amount_decimal": "900.5", "tax_behavior": "exclusive"}
    with_option = price("1000") | {"currency_options": {"eur": euro, "usd": euro}}
    made = subscription((with_option, 2), (price("7000"), 1), currency="eur")
    return streams(made, prices=(with_option,)), {"currency": "eur", "mrr": "18.01"}
