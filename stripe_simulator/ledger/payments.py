"""Attempts, payments and revenue by day.

What belongs here: `docs/metrics.md` §4 and the payments part of §7. What does not: subscriptions.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction

from stripe_simulator.ledger.calendar import Calendar
from stripe_simulator.ledger.counts import WINDOW, ratio
from stripe_simulator.ledger.money import exponent, major
from stripe_simulator.world import log
from stripe_simulator.world.account import Account

Value = Decimal | int | None


@dataclass(slots=True)
class Attempt:
    """One charge as it stands at the account's present."""

    at: int
    payment: str
    customer: str | None
    currency: str
    amount: int
    outcome: str
    captured: int


@dataclass(slots=True)
class DayOfMoney:
    """What happened in one currency on one day, in minor units."""

    succeeded: int = 0
    failed: int = 0
    failed_amount: int = 0
    gross: int = 0
    refunds: int = 0
    disputes: int = 0
    invoiced: int = 0
    elsewhere: int = 0
    paid: int = 0
    lost: int = 0
    pending: int = 0
    unrecovered: int = 0
    recovered: int = 0
    recovered_amount: int = 0
    recovery_seconds: int = 0
    payers: set[str] = field(default_factory=set)


class Payments:
    """What an import that reaches back to `history_start` can know of an account's money.

    A payment that failed before any charge is known from its event alone.
    Charges, refunds, disputes and invoices belong to the window by their creation, as Stripe lists
    them: a dispute opened earlier is unknown even if it is won within the window.
    """

    def __init__(self, account: Account, history_start: int, first_sync: int) -> None:
        """Read the log.

        Args:
            account: The account.
            history_start: Unix seconds; payment objects made earlier are not known.
            first_sync: Unix seconds; of what only events tell, nothing is known from more than 30
                days before.
        """
        self._calendar = Calendar(account.timezone)
        self._start = history_start
        self._watched_from = first_sync - WINDOW * 86_400
        self.days: dict[tuple[date, str], DayOfMoney] = defaultdict(DayOfMoney)
        self._read(account)

    def _day(self, at: int, currency: str) -> DayOfMoney:
        return self.days[self._calendar.day(at), currency]

    def _read(self, account: Account) -> None:
        attempts: dict[str, Attempt] = {}
        early: dict[str, Attempt] = {}
        elsewhere: dict[str, log.InvoicePaidElsewhere] = {}
        refunds: dict[str, log.Refunded] = {}
        invoices: dict[str, log.InvoiceFinalised] = {}
        for fact in account.log:
            if isinstance(fact, log.Attempted):
                attempts[fact.charge] = Attempt(
                    fact.at,
                    fact.payment,
                    fact.customer,
                    fact.currency,
                    fact.amount,
                    fact.outcome,
                    fact.captured,
                )
            elif isinstance(fact, log.IntentFailed):
                if fact.seen >= self._watched_from:
                    early[fact.payment] = Attempt(
                        fact.at, fact.payment, None, fact.currency, fact.amount, "failed", 0
                    )
            elif isinstance(fact, log.AttemptSettled):
                attempts[fact.charge].outcome = fact.outcome
                attempts[fact.charge].captured = fact.captured
            elif isinstance(fact, log.Refunded):
                refunds[fact.refund] = fact
            elif isinstance(fact, log.RefundEnded):
                del refunds[fact.refund]
            elif isinstance(fact, log.DisputeMoved):
                if fact.opened >= self._start:
                    self._day(fact.at, fact.currency).disputes -= fact.amount
            elif isinstance(fact, log.InvoiceFinalised):
                invoices[fact.invoice] = fact
            elif isinstance(fact, log.InvoiceVoided):
                invoices.pop(fact.invoice, None)
            elif isinstance(fact, log.InvoicePaidElsewhere) and fact.created >= self._start:
                elsewhere[fact.invoice] = fact
                day = self._day(fact.at, fact.currency)
                day.elsewhere += fact.amount
                day.payers.add(fact.customer)
        for refund in refunds.values():
            if refund.at >= self._start:
                self._day(refund.at, refund.currency).refunds += refund.amount
        for invoice in invoices.values():
            if invoice.created >= self._start:
                self._day(invoice.at, invoice.currency).invoiced += invoice.amount
        known = [attempt for attempt in attempts.values() if attempt.at >= self._start]
        charged = {attempt.payment for attempt in attempts.values()}
        known += [
            attempt
            for payment, attempt in early.items()
            if attempt.at >= self._start and payment not in charged
        ]
        self._attempts(known)
        self._payments(known, elsewhere)

    def _attempts(self, attempts: list[Attempt]) -> None:
        for attempt in attempts:
            day = self._day(attempt.at, attempt.currency)
            if attempt.outcome == "succeeded":
                day.succeeded += 1
                day.gross += attempt.captured
                if attempt.captured and attempt.customer is not None:
                    day.payers.add(attempt.customer)
            elif attempt.outcome == "failed":
                day.failed += 1
                day.failed_amount += attempt.amount

    def _payments(
        self, attempts: list[Attempt], elsewhere: dict[str, log.InvoicePaidElsewhere]
    ) -> None:
        owed: dict[str, list[Attempt]] = defaultdict(list)
        for attempt in sorted(attempts, key=lambda one: one.at):
            owed[attempt.payment].append(attempt)
        for payment, tries in owed.items():
            day = self._day(tries[0].at, tries[0].currency)
            good = [attempt for attempt in tries if attempt.outcome == "succeeded"]
            bad = [attempt for attempt in tries if attempt.outcome == "failed"]
            if good:
                day.paid += 1
                if bad and bad[0].at <= good[0].at:
                    captured = sum(attempt.captured for attempt in good)
                    _recover(day, captured, good[0].at - bad[0].at)
            elif payment in elsewhere:
                if bad:
                    settled = elsewhere[payment]
                    _recover(day, settled.amount, settled.at - bad[0].at)
            else:
                day.unrecovered += bool(bad)
                if len(bad) < len(tries):
                    day.pending += 1
                else:
                    day.lost += 1

    def numbers(self, currency: str, first: date, last: date) -> dict[date, dict[str, Value]]:
        """Every column of §4 for each day, and the cumulative revenue per customer of §3."""
        collected = 0
        payers: set[str] = set()
        for (day, of), money in self.days.items():
            if of == currency and day < first:
                collected += money.gross + money.elsewhere - money.refunds - money.disputes
                payers |= money.payers
        found: dict[date, dict[str, Value]] = {}
        for day in Calendar.days(first, last):
            money = self.days.get((day, currency)) or DayOfMoney()
            collected += money.gross + money.elsewhere - money.refunds - money.disputes
            payers |= money.payers
            each = Fraction(collected, 10 ** exponent(currency))
            found[day] = {
                "realised_revenue_per_customer": ratio(each, len(payers)),
                **_columns(money, currency),
            }
        return found


def _recover(day: DayOfMoney, amount: int, seconds: int) -> None:
    day.recovered += 1
    day.recovered_amount += amount
    day.recovery_seconds += seconds


def _columns(money: DayOfMoney, currency: str) -> dict[str, Value]:
    return {
        "payment_success_rate": ratio(money.paid, money.paid + money.lost),
        "attempt_success_rate": ratio(money.succeeded, money.succeeded + money.failed),
        "succeeded_payments": money.paid,
        "pending_payments": money.pending,
        "transaction_count": money.succeeded,
        "failed_payments": money.failed,
        "failed_amount": major(money.failed_amount, currency),
        "failed_payments_unrecovered": money.unrecovered,
        "recovered_payments": money.recovered,
        "recovered_amount": major(money.recovered_amount, currency),
        "payment_recovery_rate": ratio(money.recovered, money.recovered + money.unrecovered),
        "hours_to_recovery": ratio(money.recovery_seconds, 3600 * money.recovered),
        "gross_revenue": major(money.gross, currency),
        "refunds": major(money.refunds, currency),
        "disputes": major(money.disputes, currency),
        "net_revenue": major(money.gross - money.refunds - money.disputes, currency),
        "invoiced_revenue": major(money.invoiced, currency),
    }
