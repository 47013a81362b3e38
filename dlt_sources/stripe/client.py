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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
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
from dlt_sources.stripe.models import Authorise
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


def is_sandbox_key(headers: Mapping[str, str]) -> bool:
    """Tell from a secret key's prefix that it belongs to a sandbox."""
    token = headers.get("Authorization", "").rpartition(" ")[2]
    return token.startswith(("sk_test_", "rk_test_"))


def new_pool(threads: int) -> urllib3.PoolManager:
    """Return a connection pool that `threads` threads can share without waiting for each other."""
    return urllib3.PoolManager(
        num_pools=32,
        maxsize=threads,
        retries=False,
        timeout=urllib3.Timeout(connect=10.0, read=80.0),
    )


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


class Client:
    """Reads one account. Safe to use from many threads."""

    def __init__(
        self,
        pool: urllib3.PoolManager,
        *,
        api_base: str,
        authorise: Authorise,
        retries: Retries = DEFAULT_RETRIES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._pool = pool
        self._base = api_base.rstrip("/")
        self._authorise = authorise
        self._retries = retries
        self._sleep = sleep
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._livemode_known = False
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
        failures = refusals = unauthorised = cut = 0
        while True:
            if self._stopped.is_set():
                raise StripeReadError(f"{path}: given up because the account failed elsewhere")
            self.limiter.wait(endpoint)
            problem, delay_floor = "", None
            try:
                status, headers, body = self._send(url)
            except urllib3.exceptions.HTTPError as error:
                problem = f"no complete answer ({type(error).__name__})"
            else:
                if status == 200:
                    try:
                        reply = Reply(decode_body(body), server_time(headers), time.time_ns())
                    except MalformedBody as error:
                        problem = str(error)
                        cut += 1
                    else:
                        self.limiter.accepted(endpoint)
                        self._learn_livemode(reply.data)
                        return reply
                elif status == 429:
                    refusals += 1
                    reason = headers.get("Stripe-Rate-Limited-Reason")
                    self.limiter.refused(endpoint, reason)
                    problem = f"refused as too fast ({reason or 'lock timeout'})"
                    delay_floor = retry_after(headers)
                elif status == 401 and unauthorised == 0:
                    # The token may have run out between `authorise` and Stripe's answer.
                    unauthorised += 1
                    continue
                elif is_retryable(status, headers):
                    problem = f"HTTP {status}"
                    delay_floor = retry_after(headers)
                else:
                    raise self._final(path, status, headers, error_of(body))
            if not problem.startswith("refused"):
                failures += 1
            text = f"{path}: {problem}, after {failures + refusals} tries"
            if cut_bodies is not None and cut >= cut_bodies:
                raise MalformedBody(text)
            if failures >= self._retries.attempts or refusals >= self._retries.rate_attempts:
                raise AttemptsExhausted(text)
            attempt = min(8, max(failures, refusals))
            self._sleep(
                backoff(attempt, delay_floor, base=self._retries.base, cap=self._retries.cap)
            )

    def _send(self, url: str) -> tuple[int, Mapping[str, str], bytes]:
        headers = self._headers()
        with self._lock:
            self.requests += 1
        response = self._pool.request("GET", url, headers=headers, redirect=False)
        return response.status, response.headers, response.data

    def _final(
        self, path: str, status: int, headers: Mapping[str, str], error: Mapping[str, Any]
    ) -> StripeReadError:
        code, message = error.get("code"), error.get("message", "no message")
        if status == 401 or is_revocation(status, error):
            return AccountRevoked(f"{path}: HTTP {status}, access was refused for good: {message}")
        if status == 403:
            return PermissionMissing(
                f"{path}: HTTP 403, the credential lacks a permission: {message}"
            )
        if code == "resource_missing" or status == 404:
            return ObjectMissing(
                f"{path}: {message}", date=server_time(headers), read_order=time.time_ns()
            )
        return StripeReadError(f"{path}: HTTP {status} ({code or 'no code'}): {message}")

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
