"""The traps of docs/stripe.md: each sentence, the test that knows it, and how to fall into it.

A mutation (file, old text, new text) takes the defence away; `test_trap_table` shows that the
named test then fails. To add a trap is to add an entry.
"""

from dataclasses import dataclass

SOURCES = "dlt_sources/stripe"
TRAPS_TEST = "tests/dlt_sources/test_traps.py"
WINDOWS_TEST = "tests/dlt_sources/test_windows.py"
LIMITER_TEST = "tests/dlt_sources/test_limiter.py"
EVENTS_TEST = "tests/dlt_sources/test_events.py"
STREAMS_TEST = "tests/dlt_sources/test_streams.py"
FAULTS_TEST = "tests/dlt_sources/test_faults.py"


@dataclass(frozen=True)
class Trap:
    """One trap.

    Attributes:
        says: What docs/stripe.md says.
        test: Node id of the test, without parameters.
        file: Where the defence is.
        old: The defence; occurs once in the file.
        new: What stands there without it.
    """

    says: str
    test: str
    file: str
    old: str
    new: str


def _trap(says: str, test: str, file: str, old: str, new: str) -> Trap:
    path = file if "/" in file else f"{SOURCES}/{file}"
    return Trap(says, test if "/" in test else f"{TRAPS_TEST}::{test}", path, old, new)


TRAPS: tuple[Trap, ...] = (
    # Reading.
    _trap(
        "send it as `Stripe-Version` on every call",
        "test_every_request_names_the_pinned_version",
        "client.py",
        '            "Stripe-Version": STRIPE_VERSION,\n',
        "",
    ),
    _trap(
        "`limit` ≤ 100 (default 10)",
        "test_a_list_is_read_to_its_end_in_pages_of_a_hundred",
        "reader.py",
        'params = [("limit", str(part.limit)), *part.query]',
        "params = [*part.query]",
    ),
    _trap(
        "`has_more`",
        "test_a_list_is_read_to_its_end_in_pages_of_a_hundred",
        "reader.py",
        "left = self.continued(part, members) if has_more else []",
        "left = []",
    ),
    _trap(
        "100 requests/s per account",
        f"{LIMITER_TEST}::test_no_second_holds_more_than_the_limits",
        "limiter.py",
        "            at = self._overall.reserve(self._clock())\n",
        "            at = self._clock()\n",
    ),
    _trap(
        "and 25 requests/s per endpoint",
        f"{LIMITER_TEST}::test_no_second_holds_more_than_the_limits",
        "limiter.py",
        "            at = self._pace(endpoint).reserve(self._clock())\n",
        "            at = self._clock()\n",
    ),
    _trap(
        "sandbox 25/s in all",
        f"{LIMITER_TEST}::test_a_sandbox_gets_one_rate_for_all",
        "limiter.py",
        "SANDBOX = Limits(overall=25.0",
        "SANDBOX = Limits(overall=100.0",
    ),
    _trap(
        "429 carries `Stripe-Rate-Limited-Reason`: rates",
        f"{LIMITER_TEST}::test_a_refused_rate_is_lowered_and_recovers",
        "limiter.py",
        "                self._overall.refused(now)\n",
        "                pass\n",
    ),
    _trap(
        "429 carries `Stripe-Rate-Limited-Reason`: concurrency",
        f"{LIMITER_TEST}::test_concurrency_is_halved_by_its_reason_and_recovers",
        "limiter.py",
        "self.concurrency = max(1, self.concurrency // 2)",
        "pass",
    ),
    _trap(
        "no header means a lock timeout",
        f"{LIMITER_TEST}::test_a_lock_timeout_lowers_nothing",
        "limiter.py",
        'elif reason in ("endpoint-rate", "resource-specific"):',
        'elif reason in (None, "endpoint-rate", "resource-specific"):',
    ),
    _trap(
        "never retries a 429",
        f"{FAULTS_TEST}::test_curable_faults_lose_nothing",
        "client.py",
        "        if status == 429:\n",
        "        if status == 999:\n",
    ),
    _trap(
        "ignores `Retry-After`",
        f"{LIMITER_TEST}::test_backoff_grows_to_its_cap_and_respects_retry_after",
        "limiter.py",
        "return delay + (retry_after or 0.0)",
        "return delay",
    ),
    _trap(
        "500 reads per transaction over 30 days",
        "tests/connections/test_reads.py::test_the_allocation_follows_the_transactions",
        "connections/reads.py",
        "READS_PER_TRANSACTION = 500",
        "READS_PER_TRANSACTION = 400",
    ),
    _trap(
        "floor 10,000 a month",
        "tests/connections/test_reads.py::test_the_allocation_follows_the_transactions",
        "connections/reads.py",
        "LEAST_ALLOCATION = 10_000",
        "LEAST_ALLOCATION = 0",
    ),
    _trap(
        "Subscriptions: `status=all`, or canceled ones are missing",
        "test_canceled_subscriptions_are_asked_for",
        "streams.py",
        'variants=(MappingProxyType({"status": "all"}),),',
        "",
    ),
    _trap(
        "Prices: query `active=true` and `active=false`",
        "test_archived_prices_are_read_with_their_tiers",
        "streams.py",
        ', MappingProxyType({"active": "false"}))',
        ",)",
    ),
    _trap(
        "`expand[]=data.tiers`",
        "test_archived_prices_are_read_with_their_tiers",
        "streams.py",
        'expand=("tiers", "currency_options"),',
        'expand=("currency_options",),',
    ),
    _trap(
        "inline prices appear only on items: harvest them",
        "test_an_inline_price_is_harvested_from_the_item_that_uses_it",
        "streams.py",
        '            Reference("prices", ("items", "data", "[]", "price")),\n',
        "",
    ),
    _trap(
        "inline prices, of a later subscription",
        "test_an_inline_price_of_a_later_subscription_is_harvested_too",
        "references.py",
        'return isinstance(value, dict) and (value.get("created") or 0) >= since',
        "return False",
    ),
    _trap(
        "Customers, subscriptions, products and prices are listed **whole**",
        "test_customers_are_read_however_old_and_payments_of_the_window_only",
        "first_import.py",
        "parts += parts_of(stream, Window(0, now + 1))",
        "parts += parts_of(stream, Window(start, now + 1))",
    ),
    _trap(
        "the 90-day window is for payment history",
        "test_customers_are_read_however_old_and_payments_of_the_window_only",
        "first_import.py",
        "parts += parts_of(stream, Window(start, now + 1))",
        "parts += parts_of(stream, Window(0, now + 1))",
    ),
    _trap(
        "Nested lists are cut (10 lines or items) with `has_more`: complete them",
        "test_nested_lists_are_completed_and_replaced_whole",
        "reader.py",
        'return isinstance(value, dict) and bool(value.get("has_more"))',
        "return False",
    ),
    _trap(
        "replace children per parent",
        "test_nested_lists_are_completed_and_replaced_whole",
        "reader.py",
        '"data": self._all_of(nested, obj["id"]),',
        '"data": obj[nested.field]["data"] + self._all_of(nested, obj["id"]),',
    ),
    _trap(
        "`expand` depth ≤ 4",
        f"{STREAMS_TEST}::test_no_expansion_is_deeper_than_stripe_allows",
        "streams.py",
        'expand=("discounts", "items.data.discounts"),',
        'expand=("discounts", "items.data.discounts.source"),',
    ),
    _trap(
        "a page of 100 heavily expanded objects can come back truncated: halve `limit`",
        f"{FAULTS_TEST}::test_a_page_that_always_arrives_cut_is_asked_for_in_smaller_pages",
        "reader.py",
        "            if part.limit <= MIN_LIMIT:\n                raise\n",
        "            raise\n",
    ),
    _trap(
        "Deleted customers and products vanish from lists: seen by GET",
        "test_a_deleted_customer_that_charges_name_becomes_a_tombstone",
        "streams.py",
        '        Kind.HISTORY,\n        references=(Reference("customers", ("customer",)),),\n',
        "        Kind.HISTORY,\n",
    ),
    _trap(
        "Deleted customers and products vanish from lists: seen by the event",
        "test_a_deletion_is_seen_by_its_event",
        "streams.py",
        'touches=(Touch("customer"), Touch("discount", ("customer",))),',
        'touches=(Touch("discount", ("customer",)),),',
    ),
    _trap(
        "`customer.subscription.deleted` means canceled, not gone",
        f"{EVENTS_TEST}::test_a_deleted_subscription_is_canceled_and_not_gone",
        "events.py",
        '        "customer.subscription.deleted",\n        "customer.discount.deleted",\n',
        '        "customer.discount.deleted",\n',
    ),
    _trap(
        "Objects of test clocks are missing from list-all",
        "tests/dlt_sources/test_verify.py::test_what_no_list_has_is_asked_for_before_it_is_buried",
        "verify.py",
        "                        self.reader.fetch(part.stream.name, object_id)\n",
        "                        pass\n",
    ),
    # Changes.
    _trap(
        "so: an event says **that** something changed; the object is read again",
        "test_an_event_is_not_taken_for_the_state",
        "changes.py",
        "        for object_id in chosen.ids:\n            reader.fetch(name, object_id)\n",
        "",
    ),
    _trap(
        "delivery can be late: `created[gte]=cursor−600s`",
        "test_an_event_delivered_late_is_still_found",
        "events.py",
        "OVERLAP = 600",
        "OVERLAP = 0",
    ),
    _trap(
        "now−60s",
        "test_a_change_of_the_last_minute_is_read_twice_but_landed_once",
        "events.py",
        "LAG = 60",
        "LAG = 0",
    ),
    _trap(
        "`types[]` ≤ 20",
        f"{EVENTS_TEST}::test_the_types_of_a_first_import_fit_one_request",
        "streams.py",
        '    "product.deleted",\n)',
        '    "product.deleted",\n    "a", "b", "c", "d", "e", "f",\n)',
    ),
    _trap(
        "drop event ids already seen",
        "test_a_change_of_the_last_minute_is_read_twice_but_landed_once",
        "changes.py",
        "                if not known:\n",
        "                if True:\n",
    ),
    _trap(
        "fetch few by id",
        "test_requests_follow_the_change_and_not_the_size",
        "events.py",
        "    candidates = [(Plan(None, tuple(alive + gone)), 0)]\n",
        "    candidates = []\n",
    ),
    _trap(
        "or re-list a dense `created` window when that is fewer requests",
        f"{EVENTS_TEST}::test_a_dense_window_is_listed_and_old_objects_are_read_by_id",
        "events.py",
        "        candidates.append((Plan(since, tuple(old + gone), tuple(new)), len(new)))\n",
        "        pass\n",
    ),
    _trap(
        "`customer.subscription.*` events are also kept whole",
        "test_events_of_subscriptions_are_kept_whole_for_thirty_days",
        "streams.py",
        '    "customer.subscription.updated",\n',
        "",
    ),
    _trap(
        "refund, dispute events → their charge",
        "test_a_refund_reads_its_charge_again_however_old",
        "streams.py",
        'Touch("refund", ("charge",)), Touch("dispute", ("charge",))),',
        'Touch("dispute", ("charge",))),',
    ),
    _trap(
        "dispute events → their charge",
        f"{EVENTS_TEST}::test_an_event_names_what_changed",
        "streams.py",
        'Touch("refund", ("charge",)), Touch("dispute", ("charge",))),',
        'Touch("refund", ("charge",))),',
    ),
    _trap(
        "`customer.discount.*` → customer",
        f"{EVENTS_TEST}::test_an_event_names_what_changed",
        "streams.py",
        'touches=(Touch("customer"), Touch("discount", ("customer",))),',
        'touches=(Touch("customer"),),',
    ),
    _trap(
        "`invoice_payment.*` → invoice",
        f"{EVENTS_TEST}::test_an_event_names_what_changed",
        "streams.py",
        '            Touch("invoice_payment", ("invoice",)),\n',
        "",
    ),
    _trap(
        "`invoice.upcoming` has no id",
        "test_an_event_about_nothing_is_passed_over",
        "events.py",
        "            if object_id := id_of(value):\n",
        "            if object_id := str(id_of(value)):\n",
    ),
    _trap(
        "take the server's time T0 (`Date` header) **before** the first list",
        "test_t0_is_before_the_first_list",
        "account.py",
        "        if self.now is None:\n            self.now = reply.date\n",
        "        self.now = reply.date\n",
    ),
    _trap(
        "only then let the cursor be T0 − 60 s",
        "test_t0_of_later_syncs_is_before_the_first_object",
        "account.py",
        '"events_cursor": max(earlier, self.now - LAG),',
        '"events_cursor": max(earlier, self.now),',
    ),
    _trap(
        "Advance the cursor only with the commit of the data that it describes",
        "tests/dlt_sources/test_cursors.py::test_a_sync_counts_once_its_load_is_complete",
        "cursors.py",
        "from {DATASET}.{SYNCS_TABLE}\n"
        "where _dlt_load_id in (select load_id from {DATASET}._dlt_loads where status = 0)\n",
        "from {DATASET}.{SYNCS_TABLE}\nwhere true\n",
    ),
    _trap(
        "keep it **in the warehouse beside that data**",
        "tests/dlt_sources/test_equality.py"
        "::test_a_warehouse_restored_from_yesterday_goes_on_from_yesterday",
        "cursors.py",
        "            events_cursor=events_cursor,\n",
        "            events_cursor=today,\n",
    ),
    _trap(
        "A cursor older than 25 days: the feed may have holes",
        "test_a_gap_longer_than_the_feed_is_recovered_by_lists",
        "events.py",
        "GAP_DAYS = 25",
        "GAP_DAYS = 250",
    ),
    _trap(
        "charges and invoices from min(90 days, gap + 30 days)",
        "test_after_a_gap_payments_are_read_from_thirty_days_before_it",
        "account.py",
        "RECOVERY_DAYS = 30",
        "RECOVERY_DAYS = 0",
    ),
    _trap(
        "re-read known open objects",
        "test_a_gap_longer_than_the_feed_is_recovered_by_lists",
        "account.py",
        "        for name, ids in cursor.known.items():\n"
        "            self.landing.want(name, ids)\n",
        "",
    ),
    _trap(
        "A row of ours that the list no longer has gets a GET before it becomes a tombstone",
        "test_after_a_gap_what_no_list_has_is_asked_for_and_not_buried",
        "reader.py",
        "                for object_id in ids:\n                    self.fetch(",
        "                for object_id in ids:\n"
        "                    stone = tombstone(BY_NAME[stream_name].object_type, object_id)\n"
        "                    self._land(BY_NAME[stream_name], [stone], Reply({}, 1, 1))\n"
        "                    continue\n"
        "                    self.fetch(",
    ),
    _trap(
        'Say "gap recovered" in the sync\'s record',
        "test_a_recovered_gap_is_said",
        "account.py",
        "        self.gap_recovered = True\n",
        "",
    ),
    # Parallel backfill.
    _trap(
        "down to ~30 s, then page",
        f"{WINDOWS_TEST}::test_a_window_of_seconds_is_paged_and_not_cut",
        "windows.py",
        "    parts = max(1, min(parts, span // MIN_SPAN))\n",
        "    parts = max(1, min(parts, span))\n",
    ),
    _trap(
        "Half-open windows",
        f"{WINDOWS_TEST}::test_a_cut_covers_every_instant_exactly_once",
        "windows.py",
        "    windows = [Window(bounds[i], bounds[i + 1]) for i in range(parts)]\n",
        "    windows = [Window(bounds[i], bounds[i + 1] - 1) for i in range(parts)]\n",
    ),
    _trap(
        "where a page ends inside a second, the newest part keeps `created[lt]=last+1`",
        "test_objects_of_one_second_are_all_read_where_a_page_ends_among_them",
        "windows.py",
        "    return Window(window.gte, min(window.lt, last_created + 1), last_id)\n",
        "    return Window(window.gte, min(window.lt, last_created), last_id)\n",
    ),
    _trap(
        "and inherits `starting_after`",
        f"{WINDOWS_TEST}::test_only_the_newest_part_inherits_starting_after",
        "windows.py",
        "    windows[-1] = Window(windows[-1].gte, windows[-1].lt, window.starting_after)\n",
        "",
    ),
    _trap(
        "names an object deleted meanwhile (`resource_missing`), restart that part",
        f"{FAULTS_TEST}::test_an_object_deleted_between_two_pages_restarts_its_part",
        "reader.py",
        "            if part.window.starting_after is None:\n                raise\n",
        "            raise\n",
    ),
    # Connecting.
    _trap(
        "scope=read_only",
        "tests/connections/test_oauth.py::test_the_pages_of_both_flows",
        "connections/oauth.py",
        '"scope": "read_only"',
        '"scope": "read_write"',
    ),
    _trap(
        "calls carry the platform's key and `Stripe-Account`",
        "tests/connections/test_tokens.py::test_connect_calls_carry_the_platforms_key_and_the_account",
        "connections/stripe_api.py",
        '        headers["Stripe-Account"] = account_id\n',
        "        pass\n",
    ),
    _trap(
        "A 403 on one stream names the missing permission and fails that stream loudly",
        f"{FAULTS_TEST}::test_a_missing_permission_is_named_and_not_skipped",
        "client.py",
        "the credential lacks a permission: {message}",
        "refused",
    ),
    _trap(
        "a definitive 401/403 on a call: the account becomes `revoked`",
        f"{FAULTS_TEST}::test_a_refusal_for_good_is_a_revocation",
        "client.py",
        "        return status == 401 or is_revocation(status, error)\n",
        "        return False\n",
    ),
    _trap(
        "Scrub `client_secret` from anything stored",
        "test_no_client_secret_is_stored",
        "rows.py",
        '        value.pop("client_secret", None)\n',
        "",
    ),
)
"""Sentences about shapes that moved are the models' (tests/dbt_project); the rest of "Connecting"
is about Stripe's own rules, which the double of tests/connections enforces."""
