from pathlib import Path

import pytest

from connections.errors import SettingsError
from connections.settings import OAuthFlow, Settings


def read(home: Path, **environment: str) -> Settings:
    return Settings.from_environment({"DASHTRAY_HOME": str(home), **environment})


def test_defaults_are_stripe_itself_and_everything_lies_under_home(tmp_path: Path) -> None:
    settings = read(tmp_path / "new" / "home")
    assert settings.home.is_dir()
    assert settings.stripe_api_base == "https://api.stripe.com"
    assert settings.stripe_connect_base == "https://connect.stripe.com"
    assert settings.stripe_marketplace_base == "https://marketplace.stripe.com"
    assert settings.stripe_oauth is OAuthFlow.APP
    assert settings.database_url is None
    paths = [
        settings.postgres_dir,
        settings.default_key_file,
        settings.warehouse_path,
        settings.warehouse_lock_path,
        settings.published_dir,
        settings.runs_dir,
        settings.dagster_dir,
        settings.logs_dir,
    ]
    assert all(path.is_relative_to(settings.home) for path in paths)
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize(
    "base",
    [
        "https://stripe.example",
        "http://127.0.0.1:4242",
        "http://localhost:1",
        "http://[::1]:80",
        "http://127.8.9.1/",
    ],
)
def test_https_and_loopback_bases_are_taken(tmp_path: Path, base: str) -> None:
    assert read(tmp_path, STRIPE_API_BASE=base).stripe_api_base == base.rstrip("/")


@pytest.mark.parametrize(
    "name", ["STRIPE_API_BASE", "STRIPE_CONNECT_BASE", "STRIPE_MARKETPLACE_BASE"]
)
@pytest.mark.parametrize(
    "base",
    [
        "http://api.stripe.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://10.0.0.1:80",
        "http://0.0.0.0:80",
        "ftp://127.0.0.1",
        "api.stripe.com",
        "https://",
        "https://user:secret@stripe.example",
        "https://stripe.example/?a=b",
        "http://127.0.0.1:99999",
        "http://[::1",
    ],
)
def test_other_bases_are_refused_by_name(tmp_path: Path, name: str, base: str) -> None:
    with pytest.raises(SettingsError, match=name) as error:
        read(tmp_path, **{name: base})
    assert "secret" not in str(error.value)


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="DASHTRAY_HOME"):
        read(tmp_path / "file")
    with pytest.raises(SettingsError, match="DASHTRAY_HOME"):
        read(tmp_path / "file" / "below")


def test_an_unknown_flow_lists_the_valid_ones(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="app, connect"):
        read(tmp_path, DASHTRAY_STRIPE_OAUTH="saml")
    assert read(tmp_path, DASHTRAY_STRIPE_OAUTH="connect").stripe_oauth is OAuthFlow.CONNECT


def test_two_sources_of_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="both set"):
        read(tmp_path, DASHTRAY_ENCRYPTION_KEY="a", DASHTRAY_ENCRYPTION_KEY_FILE="b")


@pytest.mark.parametrize("url", ["mysql://u:hunter2@h/d", "hunter2", "u:hunter2@h"])
def test_a_foreign_database_url_is_refused_without_showing_it(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL") as error:
        read(tmp_path, DATABASE_URL=url)
    assert "hunter2" not in str(error.value)


def test_repr_shows_no_secret(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        DATABASE_URL="postgresql://u:hunter2@h/d",
        STRIPE_SECRET_KEY="sk_live_hunter2",
        DASHTRAY_ENCRYPTION_KEY="hunter2",
    )
    assert "hunter2" not in repr(settings)
