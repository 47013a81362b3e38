"""A person's mistakes: one clear line, exit code 1, nothing changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.conftest import Deployment, new_deployment, postgres_kept_up

pytestmark = pytest.mark.e2e

#: Arguments, settings, and what the line must name.
MISTAKES: list[tuple[list[str], dict[str, str], list[str]]] = [
    (["connect", "--api-key-env", "NOPE"], {}, ["NOPE", "not set"]),
    (["connect", "--api-key-env", "NOPE", "--tier", "gold"], {}, ["gold", "free, pro"]),
    (["connect"], {}, ["--oauth", "--api-key-env"]),
    (["connect", "--oauth", "--port", "0"], {}, ["STRIPE_CLIENT_ID"]),
    (["tier", "acct_nobody", "pro"], {}, ["acct_nobody"]),
    (["sync", "acct_nobody", "--here"], {}, ["acct_nobody"]),
    (["sync", "--tier", "gold"], {}, ["gold", "free, pro"]),
    (["sync"], {}, ["--tier", "--all"]),
    (["disconnect", "acct_nobody"], {}, ["acct_nobody"]),
    (["keys", "forget", "--lost", "0123456789abcdef", "--yes"], {}, ["0123456789abcdef", "list"]),
    (["metrics"], {}, ["marts.duckdb", "dashtray sync"]),
    (["metrics", "--account", "acct_nobody"], {}, ["acct_nobody"]),
    (["up", "--host", "192.0.2.1"], {}, ["192.0.2.1", "login", "DASHTRAY_WEB_TOKEN"]),
    (["up"], {"DASHTRAY_WEB_URL": "https://m.example.com"}, ["m.example.com", "login"]),
    (["up"], {"DASHTRAY_WEB_TOKEN": "canary123"}, ["DASHTRAY_WEB_TOKEN", "32"]),
    (["up"], {"STRIPE_WEBHOOK_SECRET": "canary123"}, ["STRIPE_WEBHOOK_SECRET", "whsec_"]),
    (["users", "add", "Ann"], {}, ["--account", "--operator"]),
    (["users", "add", "Ann", "--account", "acct_nobody"], {}, ["acct_nobody"]),
    (["users", "token", "Ann"], {}, ["Ann", "users list"]),
    (["demo", "--preset", "gigantic"], {}, ["gigantic", "tiny"]),
    (["accounts"], {"DATABASE_URL": "postgresql://u:pw123@127.0.0.1:1/x"}, ["127.0.0.1:1/x"]),
    (["accounts"], {"DATABASE_URL": "nonsense"}, ["DATABASE_URL"]),
    (["accounts"], {"STRIPE_API_BASE": "http://stripe.example"}, ["https", "stripe.example"]),
    (["accounts"], {"DASHTRAY_STRIPE_OAUTH": "magic"}, ["magic", "app, connect"]),
    (["accounts"], {"DASHTRAY_HOME": "/proc/nowhere"}, ["/proc/nowhere"]),
    (
        ["connect", "--api-key-env", "A_KEY"],
        {"A_KEY": "rk_test_canary123", "STRIPE_API_BASE": "http://127.0.0.1:9"},
        ["127.0.0.1:9"],
    ),
]


@pytest.fixture(scope="module")
def home_of_mistakes(prepared_dbt: Path, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """One home for all of them, since none may change it."""
    with new_deployment(prepared_dbt, request) as fresh, postgres_kept_up(fresh):
        yield fresh


@pytest.mark.parametrize(
    ("arguments", "settings", "named"), MISTAKES, ids=lambda value: str(value)[:40]
)
def test_a_mistake_is_one_clear_line(
    home_of_mistakes: Deployment,
    arguments: list[str],
    settings: dict[str, str],
    named: list[str],
) -> None:
    environment = {**home_of_mistakes.environment, **settings}

    done = replace(home_of_mistakes, environment=environment).dashtray(*arguments)

    assert done.returncode == 1
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("Error: ")
    for word in named:
        assert word in lines[0]
    for secret in ("pw123", "canary123"):
        assert secret not in done.stderr


def test_a_mistake_changes_nothing(deployment: Deployment) -> None:
    before = deployment.must("accounts")

    for arguments in (["connect", "--api-key-env", "NOPE"], ["sync", "acct_nobody", "--here"]):
        assert deployment.dashtray(*arguments).returncode == 1

    assert deployment.must("accounts") == before == []
    assert not deployment.settings.warehouse_path.exists()


def test_a_taken_port_stops_up_before_anything_starts(deployment: Deployment) -> None:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        done = deployment.dashtray("up", "--port", port)

    assert done.returncode == 1
    assert port in done.stderr
    assert not deployment.settings.postgres_dir.exists()
