"""The few calls to Stripe that connecting needs: whose key is this, token exchange, deauthorise.

Reading an account's data is `dlt_sources`' work. The SDK's HTTP client is used below its logging,
which at debug level would write answers (tokens among them) to the log.
"""

import base64
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import stripe

from connections.errors import StripeRefusedError, StripeUnreachableError
from connections.secret import Secret

API_VERSION = "2026-05-27.dahlia"
CONNECT_SECONDS = 10.0
READ_SECONDS = 20.0

NEEDED = (
    "charges",
    "refunds",
    "disputes",
    "invoices",
    "subscriptions",
    "customers",
    "products",
    "prices",
    "coupons",
    "events",
)
"""Lists that every sync reads; the name of each, in Stripe's words, is also its permission."""


class StripeFailedError(StripeUnreachableError):
    """Stripe answered with an error of its own.

    Attributes:
        replayed: the answer was kept from an earlier call with the same idempotency key: asking
            again with that key will bring no other.
    """

    def __init__(self, message: str, *, replayed: bool) -> None:
        super().__init__(message)
        self.replayed = replayed


class StripeAnswerError(StripeRefusedError):
    """Stripe refused a call.

    Attributes:
        status: HTTP status, 400 to 499.
        code: Stripe's error code (`invalid_grant`, `account_invalid` …), if it gave one.
    """

    def __init__(self, message: str, *, status: int, code: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What `GET /v1/account` tells; None where it may not be read."""

    account_id: str
    display_name: str | None = None
    default_currency: str | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """What a token exchange gave.

    Attributes:
        account_id: the account whose owner agreed.
        access_token: for the App flow; Connect calls use the platform's key instead.
        refresh_token: replaces the former one at once.
        lifetime_seconds: of the access token; one hour where Stripe does not say.
        livemode: False for a sandbox.
        scope: the permissions granted, in Stripe's words.
    """

    account_id: str
    access_token: Secret
    refresh_token: Secret | None
    lifetime_seconds: int
    livemode: bool
    scope: str | None


def fetch_account(api_base: str, headers: Mapping[str, str]) -> AccountFacts:
    """The account that the headers authorise for.

    Raises:
        StripeAnswerError, StripeUnreachableError.
    """
    body = _call("GET", f"{api_base}/v1/account", headers)
    settings = _mapping(_mapping(body.get("settings")).get("dashboard"))
    profile = _mapping(body.get("business_profile"))
    return AccountFacts(
        account_id=_account_id(body.get("id")),
        display_name=_text(settings.get("display_name")) or _text(profile.get("name")),
        default_currency=_text(body.get("default_currency")),
        timezone=_text(settings.get("timezone")),
    )


def unreadable(api_base: str, headers: Mapping[str, str]) -> list[str]:
    """Which of the lists in `NEEDED` these headers may not read; asks for one object of each.

    Only Stripe's definite no counts: what cannot be asked now will be by the first sync.
    """

    def refused(name: str) -> bool:
        try:
            _call("GET", f"{api_base}/v1/{name}?limit=1", headers)
        except StripeAnswerError as error:
            return error.status == 403
        except StripeUnreachableError:
            return False
        return False

    with ThreadPoolExecutor(len(NEEDED)) as pool:
        return [name for name, no in zip(NEEDED, pool.map(refused, NEEDED), strict=True) if no]


def exchange_app_token(
    api_base: str, platform_key: Secret, form: Mapping[str, str], *, idempotency_key: str | None
) -> TokenGrant:
    """`POST /v1/oauth/token` of the Stripe App flow.

    Args:
        api_base: Stripe's API.
        platform_key: the app's secret key, sent by HTTP Basic.
        form: `grant_type` with `code` or `refresh_token`.
        idempotency_key: the same key gives the same answer again, so that an exchange whose
            answer was lost in a crash can be repeated.

    Raises:
        StripeAnswerError, StripeUnreachableError.
    """
    basic = base64.b64encode(f"{platform_key.reveal()}:".encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    if idempotency_key:
        headers["Idempotency-Key"] = idempotency_key
    return _grant(_call("POST", f"{api_base}/v1/oauth/token", headers, form))


def exchange_connect_token(
    connect_base: str, platform_key: Secret, form: Mapping[str, str]
) -> TokenGrant:
    """`POST /oauth/token` of the Connect flow.

    Raises:
        StripeAnswerError, StripeUnreachableError.
    """
    headers = {"Authorization": f"Bearer {platform_key.reveal()}"}
    return _grant(_call("POST", f"{connect_base}/oauth/token", headers, form))


def deauthorise(
    connect_base: str, platform_key: Secret, *, client_id: str, account_id: str
) -> None:
    """`POST /oauth/deauthorize`: give up access to an account.

    Raises:
        StripeAnswerError, StripeUnreachableError.
    """
    headers = {"Authorization": f"Bearer {platform_key.reveal()}"}
    form = {"client_id": client_id, "stripe_user_id": account_id}
    _call("POST", f"{connect_base}/oauth/deauthorize", headers, form)


def bearer_headers(token: Secret, account_id: str | None = None) -> dict[str, str]:
    """Headers of a call by a key or token; `account_id` where a platform's key acts for it."""
    headers = {"Authorization": f"Bearer {token.reveal()}"}
    if account_id is not None:
        headers["Stripe-Account"] = account_id
    return headers


def _call(
    method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None
) -> dict[str, Any]:
    client = stripe.RequestsClient(timeout=(CONNECT_SECONDS, READ_SECONDS))
    sent = {
        **headers,
        "Stripe-Version": API_VERSION,
        "User-Agent": "Dashtray Stripe",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    place = url.split("?", 1)[0]
    try:
        content, status, answer = client.request(
            method, url, sent, urlencode(form) if form else None
        )
    except stripe.APIConnectionError:
        # The SDK's text holds the whole exception chain; the place says enough.
        raise StripeUnreachableError(
            f"Stripe cannot be reached at {place}. Check the network, then try again."
        ) from None
    finally:
        client.close()  # type: ignore[no-untyped-call]
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if status == 429 or status >= 500 or not isinstance(body, dict):
        raise StripeFailedError(
            f"Stripe answered {status} at {place} and could not do it now. Try again later.",
            replayed=str(answer.get("Idempotent-Replayed", "")).lower() == "true",
        )
    if status >= 400:
        code, words = _error(body)
        raise StripeAnswerError(
            f"Stripe refused ({status}{f', {code}' if code else ''}): "
            f"{_scrubbed(words, headers, form) or 'no reason given'}",
            status=status,
            code=code,
        )
    return body


def _error(body: Mapping[str, Any]) -> tuple[str | None, str]:
    """Code and words of an API error (an object) or an OAuth error (two texts)."""
    error = body.get("error")
    if isinstance(error, dict):
        return _text(error.get("code")) or _text(error.get("type")), str(error.get("message") or "")
    return _text(error), str(body.get("error_description") or "")


def _scrubbed(words: str, headers: Mapping[str, str], form: Mapping[str, str] | None) -> str:
    """Stripe's words on one line, without what we sent that must stay secret."""
    words = " ".join(words.split())
    sent = [headers.get("Authorization", "").split(" ", 1)[-1]]
    sent += [(form or {}).get(name, "") for name in ("code", "refresh_token")]
    for value in sent:
        if value:
            words = words.replace(value, "***")
    return words


def _grant(body: Mapping[str, Any]) -> TokenGrant:
    access, refresh = _text(body.get("access_token")), _text(body.get("refresh_token"))
    lifetime = body.get("expires_in")
    return TokenGrant(
        account_id=_account_id(body.get("stripe_user_id")),
        access_token=Secret(access or ""),
        refresh_token=Secret(refresh) if refresh else None,
        lifetime_seconds=lifetime if isinstance(lifetime, int) and lifetime > 0 else 3600,
        livemode=body.get("livemode") is True,
        scope=_text(body.get("scope")),
    )


def _account_id(value: object) -> str:
    text = _text(value)
    # The id becomes a directory's name among the published files.
    if text is None or not text.startswith("acct_") or not text.isascii() or not (
        text.replace("_", "").isalnum()
    ):  # fmt: skip
        raise StripeUnreachableError(
            "Stripe answered without a usable account id. Check STRIPE_API_BASE, then try again."
        )
    return text


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
