"""A small published file, made without dbt: the contract's tables with rows that agree.

One account has everything, one has two currencies and five days, one has nothing but zeros, and
one belongs to somebody else. Sums of the facts equal the metrics, as they do in real marts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

CONTRACT = Path(__file__).parents[3] / "dbt_project" / "contracts" / "marts.json"

FULL, PARTIAL, EMPTY, OTHERS = "acct_full", "acct_partial", "acct_empty", "acct_others"
ACCOUNTS = (FULL, PARTIAL, EMPTY, OTHERS)
TODAY = date(2026, 11, 27)
NOW = datetime(2026, 11, 27, 15, 30, tzinfo=UTC)
DAYS = 91

Row = dict[str, Any]


def write_marts(path: Path, *, scale: Decimal = Decimal(1)) -> None:
    """Write the file anew and put it in place as a build does, by a rename.

    Args:
        path: The published file.
        scale: What amounts are multiplied by, so that one build can be told from another.
    """
    aside = path.with_name(".new")
    aside.unlink(missing_ok=True)
    tables: dict[str, list[Row]] = defaultdict(list)
    _account(tables, FULL, "Full & Sons", {"usd": scale}, DAYS, customers=40)
    _account(tables, PARTIAL, "Partial KK", {"jpy": scale * 100, "eur": scale}, 5, customers=8)
    _account(tables, EMPTY, None, {"gbp": scale}, 3, customers=0)
    _account(tables, OTHERS, "Others Ltd", {"usd": scale * 7}, 30, customers=12)
    contract: dict[str, dict[str, list[str]]] = json.loads(CONTRACT.read_text())
    with duckdb.connect(str(aside)) as connection:
        for table, columns in contract.items():
            kinds = ", ".join(f'"{name}" {kind[0]}' for name, kind in columns.items())
            connection.execute(f'create table "{table}" ({kinds})')
            used = {name for row in tables[table] for name in row}
            assert used <= columns.keys(), (table, used - columns.keys())
            if used:
                # Row by row an insert takes seconds.
                values = {name: [row.get(name) for row in tables[table]] for name in used}
                connection.register("rows", pa.table(values))
                connection.execute(f'insert into "{table}" by name from rows')
    aside.replace(path)


def _account(
    tables: dict[str, list[Row]],
    account: str,
    name: str | None,
    currencies: dict[str, Decimal],
    days: int,
    *,
    customers: int,
) -> None:
    first = TODAY - timedelta(days=days - 1)
    default = next(iter(currencies))
    tables["dim_accounts"].append(
        {
            "account_id": account,
            "name": name,
            "country": "US",
            "default_currency": default,
            "reporting_time_zone": "UTC",
            "now_at": NOW.replace(tzinfo=None),
            "today": TODAY,
            "first_day": first,
            "history_started_at": _at(first),
            "first_synced_at": NOW.replace(tzinfo=None),
            "watched_from": _at(TODAY - timedelta(days=30)),
        }
    )
    people = [
        {
            "account_id": account,
            "customer_id": f"cus_{account[5:]}{number}",
            # One chooses a name that a spreadsheet would run.
            "name": None if number % 5 == 4 else ("=1+1" if number == 3 else f"Customer {number}"),
            "country": "DE",
            "created_at": _at(first + timedelta(days=number * 2 % days)),
            "is_deleted": False,
            "stripe_url": _link(account, f"customers/cus_{number}"),
        }
        for number in range(customers)
    ]
    tables["dim_customers"] += people
    for currency, unit in currencies.items():
        world = _World(account, currency, unit, first, [p["customer_id"] for p in people])
        for table, rows in world.tables().items():
            tables[table] += rows
        tables["metrics_daily"] += world.metrics([p["created_at"].date() for p in people])


class _World:
    """Facts of one account and currency, and the metrics that follow from them."""

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
        link = _link(self.account, f"subscriptions/{subscription}")
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
                "first_active_at": _at(begins),
                "ended_at": _at(ends) if ends else None,
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
        link = _link(self.account, f"payments/{payment}")
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
                "first_failed_at": _at(day) if "failed" in tries else None,
                "recovered_at": _at(day) + timedelta(hours=7, seconds=13) if recovered else None,
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
                "stripe_url": _link(self.account, f"prices/price_{n}"),
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

    def _open_at(self, day: date) -> list[Row]:
        return [
            span
            for span in self.spans
            if span["first_day"] <= day
            and (span["day_after_last"] is None or span["day_after_last"] > day)
        ]

    def _plan_mix(self) -> list[Row]:
        by_price: dict[str, list[Row]] = defaultdict(list)
        for span in self._open_at(TODAY):
            by_price[span["price_id"]].append(span)
        whole = _sum(span["mrr"] for span in self._open_at(TODAY))
        return [
            self.key
            | {
                "month": TODAY.replace(day=1),
                "price_id": price,
                "subscriptions": len(spans),
                "subscribers": len(spans),
                "quantity": len(spans),
                "mrr": _sum(span["mrr"] for span in spans),
                "mrr_share": _ratio(_sum(span["mrr"] for span in spans), whole),
            }
            for price, spans in by_price.items()
        ]

    def _top(self) -> list[Row]:
        spans = sorted(self._open_at(TODAY), key=lambda s: (-s["mrr"], s["customer_id"]))
        whole = _sum(span["mrr"] for span in spans)
        return [
            self.key
            | {
                "customer_id": span["customer_id"],
                "mrr": span["mrr"],
                "mrr_share": _ratio(span["mrr"], whole),
                "mrr_rank": place + 1,
                "net_revenue": Decimal(place),
                "stripe_url": _link(self.account, f"customers/{span['customer_id']}"),
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

    def metrics(self, created: list[date]) -> list[Row]:
        """One row a day, from the facts."""
        return [self._day(place, day, created) for place, day in enumerate(self.days)]

    def _day(self, place: int, day: date, created: list[date]) -> Row:
        spans = self._open_at(day)
        mrr = _sum(span["mrr"] for span in spans)
        moved = {
            kind: _sum(
                row["after"] - row["before"]
                for row in self.movements
                if row["day"] == day and row["movement"] == kind
            )
            for kind in ("new", "churn")
        }
        attempts = [row for row in self.attempts if row["day"] == day]
        payments = [row for row in self.payments if row["day"] == day]
        failed = [row for row in attempts if row["outcome"] == "failed"]
        by_kind = {
            kind: _sum(r["amount"] for r in self.lines if r["day"] == day and r["kind"] == kind)
            for kind in ("charge", "refund", "dispute")
        }
        won = sum(row["outcome"] == "succeeded" for row in payments)
        lost = sum(row["outcome"] == "failed" for row in payments)
        recovered = [row for row in payments if row["is_recovered"]]
        customers = sum(each <= day for each in created)
        arpu = _ratio(mrr, Decimal(len(spans)))
        early = place < 30
        return self.key | {
            "day": day,
            "mrr": mrr,
            "mrr_gross": mrr,
            "mrr_net": mrr,
            "arr": 12 * mrr,
            "mrr_opening": mrr - moved["new"] - moved["churn"],
            "mrr_new": moved["new"],
            "mrr_reactivation": Decimal(0),
            "mrr_expansion": Decimal(0),
            "mrr_contraction": Decimal(0),
            "mrr_churn": moved["churn"],
            "estimated_mrr_share": _ratio(
                _sum(span["mrr"] for span in spans if span["is_estimated"]), mrr
            ),
            "active_subscriptions": len(spans),
            "active_subscribers": len(spans),
            "trialing_subscriptions": 0,
            "new_subscriptions": sum(row["first_day"] == day for row in self.spans),
            "churned_subscriptions": sum(row["day_after_last"] == day for row in self.spans),
            "trial_starts": sum(row["started_day"] == day for row in self.trials),
            "trial_conversions": sum(row["converted_day"] == day for row in self.trials),
            "new_subscribers": sum(
                row["day"] == day and row["movement"] == "new" for row in self.movements
            ),
            "reactivated_subscribers": 0,
            "churned_subscribers": sum(
                row["day"] == day and row["movement"] == "churn" for row in self.movements
            ),
            "customer_count": customers,
            "new_customers": sum(each == day for each in created),
            "customer_growth_rate": None if early else Decimal("0.061234"),
            "arpu": arpu,
            "ltv": None if arpu is None or place % 2 else arpu * 20,
            "realised_revenue_per_customer": Decimal("12.345678") if customers else None,
            "customer_churn_rate_30d": Decimal("0.0234567") if spans else None,
            "gross_mrr_churn_rate": None if early else Decimal("0.05"),
            "net_mrr_churn_rate": None if early else Decimal("-0.01"),
            "grr": None if early else Decimal("0.95"),
            "nrr": None if early else Decimal("1.01"),
            "quick_ratio": None if early else Decimal("3.1"),
            "transaction_count": sum(row["outcome"] == "succeeded" for row in attempts),
            "failed_payments": len(failed),
            "failed_amount": _sum(row["amount"] for row in failed),
            "succeeded_payments": won,
            "pending_payments": sum(row["outcome"] == "pending" for row in payments),
            "failed_payments_unrecovered": lost,
            "recovered_payments": len(recovered),
            "recovered_amount": _sum(row["recovered_amount"] for row in payments),
            "gross_revenue": by_kind["charge"],
            "refunds": -by_kind["refund"],
            "disputes": -by_kind["dispute"],
            "net_revenue": sum(by_kind.values(), Decimal(0)),
            "invoiced_revenue": Decimal(0),
        }


def _at(day: date) -> datetime:
    return datetime.combine(day, time(9))


def _link(account: str, rest: str) -> str:
    return f"https://dashboard.stripe.com/{account}/test/{rest}"


def _sum(values: Iterable[Decimal]) -> Decimal:
    return sum(values, Decimal(0))


def _ratio(top: Decimal, bottom: Decimal) -> Decimal | None:
    return (top / bottom).quantize(Decimal("0.000001"), ROUND_HALF_UP) if bottom else None
