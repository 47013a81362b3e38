"""Which warehouse there is: `DASHTRAY_WAREHOUSE`, `DASHTRAY_LAKE_DATA` and the bucket's keys.

Only what the settings say; how a lake is opened is in `dlt_sources.stripe.lake`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from psycopg2 import ProgrammingError
from psycopg2.extensions import make_dsn, parse_dsn

from connections.errors import SettingsError
from connections.secret import Secret

WAREHOUSE = "DASHTRAY_WAREHOUSE"
LAKE_DATA = "DASHTRAY_LAKE_DATA"

LAKE_SCHEMA = "lake"
"""The schema of the catalogue's database that DuckLake's own tables lie in."""

_FILE = "file"
_OWN_POSTGRES = "ducklake:postgres"
_HINT = (
    f"Choose `{_FILE}`, `{_OWN_POSTGRES}` (catalogue in the Postgres that DATABASE_URL names, or "
    "in the embedded one), `ducklake:postgres:host=… dbname=…` or `ducklake:postgresql://…`."
)


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """How the bucket of the data is reached: AWS's own variables.

    Attributes:
        key_id: `AWS_ACCESS_KEY_ID`.
        secret: `AWS_SECRET_ACCESS_KEY`.
        session_token: `AWS_SESSION_TOKEN`.
        region: `AWS_REGION` or `AWS_DEFAULT_REGION`.
        endpoint: `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`: another server than AWS's.
    """

    key_id: Secret
    secret: Secret
    session_token: Secret | None
    region: str
    endpoint: str | None


@dataclass(frozen=True, slots=True)
class LakeSettings:
    """A lake in the place of the warehouse file.

    Attributes:
        catalogue: libpq's parameters without the password; None = the project's own Postgres.
        password: The catalogue's password.
        data: A directory, absolute, or `s3://bucket/prefix`.
        bucket: For data in a bucket.
    """

    catalogue: str | None
    password: Secret | None
    data: str
    bucket: BucketSettings | None


def parse_lake(
    env: Mapping[str, str], home: Path, checked_base: Callable[[str, str], str]
) -> LakeSettings | None:
    """Read the settings; None = the warehouse is one file.

    Args:
        env: The environment.
        home: Where data lie by default.
        checked_base: Refuses addresses that keys must not be sent to.

    Raises:
        SettingsError: A value cannot be used; names the variable and shows no password.
    """
    value = env.get(WAREHOUSE, "").strip()
    if value in ("", _FILE):
        if env.get(LAKE_DATA, "").strip():
            raise SettingsError(
                f"{LAKE_DATA} is set, but {WAREHOUSE} is not a lake: set it to {_OWN_POSTGRES}, or "
                f"unset {LAKE_DATA}."
            )
        return None
    catalogue, password = _catalogue(value)
    data = env.get(LAKE_DATA, "").strip() or str(home / "lake")
    bucket = None
    if "://" in data:
        if urlsplit(data).scheme != "s3" or not urlsplit(data).netloc:
            raise SettingsError(f"{LAKE_DATA} must be a directory or look like s3://bucket/prefix.")
        bucket = _bucket(env, checked_base)
    else:
        data = str(Path(data).expanduser().absolute())
    return LakeSettings(catalogue, password, data.rstrip("/"), bucket)


def split_password(dsn: str) -> tuple[str, Secret | None]:
    """Take the password out of libpq's parameters, or of a URL, SQLAlchemy's included.

    Raises:
        ProgrammingError: It is neither.
    """
    parameters = parse_dsn(dsn.replace("postgresql+psycopg2://", "postgresql://", 1))
    password = parameters.pop("password", None)
    return make_dsn(**parameters), None if password is None else Secret(password)


def _catalogue(value: str) -> tuple[str | None, Secret | None]:
    if value in ("ducklake", "ducklake:", _OWN_POSTGRES, f"{_OWN_POSTGRES}:"):
        return None, None
    scheme, _, rest = value.partition(":")
    if scheme != "ducklake":
        # It may be a URL with a password: nothing of it is shown.
        raise SettingsError(f"{WAREHOUSE} is neither a file nor a lake. {_HINT}")
    if not rest.startswith(("postgresql://", "postgres://")):
        kind, _, rest = rest.partition(":")
        if kind != "postgres":
            raise SettingsError(
                f"{WAREHOUSE}: a lake's catalogue must be in Postgres, as several processes use it "
                f"at once. {_HINT}"
            )
    try:
        return split_password(rest)
    except ProgrammingError:
        raise SettingsError(
            f"{WAREHOUSE} names no catalogue that Postgres's client can read. {_HINT}"
        ) from None


def _bucket(env: Mapping[str, str], checked_base: Callable[[str, str], str]) -> BucketSettings:
    def text(*names: str) -> str | None:
        return next((env[name].strip() for name in names if env.get(name, "").strip()), None)

    key_id, secret = text("AWS_ACCESS_KEY_ID"), text("AWS_SECRET_ACCESS_KEY")
    if key_id is None or secret is None:
        raise SettingsError(
            f"{LAKE_DATA} is a bucket, so AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set."
        )
    token = text("AWS_SESSION_TOKEN")
    endpoint = text("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    return BucketSettings(
        key_id=Secret(key_id),
        secret=Secret(secret),
        session_token=None if token is None else Secret(token),
        region=text("AWS_REGION", "AWS_DEFAULT_REGION") or "us-east-1",
        endpoint=None if endpoint is None else checked_base("AWS_ENDPOINT_URL", endpoint),
    )
