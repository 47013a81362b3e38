"""A purge of one of two accounts: interrupted at every step, ended, and then searched for."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from sqlalchemy import text

from connections.errors import AccountStateError, UnknownAccountError
from connections.models import Account, AccountStatus, AuthKind, RequestKind
from connections.postgres import open_database
from connections.rows import at, transaction
from connections.settings import Settings
from connections.syncs import begin_sync
from orchestration import rewriting
from orchestration.copies import publish_everything
from orchestration.purge import purge_account
from tests.orchestration.warehouses import set_clock

pytestmark = pytest.mark.e2e

LEAVING, STAYING = "acct_leaving1", "acct_leaving12"
CANARY, KEPT = "gone-5d1c@example.com", "stays-77e0@example.com"


class Interrupted(Exception):
    """Stands for a kill between two steps."""


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # Not pytest's folder: Postgres, which does not run as root, could not enter it.
    directory = Path(tempfile.mkdtemp(prefix="dashtray-purge-"))
    for name in ("DATABASE_URL", "DASHTRAY_ENCRYPTION_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DASHTRAY_HOME", str(directory))
    uncompressed = {**rewriting.SETTINGS, "force_compression": "uncompressed"}
    monkeypatch.setattr(rewriting, "SETTINGS", uncompressed)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


def fill(settings: Settings) -> None:
    """Write both accounts wherever a deployment writes them."""
    with duckdb.connect(config={"force_compression": "uncompressed"}) as connection:
        connection.execute(f"attach '{settings.warehouse_path}' as warehouse")
        connection.execute("use warehouse")
        for schema in ("raw_stripe", "marts"):
            connection.execute(f"create schema {schema}")
            connection.execute(
                f"create table {schema}.customers as select * from (values"
                f" ('{LEAVING}', '{CANARY}'), ('{STAYING}', '{KEPT}')) t(account_id, email)"
            )
        connection.execute("use memory")
        connection.execute("detach warehouse")
    set_clock(settings.warehouse_path, {LEAVING: 0, STAYING: 0})
    for run in ("former", "before"):
        publish_everything(settings.warehouse_path, settings.published_dir, run, settings.publish)
    log = settings.logs_dir / "service.log"
    log.parent.mkdir()
    log.write_text(f"synced {LEAVING} and {STAYING}\n")
    for account, email in ((LEAVING, CANARY), (STAYING, KEPT)):
        unfinished = settings.runs_dir / ".unfinished" / account
        unfinished.mkdir(parents=True)
        (unfinished / "rows.arrow").write_text(email)
    with open_database(settings) as engine:
        with transaction(engine) as session:
            for account, email in ((LEAVING, CANARY), (STAYING, KEPT)):
                session.add(
                    Account(
                        account_id=account,
                        display_name=email,
                        tier="free",
                        status=AccountStatus.CONNECTED,
                        auth_kind=AuthKind.CONNECT_OAUTH,
                        livemode=False,
                        api_base="https://api.stripe.com",
                        connect_base="https://connect.stripe.com",
                        connected_at=at(None),
                        created_at=at(None),
                    )
                )
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE event_logs (partition text, event text)"))
            connection.execute(text("CREATE TABLE runs (run_body text, tags jsonb)"))
            connection.execute(
                text(
                    "INSERT INTO event_logs VALUES"
                    " (:a, :a || :e), (:b, :b), (NULL, :a || ' ' || :b)"
                ),
                {"a": LEAVING, "e": CANARY, "b": STAYING},
            )
            connection.execute(
                text(
                    "INSERT INTO runs VALUES (:t, jsonb_build_object('accounts', CAST(:t AS text)))"
                ),
                {"t": f"{LEAVING},{STAYING}"},
            )


def found(home: Path, word: str) -> list[str]:
    """The files under the home that hold the word, not followed by more of an id."""
    places = []
    for path in sorted(home.rglob("*")):
        if path.is_file():
            content = path.read_bytes().replace(STAYING.encode(), b"")
            if word.encode() in content or word in path.name.replace(STAYING, ""):
                places.append(str(path.relative_to(home)))
    return places


def test_interrupted_at_every_step_it_is_ended_and_nothing_is_left(home: Path) -> None:
    settings = Settings.from_environment()
    fill(settings)
    places = found(home, CANARY)
    for kind in (
        f"published/accounts/{LEAVING}/marts.duckdb",
        f"published/accounts/{LEAVING}/customers.parquet",
        "published/parquet/customers.parquet",
    ):
        assert kind in places
    # Former files, which stay a while.
    assert len([place for place in places if place.startswith("published/parquet/builds/")]) == 2
    assert len(found(home, LEAVING)) >= 5

    reached = 0
    for fatal in range(20):
        steps = 0

        def step(said: str, fatal: int = fatal) -> None:
            nonlocal steps
            assert said
            if steps == fatal:
                raise Interrupted
            steps += 1

        try:
            purged = purge_account(LEAVING, step)
        except Interrupted:
            reached += 1
            continue
        break
    assert reached >= 6
    assert "Backups" in purged.remarks[-1]

    assert found(home, CANARY) == []
    assert found(home, LEAVING) == []
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        for schema in ("raw_stripe", "marts"):
            rows = connection.execute(f"select * from {schema}.customers").fetchall()
            assert rows == [(STAYING, KEPT)]
    with duckdb.connect(str(settings.published_dir / "marts.duckdb"), read_only=True) as connection:
        assert connection.execute("select * from customers").fetchall() == [(STAYING, KEPT)]
    parquet = str(settings.published_dir / "parquet" / "customers.parquet")
    assert duckdb.read_parquet(parquet).fetchall() == [(STAYING, KEPT)]
    own = settings.published_dir / "accounts"
    assert [path.name for path in own.iterdir()] == [STAYING]
    with duckdb.connect(str(own / STAYING / "marts.duckdb"), read_only=True) as connection:
        assert connection.execute("select * from customers").fetchall() == [(STAYING, KEPT)]
    assert (settings.logs_dir / "service.log").read_text() == (
        f"synced acct_00000000 and {STAYING}\n"
    )
    assert (settings.runs_dir / ".unfinished" / STAYING / "rows.arrow").read_text() == KEPT
    with open_database(settings) as engine, engine.connect() as connection:
        accounts = connection.execute(text("SELECT account_id FROM connections.accounts")).scalars()
        assert list(accounts) == [STAYING]
        events = connection.execute(text("SELECT event FROM event_logs ORDER BY event")).scalars()
        assert list(events) == [f"acct_00000000 {STAYING}", STAYING]
        (body, tags) = connection.execute(text("SELECT run_body, tags FROM runs")).one()
        assert body == tags["accounts"] == f"acct_00000000,{STAYING}"


def test_an_account_that_is_being_synced_is_not_purged(home: Path) -> None:
    settings = Settings.from_environment()
    fill(settings)
    with open_database(settings) as engine:
        begin_sync(engine, "run", [LEAVING], RequestKind.FIRST_IMPORT)
        with pytest.raises(AccountStateError, match="syncing"):
            purge_account(LEAVING)
    assert found(home, CANARY)


def test_what_is_no_account_is_refused(home: Path) -> None:
    for word in ("../published", "acct_", "", "acct_a/b", "cus_1"):
        with pytest.raises(UnknownAccountError):
            purge_account(word)
