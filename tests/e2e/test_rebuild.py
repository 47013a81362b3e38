"""What housekeeping leaves of the raw tables is enough to build everything anew."""

from __future__ import annotations

import pytest

from console.demo.simulator import Simulator
from dlt_sources.stripe.warehouse import writing
from orchestration.warehouse import warehouse_of
from tests.e2e.conftest import Deployment, advance
from tests.e2e.test_sync import fingerprint_of_marts

pytestmark = [pytest.mark.e2e, pytest.mark.long]

DAY = 86_400


def test_built_anew_from_what_stays_every_mart_is_the_same(
    connected: Deployment, stripe: Simulator
) -> None:
    connected.must("sync", stripe.account_id, "--here")
    advance(stripe, 2 * DAY)
    connected.must("sync", stripe.account_id, "--here")
    before = fingerprint_of_marts(connected)
    readings = connected.rows("select count(*) from raw_stripe.invoices")

    connected.environment["DASHTRAY_KEEP_READINGS_DAYS"] = "0"
    connected.must("housekeeping")
    assert connected.rows("select count(*) from raw_stripe.invoices") < readings
    with writing(warehouse_of(connected.settings)) as connection:
        for schema in ("marts", "intermediate", "staging"):
            connection.execute(f"drop schema {schema} cascade")
    connected.must("sync", stripe.account_id, "--here")

    assert fingerprint_of_marts(connected) == before
