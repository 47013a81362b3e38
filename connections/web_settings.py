"""Settings of the web pages: where people reach them, how they log in, who may send webhooks.

Read once and checked, as `settings`. What is unsafe is refused: the pages are without a login only
where nobody but this machine reaches them.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from connections.errors import SettingsError
from connections.secret import Secret
from connections.settings import checked_base, is_loopback_host

MIN_TOKEN = 32
"""A token that can be guessed is none; `openssl rand -base64 32` makes 44 characters."""

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """An OpenID provider with which people log in.

    Attributes:
        issuer: `DASHTRAY_OIDC_ISSUER`, as the provider writes it.
        client_id: `DASHTRAY_OIDC_CLIENT_ID`.
        client_secret: `DASHTRAY_OIDC_CLIENT_SECRET`.
    """

    issuer: str
    client_id: str
    client_secret: Secret

    @property
    def name(self) -> str:
        """What people may know the provider by."""
        return urlsplit(self.issuer).hostname or self.issuer


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """The signing secret of one webhook endpoint.

    Attributes:
        secret: `whsec_…`.
        account_id: whose own endpoint it is; None = a platform's, or the only account's.
    """

    secret: Secret
    account_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """All settings of the pages, checked. `repr` shows no secret.

    Attributes:
        url: `DASHTRAY_WEB_URL`: the address at which people and Stripe reach the pages; None =
            loopback, at the port that they listen on.
        token: `DASHTRAY_WEB_TOKEN`, or what the file `DASHTRAY_WEB_TOKEN_FILE` holds: logs the
            operator in.
        oidc: the provider, if one is configured.
        proxies: `DASHTRAY_WEB_PROXIES`: addresses whose `X-Forwarded-…` headers are believed.
        dagster_url: `DASHTRAY_DAGSTER_URL`: where a proxy shows the Dagster UI.
        webhook_secrets: `STRIPE_WEBHOOK_SECRET`.
    """

    url: str | None = None
    token: Secret | None = None
    oidc: OidcSettings | None = None
    proxies: tuple[str, ...] = ()
    dagster_url: str | None = None
    webhook_secrets: tuple[WebhookSecret, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "WebSettings":
        """Read and check the settings.

        Raises:
            SettingsError: a value cannot be used; names the variable.
        """
        env = os.environ if environment is None else environment

        def text(name: str) -> str | None:
            return env.get(name, "").strip() or None

        def base(name: str) -> str | None:
            value = text(name)
            return None if value is None else checked_base(name, value)

        settings = cls(
            url=base("DASHTRAY_WEB_URL"),
            token=_token(text("DASHTRAY_WEB_TOKEN"), text("DASHTRAY_WEB_TOKEN_FILE")),
            oidc=_oidc(
                base("DASHTRAY_OIDC_ISSUER"),
                # The provider's own spelling counts, which may end with a slash.
                text("DASHTRAY_OIDC_ISSUER"),
                text("DASHTRAY_OIDC_CLIENT_ID"),
                text("DASHTRAY_OIDC_CLIENT_SECRET"),
            ),
            proxies=_proxies(text("DASHTRAY_WEB_PROXIES")),
            dagster_url=base("DASHTRAY_DAGSTER_URL"),
            webhook_secrets=_webhook_secrets(text("STRIPE_WEBHOOK_SECRET")),
        )
        if settings.url is not None and urlsplit(settings.url).path:
            raise SettingsError(
                f"DASHTRAY_WEB_URL={settings.url} must have no path: the console needs a host of "
                "its own."
            )
        return settings

    @property
    def login_demanded(self) -> bool:
        """Whether people must log in: as soon as there is a way to."""
        return self.token is not None or self.oidc is not None

    @property
    def secure(self) -> bool:
        """Whether cookies go over https only."""
        return self.url is not None and self.url.startswith("https://")

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names under which the pages answer.

        Another may be a site elsewhere that was made to point here.
        """
        if self.url is None:
            return LOOPBACK_NAMES
        return (urlsplit(self.url).netloc.rpartition("@")[2].lower(),)

    def check_address(self, host: str) -> None:
        """Make sure that the pages may listen on an address.

        Raises:
            SettingsError: others would reach them, and no login is configured, or it is not said
                under which address.
        """
        elsewhere = not is_loopback_host(host)
        public = self.url is not None and not is_loopback_host(urlsplit(self.url).hostname)
        if (elsewhere or public) and not self.login_demanded:
            where = f"on {host}" if elsewhere else f"at {self.url}"
            raise SettingsError(
                f"Others can reach the console {where}, so a login is needed: set "
                "DASHTRAY_WEB_TOKEN (make one with: openssl rand -base64 32), "
                "DASHTRAY_WEB_TOKEN_FILE, or DASHTRAY_OIDC_ISSUER. See docs/proxy.md."
            )
        if elsewhere and self.url is None:
            raise SettingsError(
                f"The console is to listen on {host}: set DASHTRAY_WEB_URL to the https address "
                "at which people reach it. See docs/proxy.md."
            )


def _token(value: str | None, file: str | None) -> Secret | None:
    if value and file:
        raise SettingsError(
            "DASHTRAY_WEB_TOKEN and DASHTRAY_WEB_TOKEN_FILE are both set: keep only one of them."
        )
    name = "DASHTRAY_WEB_TOKEN"
    if file:
        name = "DASHTRAY_WEB_TOKEN_FILE"
        value = _private_text(name, Path(file).expanduser())
    if value is None:
        return None
    if len(value) < MIN_TOKEN:
        raise SettingsError(
            f"The token of {name} has {len(value)} characters: it needs {MIN_TOKEN} or more. "
            "Make one with: openssl rand -base64 32"
        )
    return Secret(value)


def _private_text(name: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(4096).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingsError(f"{name}={path} cannot be read: {reason}.") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(f"{name}={path} can be read by others: chmod 600 {path}")
    return text.strip()


def _oidc(
    base: str | None, issuer: str | None, client_id: str | None, secret: str | None
) -> OidcSettings | None:
    if base is None and client_id is None and secret is None:
        return None
    if issuer is None or client_id is None or secret is None:
        raise SettingsError(
            "DASHTRAY_OIDC_ISSUER, DASHTRAY_OIDC_CLIENT_ID and DASHTRAY_OIDC_CLIENT_SECRET go "
            "together: set all three."
        )
    return OidcSettings(issuer, client_id, Secret(secret))


def _proxies(value: str | None) -> tuple[str, ...]:
    proxies = tuple(part.strip() for part in (value or "").split(",") if part.strip())
    for proxy in proxies:
        try:
            ip_network(proxy)
        except ValueError:
            raise SettingsError(
                f"DASHTRAY_WEB_PROXIES: {proxy!r} is no address such as 127.0.0.1 or 10.0.0.0/24."
            ) from None
    return proxies


def _webhook_secrets(value: str | None) -> tuple[WebhookSecret, ...]:
    secrets = []
    for part in (value or "").split(","):
        if not (part := part.strip()):
            continue
        account_id, colon, secret = part.rpartition(":")
        if not secret.startswith("whsec_") or (colon and not account_id.startswith("acct_")):
            # The value is a secret: it is not shown.
            raise SettingsError(
                "STRIPE_WEBHOOK_SECRET must be whsec_…, or acct_…:whsec_… for the endpoint of one "
                "account; several are separated by commas."
            )
        secrets.append(WebhookSecret(Secret(secret), account_id or None))
    return tuple(secrets)
