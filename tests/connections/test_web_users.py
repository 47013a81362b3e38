"""Users of the pages: added, known again, removed; a purge takes their account away."""

from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Engine

from connections.dump import let_go
from connections.erasing import delete_account_rows
from connections.errors import DashtrayError, UnknownAccountError
from connections.secret import Secret
from connections.web_sessions import begin_session, find_session
from connections.web_users import (
    UserError,
    add_user,
    list_users,
    new_token,
    remove_user,
    user_of_identity,
    user_of_token,
)

pytestmark = pytest.mark.e2e


def test_a_user_is_known_by_the_token_that_was_shown(
    engine: Engine, add_account: Callable[..., str]
) -> None:
    add_account("acct_A1")
    add_account("acct_B2")
    made = add_user(engine, "Agency's client", accounts=["acct_B2", "acct_A1", "acct_A1"])
    assert made.accounts == {"acct_A1", "acct_B2"}
    token = new_token(engine, made.name)
    known = user_of_token(engine, token)
    assert known is not None
    assert known.user_id == made.user_id
    assert user_of_token(engine, Secret(token.reveal() + "x")) is None
    with engine.connect() as connection:
        stored = connection.execute(text("SELECT u::text FROM connections.web_users u")).scalars()
        assert token.reveal() not in "".join(stored)
    remove_user(engine, made.name)
    assert list_users(engine) == []
    assert user_of_token(engine, token) is None


def test_an_operator_is_named_as_one(engine: Engine) -> None:
    assert add_user(engine, "Ann", accounts=None).accounts is None


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("Ann", {"accounts": []}, UserError),
        ("Ann", {"accounts": ["acct_unknown"]}, UnknownAccountError),
        ("", {"accounts": None}, UserError),
        ("<b>", {"accounts": None}, UserError),
        ("x" * 81, {"accounts": None}, UserError),
        ("Ann", {"accounts": None, "email": "nobody"}, UserError),
        ("Taken", {"accounts": None}, UserError),
        ("Ann", {"accounts": None, "email": "TAKEN@example.com"}, UserError),
        ("Ann", {"accounts": None, "subject": "taken"}, UserError),
    ],
)
def test_mistakes_change_nothing(
    engine: Engine, name: str, options: dict[str, object], error: type[DashtrayError]
) -> None:
    add_user(engine, "Taken", accounts=None, email="taken@example.com", subject="taken")
    with pytest.raises(error):
        add_user(engine, name, **options)  # type: ignore[arg-type]
    assert [user.name for user in list_users(engine)] == ["Taken"]


def test_who_is_not_there_is_said(engine: Engine) -> None:
    for mistake in (new_token, remove_user):
        with pytest.raises(UserError, match="Nobody"):
            mistake(engine, "Nobody")


def test_a_purged_account_is_seen_by_nobody_and_its_user_by_no_other(
    engine: Engine, add_account: Callable[..., str]
) -> None:
    add_account("acct_A1")
    add_user(engine, "Client", accounts=["acct_A1"])
    delete_account_rows(engine, "acct_A1")
    (user,) = list_users(engine)
    # No account is not the same as all of them.
    assert user.accounts == frozenset()


def test_an_identity_without_subject_or_address_is_nobody(engine: Engine) -> None:
    add_user(engine, "Ann", accounts=None)
    assert user_of_identity(engine, subject="s", email=None) is None


def test_after_a_restore_everybody_logs_in_anew(engine: Engine) -> None:
    token = Secret("t" * 44)
    session_id = begin_session(engine, user_id=None, deployment_token=token)
    assert find_session(engine, session_id, deployment_token=token) is not None
    let_go(engine)
    assert find_session(engine, session_id, deployment_token=token) is None
