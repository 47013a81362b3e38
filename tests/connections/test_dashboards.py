"""People's own dashboards: whose they are, what can be kept, and that no save is lost unseen."""

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy.engine import Engine

from connections.dashboards import (
    LONGEST_TEXT,
    MOST_DASHBOARDS,
    MOST_ROWS,
    MOST_WIDGETS,
    ChangedElsewhereError,
    DashboardError,
    Place,
    UnknownDashboardError,
    create_dashboard,
    delete_dashboard,
    duplicate_dashboard,
    get_dashboard,
    list_dashboards,
    save_dashboard,
    share_dashboard,
)
from connections.erasing import delete_account_rows
from connections.web_users import add_user, remove_user

pytestmark = pytest.mark.e2e

AddAccount = Callable[..., str]
PLACES = [Place("mrr", 3, 1), Place("text", 6, 1, "# Hello"), Place("mrr_over_time", 12, 3)]


@pytest.fixture
def ann(engine: Engine, add_account: AddAccount) -> UUID:
    return add_user(engine, "Ann", accounts=[add_account("acct_of_ann")]).user_id


@pytest.fixture
def ben(engine: Engine, add_account: AddAccount) -> UUID:
    return add_user(engine, "Ben", accounts=[add_account("acct_of_ben")]).user_id


def names(engine: Engine, owner_id: UUID | None) -> list[str]:
    return [each.name for each in list_dashboards(engine, owner_id)]


def save(engine: Engine, owner_id: UUID | None, dashboard_id: str, version: int) -> int:
    saved = save_dashboard(
        engine,
        owner_id,
        dashboard_id,
        version=version,
        name=f"After {version}",
        places=PLACES,
        account_id=None,
        selection={"range": "90d"},
    )
    return saved.version


def test_what_is_saved_is_there_again(engine: Engine, add_account: AddAccount) -> None:
    account_id = add_account()
    made = create_dashboard(engine, None, "  Board   meeting ", PLACES[:1])
    save_dashboard(
        engine,
        None,
        made.dashboard_id,
        version=1,
        name="Board",
        places=PLACES,
        account_id=account_id,
        selection={"range": "90d", "grain": "week"},
    )
    found = get_dashboard(engine, None, made.dashboard_id)
    assert made.name == "Board meeting"
    assert (found.name, found.version, found.opens_with_account) == ("Board", 2, account_id)
    assert found.selection == {"range": "90d", "grain": "week"}
    assert [Place.from_json(each) for each in found.widgets] == PLACES


def test_a_save_of_what_was_saved_elsewhere_is_refused(engine: Engine) -> None:
    made = create_dashboard(engine, None, "Board")
    assert save(engine, None, made.dashboard_id, 1) == 2
    with pytest.raises(ChangedElsewhereError, match="saved elsewhere"):
        save(engine, None, made.dashboard_id, 1)
    assert get_dashboard(engine, None, made.dashboard_id).version == 2
    assert save(engine, None, made.dashboard_id, 2) == 3


def test_others_see_nothing_until_it_is_shared_and_change_nothing_then(
    engine: Engine, ann: UUID, ben: UUID
) -> None:
    made = create_dashboard(engine, ann, "Ann's", PLACES).dashboard_id
    for stranger in (ben, None):
        assert names(engine, stranger) == []
        with pytest.raises(UnknownDashboardError):
            get_dashboard(engine, stranger, made)
        with pytest.raises(UnknownDashboardError):
            duplicate_dashboard(engine, stranger, made)
    share_dashboard(engine, ann, made, True)
    assert names(engine, ben) == names(engine, ann) == names(engine, None) == ["Ann's"]
    for stranger in (ben, None):
        with pytest.raises(UnknownDashboardError):
            save(engine, stranger, made, 1)
        with pytest.raises(UnknownDashboardError):
            share_dashboard(engine, stranger, made, False)
        with pytest.raises(UnknownDashboardError):
            delete_dashboard(engine, stranger, made)
    share_dashboard(engine, ann, made, False)
    assert names(engine, ben) == []
    assert get_dashboard(engine, ann, made).version == 1


def test_a_copy_is_the_copiers_and_tells_nothing_of_the_owners_account(
    engine: Engine, ann: UUID, ben: UUID, add_account: AddAccount
) -> None:
    made = create_dashboard(engine, ann, "x" * 80, PLACES, account_id=add_account()).dashboard_id
    share_dashboard(engine, ann, made, True)
    copy = duplicate_dashboard(engine, ben, made)
    assert (copy.owner_id, copy.opens_with_account, copy.shared) == (ben, None, False)
    assert copy.widgets == get_dashboard(engine, ann, made).widgets
    assert copy.name == "Copy of " + "x" * 72
    assert duplicate_dashboard(engine, ann, made).opens_with_account == "acct_A1"
    delete_dashboard(engine, ann, made)
    assert get_dashboard(engine, ben, copy.dashboard_id)


def test_it_goes_with_its_owner_and_stays_without_its_account(
    engine: Engine, ann: UUID, add_account: AddAccount
) -> None:
    create_dashboard(engine, ann, "Ann's")
    kept = create_dashboard(engine, None, "The operator's", account_id=add_account()).dashboard_id
    remove_user(engine, "Ann")
    delete_account_rows(engine, "acct_A1")
    assert names(engine, ann) == []
    assert get_dashboard(engine, None, kept).opens_with_account is None


@pytest.mark.parametrize(
    "place",
    [
        None,
        [],
        {},
        {"widget": "MRR; drop", "columns": 3, "rows": 1},
        {"widget": 3, "columns": 3, "rows": 1},
        {"widget": "mrr", "columns": 5, "rows": 1},
        {"widget": "mrr", "columns": "3", "rows": 1},
        {"widget": "mrr", "columns": True, "rows": 1},
        {"widget": "mrr", "columns": 3, "rows": 0},
        {"widget": "mrr", "columns": 3, "rows": MOST_ROWS + 1},
        {"widget": "mrr", "columns": 3, "rows": 1.0},
        {"widget": "mrr", "columns": 3, "rows": 1, "text": "numbers have none"},
        {"widget": "text", "columns": 3, "rows": 1, "text": "x" * (LONGEST_TEXT + 1)},
        {"widget": "text", "columns": 3, "rows": 1, "text": 7},
    ],
)
def test_what_is_no_place_is_refused(place: object) -> None:
    with pytest.raises(DashboardError):
        Place.from_json(place)


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("", []),
        (" \n ", []),
        ("x" * 81, []),
        ("a\x07b", []),
        ("Twice", [Place("mrr", 3, 1), Place("mrr", 3, 1)]),
        ("Full", [Place("text", 3, 1, "x")] * (MOST_WIDGETS + 1)),
    ],
)
def test_what_cannot_be_kept_changes_nothing(
    engine: Engine, name: str, places: list[Place]
) -> None:
    with pytest.raises(DashboardError):
        create_dashboard(engine, None, name, places)
    assert names(engine, None) == []


def test_an_owner_has_only_so_many(engine: Engine, ann: UUID) -> None:
    for number in range(MOST_DASHBOARDS):
        create_dashboard(engine, ann, f"{number}")
    with pytest.raises(DashboardError, match="Delete one"):
        create_dashboard(engine, ann, "One more")
    create_dashboard(engine, None, "Of somebody else")


def test_only_known_words_are_kept_of_what_it_opens_with(engine: Engine) -> None:
    for selection in ({"account": "acct_A1"}, {"range": "x" * 41}):
        with pytest.raises(DashboardError):
            create_dashboard(engine, None, "Board", selection=selection)
