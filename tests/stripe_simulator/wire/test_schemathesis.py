"""Requests that nobody would think of, made from the description's own parameters.

Schemathesis draws valid and invalid values for every read endpoint; whatever it sends, the answer
is either objects that conform or an error in Stripe's format, never a failure of the server.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, GenerationMode

from stripe_simulator.wire.app import API_VERSION
from stripe_simulator.wire.endpoints import ENDPOINTS
from tests.stripe_simulator.conformance import simulate
from tests.stripe_simulator.description import description, faults
from tests.stripe_simulator.wire.live import listening


def read_endpoints() -> dict[str, Any]:
    """The description of the simulated endpoints: their parameters, and no bodies."""
    templates = {endpoint.path for endpoint in ENDPOINTS}
    paths = {}
    for path, item in description()["paths"].items():
        parts = ["{id}" if part.startswith("{") else part for part in path.split("/")]
        if "/".join(parts) in templates and "get" in item:
            operation = {
                "operationId": item["get"]["operationId"],
                "parameters": item["get"]["parameters"],
                "responses": {"200": {"description": "Good"}, "default": {"description": "Error"}},
            }
            paths[path] = {"get": operation}
    return {
        "openapi": "3.0.0",
        "info": {"title": "Read endpoints", "version": API_VERSION},
        "paths": paths,
    }


schema = schemathesis.openapi.from_dict(read_endpoints())
schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])


@pytest.fixture(scope="module")
def target() -> Iterator[tuple[str, str]]:
    """A tiny world on a socket: its address, and a key."""
    simulator = simulate("tiny", 1, days=120)
    with listening(simulator) as url:
        yield url, simulator.credentials.account_key(simulator.accounts[0].id)


@pytest.mark.e2e
@schema.parametrize()
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_asked_the_answer_is_stripes(case: Case, target: tuple[str, str]) -> None:
    url, key = target
    response = case.call(base_url=url, headers={"Authorization": f"Bearer {key}"})
    if response.status_code == 414:
        return
    assert response.headers["request-id"][0].startswith("req_")
    body = response.json()
    if response.status_code == 200:
        objects = body["data"] if body.get("object") == "list" else [body]
        assert [wrong for each in objects for wrong in faults(each)] == []
    else:
        assert response.status_code in (400, 403, 404), response.status_code
        error = body["error"]
        assert error["type"] == "invalid_request_error"
        assert error["message"]
