"""`dashtray metrics`: the published numbers, for people and for scripts."""

from __future__ import annotations

from datetime import date

from connections.accounts import get_account
from connections.postgres import open_database
from connections.settings import Settings
from console.marts import Grain, read_metrics
from console.output import Format, show_rows

#: What fits a terminal; JSON and CSV carry every column.
TABLE_COLUMNS = (
    "mrr",
    "arr",
    "gross_revenue",
    "net_revenue",
    "active_subscriptions",
    "new_subscriptions",
    "churned_subscriptions",
    "customer_count",
    "arpu",
    "ltv",
    "payment_success_rate",
    "failed_payments",
    "transaction_count",
)


def show(
    account_id: str | None, first: date | None, last: date | None, grain: Grain, form: Format
) -> None:
    """Print the metrics of a range of days or months.

    Args:
        account_id: One account; None means all.
        first: First day or month.
        last: Last one.
        grain: Day or month.
        form: How to print.
    """
    settings = Settings.from_environment()
    if account_id is not None:
        with open_database(settings) as engine:
            get_account(engine, account_id)
    marts = settings.published_dir / "marts.duckdb"
    columns, rows = read_metrics(marts, grain, account_id, first, last)
    if form is Format.table:
        columns = ["account_id", "currency", grain.value, *TABLE_COLUMNS]
    show_rows(rows, columns, form, empty="There are no rows in that range.")
