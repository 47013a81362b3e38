"""One GET to Stripe: authorised, paced, retried, checked. Streams and paging are not its concern.

The official SDK's `raw_request` is not used for volume: it decodes every body with the standard
library into ordered dictionaries before it hands over the bytes, and `requests` adds its own cost
(see docs/decisions for the measurement). urllib3, on which both rest, and orjson do the same with
a fraction of the work. Its guarantees are kept here: a pinned version on every call, the key only
in the `Authorization` header, no redirects followed with it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any
from urllib.parse import urlencode

import orjson
import urllib3

from dlt_sources.stripe.errors import (
    AccountRevoked,
    AttemptsExhausted,
    MalformedBody,
    ObjectMissing,
    PermissionMissing,
    StripeReadError,
)
from dlt_sources.stripe.limiter import LIVE, SANDBOX, Limiter, backoff
from dlt_sources.stripe.models import Authorise, IsRevocation, Rejected
from dlt_sources.stripe.pii import Treatment
from dlt_sources.stripe.streams import STRIPE_VERSION

Params = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Retries:
    """How long one request is tried: `attempts` in all, waits of `base` · 2ⁿ seconds up to `cap`.

    Refusals for going too fast have a larger budget of their own: they say that the request is
    fine and only early.
    """

    attempts: int = 8
    rate_attempts: int = 30
    base: float = 0.5
    cap: float = 20.0


DEFAULT_RETRIES = Retries()


@dataclass(frozen=True, slots=True)
class Reply:
    """One good answer.

    Attributes:
        data: The decoded body.
        date: Stripe's clock when it answered (`Date` header), unix seconds.
        read_order: This machine's clock in nanoseconds, to order replies of one second.
    """

    data: dict[str, Any]
    date: int
    read_order: int


class Kind(Enum):
    """Why a request was not answered with what was asked for."""

    FAILED = "failed"
    REFUSED = "refused as too fast"
    CUT = "body cut or malformed"
    UNAUTHORISED = "unauthorised"


@dataclass(frozen=True, slots=True)
class Trouble:
    """An answer that another try may better.

    Attributes:
        kind: What went wrong.
        text: For people, without secrets.
        retry_after: Seconds, if Stripe asked for a pause.
        code: Stripe's error code, if it gave one.
        sent: The headers that were refused, if they were the reason.
    """

    kind: Kind
    text: str
    retry_after: float | None = None
    code: str | None = None
    sent: Mapping[str, str] = field(default_factory=dict, repr=False)


def is_sandbox_key(headers: Mapping[str, str]) -> bool:
    """Tell from a secret key's prefix that it belongs to a sandbox."""
    token = headers.get("Authorization", "").rpartition(" ")[2]
    return token.startswith(("sk_test_", "rk_test_"))


def decode_body(body: bytes) -> dict[str, Any]:
    """Decode a 200's body; a cut or foreign one is an error that a retry may cure.

    Raises:
        MalformedBody: If it is not a JSON object.
    """
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBody(f"body of {len(body)} bytes is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise MalformedBody(f"body is a JSON {type(data).__name__}, not an object")
    return data


def error_of(body: bytes) -> dict[str, Any]:
    """Return the `error` member of an error answer, empty if there is none."""
    try:
        error = orjson.loads(body).get("error")
    except (orjson.JSONDecodeError, AttributeError):
        return {}
    return error if isinstance(error, dict) else {}


def is_revocation(status: int, error: Mapping[str, Any]) -> bool:
    """Tell a 403 that ends the connection from one that misses a permission."""
    return status == 403 and (
        error.get("code") == "account_invalid" or "revoked" in str(error.get("message", "")).lower()
    )


def is_retryable(status: int, headers: Mapping[str, str]) -> bool:
    """Tell whether the same GET may succeed later: conflicts, timeouts and Stripe's own faults."""
    return (
        status in (408, 409, 424) or status >= 500 or headers.get("stripe-should-retry") == "true"
    )


def server_time(headers: Mapping[str, str]) -> int:
    """Return the `Date` header as unix seconds.

    Raises:
        MalformedBody: If it is missing or unreadable; time is never taken from this machine.
    """
    try:
        return int(parsedate_to_datetime(headers["Date"]).timestamp())
    except (KeyError, ValueError, TypeError):
        raise MalformedBody("the answer has no readable Date header") from None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return `Retry-After` in seconds, `None` if it is absent or a date."""
    try:
        return min(60.0, max(0.0, float(headers["Retry-After"])))
    except (KeyError, ValueError):
        return None


def _cause(error: BaseException) -> str:
    """Name what a connection failed of, without its text."""
    reason = getattr(error, "reason", None)
    return type(reason if isinstance(reason, BaseException) else error).__name__


def _final(
    path: str, status: int, headers: Mapping[str, str], error: Mapping[str, Any]
) -> StripeReadError:
    """Return the error of an answer that would be the same again."""
    code, message = error.get("code"), error.get("message", "no message")
    if status == 403:
        return PermissionMissing(f"{path}: HTTP 403, the credential lacks a permission: {message}")
    if code == "resource_missing" or status == 404:
        return ObjectMissing(
            f"{path}: {message}", date=server_time(headers), read_order=time.time_ns()
        )
    return StripeReadError(f"{path}: HTTP {status} ({code or 'no code'}): {message}")


class Client:
    """Reads one account. Safe to use from many threads."""

    def __init__(
        self,
        pool: urllib3.PoolManager,
        *,
        api_base: str,
        authorise: Authorise,
        rejected: Rejected | None = None,
        withdrawn: IsRevocation | None = None,
        retries: Retries = DEFAULT_RETRIES,
        treat: Treatment | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._pool = pool
        self._base = api_base.rstrip("/")
        self._authorise = authorise
        self._rejected = rejected or (lambda _: True)
        self._withdrawn = withdrawn
        self._retries = retries
        self._treat = treat or (lambda body: body)
        self._sleep = sleep
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._livemode_known = False
        self._answered = False
        self.requests = 0
        self.limiter = Limiter(SANDBOX if is_sandbox_key(self._headers()) else LIVE)

    def stop(self) -> None:
        """Make every later request fail at once: the account has failed already."""
        self._stopped.set()

    def _headers(self) -> dict[str, str]:
        return {
            **self._authorise(),
            "Stripe-Version": STRIPE_VERSION,
            "Accept-Encoding": "gzip",
            "User-Agent": "dashtray-stripe",
        }

    def get(
        self,
        path: str,
        params: Params = (),
        *,
        endpoint: str | None = None,
        cut_bodies: int | None = None,
    ) -> Reply:
        """Read one page or one object.

        Args:
            path: Path below the API's base, ids filled in.
            params: Query parameters in order; repeated names make lists.
            endpoint: The limiter's bucket; the path itself if not given.
            cut_bodies: Malformed bodies after which to give up, if the caller can ask for less;
                otherwise they count as any other failure.

        Raises:
            AccountRevoked: The credential was refused for good.
            PermissionMissing: The credential may not read this endpoint.
            ObjectMissing: Stripe knows no such object.
            MalformedBody: `cut_bodies` bodies arrived cut; ask for less.
            AttemptsExhausted: Failures outlasted the retries.
            StripeReadError: Stripe refused the request itself.
        """
        endpoint = endpoint or path
        url = f"{self._base}{path}" + (f"?{urlencode(params)}" if params else "")
        spent: Counter[Kind] = Counter()
        while True:
            if self._stopped.is_set():
                raise StripeReadError(f"{path}: given up because the account failed elsewhere")
            self.limiter.wait(endpoint)
            result = self._attempt(path, url, endpoint)
            if isinstance(result, Reply):
                return result
            spent[result.kind] += 1
            tries = spent.total()
            text = f"{path}: {result.text}, after {tries} tries"
            if result.kind is Kind.UNAUTHORISED:
                # The token may have run out between `authorise` and Stripe's answer.
                if spent[Kind.UNAUTHORISED] == 1 and self._rejected(result.sent):
                    continue
                if self._is_withdrawn(401, {"code": result.code}):
                    raise AccountRevoked(f"{path}: {result.text}")
                raise StripeReadError(f"{path}: {result.text}")
            if cut_bodies is not None and spent[Kind.CUT] >= cut_bodies:
                raise MalformedBody(text)
            if self._is_exhausted(spent):
                raise AttemptsExhausted(text)
            self._sleep(
                backoff(
                    min(8, tries),
                    result.retry_after,
                    base=self._retries.base,
                    cap=self._retries.cap,
                )
            )

    def _is_exhausted(self, spent: Counter[Kind]) -> bool:
        """Tell whether the budget is used up; a server that never answered gets half of it."""
        allowed = self._retries.attempts if self._answered else self._retries.attempts // 2
        failures = spent.total() - spent[Kind.REFUSED]
        return failures >= allowed or spent[Kind.REFUSED] >= self._retries.rate_attempts

    def _attempt(self, path: str, url: str, endpoint: str) -> Reply | Trouble:
        """Send the request once.

        Raises:
            StripeReadError: If sending it again would change nothing.
        """
        headers = self._headers()
        with self._lock:
            self.requests += 1
        began = time.monotonic()
        try:
            answer = self._pool.request("GET", url, headers=headers, redirect=False)
            status, body = answer.status, answer.data
            seconds = time.monotonic() - began
        except urllib3.exceptions.HTTPError as failure:
            # Its text may quote a proxy's address with its password.
            return Trouble(Kind.FAILED, f"no whole answer from {self._base} ({_cause(failure)})")
        self._answered = True
        if status == 200:
            try:
                data = self._treat(decode_body(body))
                reply = Reply(data, server_time(answer.headers), time.time_ns())
            except MalformedBody as malformed:
                return Trouble(Kind.CUT, str(malformed))
            self.limiter.accepted(endpoint, seconds)
            self._learn_livemode(reply.data)
            return reply
        if status == 401:
            error = error_of(body)
            text = f"HTTP 401, access was refused: {error.get('message', 'no message')}"
            return Trouble(Kind.UNAUTHORISED, text, code=error.get("code"), sent=headers)
        pause = retry_after(answer.headers)
        if status == 429:
            reason = answer.headers.get("Stripe-Rate-Limited-Reason")
            self.limiter.refused(endpoint, reason)
            return Trouble(Kind.REFUSED, f"too fast ({reason or 'lock timeout'})", pause)
        if is_retryable(status, answer.headers):
            return Trouble(Kind.FAILED, f"HTTP {status}", pause)
        error = error_of(body)
        if self._is_withdrawn(status, error):
            message = error.get("message", "no message")
            raise AccountRevoked(f"{path}: HTTP {status}, access was refused for good: {message}")
        raise _final(path, status, answer.headers, error)

    def _is_withdrawn(self, status: int, error: Mapping[str, Any]) -> bool:
        """Tell whether a refusal ends the connection: the owner of the credential knows best."""
        if self._withdrawn is not None:
            return self._withdrawn(status, error.get("code"))
        return status == 401 or is_revocation(status, error)

    def _learn_livemode(self, data: Mapping[str, Any]) -> None:
        """Take the sandbox's limits if an object says that it is one; keys of apps do not say."""
        if self._livemode_known:
            return
        members = data.get("data")
        sample = members[0] if isinstance(members, list) and members else data
        livemode = sample.get("livemode") if isinstance(sample, dict) else None
        if livemode is None:
            return
        self._livemode_known = True
        wanted = LIVE if livemode else SANDBOX
        if self.limiter.limits is not wanted:
            self.limiter.use(wanted)
