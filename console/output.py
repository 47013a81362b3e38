"""How the command line shows rows: as a table for people, as JSON or CSV for scripts."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.table import Table

#: Progress and errors go to standard error, so that standard output can be piped.
out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)

Row = Mapping[str, Any]


class Format(StrEnum):
    """What `--format` accepts."""

    table = "table"
    json = "json"
    csv = "csv"


def show_rows(rows: Sequence[Row], columns: Sequence[str], form: Format, empty: str = "") -> None:
    """Print rows to standard output.

    Args:
        rows: One mapping per row.
        columns: Keys to print, in order.
        form: How to print them. Decimals are strings in JSON, so that no digit is lost.
        empty: What a person reads instead of a table without rows.
    """
    if form is Format.json:
        plain = [{column: _jsonable(row.get(column)) for column in columns} for row in rows]
        sys.stdout.write(json.dumps(plain, indent=2) + "\n")
    elif form is Format.csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(columns)
        writer.writerows([_plain(row.get(column)) for column in columns] for row in rows)
    elif not rows and empty:
        out.print(empty)
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            numeric = any(isinstance(row.get(column), int | Decimal) for row in rows)
            table.add_column(column.replace("_", " "), justify="right" if numeric else "left")
        for row in rows:
            table.add_row(*(_plain(row.get(column)) for column in columns))
        out.print(table)


def plain_number(value: Decimal) -> str:
    """Write a decimal without an exponent and without zeros at its end: 12.500 is 12.5."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain_number(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return str(value)


def _jsonable(value: object) -> object:
    if isinstance(value, Decimal):
        return plain_number(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    return value
