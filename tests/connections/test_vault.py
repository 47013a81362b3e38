import base64
import multiprocessing
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.engine import Engine

from connections.credentials import read_token, store_token
from connections.keys import Key, VaultKeyError, make_key_file
from connections.models import Credential, CredentialPurpose
from connections.rows import transaction
from connections.secret import Secret
from connections.settings import Settings
from connections.vault import Place, Sealed, Vault, VaultTamperError, open_vault
from tests.connections.conftest import NOW

ACCESS, REFRESH = CredentialPurpose.ACCESS_TOKEN, CredentialPurpose.REFRESH_TOKEN
PLACE = Place(UUID(int=7), "acct_A", ACCESS, NOW, NOW + timedelta(hours=1))


def new_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def ring(*keys: str) -> Vault:
    return Vault([Key.parse(key, "the test") for key in keys])


VAULT = ring(new_key())


def open_sealed(vault: Vault, sealed: Sealed) -> str:
    return vault.open(sealed, PLACE).reveal()


def seal(vault: Vault, value: str) -> Sealed:
    return vault.seal(Secret(value), PLACE)


@given(st.text(st.characters(codec="utf-8")))
def test_what_is_sealed_opens_and_is_sealed_afresh_each_time(value: str) -> None:
    first, second = seal(VAULT, value), seal(VAULT, value)
    assert open_sealed(VAULT, first) == value
    assert len(first.nonce) == 12
    assert first.nonce != second.nonce
    assert first.ciphertext != second.ciphertext


@given(st.data())
def test_any_changed_bit_is_refused(data: st.DataObject) -> None:
    sealed = seal(VAULT, "sk_test_token")
    field = data.draw(st.sampled_from(["nonce", "ciphertext"]))
    value = bytearray(getattr(sealed, field))
    bit = data.draw(st.integers(0, len(value) * 8 - 1))
    value[bit // 8] ^= 1 << bit % 8
    with pytest.raises(VaultTamperError):
        open_sealed(VAULT, replace(sealed, **{field: bytes(value)}))  # type: ignore[arg-type]


@given(st.binary(max_size=40), st.binary(max_size=20))
def test_made_up_ciphertexts_are_refused(ciphertext: bytes, nonce: bytes) -> None:
    sealed = seal(VAULT, "sk_test_token")
    with pytest.raises(VaultTamperError):
        open_sealed(VAULT, replace(sealed, ciphertext=ciphertext, nonce=nonce))


@pytest.mark.parametrize(
    "change",
    [
        {"row_id": UUID(int=8)},
        {"account_id": "acct_B"},
        {"account_id": None},
        {"purpose": REFRESH},
        {"stored_at": NOW + timedelta(microseconds=1)},
        {"expires_at": NOW + timedelta(hours=2)},
        {"expires_at": None},
    ],
)
def test_a_ciphertext_in_another_place_is_refused(change: dict[str, object]) -> None:
    sealed = seal(VAULT, "sk_test_token")
    with pytest.raises(VaultTamperError, match="reconnect the account") as error:
        VAULT.open(sealed, replace(PLACE, **change))  # type: ignore[arg-type]
    assert "sk_test_token" not in str(error.value)


def test_a_ring_opens_with_every_key_and_seals_with_the_first() -> None:
    old, new = new_key(), new_key()
    sealed = seal(ring(old), "value")
    both = ring(new, old)
    assert open_sealed(both, sealed) == "value"
    assert seal(both, "value").key_id == both.key_ids[0] != sealed.key_id
    with pytest.raises(VaultKeyError, match=sealed.key_id):
        open_sealed(ring(new), sealed)


@pytest.mark.parametrize("key", ["", "abc", "!" * 44, base64.b64encode(b"x" * 31).decode()])
def test_malformed_keys_are_refused_without_showing_them(key: str) -> None:
    with pytest.raises(VaultKeyError, match="32 bytes") as error:
        Key.parse(key, "DASHTRAY_ENCRYPTION_KEY")
    assert not key or key not in str(error.value)


def test_url_safe_base64_is_the_same_key() -> None:
    raw = bytes([255, 254, 253]) * 10 + b"xy"
    standard = Key.parse(base64.b64encode(raw).decode(), "a")
    assert Key.parse(base64.urlsafe_b64encode(raw).decode(), "b").key_id == standard.key_id
    assert standard.raw == raw


def test_derived_keys_differ_by_use_and_from_the_key() -> None:
    old, new = new_key(), new_key()
    (of_old,), (of_new, kept) = ring(old).derive("a"), ring(new, old).derive("a")
    assert kept == of_old != of_new
    assert VAULT.derive("a") != VAULT.derive("b")
    assert {len(key) for key in (of_old, of_new)} == {32}
    assert of_old != base64.b64decode(old)


def _make(path: str, barrier: "multiprocessing.synchronize.Barrier") -> None:
    barrier.wait()
    make_key_file(Path(path))


def test_processes_that_make_the_key_file_at_once_end_with_one_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    path = tmp_path / "keys" / "credentials.key"
    seen = set()
    barrier = context.Barrier(4)
    workers = [context.Process(target=_make, args=(str(path), barrier)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    seen.add(path.read_bytes())
    make_key_file(path)
    assert seen == {path.read_bytes()}
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["credentials.key"]


@pytest.mark.e2e
class TestOpenVault:
    def test_a_key_is_made_once_and_found_again(self, settings: Settings, engine: Engine) -> None:
        first = open_vault(settings, engine)
        assert open_vault(settings, engine).key_ids == first.key_ids
        assert settings.default_key_file.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o601])
    def test_a_key_file_open_to_others_is_refused(
        self, settings: Settings, engine: Engine, mode: int
    ) -> None:
        make_key_file(settings.default_key_file).chmod(mode)
        before = settings.default_key_file.read_bytes()
        with pytest.raises(VaultKeyError, match="chmod 600"):
            open_vault(settings, engine)
        assert settings.default_key_file.read_bytes() == before

    def test_an_empty_or_missing_configured_file_is_refused(
        self, settings: Settings, engine: Engine, tmp_path: Path
    ) -> None:
        configured = replace(settings, encryption_key_file=tmp_path / "mine.key")
        with pytest.raises(VaultKeyError, match="does not exist"):
            open_vault(configured, engine)
        assert not (tmp_path / "mine.key").exists()
        (tmp_path / "mine.key").touch(0o600)
        with pytest.raises(VaultKeyError, match="empty"):
            open_vault(configured, engine)

    def test_a_lost_or_changed_key_destroys_nothing(
        self, settings: Settings, engine: Engine, add_account: Callable[..., str]
    ) -> None:
        account_id = add_account()
        vault = open_vault(settings, engine)
        with transaction(engine) as session:
            store_token(session, vault, account_id, ACCESS, Secret("sk_test_1"), now=NOW)
        key = settings.default_key_file.read_bytes()
        settings.default_key_file.unlink()
        with pytest.raises(VaultKeyError, match="missing"):
            open_vault(settings, engine)
        assert not settings.default_key_file.exists()
        other = replace(settings, encryption_key=Secret(new_key()))
        with pytest.raises(VaultKeyError, match="Add the former"):
            open_vault(other, engine)
        settings.default_key_file.write_bytes(key)
        settings.default_key_file.chmod(0o600)
        with transaction(engine) as session:
            stored = read_token(session, open_vault(settings, engine), account_id, ACCESS)
        assert stored is not None
        assert stored.secret.reveal() == "sk_test_1"

    @pytest.mark.parametrize(
        "change",
        [
            "id = gen_random_uuid()",
            "account_id = 'acct_B'",
            "account_id = NULL",
            "purpose = 'refresh_token'",
            "stored_at = stored_at + interval '1 second'",
            "expires_at = now() + interval '1 year'",
            "expires_at = NULL",
            "nonce = set_bit(nonce, 5, 1 - get_bit(nonce, 5))",
            "ciphertext = set_bit(ciphertext, 9, 1 - get_bit(ciphertext, 9))",
            "ciphertext = ''",
        ],
    )
    def test_each_changed_field_of_a_stored_credential_is_refused(
        self, vault: Vault, engine: Engine, add_account: Callable[..., str], change: str
    ) -> None:
        add_account("acct_B")
        add_account("acct_A")
        with transaction(engine) as session:
            store_token(
                session, vault, "acct_A", ACCESS, Secret("sk_test_1"), now=NOW, expires_at=NOW
            )
            session.execute(text(f"UPDATE connections.credentials SET {change}"))
            row = session.execute(select(Credential.account_id, Credential.purpose)).one()
        with pytest.raises(VaultTamperError), transaction(engine) as session:
            read_token(session, vault, row.account_id, row.purpose)

    def test_the_database_holds_no_token_in_clear(
        self, vault: Vault, engine: Engine, add_account: Callable[..., str]
    ) -> None:
        add_account("acct_A")
        with transaction(engine) as session:
            store_token(session, vault, "acct_A", ACCESS, Secret("sk_test_canary"), now=NOW)
            stored: str = session.execute(
                text("SELECT c::text FROM connections.credentials c")
            ).scalar_one()
        assert "sk_test_canary" not in stored
        assert b"sk_test_canary".hex() not in stored
