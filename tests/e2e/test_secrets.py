"""Secrets planted everywhere are found nowhere; a purged account is found nowhere.

One deployment lives a whole life: connected by OAuth, synced, failed with a traceback, rotated,
backed up, revoked, disconnected and purged. What it wrote is searched byte by byte.
"""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import text

from connections.credentials import read_token
from connections.models import CredentialPurpose
from connections.postgres import open_database
from connections.rows import transaction
from connections.settings import Settings
from connections.vault import open_vault
from console.demo import browser
from console.demo.simulator import Simulator
from tests.e2e.conftest import Deployment, advance
from tests.e2e.searching import found_in_files, found_in_postgres, found_in_warehouse
from tests.e2e.test_oauth import TWO_HOURS, revoke

pytestmark = pytest.mark.e2e

NEIGHBOUR = "acct_neighbour"


def new_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


class Life:
    """A deployment, what its commands printed, and the secrets that must not be seen."""

    def __init__(self, deployment: Deployment, stripe: Simulator) -> None:
        self.deployment, self.stripe, self.account = deployment, stripe, stripe.account_id
        self.printed: list[str] = []
        self.key = new_key()
        deployment.environment |= {**stripe.environment(), "DASHTRAY_ENCRYPTION_KEY": self.key}
        self.secrets = {self.key, str(stripe.ready["secret_key"])}

    @property
    def settings(self) -> Settings:
        return self.deployment.settings

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        former = dict(self.deployment.environment)
        self.deployment.environment |= environment
        done = self.deployment.dashtray(*arguments)
        self.deployment.environment = former
        self.printed.append(done.stdout + done.stderr)
        return done

    def connect(self) -> None:
        command = subprocess.Popen(
            [sys.executable, "-m", "console.cli", "connect", "--oauth", "--port", "0"],
            env=self.deployment.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert command.stderr is not None
        for line in command.stderr:
            self.printed.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+/connect/stripe", line):
                browser.approve(found.group(), self.account)
                break
        out, errors = command.communicate(timeout=120)
        self.printed += [out, errors]
        assert command.returncode == 0, errors

    def remember_tokens(self) -> None:
        with open_database(self.settings) as engine:
            vault = open_vault(self.settings, engine)
            with transaction(engine) as session:
                for purpose in (CredentialPurpose.ACCESS_TOKEN, CredentialPurpose.REFRESH_TOKEN):
                    token = read_token(session, vault, self.account, purpose)
                    assert token is not None
                    self.secrets.add(token.secret.reveal())

    def add_neighbour(self) -> None:
        """Copy every row of the account for a second one whose people have other addresses."""
        with duckdb.connect(str(self.settings.warehouse_path)) as connection:
            for schema, table in connection.execute(
                "select schema_name, table_name from duckdb_columns()"
                " where column_name = 'account_id' and database_name = current_database()"
                " and table_name not in (select view_name from duckdb_views())"
            ).fetchall():
                name = f'"{schema}"."{table}"'
                columns = connection.execute(f"describe {name}").fetchall()
                copied = ", ".join(
                    f"'{NEIGHBOUR}'"
                    if column == "account_id"
                    else f"replace(\"{column}\"::varchar, '@', '.b@')::{kind}"
                    if kind in {"VARCHAR", "JSON"}
                    else f'"{column}"'
                    for column, kind, *_ in columns
                )
                connection.execute(
                    f"insert into {name} select {copied} from {name} where account_id = ?",
                    [self.account],
                )
        with open_database(self.settings) as engine, engine.begin() as connection:
            connection.execute(
                text(
                    "CREATE TEMP TABLE copied AS SELECT * FROM connections.accounts;"
                    f" UPDATE copied SET account_id = '{NEIGHBOUR}', auth_kind = 'connect_oauth';"
                    " INSERT INTO connections.accounts SELECT * FROM copied"
                )
            )

    def neighbours_rows(self) -> dict[str, Any]:
        with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as connection:
            tables = connection.execute(
                "select schema_name || '.' || table_name from duckdb_columns()"
                " where column_name = 'account_id' and database_name = current_database()"
            ).fetchall()
            rows: dict[str, Any] = {
                table: connection.execute(
                    f"select count(*), bit_xor(hash(t)) from {table} t where account_id = ?",
                    [NEIGHBOUR],
                ).fetchone()
                for (table,) in tables
            }
        with open_database(self.settings) as engine, engine.connect() as postgres:
            rows["accounts"] = postgres.execute(
                text(f"SELECT a::text FROM connections.accounts a WHERE account_id = '{NEIGHBOUR}'")
            ).scalar_one()
        return rows

    def searched(self) -> list[Path]:
        return [self.deployment.home, self.deployment.home.parent / "backups"]


def killed_at(life: Life, step: str) -> None:
    """Purge, and kill the command as soon as it says that it begins a step."""
    command = subprocess.Popen(
        [sys.executable, "-m", "console.cli", "disconnect", life.account, "--purge", "--yes"],
        env=life.deployment.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert command.stderr is not None
    for line in command.stderr:
        if step in line:
            command.send_signal(signal.SIGKILL)
    assert command.wait() == -signal.SIGKILL


def test_secrets_are_found_nowhere_and_a_purged_account_neither(
    deployment: Deployment, stripe: Simulator
) -> None:
    life = Life(deployment, stripe)
    backups = deployment.home.parent / "backups"
    backups.mkdir()

    # A whole life: everything that writes has written.
    life.connect()
    life.remember_tokens()
    assert life.run("sync", life.account, "--here").returncode == 0
    advance(stripe, TWO_HOURS)
    assert life.run("sync", life.account, "--here").returncode == 0
    life.remember_tokens()
    wrong = life.run("sync", life.account, "--here", DASHTRAY_ENCRYPTION_KEY=new_key())
    assert wrong.returncode == 1
    ring = f"{new_key()},{life.key}"
    life.secrets |= set(ring.split(","))
    deployment.environment["DASHTRAY_ENCRYPTION_KEY"] = ring
    assert life.run("keys", "rotate").returncode == 0
    assert life.run("keys", "list").returncode == 0
    life.run("doctor")
    life.run("accounts")
    assert life.run("backup", str(backups)).returncode == 0
    life.add_neighbour()
    revoke(stripe)
    assert life.run("sync", life.account, "--here").returncode == 1

    # No secret is in any file, any table or any output.
    warehouse, marts = life.settings.warehouse_path, life.settings.published_dir / "marts.duckdb"
    assert len(life.secrets) >= 5
    assert found_in_files(life.searched(), life.secrets) == set()
    said = "\n".join(life.printed)
    assert not [secret for secret in life.secrets if secret in said]
    for file in (warehouse, marts):
        assert found_in_warehouse(file, [*life.secrets, "client_secret"]) == set()
    with open_database(life.settings) as engine:
        assert found_in_postgres(engine, life.secrets) == set()
        # The search does find what is there.
        assert found_in_postgres(engine, [life.account])
    # The account's people, for what follows.
    emails = [
        email
        for (email,) in deployment.rows(
            "select distinct object->>'email' from raw_stripe.customers"
            f" where account_id = '{life.account}' and (object->>'email') is not null"
        )
    ]
    assert len(emails) > 20
    assert not [email for email in emails if email in said]
    assert found_in_warehouse(marts, emails)

    # The owner leaves. Killed twice in the middle, the purge is ended by the third.
    neighbour = life.neighbours_rows()
    assert all(counted[0] for table, counted in neighbour.items() if table == "raw_stripe.charges")
    assert "acct_" in life.run("disconnect", life.account, "--purge").stderr  # not confirmed
    assert life.neighbours_rows() == neighbour
    killed_at(life, "Deleting its rows")
    killed_at(life, "history of runs")
    erased = life.run("disconnect", life.account, "--purge", "--yes")
    assert erased.returncode == 0, erased.stderr
    assert "Backups" in erased.stdout
    left = [life.account, *emails]
    assert found_in_files([deployment.home], left) == set()
    for file in (warehouse, marts):
        assert found_in_warehouse(file, left) == set()
    with open_database(life.settings) as engine:
        assert found_in_postgres(engine, left) == set()
    assert life.neighbours_rows() == neighbour
    assert [row["account_id"] for row in deployment.must("accounts")] == [NEIGHBOUR]
