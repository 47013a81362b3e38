"""Secrets planted everywhere are found nowhere.

One deployment lives a whole life: connected by OAuth, synced, failed with a traceback, rotated,
backed up and revoked. What it wrote is searched byte by byte.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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


def new_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


class Life:
    """A deployment, what its commands printed, and the secrets that must not be seen."""

    def __init__(self, deployment: Deployment, stripe: Simulator) -> None:
        self.deployment, self.stripe, self.account = deployment, stripe, stripe.account_id
        self.printed: list[str] = []
        self.key = new_key()
        deployment.environment |= {**stripe.environment(), "DASHTRAY_ENCRYPTION_KEY": self.key}
        of_the_console = {
            "DASHTRAY_WEB_TOKEN": new_key(),
            "DASHTRAY_OIDC_ISSUER": "https://login.example.com",
            "DASHTRAY_OIDC_CLIENT_ID": "console",
            "DASHTRAY_OIDC_CLIENT_SECRET": new_key(),
            "STRIPE_WEBHOOK_SECRET": str(stripe.ready["webhook_secret"]),
        }
        deployment.environment |= of_the_console
        self.secrets = {self.key, str(stripe.ready["secret_key"])}
        self.secrets |= {
            value for name, value in of_the_console.items() if name.endswith(("TOKEN", "SECRET"))
        }

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

    def searched(self) -> list[Path]:
        return [self.deployment.home, self.deployment.home.parent / "backups"]


def test_secrets_are_found_nowhere(deployment: Deployment, stripe: Simulator) -> None:
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
    revoke(stripe)
    assert life.run("sync", life.account, "--here").returncode == 1

    # A user's login token is shown once, and by that command alone.
    shown = deployment.dashtray("users", "add", "Client", "--account", life.account)
    assert shown.returncode == 0, shown.stderr
    life.secrets.add(shown.stdout.split()[-1])
    assert "Client" in life.run("users", "list").stdout
    assert life.run("backup", str(backups)).returncode == 0

    # No secret is in any file, any table or any output.
    warehouse, marts = life.settings.warehouse_path, life.settings.published_dir / "marts.duckdb"
    assert len(life.secrets) >= 9
    assert found_in_files(life.searched(), life.secrets) == set()
    said = "\n".join(life.printed)
    assert not [secret for secret in life.secrets if secret in said]
    for file in (warehouse, marts):
        assert found_in_warehouse(file, [*life.secrets, "client_secret"]) == set()
    with open_database(life.settings) as engine:
        assert found_in_postgres(engine, life.secrets) == set()
        # Customers' addresses, which the policy keeps, are in the warehouse and what is published.
        addresses = {
            row[0]
            for row in deployment.rows("select distinct object->>'email' from raw_stripe.customers")
            if row[0]
        }
        assert len(addresses) > 10
        assert found_in_warehouse(marts, addresses)
        assert found_in_postgres(engine, addresses) == set()
        places = (life.settings.logs_dir, life.settings.dagster_dir, life.settings.runs_dir)
        assert found_in_files(places, addresses) == set()
        assert not [address for address in addresses if address in said]
        # The search does find what is there.
        assert found_in_postgres(engine, [life.account])
