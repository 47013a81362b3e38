"""A small world made by hand, for tests of the wire that must know every object.

What belongs here: a stand-in for `stripe_simulator.world` with a few round objects. Objects are
not complete Stripe objects; conformance has tests of its own over real worlds.
"""

from dataclasses import dataclass, field
from typing import Any

from stripe_simulator.server import Options, Simulator
from stripe_simulator.store import ObjectStore
from stripe_simulator.wire.clock import VirtualClock
from stripe_simulator.wire.http import Request, Response

NOW = 1_790_000_000
DAY = 86_400
ACME = "acct_1Acme"
OTHER = "acct_1Other"


@dataclass
class Account:
    """What the server wants to know of an account."""

    id: str
    name: str
    default_currency: str = "usd"
    timezone: str | None = "Europe/Berlin"
    livemode: bool = False


@dataclass
class World:
    """A world in which nothing happens by itself."""

    now: int = NOW
    accounts: list[Account] = field(
        default_factory=lambda: [Account(ACME, "Acme"), Account(OTHER, "Other & Sons")]
    )

    def advance(self, to: int) -> None:
        """Only time passes."""
        self.now = to


def truth(world: World, account_id: str, first: Any, last: Any) -> dict[Any, Any]:
    """A ledger that knows one number."""
    return {first: {"usd": {"mrr": 1}}, last: {"usd": {"mrr": 2}}}


def charge(number: int, created: int, **fields: Any) -> dict[str, Any]:
    """A charge of customer ``cus_1`` unless told otherwise."""
    return {
        "id": f"ch_{number:04}",
        "object": "charge",
        "created": created,
        "amount": 100 * number,
        "customer": "cus_1",
        "payment_intent": None,
        "metadata": {},
        **fields,
    }


def list_of(url: str, elements: list[dict[str, Any]]) -> dict[str, Any]:
    """A nested list, whole."""
    return {"object": "list", "data": elements, "has_more": False, "url": url}


def subscription(number: int, status: str, items: int = 1) -> dict[str, Any]:
    """A subscription with some items of one tiered price."""
    subscription_id = f"sub_{number}"
    price = {"id": "price_1", "object": "price", "product": "prod_1", "tiers": [{"up_to": None}]}
    return {
        "id": subscription_id,
        "object": "subscription",
        "created": NOW - 100 * DAY + number,
        "status": status,
        "customer": "cus_1",
        "discounts": ["di_1"],
        "items": list_of(
            f"/v1/subscription_items?subscription={subscription_id}",
            [
                {
                    "id": f"si_{number}_{item}",
                    "object": "subscription_item",
                    "price": price,
                    "discounts": [],
                    "current_period_start": NOW - DAY,
                    "current_period_end": NOW + DAY,
                }
                for item in range(items)
            ],
        ),
    }


def invoice(number: int, lines: int, status: str = "paid") -> dict[str, Any]:
    """An invoice of ``sub_1`` with lines and one payment."""
    invoice_id = f"in_{number}"
    return {
        "id": invoice_id,
        "object": "invoice",
        "created": NOW - 10 * DAY + number,
        "customer": "cus_1",
        "status": status,
        "parent": {"subscription_details": {"subscription": "sub_1", "metadata": {}}},
        "lines": list_of(
            f"/v1/invoices/{invoice_id}/lines",
            [
                {"id": f"il_{number}_{line}", "object": "line_item", "discounts": ["di_1"]}
                for line in range(lines)
            ],
        ),
        "payments": list_of(
            "/v1/invoice_payments",
            [
                {
                    "id": f"inpay_{number}",
                    "object": "invoice_payment",
                    "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
                }
            ],
        ),
    }


def event(number: int, created: int, event_type: str = "charge.succeeded") -> dict[str, Any]:
    """An event about a charge."""
    return {
        "id": f"evt_{number}",
        "object": "event",
        "created": created,
        "type": event_type,
        "pending_webhooks": 0,
        "data": {"object": charge(number, created)},
    }


def store() -> ObjectStore:
    """250 charges (three in each second), and a few of everything else."""
    filled = ObjectStore()
    for account_id, country in ((ACME, "DE"), (OTHER, "US")):
        filled.put(account_id, {"id": account_id, "object": "account", "country": country})
    put = filled.put
    put(
        ACME,
        {
            "id": "cus_1",
            "object": "customer",
            "created": NOW - 200 * DAY,
            "email": "a@b.c",
            "tax_ids": list_of("/v1/customers/cus_1/tax_ids", []),
        },
    )
    put(ACME, {"id": "cus_2", "object": "customer", "created": NOW - 199 * DAY, "email": "d@e.f"})
    put(
        ACME,
        {
            "id": "di_1",
            "object": "discount",
            "source": {"type": "coupon", "coupon": "half"},
            "customer": "cus_1",
        },
    )
    put(
        ACME,
        {
            "id": "half",
            "object": "coupon",
            "created": NOW - 300 * DAY,
            "applies_to": {"products": ["prod_1"]},
        },
    )
    for number, active in ((1, True), (2, False)):
        put(
            ACME,
            {
                "id": f"price_{number}",
                "object": "price",
                "created": NOW - 300 * DAY + number,
                "active": active,
                "product": "prod_1",
                "type": "recurring",
                "currency": "usd",
                "recurring": {"interval": "month", "usage_type": "licensed", "meter": None},
                "lookup_key": None,
                "tiers": [{"up_to": None, "unit_amount": 5}],
            },
        )
    put(ACME, {"id": "prod_1", "object": "product", "created": NOW - 300 * DAY, "active": True})
    for number in range(1, 251):
        put(ACME, charge(number, NOW - 1000 + number // 3))
    for number, status in enumerate(("active", "canceled", "past_due", "incomplete_expired"), 1):
        put(ACME, subscription(number, status, items=12 if number == 1 else 1))
    for number in range(1, 4):
        put(ACME, invoice(number, lines=25 if number == 1 else 2))
    put(ACME, event(1, NOW - 31 * DAY))
    put(ACME, event(2, NOW - 29 * DAY, "invoice.paid"))
    put(ACME, event(3, NOW - 60, "charge.refunded"))
    return filled


def simulator(
    filled: ObjectStore | None = None, clock: VirtualClock | None = None, **options: Any
) -> Simulator:
    """A simulator over the handmade world, its clock standing still at `NOW`."""
    return Simulator(
        World(), truth, filled or store(), clock or VirtualClock(NOW), Options(**options)
    )


def ask(
    served: Simulator,
    path: str,
    *,
    method: str = "GET",
    key: str | None = None,
    body: bytes = b"",
    account: str = ACME,
    **headers: str,
) -> Response:
    """Send one request with the account's own key (or `key`; "" sends none)."""
    where, _, query = path.partition("?")
    secret = served.credentials.account_key(account) if key is None else key
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if secret:
        sent["authorization"] = f"Bearer {secret}"
    return served.handle(Request(method, where, query, sent, body))
