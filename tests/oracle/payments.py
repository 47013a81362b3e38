"""Attempts, payments and revenue by day, from `docs/metrics.md` §4 and §7.

Belongs here: charges, refunds, disputes, invoices. Not here: subscriptions.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.oracle.money import exponent, major, ratio
from tests.oracle.readings import Object, Readings

Value = Decimal | int | None
Key = tuple[dt.date, str]


class Payments:
    """The money of one account."""

    def __init__(self, readings: Readings) -> None:
        """Put every object on its days."""
        self._readings = readings
        self._sums: dict[Key, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._payers: dict[Key, set[str]] = defaultdict(set)
        self._invoice_of: dict[str, str] = {}
        # Money that moved: kind, time, currency, minor units (positive: in), and its charge.
        self.moved: list[tuple[str, int, str, int, Object | None]] = []
        for invoice in readings.objects("invoices"):
            self._invoice(invoice)
        attempts = [
            charge
            for charge in readings.objects("charges")
            if (charge.get("outcome") or {}).get("type") != "invalid"
            and charge["created"] >= readings.history_start
        ]
        attempts += self._chargeless()
        for charge in attempts:
            self._attempt(charge)
        self._payments(attempts)
        self._refunds()
        for dispute in readings.objects("disputes"):
            for moved in dispute["balance_transactions"]:
                self._add(moved["created"], moved["currency"], "disputes", -moved["amount"])
                self._move("disputes", moved, moved["amount"], dispute["charge"])

    def _move(self, kind: str, source: Object, amount: int, charge: str | None) -> None:
        if amount:
            of = self._readings.newest["charges"].get(charge or "")
            self.moved.append((kind, source["created"], source["currency"], amount, of))

    def invoice_of(self, charge: Object | None) -> Object | None:
        """Return the imported invoice that a charge of the window pays, if there is one."""
        if charge is None or charge["created"] < self._readings.history_start:
            return None
        invoice = self._invoice_of.get(charge["id"])
        invoice = invoice or self._invoice_of.get(charge["payment_intent"])
        return self._readings.newest["invoices"].get(invoice or "")

    def _chargeless(self) -> list[Object]:
        """Return PaymentIntents that failed before any charge existed, as failed attempts."""
        charged = {charge["payment_intent"] for charge in self._readings.objects("charges")}
        found: dict[str, Object] = {}
        for event in self._readings.events:
            intent = event["data"]["object"]
            if event["type"] != "payment_intent.payment_failed" or intent["id"] in charged:
                continue
            error = intent.get("last_payment_error") or {}
            if intent["created"] < self._readings.history_start:
                continue
            if intent.get("latest_charge") is None and error.get("charge") is None:
                found.setdefault(
                    intent["id"],
                    {
                        "id": intent["id"],
                        "created": intent["created"],
                        "currency": intent["currency"],
                        "customer": intent["customer"],
                        "payment_intent": intent["id"],
                        "status": "failed",
                        "amount": intent["amount"],
                        "amount_captured": 0,
                    },
                )
        return list(found.values())

    def currencies(self) -> set[str]:
        """Return every currency in which money moved."""
        return {currency for _, currency in self._sums}

    def _add(self, at: int, currency: str, what: str, amount: int = 1) -> None:
        self._sums[self._readings.day(at), currency][what] += amount

    def _invoice(self, invoice: Object) -> None:
        currency, moments = invoice["currency"], invoice["status_transitions"]
        if moments["finalized_at"] is not None and invoice["status"] not in ("draft", "void"):
            self._add(moments["finalized_at"], currency, "invoiced", invoice["total_excluding_tax"])
        if invoice["amount_paid_off_stripe"] and moments["paid_at"] is not None:
            self._add(moments["paid_at"], currency, "elsewhere", invoice["amount_paid_off_stripe"])
            day = self._readings.day(moments["paid_at"])
            self._payers[day, currency].add(invoice["customer"])
        for link in invoice["payments"]["data"]:
            paid = link["payment"]
            self._invoice_of[paid.get(paid["type"])] = invoice["id"]

    def _attempt(self, charge: Object) -> None:
        at, currency, outcome = charge["created"], charge["currency"], charge["status"]
        self._add(at, currency, f"attempts_{outcome}")
        if outcome == "failed":
            self._add(at, currency, "failed_amount", charge["amount"])
        if outcome == "succeeded" and charge["amount_captured"]:
            self._add(at, currency, "gross", charge["amount_captured"])
            self._move("gross_revenue", charge, charge["amount_captured"], charge["id"])
            if charge["customer"] is not None:
                self._payers[self._readings.day(at), currency].add(charge["customer"])

    def _payments(self, attempts: list[Object]) -> None:
        owed: dict[Any, list[Object]] = defaultdict(list)
        for charge in sorted(attempts, key=lambda item: item["created"]):
            intent = charge["payment_intent"]
            invoice = self._invoice_of.get(charge["id"]) or self._invoice_of.get(intent)
            owed[invoice or intent or charge["id"]].append(charge)
        for thing, charges in owed.items():
            at, currency = charges[0]["created"], charges[0]["currency"]
            outcomes = [charge["status"] for charge in charges]
            self._recovery(thing, charges)
            invoice_object = self._readings.newest["invoices"].get(thing, {})
            if "succeeded" in outcomes:
                self._add(at, currency, "paid")
            elif (
                invoice_object.get("status") == "paid"
                and invoice_object["amount_paid_off_stripe"] > 0
            ):
                continue
            elif "pending" in outcomes:
                self._add(at, currency, "pending")
                self._add(at, currency, "unrecovered", int("failed" in outcomes))
            else:
                self._add(at, currency, "lost")
                self._add(at, currency, "unrecovered")

    def _recovery(self, thing: Any, charges: list[Object]) -> None:
        """Count a payment that failed first and was paid later, on the day of its first attempt."""
        failed = [charge["created"] for charge in charges if charge["status"] == "failed"]
        paid = [charge for charge in charges if charge["status"] == "succeeded"]
        if not failed or any(charge["created"] < failed[0] for charge in paid):
            return
        day, currency = charges[0]["created"], charges[0]["currency"]
        invoice = self._readings.newest["invoices"].get(thing, {})
        if paid:
            recovered_at = paid[0]["created"]
            amount = sum(charge["amount_captured"] for charge in paid)
        elif invoice.get("status") == "paid" and invoice["amount_paid_off_stripe"] > 0:
            recovered_at = invoice["status_transitions"]["paid_at"]
            amount = invoice["amount_paid_off_stripe"]
        else:
            return
        self._add(day, currency, "recovered")
        self._add(day, currency, "recovered_amount", amount)
        self._add(day, currency, "recovery_seconds", recovered_at - failed[0])

    def _refunds(self) -> None:
        by_charge: dict[Any, list[Object]] = defaultdict(list)
        for refund in self._readings.objects("refunds"):
            if refund["status"] in ("succeeded", "pending", "requires_action"):
                by_charge[refund["charge"] or refund["id"]].append(refund)
        for charge_id, refunds in by_charge.items():
            charge = self._readings.newest["charges"].get(charge_id)
            # What was never captured can only be let go.
            free = charge["amount"] - charge["amount_captured"] if charge else 0
            for refund in sorted(refunds, key=lambda item: (item["created"], item["id"])):
                released = min(free, refund["amount"])
                free -= released
                counted = refund["amount"] - released
                self._add(refund["created"], refund["currency"], "refunds", counted)
                self._move("refunds", refund, -counted, refund["charge"])

    def sums(self, days: list[dt.date], currency: str) -> dict[str, int]:
        """Return what some days together hold, minor units, seconds and counts."""
        names = ("lost", "recovered", "unrecovered", "recovery_seconds")
        return {
            name: sum(self._sums.get((day, currency), {}).get(name, 0) for day in days)
            for name in names
        }

    def numbers(self, day: dt.date, currency: str, first_day: dt.date) -> dict[str, Value]:
        """Return the columns of one day."""
        sums = self._sums.get((day, currency)) or defaultdict(int)
        won, failed = sums["attempts_succeeded"], sums["attempts_failed"]
        collected, payers = 0, set()
        for (on, of), amounts in self._sums.items():
            if of == currency and first_day <= on <= day:
                collected += amounts["gross"] + amounts["elsewhere"]
                collected -= amounts["refunds"] + amounts["disputes"]
        for (on, of), who in self._payers.items():
            if of == currency and first_day <= on <= day:
                payers |= who
        return {
            "realised_revenue_per_customer": ratio(
                Fraction(collected, 10 ** exponent(currency)), len(payers)
            ),
            "payment_success_rate": ratio(sums["paid"], sums["paid"] + sums["lost"]),
            "attempt_success_rate": ratio(won, won + failed),
            "succeeded_payments": sums["paid"],
            "pending_payments": sums["pending"],
            "transaction_count": won,
            "failed_payments": failed,
            "failed_amount": major(sums["failed_amount"], currency),
            "failed_payments_unrecovered": sums["unrecovered"],
            "recovered_payments": sums["recovered"],
            "recovered_amount": major(sums["recovered_amount"], currency),
            "payment_recovery_rate": ratio(
                sums["recovered"], sums["recovered"] + sums["unrecovered"]
            ),
            "hours_to_recovery": ratio(sums["recovery_seconds"], 3_600 * sums["recovered"]),
            "gross_revenue": major(sums["gross"], currency),
            "refunds": major(sums["refunds"], currency),
            "disputes": major(sums["disputes"], currency),
            "net_revenue": major(sums["gross"] - sums["refunds"] - sums["disputes"], currency),
            "invoiced_revenue": major(sums["invoiced"], currency),
        }
