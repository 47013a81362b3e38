"""The tables of schema `connections`, typed.

Rows only: what may happen to them is in `accounts`, `oauth`, `tokens`, `requests` and `syncs`. What
the web pages keep is in `web_models` and `dashboard_models`. A change here needs a migration
in `migrations/versions` (a test compares the two). All times are UTC with time zone.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

# Imported so that `Base.metadata` holds all tables, whoever asks for it.
from connections import dashboard_models, web_models  # noqa: F401
from connections.base import SCHEMA as SCHEMA
from connections.base import Base as Base
from connections.base import enum_words

DEFAULT_HISTORY_DAYS = 90
"""Days of payment history of an account for which nothing else was asked."""


class AccountStatus(StrEnum):
    """Where an account stands. Only `connected` accounts are synced.

    "Importing" is no status: it is a connected account without `first_import_finished_at`.
    """

    CONNECTED = "connected"
    PAUSED = "paused"
    """The operator stopped its schedule; credentials are kept."""
    REVOKED = "revoked"
    """Stripe said that access was withdrawn; tokens are deleted, data are kept."""
    DISCONNECTED = "disconnected"
    """We let go of it; tokens are deleted, data are kept."""


class AuthKind(StrEnum):
    """How calls for an account are authorised (docs/stripe.md, "Connecting")."""

    APP_OAUTH = "app_oauth"
    CONNECT_OAUTH = "connect_oauth"
    API_KEY_ENV = "api_key_env"


class CredentialPurpose(StrEnum):
    """What a stored credential is for; part of what its ciphertext is bound to."""

    ACCESS_TOKEN = "access_token"  # noqa: S105 (a name, not a token)
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 (likewise)
    PII_KEY = "pii_key"
    """The deployment's own key, under which personal data are hashed. It outlives rotations."""


class RequestKind(StrEnum):
    """Why a sync was asked for."""

    FIRST_IMPORT = "first_import"
    MANUAL = "manual"
    WEBHOOK = "webhook"
    TICK = "tick"
    REIMPORT = "reimport"
    VERIFY = "verify"
    """What changed, and a comparison of Stripe's lists with what is stored."""


class RequestStatus(StrEnum):
    """What became of a request: queued → claimed → running → done or failed; or refused."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


class SyncOutcome(StrEnum):
    """How one account's part of a run ended."""

    OK = "ok"
    FAILED = "failed"
    REVOKED = "revoked"


class Account(Base):
    """One connected Stripe account, also after it has left."""

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint(
            "(auth_kind = 'api_key_env') = (api_key_env IS NOT NULL)", name="api_key_env_named"
        ),
        CheckConstraint("consecutive_failures >= 0", name="failures_not_negative"),
        CheckConstraint("history_days > 0", name="history_days_positive"),
    )

    account_id: Mapped[str] = mapped_column(primary_key=True)
    """Stripe's id, `acct_…`."""
    display_name: Mapped[str | None]
    tier: Mapped[str]
    """A name of `tiers.TIERS`."""
    status: Mapped[AccountStatus] = mapped_column(enum_words(AccountStatus, "status"))
    auth_kind: Mapped[AuthKind] = mapped_column(enum_words(AuthKind, "auth_kind"))
    api_key_env: Mapped[str | None]
    """Name of the environment variable that holds the key; never its value."""
    scope: Mapped[str | None]
    """The permissions that Stripe granted, in its words."""
    livemode: Mapped[bool]
    api_base: Mapped[str]
    """The server it was connected at; calls for the account only ever go there."""
    connect_base: Mapped[str]
    """Likewise for Connect's OAuth host."""
    default_currency: Mapped[str | None]
    stripe_timezone: Mapped[str | None]
    """The dashboard's time zone as Stripe reports it, if readable."""
    reporting_timezone: Mapped[str | None]
    """The operator's override; None = Stripe's, else UTC (docs/metrics.md §0)."""
    connected_at: Mapped[datetime]
    """Of the last (re)connection."""
    created_at: Mapped[datetime]
    """Of the first connection."""
    first_import_finished_at: Mapped[datetime | None]
    last_attempt_at: Mapped[datetime | None]
    """When the last sync began, whatever became of it."""
    last_success_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    consecutive_failures: Mapped[int] = mapped_column(server_default=text("0"), default=0)
    shown_at: Mapped[datetime | None]
    """When the orchestrator last wrote an event about a good sync of it, which it does seldom."""
    history_days: Mapped[int | None] = mapped_column(
        server_default=text("90"), default=DEFAULT_HISTORY_DAYS
    )
    """Complete UTC days of payment history that are wanted before the day of the import; None =
    all there is (`history`)."""
    transactions_30_days: Mapped[int | None]
    """Successful payments of the last 30 days, as the last sync saw them (`reads`)."""

    @property
    def day_timezone(self) -> str:
        """The IANA name of the time zone in which this account's days are counted."""
        return self.reporting_timezone or self.stripe_timezone or "UTC"


class Credential(Base):
    """One encrypted secret: a token of one account, or a key of the deployment itself."""

    __tablename__ = "credentials"
    __table_args__ = (
        UniqueConstraint("account_id", "purpose"),
        # Two NULLs are not equal to a unique constraint.
        Index(
            "uq_credentials_of_deployment",
            "purpose",
            unique=True,
            postgresql_where=text("account_id IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[str | None] = mapped_column(
        ForeignKey("accounts.account_id", ondelete="CASCADE")
    )
    """None = the deployment's own."""
    purpose: Mapped[CredentialPurpose] = mapped_column(enum_words(CredentialPurpose, "purpose"))
    key_id: Mapped[str]
    nonce: Mapped[bytes] = mapped_column(LargeBinary)
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    stored_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    """None = does not expire (Connect's access token)."""


class OAuthState(Base):
    """One authorisation on its way: made when a person is sent to Stripe, used up on return."""

    __tablename__ = "oauth_states"

    state_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """SHA-256 of the state's random part: the table alone does not let anyone finish it."""
    browser_hash: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the browser's nonce (a cookie)."""
    flow: Mapped[AuthKind] = mapped_column(enum_words(AuthKind, "flow"))
    tier: Mapped[str | None]
    """For a new account; an account that is there keeps its own when None."""
    history_days: Mapped[str | None]
    """Likewise, in the words of `history.parse_history_days`."""
    expected_account: Mapped[str | None]
    """On a reconnection, the only account that may come back."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SyncRequest(Base):
    """One wish for a sync, accepted or refused, and what became of it."""

    __tablename__ = "sync_requests"
    __table_args__ = (
        Index(
            "ix_sync_requests_open",
            "status",
            "not_before",
            postgresql_where=text("status IN ('queued', 'claimed', 'running')"),
        ),
        Index("ix_sync_requests_quota", "account_id", "kind", "quota_day"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.account_id", ondelete="CASCADE"))
    kind: Mapped[RequestKind] = mapped_column(enum_words(RequestKind, "kind"))
    status: Mapped[RequestStatus] = mapped_column(enum_words(RequestStatus, "status"))
    requested_at: Mapped[datetime]
    quota_day: Mapped[date | None]
    """The account's own day that a manual request counts on."""
    attempt: Mapped[int] = mapped_column(server_default=text("1"), default=1)
    not_before: Mapped[datetime]
    """A retry waits until then."""
    claim_id: Mapped[str | None]
    """The batch it was handed out in; a stable key for the run that will serve it."""
    claimed_at: Mapped[datetime | None]
    run_id: Mapped[str | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    error: Mapped[str | None]


class SyncRun(Base):
    """One account's part of one run. At most one per account is unfinished."""

    __tablename__ = "sync_runs"
    __table_args__ = (
        Index(
            "uq_sync_runs_unfinished",
            "account_id",
            unique=True,
            postgresql_where=text("finished_at IS NULL"),
        ),
        Index("ix_sync_runs_account_started", "account_id", "started_at"),
        Index(
            "ix_sync_runs_unpublished",
            "loaded_at",
            postgresql_where=text("published_at IS NULL AND loaded_at IS NOT NULL"),
        ),
        CheckConstraint("(finished_at IS NULL) = (outcome IS NULL)", name="finished_with_outcome"),
    )

    run_id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(
        ForeignKey("accounts.account_id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[RequestKind] = mapped_column(enum_words(RequestKind, "kind"))
    owner: Mapped[str]
    """The process that does the work, so that a dead one's claim can be told (`owners`)."""
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[SyncOutcome | None] = mapped_column(enum_words(SyncOutcome, "outcome"))
    rows: Mapped[int | None]
    requests: Mapped[int | None]
    error: Mapped[str | None]
    loaded_at: Mapped[datetime | None]
    """When its rows were in the warehouse."""
    built_at: Mapped[datetime | None]
    """When the models contained them."""
    published_at: Mapped[datetime | None]
    """When its numbers could be seen; not always by the same run (`syncs.record_published`)."""


class Alert(Base):
    """One open problem that the operator is, or will be, told about (`alerts`)."""

    __tablename__ = "alerts"

    cause: Mapped[str] = mapped_column(primary_key=True)
    """What it is about, the same as long as it lasts: `late/acct_…`."""
    topic: Mapped[str]
    """The first part of the cause: messages are sent and limited per topic."""
    detail: Mapped[str]
    """One line for people; no secrets."""
    began_at: Mapped[datetime]
    told_at: Mapped[datetime | None]
    """When a message about it was last delivered; None = not yet."""
    over_at: Mapped[datetime | None]
    """When it was gone; the row goes once that has been told."""


class AlertTopic(Base):
    """When the last message of one topic was sent, delivered or not, so that they stay few."""

    __tablename__ = "alert_topics"

    topic: Mapped[str] = mapped_column(primary_key=True)
    tried_at: Mapped[datetime]


class Verification(Base):
    """What one sweep found in one stream of one account: Stripe's list beside what was stored.

    Counts are of objects. `compared` = `equal` + `missing` + `gone` + `changed`.
    """

    __tablename__ = "verifications"
    __table_args__ = (
        Index("ix_verifications_account_verified", "account_id", "verified_at"),
        CheckConstraint("compared = equal + missing + gone + changed", name="counts_add_up"),
    )

    run_id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(
        ForeignKey("accounts.account_id", ondelete="CASCADE"), primary_key=True
    )
    stream: Mapped[str] = mapped_column(primary_key=True)
    """A stream's name, such as `charges`."""
    verified_at: Mapped[datetime]
    """By Stripe's clock: the moment that the comparison is about."""
    scope: Mapped[int]
    """Objects that the whole stream holds; `compared` is less where a part was read."""
    compared: Mapped[int]
    equal: Mapped[int]
    missing: Mapped[int]
    """Stripe lists them and they were not stored."""
    gone: Mapped[int]
    """Stored as alive, and Stripe says that they are deleted."""
    changed: Mapped[int]
    """Stored with another content than Stripe's."""
    moving: Mapped[int]
    """Changed while they were compared: the next sync's business, neither equal nor drift."""
    unchecked: Mapped[int]
    """Not in Stripe's list and not asked for one by one, because that would cost too much."""
    repaired: Mapped[int]
    """Of the missing, gone and changed, those of which a new reading was landed."""
    resume_at: Mapped[int | None]
    """Where the next sweep goes on, unix seconds of `created`; None = the stream was read to its
    end."""
    drift: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    """The first of them by name: `id`, `kind` and `fields` (names, never contents)."""

    @property
    def found(self) -> int:
        """Objects that differed."""
        return self.missing + self.gone + self.changed

    @property
    def remaining(self) -> int:
        """Objects that differ still."""
        return self.found - self.repaired
