"""Stripe: pages in, Arrow out, DuckDB at the end.

`extract_accounts` reads (network only), `load_extraction` writes (warehouse only), `read_cursors`
says where to go on. `docs/stripe.md` is the specification of how Stripe is read.
"""

from dlt_sources.stripe.cursors import read_cursors
from dlt_sources.stripe.errors import AccountRevoked, StripeReadError
from dlt_sources.stripe.extract import extract_accounts
from dlt_sources.stripe.load import load_extraction
from dlt_sources.stripe.models import (
    AccountOutcome,
    AccountTask,
    Cursor,
    Extraction,
    LoadReport,
    Progress,
    Sweep,
)
from dlt_sources.stripe.pii import Treatment
from dlt_sources.stripe.stored import WarehouseState
from dlt_sources.stripe.streams import STREAMS

__all__ = [
    "STREAMS",
    "AccountOutcome",
    "AccountRevoked",
    "AccountTask",
    "Cursor",
    "Extraction",
    "LoadReport",
    "Progress",
    "StripeReadError",
    "Sweep",
    "Treatment",
    "WarehouseState",
    "extract_accounts",
    "load_extraction",
    "read_cursors",
]
