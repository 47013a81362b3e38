"""Products, prices and coupons: making them and attaching discounts.

What belongs here: what is sold and at which reduction. What does not: who buys it.
"""

from decimal import Decimal

from stripe_simulator.world import log
from stripe_simulator.world.account import Account
from stripe_simulator.world.clock import add_months
from stripe_simulator.world.ids import encode
from stripe_simulator.world.state import (
    Coupon,
    Customer,
    Discount,
    Item,
    Price,
    Product,
    Subscription,
    Tier,
)


def add_product(account: Account, name: str) -> Product:
    """A new product."""
    product = Product(account.ids.new("prod"), account.now, name, account.now)
    account.products[product.id] = product
    account.show(product, "product.created")
    return product


def delete_product(account: Account, product: Product) -> None:
    """Delete a product, which Stripe allows only while it has no price.

    Raises:
        ValueError: If it has one.
    """
    if any(price.product == product.id for price in account.prices.values()):
        raise ValueError(f"Product {product.id} has prices and can only be archived.")
    del account.products[product.id]
    account.remove(product, "product.deleted")


def add_price(
    account: Account,
    product: Product,
    unit: int | str | None,
    currency: str,
    interval: str | None = "month",
    *,
    interval_count: int = 1,
    nickname: str | None = None,
    metered: bool = False,
    tiers: list[Tier] | None = None,
    tiers_mode: str | None = None,
    divide_by: int | None = None,
    round_up: bool = True,
    tax_behavior: str = "unspecified",
    inline: bool = False,
) -> Price:
    """A new price of `unit` minor units; an inline one exists only on the items that use it."""
    price = Price(
        account.ids.new("price"),
        account.now,
        product.id,
        currency,
        None if unit is None else Decimal(unit),
        interval,
        interval_count,
        nickname,
        active=not inline,
        metered=metered,
        tiers=tiers or [],
        tiers_mode=tiers_mode,
        divide_by=divide_by,
        round_up=round_up,
        tax_behavior=tax_behavior,
        inline=inline,
    )
    account.prices[price.id] = price
    account.show(price, "price.created")
    if inline:
        account.hide(price)
    return price


def add_coupon(
    account: Account,
    name: str,
    duration: str,
    *,
    percent: str | None = None,
    amount: int | None = None,
    currency: str | None = None,
    months: int | None = None,
    products: list[str] | None = None,
) -> Coupon:
    """A new coupon; give either `percent` or `amount` and `currency`."""
    coupon = Coupon(
        encode(f"{account.seed}/coupon/{len(account.coupons)}", 8),
        account.now,
        name,
        duration,
        None if percent is None else Decimal(percent),
        amount,
        currency,
        months,
        products or [],
    )
    account.coupons[coupon.id] = coupon
    account.show(coupon, "coupon.created")
    return coupon


def attach(
    account: Account,
    coupon: Coupon,
    customer: Customer,
    subscription: Subscription | None = None,
    item: Item | None = None,
    *,
    silent: bool = False,
) -> Discount:
    """Attach a coupon to an item, a subscription or a customer, from now on.

    Args:
        account: The account.
        coupon: What is attached.
        customer: Whom it belongs to.
        subscription: Limits it to a subscription.
        item: Limits it to one item of that subscription.
        silent: The subscription is only being created, so nothing has been updated.
    """
    end = None
    if coupon.duration == "repeating":
        end = add_months(account.now, coupon.months or 1)
    discount = Discount(
        account.ids.new("di"),
        coupon,
        account.now,
        end,
        customer.id,
        None if subscription is None else subscription.id,
        None if item is None else item.id,
    )
    account.discounts[discount.id] = discount
    coupon.redeemed += 1
    account.show(coupon)
    account.show(discount)
    holder = customer if subscription is None else subscription
    before = None if silent else account.snapshot(holder)
    if item is not None:
        level, target = "item", item.id
        item.discounts.append(discount)
    elif subscription is not None:
        level, target = "subscription", subscription.id
        subscription.discounts.append(discount)
    else:
        level, target = "customer", customer.id
        if customer.discount is not None:
            # There is room for one; the new one takes the place of the old.
            account.decide(log.DiscountDetached(account.now, customer.discount.id))
            account.show(customer.discount, "customer.discount.deleted")
        customer.discount = discount
    account.decide(
        log.DiscountAttached(account.now, discount.id, coupon.id, level, target, end)  # type: ignore[arg-type]
    )
    account.show(discount, "customer.discount.created")
    if not silent:
        kind = "customer.updated" if subscription is None else "customer.subscription.updated"
        account.show(holder, kind, before=before)
    if end is not None:
        account.schedule(end, detach, discount, customer, subscription)
    return discount


def detach(
    account: Account,
    discount: Discount,
    customer: Customer,
    subscription: Subscription | None = None,
) -> None:
    """Take a discount away from whatever holds it; nothing happens if it is gone already."""
    if subscription is not None:
        holders = [subscription.discounts, *(item.discounts for item in subscription.items)]
        found = next((held for held in holders if discount in held), None)
        if found is None or subscription.ended:
            return
        before = account.snapshot(subscription)
        found.remove(discount)
        account.decide(log.DiscountDetached(account.now, discount.id))
        account.show(discount, "customer.discount.deleted")
        account.show(subscription, "customer.subscription.updated", before=before)
        return
    if customer.discount is not discount or customer.deleted:
        return
    before = account.snapshot(customer)
    customer.discount = None
    account.decide(log.DiscountDetached(account.now, discount.id))
    account.show(discount, "customer.discount.deleted")
    account.show(customer, "customer.updated", before=before)
