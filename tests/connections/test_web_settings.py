"""Settings of the pages: what is unsafe is refused, and no secret is shown."""

from pathlib import Path

import pytest

from connections.errors import SettingsError
from connections.web_settings import WebSettings

TOKEN = "t" * 44
ANYWHERE = "0.0.0.0"  # noqa: S104 - the setting that is tested
OIDC = {
    "DASHTRAY_OIDC_ISSUER": "https://id.example.com/",
    "DASHTRAY_OIDC_CLIENT_ID": "console",
    "DASHTRAY_OIDC_CLIENT_SECRET": "hunter2-hunter2",
}


def test_nothing_set_is_loopback_without_a_login() -> None:
    settings = WebSettings.from_environment({})
    assert settings == WebSettings()
    assert not settings.login_demanded
    assert "127.0.0.1" in settings.hosts
    for host in ("127.0.0.1", "::1", "localhost"):
        settings.check_address(host)


@pytest.mark.parametrize(
    ("environment", "host", "words"),
    [
        ({}, ANYWHERE, "login"),
        ({}, "192.168.1.5", "login"),
        ({}, "::", "login"),
        ({}, "console.example.com", "login"),
        # A proxy before loopback reaches it all the same.
        ({"DASHTRAY_WEB_URL": "https://metrics.example.com"}, "127.0.0.1", "login"),
        ({"DASHTRAY_WEB_TOKEN": TOKEN}, ANYWHERE, "DASHTRAY_WEB_URL"),
    ],
)
def test_where_others_reach_it_it_does_not_start_without_a_login(
    environment: dict[str, str], host: str, words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        WebSettings.from_environment(environment).check_address(host)


@pytest.mark.parametrize("login", [{"DASHTRAY_WEB_TOKEN": TOKEN}, OIDC])
def test_with_a_login_and_an_address_it_does(login: dict[str, str]) -> None:
    settings = WebSettings.from_environment(
        {**login, "DASHTRAY_WEB_URL": "https://Metrics.example.com:8443"}
    )
    settings.check_address(ANYWHERE)
    assert settings.login_demanded
    assert settings.secure
    assert settings.hosts == ("metrics.example.com:8443",)


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({"DASHTRAY_WEB_TOKEN": "short"}, "DASHTRAY_WEB_TOKEN"),
        ({"DASHTRAY_WEB_TOKEN_FILE": "/nowhere/token"}, "DASHTRAY_WEB_TOKEN_FILE"),
        ({"DASHTRAY_WEB_TOKEN": TOKEN, "DASHTRAY_WEB_TOKEN_FILE": "/x"}, "only one"),
        ({"DASHTRAY_WEB_URL": "http://metrics.example.com"}, "DASHTRAY_WEB_URL"),
        ({"DASHTRAY_WEB_URL": "https://metrics.example.com/below"}, "DASHTRAY_WEB_URL"),
        ({"DASHTRAY_WEB_URL": "metrics.example.com"}, "DASHTRAY_WEB_URL"),
        ({"DASHTRAY_OIDC_ISSUER": "https://id.example.com"}, "all three"),
        ({**OIDC, "DASHTRAY_OIDC_ISSUER": "http://id.example.com"}, "DASHTRAY_OIDC_ISSUER"),
        ({"DASHTRAY_OIDC_CLIENT_SECRET": "hunter2-hunter2"}, "all three"),
        ({"DASHTRAY_WEB_PROXIES": "10.0.0.1,*"}, "DASHTRAY_WEB_PROXIES"),
        ({"DASHTRAY_DAGSTER_URL": "http://dagster.example.com"}, "DASHTRAY_DAGSTER_URL"),
        ({"STRIPE_WEBHOOK_SECRET": "hunter2-hunter2"}, "STRIPE_WEBHOOK_SECRET"),
        ({"STRIPE_WEBHOOK_SECRET": "x:whsec_hunter2"}, "STRIPE_WEBHOOK_SECRET"),
    ],
)
def test_what_cannot_be_used_is_said_without_showing_secrets(
    environment: dict[str, str], variable: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        WebSettings.from_environment(environment)
    assert variable in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_token_file_is_for_its_owner_alone(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(mode)
    environment = {"DASHTRAY_WEB_TOKEN_FILE": str(file)}
    with pytest.raises(SettingsError, match="chmod 600"):
        WebSettings.from_environment(environment)
    file.chmod(0o600)
    token = WebSettings.from_environment(environment).token
    assert token is not None
    assert token.reveal() == TOKEN


def test_the_settings_show_no_secret() -> None:
    settings = WebSettings.from_environment(
        {**OIDC, "DASHTRAY_WEB_TOKEN": TOKEN, "STRIPE_WEBHOOK_SECRET": "whsec_a, acct_1:whsec_b"}
    )
    for secret in (TOKEN, "hunter2", "whsec_"):
        assert secret not in repr(settings)
    assert [each.account_id for each in settings.webhook_secrets] == [None, "acct_1"]
