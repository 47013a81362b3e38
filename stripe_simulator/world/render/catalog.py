"""Products, prices and coupons as Stripe shows them."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from stripe_simulator.world.state import Coupon, Price, Product, Tier

if TYPE_CHECKING:
    from stripe_simulator.world.account import Account


def decimal_text(value: Decimal | None) -> str | None:
    """Minor units as Stripe's decimal string: no exponent, no trailing zeros."""
    if value is None:
        return None
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def whole(value: Decimal | None) -> int | None:
    """The integer field beside a decimal one: null where the value has a fraction."""
    return int(value) if value is not None and value == value.to_integral_value() else None


def product(account: "Account", thing: Product) -> dict[str, Any]:
    """A product."""
    return {
        "id": thing.id,
        "object": "product",
        "active": thing.active,
        "created": thing.created,
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": account.livemode,
        "marketing_features": [],
        "metadata": {},
        "name": thing.name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "unit_label": None,
        "updated": thing.updated,
        "url": None,
    }


def price(account: "Account", thing: Price) -> dict[str, Any]:
    """A price, with its tiers where it has any."""
    tiered = bool(thing.tiers)
    rendered: dict[str, Any] = {
        "id": thing.id,
        "object": "price",
        "active": thing.active,
        "billing_scheme": "tiered" if tiered else "per_unit",
        "created": thing.created,
        "currency": thing.currency,
        "custom_unit_amount": None,
        "livemode": account.livemode,
        "lookup_key": None,
        "metadata": {},
        "nickname": thing.nickname,
        "product": thing.product,
        "recurring": None
        if thing.interval is None
        else {
            "interval": thing.interval,
            "interval_count": thing.interval_count,
            "meter": None,
            "usage_type": "metered" if thing.metered else "licensed",
        },
        "tax_behavior": thing.tax_behavior,
        "tiers_mode": thing.tiers_mode,
        "transform_quantity": None
        if thing.divide_by is None
        else {"divide_by": thing.divide_by, "round": "up" if thing.round_up else "down"},
        "type": "one_time" if thing.interval is None else "recurring",
        "unit_amount": None if tiered else whole(thing.unit),
        "unit_amount_decimal": None if tiered else decimal_text(thing.unit),
    }
    if tiered:
        rendered["tiers"] = [_tier(tier) for tier in thing.tiers]
    return rendered


def _tier(tier: Tier) -> dict[str, Any]:
    return {
        "flat_amount": whole(tier.flat),
        "flat_amount_decimal": decimal_text(tier.flat),
        "unit_amount": whole(tier.unit),
        "unit_amount_decimal": decimal_text(tier.unit),
        "up_to": tier.up_to,
    }


def coupon(account: "Account", thing: Coupon) -> dict[str, Any]:
    """A coupon, with the products that it is limited to."""
    rendered: dict[str, Any] = {
        "id": thing.id,
        "object": "coupon",
        "amount_off": thing.amount,
        "created": thing.created,
        "currency": thing.currency,
        "duration": thing.duration,
        "duration_in_months": thing.months,
        "livemode": account.livemode,
        "max_redemptions": None,
        "metadata": {},
        "name": thing.name,
        # JSON has one kind of number; percentages here have at most two decimals.
        "percent_off": None if thing.percent is None else float(thing.percent),
        "redeem_by": None,
        "times_redeemed": thing.redeemed,
        "valid": True,
    }
    if thing.products:
        rendered["applies_to"] = {"products": list(thing.products)}
    return rendered
