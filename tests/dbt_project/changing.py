"""Changes at random what the facts of payments depend on, as later syncs could find it.

Belongs here: one class that lands changes in a built warehouse. Not here: what must come of them
(`test_kept.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import duckdb

from stripe_simulator.ledger import default_history_start
from stripe_simulator.store import ObjectStore
from stripe_simulator.world import build_world
from tests.dbt_project.building import dbt
from tests.dbt_project.landing import Load, complete, land
from tests.dbt_project.proving import NOW, START
from tests.dbt_project.worlds import DAY, Reader

Object = dict[str, Any]
ZONES = ("Pacific/Kiritimati", "America/Los_Angeles", "Europe/Berlin", "UTC")
COUNTRIES = ("DE", "FR", "JP", "US")


class Changes:
    """A warehouse of three accounts, and whatever may happen to it.

    Args:
        warehouse: The file, which is not there yet.
        seed: Decides what happens.
    """

    def __init__(self, warehouse: Path, seed: int) -> None:
        """Import the accounts."""
        self.warehouse = warehouse
        self._chance = Random(seed)
        self._store = ObjectStore()
        self._world = build_world("many-accounts", seed, START, NOW, self._store)
        self._accounts = [account.id for account in self._world.accounts[:3]]
        self._zones: dict[str, str | None] = dict.fromkeys(self._accounts)
        self._readers = {}
        self._loads = 0
        self._begun: list[str] = []
        self._to_come: list[Callable[[], None]] = []
        self.happened: list[str] = []
        for account in self._accounts:
            self._import(account, default_history_start(NOW))

    def happen(self) -> None:
        """Let one thing happen, and say so in `happened`; each happens once before any again."""
        if not self._to_come:
            self._to_come = self._shuffled()
        change = self._to_come.pop()
        self.happened.append(change.__name__)
        change()

    def _shuffled(self) -> list[Callable[[], None]]:
        changes: list[Callable[[], None]] = [
            self._time_passes,
            self._charge_is_corrected,
            self._charge_loses_its_invoice,
            self._charge_is_of_tomorrow,
            self._refund,
            self._refund_fails,
            self._dispute,
            self._dispute_is_read_with_less,
            self._invoice_changes,
            self._payment_moves_to_another_invoice,
            self._invoice_disappears,
            self._customer_moves,
            self._customer_is_deleted,
            self._intent_fails,
            self._intent_gets_a_charge,
            self._zone_changes,
            self._history_reaches_further_back,
            self._account_is_purged,
            self._older_reading_arrives,
            self._load_completes_late,
            self._build_stops_half_way,
        ]
        self._chance.shuffle(changes)
        return changes

    def _connect(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(str(self.warehouse))

    def _import(self, account: str, history_start: int) -> None:
        reader = Reader(self._world, self._store, account, history_start)
        self._readers[account] = reader
        self._land(reader.load(self._zones[account]))

    def _land(self, load: Load) -> str:
        self._loads += 1
        load.load_id = f"{self._loads:06}"
        with self._connect() as connection:
            return land(connection, load)

    def _read(self, account: str, **more: Any) -> str:
        """Land objects as a sync of an hour later would."""
        self._world.advance(self._world.now + 3600)
        more.setdefault("read_at", self._world.now)
        more.setdefault("objects", {})
        reader = self._readers[account]
        return self._land(
            Load(
                account_id=account,
                history_start=reader.history_start,
                reporting_timezone=self._zones[account],
                mode="incremental",
                **more,
            )
        )

    def _some(self, stream: str, where: str = "true") -> tuple[str, Object] | None:
        """Return an account and the newest reading of one of its objects."""
        with self._connect() as connection:
            found = connection.execute(
                f"""select account_id, arg_max(object, read_order) as newest
                from raw_stripe.{stream} where not deleted group by account_id, id
                having {where} order by account_id, id"""
            ).fetchall()
        if not found:
            return None
        account, text = self._chance.choice(found)
        return account, json.loads(text)

    def _time_passes(self) -> None:
        self._world.advance(self._world.now + self._chance.choice((3600, DAY, 9 * DAY)))
        for account, reader in self._readers.items():
            self._land(reader.load(self._zones[account]))

    def _change(self, stream: str, change: Callable[[Object], Object], **filters: str) -> None:
        if found := self._some(stream, **filters):
            account, item = found
            self._read(account, objects={stream: [item | change(item)]})

    def _charge_is_corrected(self) -> None:
        status = self._chance.choice(("failed", "succeeded", "pending"))
        country = self._chance.choice((None, *COUNTRIES))
        kind = self._chance.choice(("authorized", "invalid"))
        self._change(
            "charges",
            lambda charge: {
                "status": status,
                "outcome": {"type": kind, "reason": None},
                "billing_details": {"address": {"country": country}},
                "payment_method_details": {"type": "card", "card": {"brand": "visa"}},
                "amount_captured": charge["amount"] // 2,
            },
        )

    def _charge_loses_its_invoice(self) -> None:
        """Or is given one by an account of an older version of the API."""
        found = self._some("invoices")
        if found:
            account, invoice = found
            charge = self._some("charges", f"account_id = '{account}'")
            named = self._chance.choice((None, invoice["id"]))
            if charge:
                self._read(account, objects={"charges": [charge[1] | {"invoice": named}]})

    def _charge_is_of_tomorrow(self) -> None:
        """Made while the sync went on, after midnight of the account."""
        later = self._world.now + self._chance.choice((600, DAY, 2 * DAY))
        name = f"ch_later{self._loads}"
        self._change(
            "charges",
            lambda charge: {
                "id": name,
                "created": later,
                "status": "succeeded",
                "captured": True,
                "amount_captured": charge["amount"],
                "payment_intent": None,
            },
        )

    def _refund(self) -> None:
        found = self._some("charges")
        if found:
            account, charge = found
            named = self._chance.choice((charge["id"], charge["id"], None))
            refund = {
                "id": f"re_new{self._loads}",
                "object": "refund",
                "created": self._world.now - self._chance.choice((0, DAY)),
                "charge": named,
                "payment_intent": charge.get("payment_intent"),
                "currency": charge["currency"],
                "status": "succeeded",
                "amount": charge["amount"] // 3,
                "reason": None,
            }
            self._read(account, objects={"refunds": [refund]})

    def _refund_fails(self) -> None:
        self._change("refunds", lambda refund: {"status": "failed"})

    def _dispute(self) -> None:
        found = self._some("charges")
        if found:
            account, charge = found
            taken = {
                "id": f"txn_new{self._loads}",
                "amount": -charge["amount"],
                "fee": 1500,
                "created": self._world.now - DAY,
                "currency": charge["currency"],
            }
            returned = taken | {
                "id": f"txn_back{self._loads}",
                "amount": charge["amount"],
                "created": self._world.now + self._chance.choice((0, DAY)),
            }
            dispute = {
                "id": f"dp_new{self._loads}",
                "object": "dispute",
                "created": self._world.now - DAY,
                "charge": charge["id"],
                "payment_intent": charge.get("payment_intent"),
                "currency": charge["currency"],
                "status": "won",
                "amount": charge["amount"],
                "reason": "general",
                "balance_transactions": [taken, returned],
            }
            self._read(account, objects={"disputes": [dispute]})

    def _dispute_is_read_with_less(self) -> None:
        self._change(
            "disputes",
            lambda dispute: {"balance_transactions": dispute["balance_transactions"][:1]},
        )

    def _invoice_changes(self) -> None:
        status = self._chance.choice(("paid", "void", "open"))
        off_stripe = self._chance.choice((0, 500))

        def changed(invoice: Object) -> Object:
            lines = [
                line | {"amount": line["amount"] + number * 100 + 7}
                for number, line in enumerate(invoice["lines"]["data"])
            ]
            return {
                "status": status,
                "amount_paid_off_stripe": off_stripe,
                "lines": invoice["lines"] | {"data": lines},
            }

        self._change("invoices", changed)

    def _payment_moves_to_another_invoice(self) -> None:
        found = self._some("invoices", "len(newest -> '$.payments.data[*]') > 0")
        if found:
            account, before = found
            other = self._some("invoices", f"account_id = '{account}'")
            moved = [before | {"payments": {"data": []}}]
            if other and other[1]["id"] != before["id"] and self._chance.random() < 0.7:
                moved.append(other[1] | {"payments": before["payments"]})
            self._read(account, objects={"invoices": moved})

    def _disappears(self, stream: str) -> None:
        if found := self._some(stream):
            account, item = found
            self._read(account, tombstones={stream: [item["id"]]})

    def _invoice_disappears(self) -> None:
        self._disappears("invoices")

    def _customer_is_deleted(self) -> None:
        self._disappears("customers")

    def _customer_moves(self) -> None:
        country = self._chance.choice(COUNTRIES)
        self._change("customers", lambda customer: {"address": {"country": country}})

    def _intent_fails(self) -> None:
        """Before there is a charge, for an invoice or for none."""
        found = self._some("invoices")
        if found:
            account, invoice = found
            name = f"pi_new{self._loads}"
            at = self._world.now
            event = {
                "id": f"evt_new{self._loads}",
                "object": "event",
                "type": "payment_intent.payment_failed",
                "created": at,
                "api_version": None,
                "data": {
                    "object": {
                        "id": name,
                        "object": "payment_intent",
                        "created": at - 60,
                        "customer": invoice["customer"],
                        "currency": invoice["currency"],
                        "amount": 700,
                        "latest_charge": None,
                        "last_payment_error": {"code": "card_declined", "charge": None},
                    }
                },
            }
            objects: dict[str, list[Object]] = {"events": [event]}
            if self._chance.random() < 0.5:
                paid = {
                    "id": f"inpay_new{self._loads}",
                    "status": "open",
                    "amount_paid": None,
                    "payment": {"type": "payment_intent", "payment_intent": name},
                }
                payments = [*(invoice.get("payments") or {}).get("data", []), paid]
                objects["invoices"] = [invoice | {"payments": {"data": payments}}]
            self._read(account, objects=objects)

    def _intent_gets_a_charge(self) -> None:
        with self._connect() as connection:
            failed = connection.execute(
                """select account_id, object ->> '$.data.object.id' from raw_stripe.events
                where object ->> '$.type' = 'payment_intent.payment_failed' order by all"""
            ).fetchall()
        if failed:
            account, name = self._chance.choice(failed)
            charge = self._some("charges", f"account_id = '{account}'")
            if charge:
                made = {
                    "id": f"ch_new{self._loads}",
                    "payment_intent": name,
                    "created": self._world.now,
                }
                self._read(account, objects={"charges": [charge[1] | made]})

    def _zone_changes(self) -> None:
        account = self._chance.choice(self._accounts)
        self._zones[account] = self._chance.choice(ZONES)
        self._read(account)

    def _history_reaches_further_back(self) -> None:
        account = self._chance.choice(self._accounts)
        self._import(account, self._readers[account].history_start - 30 * DAY)

    def _account_is_purged(self) -> None:
        """And connected again, sooner or later."""
        account = self._chance.choice(self._accounts)
        with self._connect() as connection:
            for (table,) in connection.execute(
                """select distinct table_schema || '.' || table_name
                from information_schema.columns natural join information_schema.tables
                where column_name = 'account_id' and table_type = 'BASE TABLE'"""
            ).fetchall():
                connection.execute(f"delete from {table} where account_id = ?", [account])
        self._import(account, self._readers[account].history_start)

    def _older_reading_arrives(self) -> None:
        found = self._some("charges")
        if found:
            account, charge = found
            before = charge | {"amount": charge["amount"] + 100}
            self._read(account, objects={"charges": [before]}, read_at=self._world.now - 40 * DAY)

    def _load_completes_late(self) -> None:
        """A package that was begun is completed; and another one is begun."""
        with self._connect() as connection:
            for load_id in self._begun:
                complete(connection, load_id)
        self._begun = []
        found = self._some("invoices")
        if found:
            account, invoice = found
            late = {"invoices": [invoice | {"status": "void"}]}
            self._begun.append(self._read(account, objects=late, complete=False))

    def _build_stops_half_way(self) -> None:
        last = self._chance.choice(
            (
                "stg_stripe__charges",
                "int_attempts_touched",
                "fct_payment_attempts",
                "int_payments_touched",
                "fct_payments",
                "int_charges_touched",
                "int_subscriptions_touched",
            )
        )
        upstream = self._chance.choice(("+", "+", ""))
        dbt(self.warehouse, "run", "--select", f"{upstream}{last}")
