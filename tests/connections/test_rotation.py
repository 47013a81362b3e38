"""Rotation of the encryption key: resumable, beside refreshes, and nothing is ever unreadable."""

import base64
import itertools
import os
import random
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Engine

from connections.accounts import list_accounts
from connections.credentials import read_token, store_token
from connections.keys import VaultKeyError, add_fresh_key, make_key_file
from connections.models import AccountStatus, CredentialPurpose
from connections.postgres import make_engine
from connections.rotation import accept_loss, forget_keys, list_keys, rotate
from connections.rows import transaction
from connections.secret import Secret
from connections.settings import Settings
from connections.vault import VaultTamperError, open_vault
from tests.connections.conftest import NOW

pytestmark = pytest.mark.e2e
ACCESS, REFRESH = CredentialPurpose.ACCESS_TOKEN, CredentialPurpose.REFRESH_TOKEN
AddAccount = Callable[..., str]
ACCOUNTS = 60


@pytest.fixture
def stored(
    settings: Settings, engine: Engine, add_account: AddAccount
) -> Callable[[], dict[str, str]]:
    """Stores two tokens for each of many accounts; returns a reader of all of them."""
    vault = open_vault(settings, engine)
    names = [f"acct_{number}" for number in range(ACCOUNTS)]
    for name in names:
        add_account(name)
    with transaction(engine) as session:
        for name in names:
            for purpose in (ACCESS, REFRESH):
                token = Secret(f"{purpose} of {name}")
                store_token(session, vault, name, purpose, token, now=NOW)
        store_token(session, vault, None, CredentialPurpose.PII_KEY, Secret("ours"), now=NOW)

    def read() -> dict[str, str]:
        fresh = open_vault(settings, engine)
        found: dict[str, str] = {}
        with transaction(engine) as session:
            for name in [*names, None]:
                for purpose in CredentialPurpose:
                    if token := read_token(session, fresh, name, purpose):
                        found[f"{purpose} of {name}"] = token.secret.reveal()
        return found

    return read


def expected() -> dict[str, str]:
    names = [f"{purpose} of acct_{n}" for n in range(ACCOUNTS) for purpose in (ACCESS, REFRESH)]
    return {**{name: name for name in names}, "pii_key of None": "ours"}


def test_all_credentials_move_to_a_fresh_key_and_the_old_one_can_be_forgotten(
    settings: Settings, engine: Engine, stored: Callable[[], dict[str, str]]
) -> None:
    (before,) = list_keys(engine, settings)
    assert (before.role, before.credentials) == ("encrypts", 2 * ACCOUNTS + 1)
    steps: list[int] = []
    key_id, moved = rotate(engine, settings, batch=50, on_progress=steps.append)
    assert (moved, steps) == (121, [50, 100, 121])
    assert [(use.key_id, use.role, use.credentials) for use in list_keys(engine, settings)] == [
        (key_id, "encrypts", 121),
        (before.key_id, "decrypts", 0),
    ]
    assert stored() == expected()
    assert forget_keys(engine, settings) == [before.key_id]
    assert forget_keys(engine, settings) == []
    assert settings.default_key_file.stat().st_mode & 0o777 == 0o600
    assert stored() == expected()


def _rotate_and_die(url: str, settings: Settings, moment: int) -> bool:
    """Rotate in a process of its own that dies at its n-th dealing with the database."""
    child = os.fork()
    if not child:
        count = itertools.count(1)

        def die(*_: object) -> None:
            if next(count) == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            engine = make_engine(url)
            for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
                event.listen(engine, name, die)
            rotate(engine, settings, batch=3)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_killed_at_random_points_it_leaves_every_credential_readable(
    settings: Settings, engine: Engine, stored: Callable[[], dict[str, str]]
) -> None:
    url = engine.url.render_as_string(hide_password=False)
    draw = random.Random(7)
    states = set()
    kills = 0
    for _ in range(15):
        kills += _rotate_and_die(url, settings, draw.randint(1, 60))
        assert stored() == expected()
        states.add(tuple(use.credentials for use in list_keys(engine, settings)))
    assert kills >= 10
    assert len(states) >= 10, "the kills must hit different moments"
    rotate(engine, settings)
    assert list_keys(engine, settings)[0].credentials == 2 * ACCOUNTS + 1
    assert stored() == expected()


def test_refreshes_go_on_beside_it(
    settings: Settings, engine: Engine, stored: Callable[[], dict[str, str]]
) -> None:
    """A process with the former ring reads what was moved, and its writes are moved too."""
    running = open_vault(settings, engine)
    over = threading.Event()
    rounds = []

    def refresh() -> None:
        while not over.is_set() or not rounds:
            for number in range(0, ACCOUNTS, 7):
                name = f"acct_{number}"
                with transaction(engine) as session:
                    token = read_token(session, running, name, REFRESH, lock=True)
                    assert token is not None
                    store_token(session, running, name, ACCESS, Secret(f"{ACCESS} of {name}"),
                                now=NOW)  # fmt: skip
                    store_token(session, running, name, REFRESH, token.secret, now=NOW)
            rounds.append(1)

    worker = threading.Thread(target=refresh)
    worker.start()
    try:
        for _ in range(3):
            rotate(engine, settings, batch=5)
    finally:
        over.set()
        worker.join()
    assert rounds
    assert stored() == expected()


def test_a_ring_from_outside_is_the_operators_to_change(
    settings: Settings, engine: Engine, stored: Callable[[], dict[str, str]]
) -> None:
    old = settings.default_key_file.read_text().strip()
    new = base64.b64encode(os.urandom(32)).decode()
    for outside in (
        replace(settings, encryption_key=Secret(f"{new},{old}")),
        replace(settings, encryption_key_command=f"printf '%s\\n%s\\n' {old} {new}"),
    ):
        rotate(engine, outside)
        assert [use.credentials for use in list_keys(engine, outside)] == [121, 0]
        with pytest.raises(VaultKeyError, match="put a new key before it"):
            rotate(engine, outside)
        with pytest.raises(VaultKeyError, match="configured from outside"):
            forget_keys(engine, outside)
    assert stored() == expected()


def test_a_missing_key_is_listed_and_stops_everything(
    settings: Settings, engine: Engine, stored: Callable[[], dict[str, str]]
) -> None:
    kept = settings.default_key_file.read_bytes()
    settings.default_key_file.unlink()
    make_key_file(settings.default_key_file)
    fresh, missing = list_keys(engine, settings)
    assert (fresh.role, missing.role, missing.credentials) == ("encrypts", "missing", 121)
    with pytest.raises(VaultKeyError, match="Nothing was changed"):
        rotate(engine, settings)
    settings.default_key_file.write_bytes(kept)
    assert stored() == expected()


def test_the_loss_of_a_key_is_accepted_for_what_only_that_key_opens(
    settings: Settings, engine: Engine, stored: Callable[[], dict[str, str]]
) -> None:
    (old,) = list_keys(engine, settings)
    kept = settings.default_key_file.read_bytes()
    settings.default_key_file.unlink()
    make_key_file(settings.default_key_file)
    # Under the new key: all of acct_0, and of acct_1 what it cannot do without.
    both = replace(
        settings,
        encryption_key=Secret(
            f"{settings.default_key_file.read_text().strip()},{kept.decode().strip()}"
        ),
    )
    vault = open_vault(both, engine)
    with transaction(engine) as session:
        for name, purpose in (("acct_0", ACCESS), ("acct_0", REFRESH), ("acct_1", REFRESH)):
            store_token(session, vault, name, purpose, Secret(f"{purpose} of {name}"), now=NOW)

    # A key that is configured, or that nothing needs, is not lost.
    for key_id in (old.key_id, vault.key_ids[0], "0123456789abcdef"):
        ring = both if key_id == old.key_id else settings
        with pytest.raises(VaultKeyError, match="Nothing was changed"):
            accept_loss(engine, ring, key_id)
    with pytest.raises(VaultKeyError, match="keys forget --lost KEY_ID"):
        open_vault(settings, engine)

    loss = accept_loss(engine, settings, old.key_id, now=NOW)

    assert (loss.credentials, loss.hash_key) == (2 * ACCOUNTS + 1 - 3, True)
    assert loss.accounts == tuple(sorted(f"acct_{number}" for number in range(2, ACCOUNTS)))
    assert stored() == {
        "access_token of acct_0": "access_token of acct_0",
        "refresh_token of acct_0": "refresh_token of acct_0",
        "refresh_token of acct_1": "refresh_token of acct_1",
    }
    accounts = {account.account_id: account for account in list_accounts(engine)}
    assert len(accounts) == ACCOUNTS
    going_on = {name for name, each in accounts.items() if each.status is AccountStatus.CONNECTED}
    assert going_on == {"acct_0", "acct_1"}
    assert "was lost" in (accounts["acct_2"].last_error or "")
    assert accounts["acct_2"].first_import_finished_at is not None
    assert [use.credentials for use in list_keys(engine, settings)] == [3]


def test_with_no_key_left_at_all_the_loss_can_be_accepted_too(
    settings: Settings, engine: Engine, stored: Callable[[], dict[str, str]]
) -> None:
    settings.default_key_file.unlink()
    (missing,) = list_keys(engine, settings)
    with pytest.raises(VaultKeyError, match="keys forget --lost KEY_ID"):
        open_vault(settings, engine)
    assert not settings.default_key_file.exists()
    assert accept_loss(engine, settings, missing.key_id).credentials == 2 * ACCOUNTS + 1
    assert stored() == {}
    assert settings.default_key_file.exists()


def test_a_damaged_credential_stops_it_and_is_kept(
    settings: Settings, engine: Engine, stored: Callable[[], dict[str, str]]
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE connections.credentials SET nonce = set_bit(nonce, 3, 1 - get_bit(nonce,3))"
                " WHERE account_id = 'acct_5' AND purpose = 'access_token'"
            )
        )
    with pytest.raises(VaultTamperError, match="acct_5"):
        rotate(engine, settings)
    with engine.connect() as connection:
        assert connection.execute(
            text("SELECT count(*) FROM connections.credentials")
        ).scalar_one() == (121)


def test_adding_a_key_keeps_the_others(tmp_path: Path) -> None:
    path = make_key_file(tmp_path / "keys" / "ring.key")
    first = path.read_text()
    add_fresh_key(path)
    assert path.read_text().endswith(first)
    assert len(path.read_text().splitlines()) == 2
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["ring.key"]
