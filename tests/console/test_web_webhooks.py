"""Stripe's events: signed or refused, once or never, and what follows from them."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import stripe as sdk
from sqlalchemy import text
from sqlalchemy.engine import Engine

from connections.accounts import get_account
from connections.models import AccountStatus, AuthKind, RequestKind, RequestStatus
from connections.requests import claim_requests, manual_syncs_left, recent_requests
from connections.settings import Settings
from connections.web_settings import WebSettings
from connections.webhooks import MEMORY, SPACING, forget_events
from tests.console.site import Site, site

pytestmark = pytest.mark.e2e

SECRET, NEXT_SECRET, OWN_SECRET = "whsec_platform", "whsec_rotated", "whsec_own"
SECRETS = f"{SECRET}, {NEXT_SECRET}, acct_Own:{OWN_SECRET}"


@pytest.fixture
def hooks(engine: Engine, settings: Settings) -> Iterator[Site]:
    web_settings = WebSettings.from_environment({"STRIPE_WEBHOOK_SECRET": SECRETS})
    with site(engine, settings, web_settings) as served:
        yield served


def an_event(account: str | None = "acct_A1", **changes: Any) -> dict[str, Any]:
    event: dict[str, Any] = {
        "id": f"evt_{time.monotonic_ns()}",
        "object": "event",
        "type": "invoice.paid",
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": {"id": "in_1", "object": "invoice"}},
    }
    if account is not None:
        event["account"] = account
    return {**event, **changes}


def deliver(
    hooks: Site, event: object, *, secret: str = SECRET, at: float | None = None
) -> httpx.Response:
    body = event if isinstance(event, str) else json.dumps(event)
    stamp = int(time.time() if at is None else at)
    header = sdk.WebhookSignature.generate_signature_header(body, secret, stamp)
    return hooks.browser().post(
        "/webhooks/stripe", content=body.encode(), headers={"stripe-signature": header}
    )


def requests_of(engine: Engine, account_id: str = "acct_A1") -> list[tuple[RequestKind, str]]:
    return [(each.kind, each.status.value) for each in recent_requests(engine, account_id)]


WAITING = (RequestKind.WEBHOOK, "queued")


def test_an_event_asks_for_a_sync_once(
    hooks: Site, engine: Engine, add_account: Callable[..., str]
) -> None:
    add_account(tier="pro")
    event = an_event()
    assert deliver(hooks, event).json() == {"received": True}
    assert requests_of(engine) == [WAITING]
    # The same again, and another while the first still waits.
    assert deliver(hooks, event).json() == {"received": False}
    assert deliver(hooks, an_event()).json() == {"received": True}
    assert requests_of(engine) == [WAITING]
    # Handed out, it is served with everything else, and counts against no quota.
    (claim,) = claim_requests(engine, now=datetime.now(UTC) + SPACING)
    assert claim.account_ids == ("acct_A1",)
    deliver(hooks, event)
    assert requests_of(engine) == [(RequestKind.WEBHOOK, "claimed")]
    deliver(hooks, an_event())
    assert requests_of(engine) == [WAITING, (RequestKind.WEBHOOK, "claimed")]


def test_the_next_sync_keeps_its_distance_and_is_within_a_minute(
    hooks: Site, engine: Engine, add_account: Callable[..., str]
) -> None:
    just_now = datetime.now(UTC)
    add_account(tier="agency", last_attempt_at=just_now)
    deliver(hooks, an_event())
    (request,) = recent_requests(engine, "acct_A1")
    assert request.not_before == just_now + SPACING
    assert timedelta(minutes=1) > SPACING
    assert claim_requests(engine, now=just_now + SPACING - timedelta(seconds=1)) == []
    assert len(claim_requests(engine, now=just_now + SPACING)) == 1


@pytest.mark.parametrize(
    "account",
    [
        {"tier": "free"},
        {"tier": "pro", "first_import_finished_at": None},
        {"tier": "pro", "status": AccountStatus.PAUSED},
        {"tier": "pro", "status": AccountStatus.DISCONNECTED},
        {"tier": "pro", "livemode": True},
        {"tier": "pro", "account_id": "acct_other"},
    ],
    ids=lambda account: str(list(account.items())[-1]),
)
def test_who_is_not_followed_is_not_synced(
    hooks: Site, engine: Engine, add_account: Callable[..., str], account: dict[str, Any]
) -> None:
    account_id = add_account(**account)
    assert deliver(hooks, an_event()).status_code == 200
    assert requests_of(engine, account_id) == []


def test_a_quota_is_not_touched(
    hooks: Site, engine: Engine, add_account: Callable[..., str]
) -> None:
    add_account(tier="free")
    before = manual_syncs_left(engine, "acct_A1")
    for _ in range(5):
        deliver(hooks, an_event())
    assert manual_syncs_left(engine, "acct_A1") == before == 3


@pytest.mark.parametrize(
    ("secret", "ago", "status"),
    [
        (SECRET, 0, 200),
        (NEXT_SECRET, 0, 200),
        (SECRET, 290, 200),
        (SECRET, 310, 400),
        ("whsec_other", 0, 400),
        ("", 0, 400),
    ],
)
def test_signatures(
    hooks: Site,
    engine: Engine,
    add_account: Callable[..., str],
    secret: str,
    ago: int,
    status: int,
) -> None:
    add_account(tier="pro")
    answer = deliver(hooks, an_event(), secret=secret, at=time.time() - ago)
    assert answer.status_code == status
    assert requests_of(engine) == ([WAITING] if status == 200 else [])


def test_a_changed_body_or_no_signature_is_refused(
    hooks: Site, engine: Engine, add_account: Callable[..., str]
) -> None:
    add_account(tier="pro")
    body = json.dumps(an_event())
    header = sdk.WebhookSignature.generate_signature_header(body, SECRET)
    browser = hooks.browser()
    for content, signature in (
        (body.replace("invoice.paid", "invoice.void"), header),
        (body, None),
        (body, "t=1"),
        (body, header.replace("v1=", "v0=")),
        (body, "t=x,v1=y"),
    ):
        headers = {"stripe-signature": signature} if signature else {}
        answer = browser.post("/webhooks/stripe", content=content.encode(), headers=headers)
        assert answer.status_code == 400
    assert requests_of(engine) == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "1",
        "null",
        '"x"',
        "{}",
        "{",
        "[" * 100_000,
        '{"id": 1, "type": "a", "created": 1}',
        '{"id": "evt_1", "type": "a", "created": 1e400}',
        '{"id": "evt_1", "type": "a", "created": 99999999999999999999}',
        '{"id": "evt_1", "type": "a", "created": true}',
        '{"id": "evt_\\u0000", "type": "a", "created": 1}',
    ],
)
def test_a_signed_body_that_is_no_event_is_refused(hooks: Site, body: str) -> None:
    assert deliver(hooks, body).status_code == 400


def test_an_endpoint_of_ones_own_names_no_account(
    hooks: Site, engine: Engine, add_account: Callable[..., str]
) -> None:
    by_key = {"auth_kind": AuthKind.API_KEY_ENV, "api_key_env": "KEY", "tier": "pro"}
    add_account("acct_A1", **by_key)
    deliver(hooks, an_event(None))
    assert requests_of(engine) == [WAITING]
    # With a second one it cannot be told, unless the secret is that account's own.
    add_account("acct_Own", **by_key)
    deliver(hooks, an_event(None))
    assert requests_of(engine, "acct_Own") == []
    deliver(hooks, an_event(None), secret=OWN_SECRET)
    assert requests_of(engine, "acct_Own") == [WAITING]


def test_one_accounts_secret_does_not_speak_for_another(
    hooks: Site, engine: Engine, add_account: Callable[..., str]
) -> None:
    add_account("acct_A1", tier="pro")
    add_account("acct_Own", tier="pro")
    assert deliver(hooks, an_event("acct_A1"), secret=OWN_SECRET).status_code == 200
    assert requests_of(engine, "acct_A1") == requests_of(engine, "acct_Own") == []


def leaving(**changes: Any) -> dict[str, Any]:
    application = {"id": "ca_test", "object": "application"}
    return an_event(
        **{"type": "account.application.deauthorized", "data": {"object": application}, **changes}
    )


def test_a_withdrawn_access_is_over_at_once(
    hooks: Site, engine: Engine, add_account: Callable[..., str]
) -> None:
    add_account(tier="pro")
    deliver(hooks, an_event())
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO connections.credentials VALUES"
                " (gen_random_uuid(), 'acct_A1', 'access_token', 'k', 'n', 'c', now(), NULL)"
            )
        )
    assert deliver(hooks, leaving()).status_code == 200
    account = get_account(engine, "acct_A1")
    assert account.status is AccountStatus.REVOKED
    assert "withdrew" in (account.last_error or "")
    assert requests_of(engine) == [(RequestKind.WEBHOOK, RequestStatus.FAILED.value)]
    with engine.connect() as connection:
        left = connection.execute(text("SELECT count(*) FROM connections.credentials"))
        assert left.scalar_one() == 0
    # What comes afterwards has nothing to do.
    assert deliver(hooks, an_event()).status_code == 200
    assert len(requests_of(engine)) == 1


@pytest.mark.parametrize("case", ["another app", "its own key", "before it was connected"])
def test_another_leaving_is_not_ours(
    hooks: Site, engine: Engine, add_account: Callable[..., str], case: str
) -> None:
    account: dict[str, Any] = {"tier": "pro"}
    event = leaving()
    if case == "another app":
        event["data"]["object"]["id"] = "ca_of_somebody_else"
    elif case == "its own key":
        account |= {"auth_kind": AuthKind.API_KEY_ENV, "api_key_env": "KEY"}
    else:
        account["connected_at"] = datetime.now(UTC) + timedelta(minutes=1)
    add_account(**account)
    assert deliver(hooks, event).status_code == 200
    assert get_account(engine, "acct_A1").status is AccountStatus.CONNECTED
    # Were it true, the sync would find out.
    assert requests_of(engine) == [WAITING]


def test_bad_ones_are_limited_and_good_ones_never(
    hooks: Site, engine: Engine, add_account: Callable[..., str]
) -> None:
    add_account(tier="pro")
    browser = hooks.browser()
    seen = [browser.post("/webhooks/stripe", content=b"{}").status_code for _ in range(62)]
    assert seen == [400] * 60 + [429] * 2
    assert deliver(hooks, an_event()).json() == {"received": True}


def test_without_a_secret_there_is_no_endpoint(engine: Engine, settings: Settings) -> None:
    with site(engine, settings) as served:
        assert deliver(served, an_event()).status_code == 404


def test_deliveries_are_forgotten_when_stripe_has(
    hooks: Site, engine: Engine, add_account: Callable[..., str]
) -> None:
    add_account(tier="pro")
    deliver(hooks, an_event())
    assert forget_events(engine, now=datetime.now(UTC) + MEMORY - timedelta(minutes=1)) == 0
    assert forget_events(engine, now=datetime.now(UTC) + MEMORY + timedelta(minutes=1)) == 1
