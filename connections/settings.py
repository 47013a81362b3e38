"""Settings: read once from the environment, checked, then passed on explicitly.

Every setting of the project that more than one part needs is here; an unusable value raises
`SettingsError` at once instead of falling back in silence.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from connections.errors import SettingsError
from connections.lake_settings import LakeSettings, parse_lake
from connections.pii_policy import PiiPolicy
from connections.publishing import Publish, parse_publish
from connections.secret import Secret

DEFAULT_HOME = ".dashtray"
DRAIN_SECONDS = 60
STRIPE_API_BASE = "https://api.stripe.com"
STRIPE_CONNECT_BASE = "https://connect.stripe.com"
STRIPE_MARKETPLACE_BASE = "https://marketplace.stripe.com"


class OAuthFlow(StrEnum):
    """Which of Stripe's two OAuth flows new accounts connect through (docs/stripe.md)."""

    APP = "app"
    CONNECT = "connect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, checked. `repr` shows no secret.

    Attributes:
        home: `DASHTRAY_HOME`, absolute; all state of the deployment lives under it.
        database_url: `DATABASE_URL`, or None for the embedded server.
        stripe_api_base: `STRIPE_API_BASE`, without a trailing slash, as all the bases.
        stripe_connect_base: `STRIPE_CONNECT_BASE`.
        stripe_marketplace_base: `STRIPE_MARKETPLACE_BASE`.
        stripe_client_id: `STRIPE_CLIENT_ID` of the app or platform.
        stripe_secret_key: `STRIPE_SECRET_KEY` of the app or platform.
        stripe_oauth: `DASHTRAY_STRIPE_OAUTH`.
        encryption_key: `DASHTRAY_ENCRYPTION_KEY`: base64 of 32 bytes; several, separated by
            commas, make a key ring whose first encrypts.
        encryption_key_file: `DASHTRAY_ENCRYPTION_KEY_FILE`: the same, one per line.
        drain_seconds: `DASHTRAY_DRAIN_SECONDS`: how long a stopping service lets its runs go on.
        pii: `DASHTRAY_PII`: what becomes of personal data before they are stored.
        encryption_key_command: `DASHTRAY_ENCRYPTION_KEY_COMMAND`: a program (run without a shell)
            that prints the same, one per line.
        publish: `DASHTRAY_PUBLISH`: which files are published.
        lake: `DASHTRAY_WAREHOUSE`: a lake in the place of the warehouse file; None = the file.
        alert_url: `DASHTRAY_ALERT_URL`, where alerts go; None = nowhere. `notifier` checks it.
        embed_ancestors: `DASHTRAY_EMBED_ANCESTORS`: sites whose frames may show a widget, as in
            the Content-Security-Policy's `frame-ancestors`; none by default.
    """

    home: Path
    database_url: Secret | None = None
    stripe_api_base: str = STRIPE_API_BASE
    stripe_connect_base: str = STRIPE_CONNECT_BASE
    stripe_marketplace_base: str = STRIPE_MARKETPLACE_BASE
    stripe_client_id: str | None = None
    stripe_secret_key: Secret | None = None
    stripe_oauth: OAuthFlow = OAuthFlow.APP
    encryption_key: Secret | None = None
    encryption_key_file: Path | None = None
    drain_seconds: int = DRAIN_SECONDS
    encryption_key_command: str | None = field(default=None, repr=False)
    pii: PiiPolicy = field(default_factory=lambda: PiiPolicy.parse(None))
    publish: frozenset[Publish] = frozenset(Publish)
    lake: LakeSettings | None = None
    alert_url: Secret | None = None
    embed_ancestors: tuple[str, ...] = ()

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None, *, during_restore: bool = False
    ) -> "Settings":
        """Read and check the settings; make the home directory if it is missing.

        Args:
            environment: the variables to read; the process's own by default.
            during_restore: for the restore itself, which a half-done restore does not stop.

        Raises:
            SettingsError: a value cannot be used (names the variable), or the home is between
                two states, as a restore was interrupted.
        """
        env = os.environ if environment is None else environment

        def text(name: str) -> str | None:
            value = env.get(name, "").strip()
            return value or None

        def secret(name: str) -> Secret | None:
            value = text(name)
            return None if value is None else Secret(value)

        keys = [f"DASHTRAY_ENCRYPTION_KEY{end}" for end in ("", "_FILE", "_COMMAND")]
        if len(named := [name for name in keys if text(name)]) > 1:
            raise SettingsError(f"{' and '.join(named)} are both set: keep only one of them.")
        key_file = text("DASHTRAY_ENCRYPTION_KEY_FILE")
        home = usable_home(text("DASHTRAY_HOME") or DEFAULT_HOME)
        settings = cls(
            home=home,
            database_url=_database_url(secret("DATABASE_URL")),
            stripe_api_base=checked_base(
                "STRIPE_API_BASE", text("STRIPE_API_BASE") or STRIPE_API_BASE
            ),
            stripe_connect_base=checked_base(
                "STRIPE_CONNECT_BASE", text("STRIPE_CONNECT_BASE") or STRIPE_CONNECT_BASE
            ),
            stripe_marketplace_base=checked_base(
                "STRIPE_MARKETPLACE_BASE",
                text("STRIPE_MARKETPLACE_BASE") or STRIPE_MARKETPLACE_BASE,
            ),
            stripe_client_id=text("STRIPE_CLIENT_ID"),
            stripe_secret_key=secret("STRIPE_SECRET_KEY"),
            stripe_oauth=_oauth_flow(text("DASHTRAY_STRIPE_OAUTH")),
            encryption_key=secret("DASHTRAY_ENCRYPTION_KEY"),
            encryption_key_file=None if key_file is None else Path(key_file).expanduser(),
            drain_seconds=whole_number("DASHTRAY_DRAIN_SECONDS", text, DRAIN_SECONDS),
            encryption_key_command=text("DASHTRAY_ENCRYPTION_KEY_COMMAND"),
            pii=PiiPolicy.parse(text("DASHTRAY_PII")),
            publish=parse_publish(text("DASHTRAY_PUBLISH")),
            lake=parse_lake(env, home, checked_base),
            alert_url=secret("DASHTRAY_ALERT_URL"),
            embed_ancestors=_ancestors(text("DASHTRAY_EMBED_ANCESTORS")),
        )
        if settings.restore_mark.exists() and not during_restore:
            raise SettingsError(
                f"A restore of {settings.home} was interrupted while it put its files in place. "
                "Finish it with: dashtray restore"
            )
        return settings

    @property
    def postgres_dir(self) -> Path:
        """The embedded Postgres server's files."""
        return self.home / "postgres"

    @property
    def keys_dir(self) -> Path:
        """Key files; only the owner may look into it."""
        return self.home / "keys"

    @property
    def default_key_file(self) -> Path:
        """The key that is made when none is configured."""
        return self.keys_dir / "credentials.key"

    @property
    def warehouse_path(self) -> Path:
        """The one DuckDB warehouse, where there is no lake."""
        return self.home / "warehouse.duckdb"

    @property
    def warehouse_lock_path(self) -> Path:
        """The lock file of the warehouse's one writer."""
        return self.home / "warehouse.lock"

    @property
    def service_lock_path(self) -> Path:
        """Held while `dashtray up` runs."""
        return self.home / "service.lock"

    @property
    def restore_dir(self) -> Path:
        """Where a restore prepares what it will put in place."""
        return self.home / ".restore"

    @property
    def restore_mark(self) -> Path:
        """Is there while a prepared restore is put in place."""
        return self.restore_dir / "ready"

    @property
    def published_dir(self) -> Path:
        """The published marts, the only files that readers open."""
        return self.home / "published"

    @property
    def runs_dir(self) -> Path:
        """Working directories of runs (dlt packages on their way to the warehouse)."""
        return self.home / "runs"

    @property
    def dagster_dir(self) -> Path:
        """Dagster's own home."""
        return self.home / "dagster"

    @property
    def logs_dir(self) -> Path:
        """Logs of the service's processes."""
        return self.home / "logs"


def whole_number(name: str, text: Callable[[str], str | None], default: int) -> int:
    """A setting that counts something.

    Args:
        name: the variable.
        text: reads a variable; None = not set.
        default: what it is when it is not set.

    Raises:
        SettingsError: it is no whole number of at least 0; names the variable.
    """
    value = text(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit()):
        raise SettingsError(f"{name}={value} must be a whole number, 0 or more.")
    return int(value)


def usable_home(value: str) -> Path:
    """The home directory, made if missing, absolute, writable.

    Raises:
        SettingsError: it cannot be made, entered or written.
    """
    home = Path(value).expanduser().absolute()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"DASHTRAY_HOME={home} cannot be used as a directory: {error.strerror}. "
            "Set it to a directory that this user may write."
        ) from None
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        raise SettingsError(
            f"DASHTRAY_HOME={home} cannot be read and written by this user. "
            "Change its permissions or set DASHTRAY_HOME to another directory."
        )
    return home.resolve()


def is_loopback_host(host: str | None) -> bool:
    """Whether a URL's host is this machine itself."""
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def checked_base(name: str, value: str) -> str:
    """A base URL without its trailing slash: https, or http to loopback.

    Keys and tokens are sent there, so plain http is refused for anything but this machine.

    Raises:
        SettingsError: it is something else; names the variable.
    """
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError(f"{name}={value} is not a URL: {error}.") from None
    if parts.username or parts.password:
        raise SettingsError(f"{name} must not carry a user name or password: remove it.")
    if not host or parts.query or parts.fragment:
        raise SettingsError(f"{name}={value} must look like https://host or http://127.0.0.1:port.")
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback_host(host)):
        return value.rstrip("/")
    raise SettingsError(
        f"{name}={value} is refused: keys travel over https only "
        "(plain http is allowed to 127.0.0.1 and localhost)."
    )


def _database_url(value: Secret | None) -> Secret | None:
    if value is None:
        return None
    scheme = value.reveal().split("://", 1)[0]
    if scheme not in {"postgres", "postgresql", "postgresql+psycopg2"}:
        # The value may hold a password: only its scheme is shown, and only if there is one.
        shown = f"begins with {scheme}://" if "://" in value.reveal() else "is not a URL"
        raise SettingsError(
            f"DATABASE_URL {shown}. It must look like postgresql://user:password@host:5432/name; "
            "unset it to use the embedded Postgres."
        )
    return value


def _ancestors(value: str | None) -> tuple[str, ...]:
    """Origins separated by spaces; `'self'` and `'none'` as in the policy itself."""
    words = tuple((value or "").split())
    if words == ("'none'",) or words == ("none",):
        return ()
    for word in words:
        if not re.fullmatch(
            r"'self'|https://(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?|"
            r"http://(127\.0\.0\.1|localhost)(:\d{1,5})?",
            word,
        ):
            raise SettingsError(
                f"DASHTRAY_EMBED_ANCESTORS: {word} is no origin such as https://intranet.example; "
                "several are separated by spaces."
            )
    return words


def _oauth_flow(value: str | None) -> OAuthFlow:
    try:
        return OAuthFlow(value or OAuthFlow.APP)
    except ValueError:
        raise SettingsError(
            f"DASHTRAY_STRIPE_OAUTH={value} is unknown. Choose one of: "
            f"{', '.join(flow.value for flow in OAuthFlow)}."
        ) from None
