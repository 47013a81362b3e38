"""Facts of one account in one currency, and the reports that follow from them.

What its days measure is in `measured`; the file that holds both is written by `marts_file`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

TODAY = date(2026, 11, 27)
NOW = datetime(2026, 11, 27, 15, 30, tzinfo=UTC)

Row = dict[str, Any]


class World:
    """One account's facts in one currency."""

    def __init__(
        self, account: str, currency: str, unit: Decimal, first: date, customers: list[str]
    ) -> None:
        self.key: Row = {"account_id": account, "currency": currency}
        self.account, self.unit, self.first = account, unit, first
        self.days = [first + timedelta(days=n) for n in range((TODAY - first).days + 1)]
        self.spans: list[Row] = []
        self.movements: list[Row] = []
        self.subscriptions: list[Row] = []
        self.attempts: list[Row] = []
        self.payments: list[Row] = []
        self.lines: list[Row] = []
        self.trials: list[Row] = []
        for number, customer in enumerate(customers):
            self._subscribe(number, customer)
        for place, day in enumerate(self.days if customers else []):
            self._pay(place, day, customers[place % len(customers)])

    def _subscribe(self, number: int, customer: str) -> None:
        mrr = (self.unit * (10 + 7 * (number % 4)) / 3).quantize(Decimal("0.00000001"))
        begins = self.first + timedelta(days=(number * 3) % len(self.days) - 10)
        ends = begins + timedelta(days=20) if number % 6 == 5 else None
        if ends and ends > TODAY:
            ends = None
        subscription = f"sub_{customer[4:]}{self.key['currency']}"
        link = stripe_link(self.account, f"subscriptions/{subscription}")
        ids = {**self.key, "customer_id": customer, "subscription_id": subscription}
        self.spans.append(
            ids
            | {
                "item_id": f"si_{subscription}",
                "price_id": f"price_{number % 3}",
                "product_id": f"prod_{number % 3}",
                "quantity": 1,
                "status": "active",
                "mrr": mrr,
                "mrr_gross": mrr,
                "mrr_net": mrr,
                "mrr_source": "event",
                "is_estimated": begins < TODAY - timedelta(days=60),
                "first_day": begins,
                "day_after_last": ends,
                "stripe_url": link,
            }
        )
        self.subscriptions.append(
            ids
            | {
                "status": "canceled" if ends else "active",
                "first_active_at": at(begins),
                "ended_at": at(ends) if ends else None,
                "mrr": Decimal(0) if ends else mrr,
                "stripe_url": link,
            }
        )
        for day, kind, before, after in ((begins, "new", 0, mrr), (ends, "churn", mrr, 0)):
            if day is not None and day >= self.first:
                self.movements.append(
                    ids
                    | {
                        "day": day,
                        "movement": kind,
                        "before": Decimal(before),
                        "after": Decimal(after),
                        "stripe_url": link,
                    }
                )
        if number % 4 == 1 and begins >= self.first:
            outcome = ("converted", "lost", "open")[number % 3]
            converted = begins + timedelta(days=3)
            self.trials.append(
                ids
                | {
                    "started_day": begins,
                    "outcome": outcome,
                    "converted_day": converted if outcome == "converted" else None,
                    "stripe_url": link,
                }
            )

    def _pay(self, place: int, day: date, customer: str) -> None:
        outcome = ("succeeded", "succeeded", "failed", "recovered", "pending")[place % 5]
        amount = self.unit * (20 + place % 9)
        ids = {**self.key, "customer_id": customer, "day": day}
        payment = f"in_{self.account[5:]}{self.key['currency']}{place}"
        link = stripe_link(self.account, f"payments/{payment}")
        tries = {
            "succeeded": ["succeeded"],
            "failed": ["failed", "failed"],
            "recovered": ["failed", "succeeded"],
            "pending": ["pending"],
        }[outcome]
        for number, each in enumerate(tries):
            self.attempts.append(
                ids
                | {
                    "attempt_id": f"ch_{payment}{number}",
                    "payment_id": payment,
                    "outcome": each,
                    "failure_code": "card_declined" if each == "failed" else None,
                    "amount": amount,
                    "captured_amount": amount if each == "succeeded" else Decimal(0),
                    "stripe_url": link,
                }
            )
        won = "succeeded" in tries
        recovered = outcome == "recovered"
        self.payments.append(
            ids
            | {
                "payment_id": payment,
                "attempts": len(tries),
                "failed_attempts": tries.count("failed"),
                "outcome": "succeeded" if won else outcome,
                "first_failed_at": at(day) if "failed" in tries else None,
                "recovered_at": at(day) + timedelta(hours=7, seconds=13) if recovered else None,
                "is_recovered": recovered,
                "amount": amount,
                "recovered_amount": amount if recovered else Decimal(0),
                "stripe_url": link,
            }
        )
        for kind, counted in (
            ("charge", amount if won else Decimal(0)),
            ("refund", -amount / 4 if won and place % 7 == 0 else Decimal(0)),
            ("dispute", -amount if won and place % 20 == 6 else Decimal(0)),
        ):
            if counted:
                self.lines.append(
                    ids
                    | {
                        "kind": kind,
                        "source_id": payment,
                        "product_id": f"prod_{place % 3}" if place % 4 else None,
                        "price_id": f"price_{place % 3}" if place % 4 else None,
                        "country": ("DE", "US", None)[place % 3],
                        "amount": counted,
                        "stripe_url": link,
                    }
                )

    def tables(self) -> dict[str, list[Row]]:
        """The facts, as the marts have them."""
        movements = [
            {k: v for k, v in row.items() if k not in {"before", "after"}} for row in self.movements
        ]
        changes = [(row["before"], row["after"]) for row in self.movements]
        prices = [
            {
                "account_id": self.account,
                "price_id": f"price_{n}",
                "product_id": f"prod_{n}",
                "currency": self.key["currency"],
                "nickname": None if n else "Basic monthly",
                "billing_interval": "month",
                "interval_count": n + 1,
                "stripe_url": stripe_link(self.account, f"prices/price_{n}"),
            }
            for n in range(3)
        ]
        products = [
            {"account_id": self.account, "product_id": f"prod_{n}", "name": f"Product {n}"}
            for n in range(3)
        ]
        first = self.key["currency"] != "eur"
        return {
            "fct_subscription_item_spans": self.spans,
            "fct_subscriptions": self.subscriptions,
            "fct_mrr_movements": [
                row | {"opening_mrr": b, "closing_mrr": a, "mrr_change": a - b}
                for row, (b, a) in zip(movements, changes, strict=True)
            ],
            "fct_mrr_movement_items": [
                row
                | {
                    "item_id": f"si_{row['subscription_id']}",
                    "price_id_after": "price_0",
                    "mrr_before": b,
                    "mrr_after": a,
                    "mrr_change": a - b,
                    "mrr_source": "event",
                    "is_estimated": row["day"] < TODAY - timedelta(days=40),
                }
                for row, (b, a) in zip(movements, changes, strict=True)
            ],
            "fct_payment_attempts": self.attempts,
            "fct_payments": self.payments,
            "fct_revenue_lines": self.lines,
            "fct_trials": self.trials,
            # Prices and products are of the account, not of a currency.
            "dim_prices": prices if first and self.spans else [],
            "dim_products": products if first and self.spans else [],
            "rpt_plan_mix": self._plan_mix(),
            "rpt_top_customers": self._top(),
            "rpt_cohort_retention": self._cohorts(),
        }

    def open_on(self, day: date) -> list[Row]:
        """Items of subscriptions in force at a day's close."""
        return [
            span
            for span in self.spans
            if span["first_day"] <= day
            and (span["day_after_last"] is None or span["day_after_last"] > day)
        ]

    def _plan_mix(self) -> list[Row]:
        by_price: dict[str, list[Row]] = defaultdict(list)
        for span in self.open_on(TODAY):
            by_price[span["price_id"]].append(span)
        whole = total(span["mrr"] for span in self.open_on(TODAY))
        return [
            self.key
            | {
                "month": TODAY.replace(day=1),
                "price_id": price,
                "subscriptions": len(spans),
                "subscribers": len(spans),
                "quantity": len(spans),
                "mrr": total(span["mrr"] for span in spans),
                "mrr_share": ratio(total(span["mrr"] for span in spans), whole),
            }
            for price, spans in by_price.items()
        ]

    def _top(self) -> list[Row]:
        spans = sorted(self.open_on(TODAY), key=lambda s: (-s["mrr"], s["customer_id"]))
        whole = total(span["mrr"] for span in spans)
        return [
            self.key
            | {
                "customer_id": span["customer_id"],
                "mrr": span["mrr"],
                "mrr_share": ratio(span["mrr"], whole),
                "mrr_rank": place + 1,
                "net_revenue": Decimal(place),
                "stripe_url": stripe_link(self.account, f"customers/{span['customer_id']}"),
            }
            for place, span in enumerate(spans)
        ]

    def _cohorts(self) -> list[Row]:
        month = TODAY.replace(day=1)
        return [
            self.key
            | {
                "cohort_month": month - timedelta(days=30 * back),
                "month": month,
                "months_since_start": back,
                "cohort_customers": 10,
                "retained_customers": 10 - back,
                "logo_retention": Decimal(10 - back) / 10,
                "cohort_mrr": Decimal(100),
                "retained_mrr": Decimal(100 - 9 * back),
                "revenue_retention": Decimal(100 - 9 * back) / 100,
            }
            for back in range(3 if self.spans else 0)
        ]


def at(day: date) -> datetime:
    """Nine o'clock of a day."""
    return datetime.combine(day, time(9))


def stripe_link(account: str, rest: str) -> str:
    """An address of Stripe's dashboard."""
    return f"https://dashboard.stripe.com/{account}/test/{rest}"


def total(values: Iterable[Decimal]) -> Decimal:
    """A sum that is a Decimal also of nothing."""
    return sum(values, Decimal(0))


def ratio(top: Decimal, bottom: Decimal) -> Decimal | None:
    """A quotient as the marts have it."""
    return (top / bottom).quantize(Decimal("0.000001"), ROUND_HALF_UP) if bottom else None
