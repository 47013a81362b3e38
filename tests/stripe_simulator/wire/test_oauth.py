"""Both OAuth flows, as a platform and a person go through them."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import orjson
import pytest

from stripe_simulator.oauth import ACCESS_TOKEN_SECONDS, CODE_SECONDS, REFRESH_TOKEN_SECONDS
from stripe_simulator.server import Simulator
from stripe_simulator.wire.clock import VirtualClock
from stripe_simulator.wire.http import Response
from tests.stripe_simulator.wire import handmade
from tests.stripe_simulator.wire.handmade import ACME, NOW, OTHER, ask

CALLBACK = "http://127.0.0.1:8000/callback?from=stripe"
APP = {"client_id": "ca_simulator", "redirect_uri": CALLBACK, "state": "s-1"}
CONNECT = {**APP, "response_type": "code", "scope": "read_only"}
PAGES = {"app": "/oauth/v2/authorize", "connect": "/oauth/authorize"}
TOKENS = {"app": "/v1/oauth/token", "connect": "/oauth/token"}
FLOWS = {"app": APP, "connect": CONNECT}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOW)


@pytest.fixture
def served(clock: VirtualClock) -> Simulator:
    return handmade.simulator(clock=clock)


def press(
    served: Simulator, flow: str, action: str, account: str = ACME, **changes: str
) -> Response:
    query = urlencode({**FLOWS[flow], **changes})
    form = urlencode({"action": action, "account": account}).encode()
    return ask(served, f"{PAGES[flow]}?{query}", method="POST", key="", body=form)


def landed(answer: Response) -> dict[str, str]:
    assert answer.status == 302, answer.body
    parts = urlsplit(answer.headers["Location"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "http://127.0.0.1:8000/callback"
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


def exchange(served: Simulator, flow: str, key: str | None = None, **form: str) -> Response:
    secret = served.credentials.platform.secret if key is None else key
    return ask(served, TOKENS[flow], method="POST", key=secret, body=urlencode(form).encode())


def connect(served: Simulator, flow: str, account: str = ACME) -> dict[str, Any]:
    code = landed(press(served, flow, "approve", account))["code"]
    answer = exchange(served, flow, grant_type="authorization_code", code=code)
    assert answer.status == 200, answer.body
    tokens: dict[str, Any] = orjson.loads(answer.body)
    return tokens


def refusal(answer: Response) -> str:
    assert answer.status in (400, 401)
    body = orjson.loads(answer.body)
    assert body["error_description"]
    error: str = body["error"]
    return error


@pytest.mark.parametrize("flow", FLOWS)
def test_the_consent_page_is_a_form_that_needs_no_script(served: Simulator, flow: str) -> None:
    answer = ask(served, f"{PAGES[flow]}?{urlencode(FLOWS[flow])}", key="")
    page = answer.body.decode()
    assert answer.status == 200
    assert answer.content_type.startswith("text/html")
    assert '<form method="post">' in page
    assert 'value="approve"' in page and 'value="deny"' in page
    assert ACME in page and "Other &amp; Sons" in page
    assert "<script" not in page


@pytest.mark.parametrize("flow", FLOWS)
def test_approval_brings_a_code_and_the_state_back(served: Simulator, flow: str) -> None:
    fields = landed(press(served, flow, "approve"))
    assert fields["state"] == "s-1"
    assert fields["from"] == "stripe"
    assert fields["code"].startswith("ac_")


@pytest.mark.parametrize("flow", FLOWS)
def test_denial_brings_an_error_and_the_state_back(served: Simulator, flow: str) -> None:
    fields = landed(press(served, flow, "deny"))
    assert fields["error"] == "access_denied"
    assert fields["state"] == "s-1"
    assert "code" not in fields


@pytest.mark.parametrize(
    ("flow", "change"),
    [
        ("app", {"client_id": "ca_other"}),
        ("app", {"redirect_uri": "https://evil.example/cb"}),
        ("app", {"redirect_uri": ""}),
        ("connect", {"response_type": "token"}),
        ("connect", {"scope": "everything"}),
    ],
)
def test_a_wrong_request_asks_nobody_and_redirects_nowhere(
    served: Simulator, flow: str, change: dict[str, str]
) -> None:
    answer = press(served, flow, "approve", **change)
    assert answer.status == 400
    assert "Location" not in answer.headers


def test_only_registered_redirects_when_some_are(clock: VirtualClock) -> None:
    served = handmade.simulator(clock=clock, redirect_uris=["https://app.example/cb"])
    assert press(served, "app", "approve").status == 400
    answer = press(served, "app", "approve", redirect_uri="https://app.example/cb")
    assert answer.headers["Location"].startswith("https://app.example/cb?code=ac_")


def test_an_app_reads_with_its_access_token_for_an_hour(
    served: Simulator, clock: VirtualClock
) -> None:
    tokens = connect(served, "app")
    assert tokens["stripe_user_id"] == ACME
    assert tokens["token_type"] == "bearer"
    assert ask(served, "/v1/charges", key=tokens["access_token"]).status == 200
    clock.advance_to(NOW + ACCESS_TOKEN_SECONDS - 1)
    assert ask(served, "/v1/charges", key=tokens["access_token"]).status == 200
    clock.advance_to(NOW + ACCESS_TOKEN_SECONDS)
    answer = ask(served, "/v1/charges", key=tokens["access_token"])
    assert answer.status == 401
    assert orjson.loads(answer.body)["error"]["code"] == "api_key_expired"


def test_a_platform_reads_with_its_own_key_and_the_accounts_name(served: Simulator) -> None:
    platform = served.credentials.platform.secret
    named = {"stripe_account": ACME}
    assert ask(served, "/v1/charges", key=platform, **named).status == 403
    tokens = connect(served, "connect")
    assert tokens["scope"] == "read_only"
    answer = ask(served, "/v1/charges?limit=1", key=platform, **named)
    assert orjson.loads(answer.body)["data"][0]["id"] == "ch_0250"
    assert ask(served, "/v1/charges", key=platform, stripe_account=OTHER).status == 403


@pytest.mark.parametrize("flow", FLOWS)
def test_a_code_is_good_once(served: Simulator, flow: str) -> None:
    code = landed(press(served, flow, "approve"))["code"]
    fields = {"grant_type": "authorization_code", "code": code}
    tokens = orjson.loads(exchange(served, flow, **fields).body)
    assert ask(served, "/v1/charges", key=tokens["access_token"]).status == 200
    assert refusal(exchange(served, flow, **fields)) == "invalid_grant"
    assert ask(served, "/v1/charges", key=tokens["access_token"]).status in (401, 403)
    again = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert refusal(exchange(served, flow, **again)) == "invalid_grant"


@pytest.mark.parametrize("flow", FLOWS)
def test_a_code_is_good_for_five_minutes(served: Simulator, clock: VirtualClock, flow: str) -> None:
    fields = {"grant_type": "authorization_code"}
    first = landed(press(served, flow, "approve"))["code"]
    second = landed(press(served, flow, "approve"))["code"]
    clock.advance_to(NOW + CODE_SECONDS - 1)
    assert exchange(served, flow, code=first, **fields).status == 200
    clock.advance_to(NOW + CODE_SECONDS)
    assert refusal(exchange(served, flow, code=second, **fields)) == "invalid_grant"


def test_a_code_of_one_flow_is_nothing_to_the_other(served: Simulator) -> None:
    code = landed(press(served, "app", "approve"))["code"]
    answer = exchange(served, "connect", grant_type="authorization_code", code=code)
    assert refusal(answer) == "invalid_grant"


def test_a_refresh_token_of_an_app_is_replaced_at_every_use(served: Simulator) -> None:
    first = connect(served, "app")
    again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = orjson.loads(exchange(served, "app", **again).body)
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert ask(served, "/v1/charges", key=second["access_token"]).status == 200
    assert refusal(exchange(served, "app", **again)) == "invalid_grant"


def test_a_refresh_token_runs_out_after_a_year(served: Simulator, clock: VirtualClock) -> None:
    tokens = connect(served, "app")
    clock.advance_to(NOW + REFRESH_TOKEN_SECONDS)
    fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert refusal(exchange(served, "app", **fields)) == "invalid_grant"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "rt_none"}, "invalid_grant"),
    ],
)
def test_what_the_token_endpoint_refuses(
    served: Simulator, form: dict[str, str], error: str
) -> None:
    assert refusal(exchange(served, "app", **form)) == error


def test_only_the_platform_exchanges(served: Simulator) -> None:
    code = landed(press(served, "app", "approve"))["code"]
    fields = {"grant_type": "authorization_code", "code": code}
    stranger = served.credentials.account_key(ACME)
    assert refusal(exchange(served, "app", key=stranger, **fields)) == "invalid_client"
    assert exchange(served, "app", **fields).status == 200


def deauthorize(served: Simulator, account: str) -> Response:
    form = urlencode({"client_id": "ca_simulator", "stripe_user_id": account}).encode()
    key = served.credentials.platform.secret
    return ask(served, "/oauth/deauthorize", method="POST", key=key, body=form)


def test_a_platform_gives_an_account_back(served: Simulator) -> None:
    connect(served, "connect")
    assert orjson.loads(deauthorize(served, ACME).body) == {"stripe_user_id": ACME}
    platform = served.credentials.platform.secret
    answer = ask(served, "/v1/charges", key=platform, stripe_account=ACME)
    assert answer.status == 403
    assert "Application access may have been revoked" in answer.body.decode()
    assert refusal(deauthorize(served, ACME)) == "invalid_client"


def test_an_owner_takes_access_away(served: Simulator) -> None:
    tokens = connect(served, "app")
    told: list[str] = []
    served.oauth.on_deauthorized = told.append
    body = orjson.dumps({"account": ACME})
    assert ask(served, "/_simulator/revoke", method="POST", key="", body=body).status == 200
    assert told == [ACME]
    assert ask(served, "/v1/charges", key=tokens["access_token"]).status in (401, 403)
    fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert refusal(exchange(served, "app", **fields)) == "invalid_grant"
