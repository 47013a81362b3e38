"""The API against its own description, and against people who ask for others' numbers."""

from __future__ import annotations

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from console.web.numbers.metrics import METRICS
from console.web.numbers.widgets import WIDGETS
from tests.console.numbers.conftest import UNPUBLISHED, Console
from tests.console.numbers.marts_file import EMPTY, FULL, OTHERS, PARTIAL


def test_answers_are_as_described(console: Console, client: httpx.Client) -> None:
    description = client.get("/api/openapi.json").json()
    assert set(description["paths"]) == {
        "/api/v1/metrics",
        "/api/v1/widgets",
        "/api/v1/widgets/{widget_id}",
    }
    schema = schemathesis.openapi.from_dict(description)
    for operation in schema.get_all_operations():

        @given(case=operation.ok().as_strategy(generation_mode=GenerationMode.POSITIVE))
        @settings(
            max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), database=None
        )
        def ask(case: schemathesis.Case) -> None:
            case.call_and_validate(
                base_url=console.url,
                # A date or an account that is drawn is seldom one that there is: that is 400 or
                # 404, as described, and no fault of the drawn value's form.
                excluded_checks=[schemathesis.checks.positive_data_acceptance]
                if hasattr(schemathesis.checks, "positive_data_acceptance")
                else [],
            )

        ask()


def test_money_is_text_and_never_a_float(client: httpx.Client) -> None:
    everything = client.get(
        "/api/v1/metrics", params={"account": FULL, "metric": list(METRICS)}
    ).json()

    def floats(value: object) -> list[object]:
        if isinstance(value, dict):
            return [each for part in value.values() for each in floats(part)]
        if isinstance(value, list):
            return [each for part in value for each in floats(part)]
        return [value] if isinstance(value, float) else []

    assert floats(everything) == []


@pytest.mark.parametrize("asked", [FULL, PARTIAL, EMPTY, UNPUBLISHED, "acct_nowhere"])
def test_a_tenant_is_told_nothing_of_others(tenants: Console, asked: str) -> None:
    addresses = [
        "/payments?",
        "/payments/drill/mrr?",
        "/payments/table/top_customers?",
        "/api/v1/metrics?metric=mrr&",
        *(f"/api/v1/widgets/{widget_id}?" for widget_id in WIDGETS),
        *(f"/embed/{widget_id}?" for widget_id in ("mrr", "top_customers", "cohorts")),
    ]
    with httpx.Client(base_url=tenants.url) as tenant:
        for address in addresses:
            answer = tenant.get(f"{address}account={asked}")
            nowhere = tenant.get(f"{address}account=acct_nobody")
            # The same answer for an account that exists and for one that does not.
            assert answer.status_code == 404, address
            assert answer.text.replace(asked, "acct_nobody") == nowhere.text, address


def test_a_tenant_sees_their_own_without_asking(tenants: Console) -> None:
    with httpx.Client(base_url=tenants.url) as tenant:
        page = tenant.get("/payments").text
        assert "Others Ltd" in page
        assert "Full &amp; Sons" not in page
        assert FULL not in page
        assert tenant.get("/api/v1/metrics?metric=mrr").json()["selection"]["account"] == OTHERS


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(
    st.dictionaries(
        st.sampled_from(["account", "currency", "range", "from", "to", "grain", "locale", "page"]),
        st.one_of(
            st.text(max_size=20),
            st.sampled_from([FULL, "usd", "' or 1=1 --", "2026-11-01", "all", "day", "9"]),
        ),
    )
)
def test_whatever_the_address_says_the_server_answers(
    console: Console, words: dict[str, str]
) -> None:
    with httpx.Client(base_url=console.url) as browser:
        for path in ("/payments", "/payments/drill/failed_payments", "/api/v1/widgets/cohorts"):
            assert browser.get(path, params=words).status_code in {200, 400, 404}
