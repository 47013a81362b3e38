"""What a page is asked to show, parsed in one place from the parameters of its URL.

`parse` reads words and refuses unknown ones; `Asked.resolve` makes days of them, which needs the
account's own today. Pages, the JSON API, exports and embedded widgets all take the same words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import urlencode

from babel import Locale

from connections.errors import DashtrayError
from console.web.numbers.formats import DEFAULT_LOCALE, known_locale

Words = TypeVar("Words", bound=StrEnum)


class SelectionError(DashtrayError):
    """A parameter has a value that there is not; names the parameter and what it may be."""


class Grain(StrEnum):
    """What one point of a chart covers."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Comparison(StrEnum):
    """Which former period a number is compared with."""

    PREVIOUS = "previous"
    YEAR = "year"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Span:
    """Days, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class Preset:
    """One entry of the range picker.

    Attributes:
        label: What the picker calls it.
        span: Its days, by the account's today and its first day with metrics.
    """

    label: str
    span: Callable[[date, date], Span]


def _last_days(days: int) -> Callable[[date, date], Span]:
    return lambda today, _first: Span(today - timedelta(days=days - 1), today)


def _last_month(today: date, _first: date) -> Span:
    last = today.replace(day=1) - timedelta(days=1)
    return Span(last.replace(day=1), last)


def _this_quarter(today: date, _first: date) -> Span:
    return Span(today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1), today)


#: Every range that can be picked; `custom` (with `from` and `to`) is the one beside them.
PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "7d": Preset("Last 7 days", _last_days(7)),
        "30d": Preset("Last 30 days", _last_days(30)),
        "90d": Preset("Last 90 days", _last_days(90)),
        "month": Preset("This month", lambda today, _: Span(today.replace(day=1), today)),
        "last_month": Preset("Last month", _last_month),
        "quarter": Preset("This quarter", _this_quarter),
        "year": Preset("This year", lambda today, _: Span(today.replace(month=1, day=1), today)),
        "12m": Preset("Last 12 months", _last_days(365)),
        "all": Preset("All imported", lambda today, first: Span(min(first, today), today)),
    }
)
#: The word for all currencies in the one that the operator reports in.
REPORTING = "reporting"
CUSTOM = "custom"
DEFAULT_RANGE = "30d"
#: A range that no picker makes by mistake.
LONGEST = 3660

_COMPARISON_LABELS = {
    Comparison.PREVIOUS: "Previous period",
    Comparison.YEAR: "Same days last year",
    Comparison.NONE: "No comparison",
}


@dataclass(frozen=True, slots=True)
class Reach:
    """How far an account's published numbers reach.

    Attributes:
        account: Stripe's id.
        name: What people call it.
        today: Its running day.
        first_day: Its first day with metrics.
        currencies: The currencies that it has numbers in, its default first.
        timezone: In which its days are cut.
        as_of: When its last completed sync began, by Stripe's clock.
        watched_from: From when every change of a subscription is known exactly.
        reporting: The currency that all of them are converted to; None = there is none, or it
            would say nothing new.
    """

    account: str
    name: str
    today: date
    first_day: date
    currencies: tuple[str, ...]
    timezone: str
    as_of: datetime
    watched_from: datetime
    reporting: str | None = None

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that `currency=` may have."""
        return (*self.currencies, REPORTING) if self.reporting else self.currencies


@dataclass(frozen=True, slots=True)
class Selection:
    """What is shown: everything that a query or a renderer needs to know.

    Attributes:
        reach: The account, and how far its numbers go.
        currency: In lower case; that amounts are in.
        range: The picker's word.
        span: Its days, cut at the imported history.
        asked: Its days as asked.
        comparison: With what it is compared.
        grain: What one point covers.
        locale: How numbers and days are written.
        locale_chosen: Whether the address says so, and not the browser.
        is_reporting: Whether it is all currencies together, converted.
        metrics: The metrics that the answer needs; None = all. Fewer are read faster.
    """

    reach: Reach
    currency: str
    range: str
    span: Span
    asked: Span
    comparison: Comparison
    grain: Grain
    locale: Locale
    locale_chosen: bool = False
    is_reporting: bool = False
    metrics: tuple[str, ...] | None = None

    @property
    def account(self) -> str:
        """The account's id."""
        return self.reach.account

    @property
    def former(self) -> Span | None:
        """The period compared with; None = no comparison is wanted."""
        match self.comparison:
            case Comparison.NONE:
                return None
            case Comparison.PREVIOUS:
                last = self.asked.first - timedelta(days=1)
                return Span(last - timedelta(days=self.asked.days - 1), last)
            case Comparison.YEAR:
                return Span(_year_before(self.asked.first), _year_before(self.asked.last))

    @property
    def is_cut(self) -> bool:
        """Whether the range begins before the imported history does."""
        return self.asked.first < self.span.first

    def parameters(self) -> dict[str, str]:
        """The words of this selection: `parse` gives the same one for them."""
        words = {
            "account": self.account,
            "currency": REPORTING if self.is_reporting else self.currency,
            "range": self.range,
            "compare": str(self.comparison),
            "grain": str(self.grain),
        }
        if self.range == CUSTOM:
            words |= {"from": self.asked.first.isoformat(), "to": self.asked.last.isoformat()}
        if self.locale_chosen:
            words["locale"] = str(self.locale).replace("_", "-")
        return words

    def query(self, **changes: str | None) -> str:
        """The URL's query for this selection, with some parameters changed or (None) left out."""
        words = {**self.parameters(), **changes}
        return urlencode({name: word for name, word in words.items() if word is not None})


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters, each checked by itself; None = not given."""

    account: str | None = None
    currency: str | None = None
    range: str = DEFAULT_RANGE
    first: date | None = None
    last: date | None = None
    comparison: Comparison = Comparison.PREVIOUS
    grain: Grain | None = None
    locale: Locale = DEFAULT_LOCALE
    locale_chosen: bool = False

    def resolve(self, reach: Reach) -> Selection:
        """Make a selection of one account.

        Raises:
            SelectionError: The account has nothing in that currency, or the days are not in order.
        """
        if self.currency is not None and self.currency not in reach.choices:
            raise SelectionError(
                f"currency={self.currency}: {reach.account} has no numbers in it. "
                f"Choose one of: {', '.join(reach.choices)}."
            )
        asked = self._days(reach)
        is_reporting = self.currency == REPORTING
        currency = reach.reporting if is_reporting else self.currency
        first = min(max(asked.first, reach.first_day), asked.last)
        return Selection(
            reach=reach,
            currency=currency or reach.currencies[0],
            is_reporting=is_reporting,
            range=self.range,
            span=Span(first, asked.last),
            asked=asked,
            comparison=self.comparison,
            grain=self.grain or default_grain(Span(first, asked.last)),
            locale=self.locale,
            locale_chosen=self.locale_chosen,
        )

    def _days(self, reach: Reach) -> Span:
        if self.range != CUSTOM:
            return PRESETS[self.range].span(reach.today, reach.first_day)
        last = self.last or reach.today
        first = self.first or min(reach.first_day, last)
        if first > last:
            raise SelectionError(f"from={first} lies after to={last}. Swap the two days.")
        if (last - first).days >= LONGEST:
            raise SelectionError(f"from={first} to={last} is more than {LONGEST} days.")
        return Span(first, last)


def parse(parameters: Mapping[str, str], *, accept_language: str | None = None) -> Asked:
    """Read a URL's parameters.

    Args:
        parameters: `account`, `currency`, `range`, `from`, `to`, `compare`, `grain`, `locale`;
            others are not looked at, and an empty one counts as not given.
        accept_language: The browser's header, for numbers when `locale` is not given.

    Raises:
        SelectionError: A value that there is not.
    """
    words = {name: value.strip() for name, value in parameters.items() if value.strip()}
    first, last = _day(words, "from"), _day(words, "to")
    # Days without a range mean themselves; a preset leaves the form's day fields unused.
    given = words.get("range", CUSTOM if first or last else DEFAULT_RANGE)
    if given not in (*PRESETS, CUSTOM):
        raise _unknown("range", given, (*PRESETS, CUSTOM))
    asked = Asked(
        account=_account(words.get("account")),
        currency=_currency(words.get("currency")),
        range=given,
        comparison=_word(Comparison, "compare", words) or Comparison.PREVIOUS,
        grain=_word(Grain, "grain", words),
        locale=_locale(words.get("locale"), accept_language),
        locale_chosen="locale" in words,
    )
    return replace(asked, first=first, last=last) if given == CUSTOM else asked


def comparison_label(comparison: Comparison) -> str:
    """What the picker calls it."""
    return _COMPARISON_LABELS[comparison]


def default_grain(span: Span) -> Grain:
    """The grain that gives a chart of readable density."""
    if span.days <= 45:
        return Grain.DAY
    return Grain.WEEK if span.days <= 270 else Grain.MONTH


def _year_before(day: date) -> date:
    # 29 February has no counterpart: the 28th stands for it.
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def _account(value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"acct_[A-Za-z0-9_]{1,64}", value):
        raise SelectionError("account= must be the id of a Stripe account, acct_….")
    return value


def _currency(value: str | None) -> str | None:
    if value is not None and not re.fullmatch(rf"[A-Za-z]{{3}}|{REPORTING}", value):
        raise SelectionError(
            f"currency= must be a currency's three letters, such as usd, or {REPORTING}."
        )
    return None if value is None else value.lower()


def _day(words: Mapping[str, str], name: str) -> date | None:
    value = words.get(name)
    if value is None:
        return None
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
            raise ValueError
        day = date.fromisoformat(value)
    except ValueError:
        raise SelectionError(f"{name}= must be a day, such as 2026-01-31.") from None
    if not 2000 <= day.year <= 2199:
        raise SelectionError(f"{name}={day} must lie between 2000 and 2199.")
    return day


def _word(kind: type[Words], name: str, words: Mapping[str, str]) -> Words | None:
    value = words.get(name)
    if value is None:
        return None
    try:
        return kind(value)
    except ValueError:
        raise _unknown(name, value, tuple(kind)) from None


def _locale(value: str | None, accept_language: str | None) -> Locale:
    if value is not None:
        locale = known_locale(value)
        if locale is None:
            raise SelectionError("locale= must be a language and region, such as en-GB or de.")
        return locale
    for part in (accept_language or "").split(",")[:10]:
        locale = known_locale(part.split(";")[0].strip())
        if locale is not None:
            return locale
    return DEFAULT_LOCALE


def _unknown(name: str, value: str, choices: tuple[str, ...]) -> SelectionError:
    printable = "".join(letter if letter.isprintable() else " " for letter in value)
    shown = printable if len(printable) <= 40 else f"{printable[:40]}…"
    return SelectionError(f"{name}={shown} is unknown. Choose one of: {', '.join(choices)}.")
