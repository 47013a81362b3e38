"""Arguments and options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

from console.output import Format

FormatOption = Annotated[Format, typer.Option("--format", help="How to print the result.")]
AccountArgument = Annotated[str, typer.Argument(help="Account id, acct_…", metavar="ACCT")]
