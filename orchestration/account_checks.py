"""The checks of `account_sync`: is each account fresh, does any keep failing.

A check can be run from the UI at any time; the sensor `health` evaluates both every minute and
writes a result when it changed, or when the last is an hour old.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from dagster import (
    AssetCheckEvaluation,
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    MetadataValue,
    asset_check,
)

from orchestration.account_events import ACCOUNT_SYNC
from orchestration.health import Watch, failing, late
from orchestration.naming import named
from orchestration.resources import Accounts


@dataclass(frozen=True)
class AccountCheck:
    """One check over all accounts."""

    name: str
    description: str
    look: Callable[[Watch], dict[str, str]]
    severity: AssetCheckSeverity


CHECKS = (
    AccountCheck(
        "every_account_is_fresh",
        "No connected account's last success is older than its tier allows; names those whose is.",
        late,
        AssetCheckSeverity.ERROR,
    ),
    AccountCheck(
        "no_account_is_failing",
        "The last sync of every connected account went well; names the others, with the reason "
        "and the next try.",
        failing,
        AssetCheckSeverity.WARN,
    ),
)


def build_account_checks() -> list[AssetChecksDefinition]:
    """Return the checks as definitions that a person can run from the UI."""
    return [_definition(check) for check in CHECKS]


def evaluation(check: AccountCheck, problems: Mapping[str, str]) -> AssetCheckEvaluation:
    """Return a result to be written outside of any run."""
    return AssetCheckEvaluation(
        asset_key=ACCOUNT_SYNC.key,
        check_name=check.name,
        passed=not problems,
        severity=check.severity,
        description=_summary(problems),
        metadata={name: MetadataValue.text(line) for name, line in named(problems).items()},
    )


def _definition(check: AccountCheck) -> AssetChecksDefinition:
    @asset_check(asset=ACCOUNT_SYNC.key, name=check.name, description=check.description)
    def run(context: AssetCheckExecutionContext, accounts: Accounts) -> AssetCheckResult:
        with accounts.engine() as engine:
            watch = Watch(engine, context.instance, accounts.settings(), datetime.now(UTC))
            problems = check.look(watch)
        return AssetCheckResult(
            passed=not problems,
            severity=check.severity,
            description=_summary(problems),
            metadata=named(problems),
        )

    return run


def _summary(problems: Mapping[str, str]) -> str:
    if not problems:
        return "All is well."
    ids = list(problems)
    return f"{len(ids)}: {', '.join(ids[:5])}{' …' if len(ids) > 5 else ''}"
