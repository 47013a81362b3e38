"""Traps of following changes: events, overlap, T0, cursors, gaps."""

from tests.dlt_sources.traps.trap import EVENTS_TEST, Trap, trap

TRAPS: tuple[Trap, ...] = (
    trap(
        "so: an event says **that** something changed; the object is read again",
        "test_an_event_is_not_taken_for_the_state",
        "changes.py",
        "        for object_id in chosen.ids:\n            reader.fetch(name, object_id)\n",
        "",
    ),
    trap(
        "delivery can be late: `created[gte]=cursor−600s`",
        "test_an_event_delivered_late_is_still_found",
        "events.py",
        "OVERLAP = 600",
        "OVERLAP = 0",
    ),
    trap(
        "now−60s",
        "test_a_change_of_the_last_minute_is_read_twice_but_landed_once",
        "events.py",
        "LAG = 60",
        "LAG = 0",
    ),
    trap(
        "`types[]` ≤ 20",
        f"{EVENTS_TEST}::test_the_types_of_a_first_import_fit_one_request",
        "streams.py",
        '    "product.deleted",\n)',
        '    "product.deleted",\n    "a", "b", "c", "d", "e", "f",\n)',
    ),
    trap(
        "drop event ids already seen",
        "test_a_change_of_the_last_minute_is_read_twice_but_landed_once",
        "changes.py",
        "                if not known:\n",
        "                if True:\n",
    ),
    trap(
        "fetch few by id",
        "test_requests_follow_the_change_and_not_the_size",
        "events.py",
        "    candidates = [(Plan(None, tuple(alive + gone)), 0)]\n",
        "    candidates = []\n",
    ),
    trap(
        "or re-list a dense `created` window when that is fewer requests",
        f"{EVENTS_TEST}::test_a_dense_window_is_listed_and_old_objects_are_read_by_id",
        "events.py",
        "        candidates.append((Plan(since, tuple(old + gone), tuple(new)), len(new)))\n",
        "        pass\n",
    ),
    trap(
        "`customer.subscription.*` events are also kept whole",
        "test_events_of_subscriptions_are_kept_whole_for_thirty_days",
        "streams.py",
        '    "customer.subscription.updated",\n',
        "",
    ),
    trap(
        "refund, dispute events → their charge",
        "test_a_refund_reads_its_charge_again_however_old",
        "streams.py",
        'Touch("refund", ("charge",)), Touch("dispute", ("charge",))),',
        'Touch("dispute", ("charge",))),',
    ),
    trap(
        "dispute events → their charge",
        f"{EVENTS_TEST}::test_an_event_names_what_changed",
        "streams.py",
        'Touch("refund", ("charge",)), Touch("dispute", ("charge",))),',
        'Touch("refund", ("charge",))),',
    ),
    trap(
        "`customer.discount.*` → customer",
        f"{EVENTS_TEST}::test_an_event_names_what_changed",
        "streams.py",
        'touches=(Touch("customer"), Touch("discount", ("customer",))),',
        'touches=(Touch("customer"),),',
    ),
    trap(
        "`invoice_payment.*` → invoice",
        f"{EVENTS_TEST}::test_an_event_names_what_changed",
        "streams.py",
        '            Touch("invoice_payment", ("invoice",)),\n',
        "",
    ),
    trap(
        "`invoice.upcoming` has no id",
        "test_an_event_about_nothing_is_passed_over",
        "events.py",
        "        for value in follow(obj, path):\n            if object_id := id_of(value):\n",
        "        for value in [obj.get(path[0])]:\n            if object_id := str(value):\n",
    ),
    trap(
        "take the server's time T0 (`Date` header) **before** the first list",
        "test_t0_is_before_the_first_list",
        "account.py",
        "        import_lists(self.reader, self.earlier.left, landed=self.earlier.landed)\n",
        "        import_lists(self.reader, self.earlier.left, landed=self.earlier.landed)\n"
        '        self.now = self.client.get("/v1/account").date\n',
    ),
    trap(
        "take the server's time T0 (`Date` header) **before** the first list, of later syncs",
        "test_t0_of_later_syncs_is_before_the_first_object",
        "account.py",
        "        if self.now is None:\n            self.now = reply.date\n",
        "        self.now = reply.date\n",
    ),
    trap(
        "only then let the cursor be T0 − 60 s",
        "test_t0_of_later_syncs_is_before_the_first_object",
        "account.py",
        '"events_cursor": max(earlier, self.now - LAG),',
        '"events_cursor": max(earlier, self.now),',
    ),
    trap(
        "Advance the cursor only with the commit of the data that it describes",
        "tests/dlt_sources/test_cursors.py::test_a_sync_counts_once_its_load_is_complete",
        "cursors.py",
        "from {DATASET}.{SYNCS_TABLE}\n"
        "where _dlt_load_id in (select load_id from {DATASET}._dlt_loads where status = 0)\n",
        "from {DATASET}.{SYNCS_TABLE}\nwhere true\n",
    ),
    trap(
        "A merge is guarded by when the object was read",
        "tests/dbt_project/test_loads.py::test_loads_that_are_late_partial_old_or_repeated",
        "dbt_project/macros/loads.sql",
        "        order by candidates.read_at desc, candidates.read_order desc\n",
        "        order by candidates.read_at, candidates.read_order\n",
    ),
    trap(
        "keep it **in the warehouse beside that data**",
        "tests/dlt_sources/test_equality.py"
        "::test_a_warehouse_restored_from_yesterday_goes_on_from_yesterday",
        "cursors.py",
        "            events_cursor=events_cursor,\n",
        "            events_cursor=today,\n",
    ),
    trap(
        "A cursor older than 25 days: the feed may have holes",
        "test_a_gap_longer_than_the_feed_is_recovered_by_lists",
        "events.py",
        "GAP_DAYS = 25",
        "GAP_DAYS = 250",
    ),
    trap(
        "Import again by lists",
        "test_a_gap_longer_than_the_feed_is_recovered_by_lists",
        "account.py",
        "            checkpoint.left,\n",
        "            (),\n",
    ),
    trap(
        "charges and invoices from min(90 days, gap + 30 days)",
        "test_after_a_gap_payments_are_read_from_thirty_days_before_it",
        "account.py",
        "RECOVERY_DAYS = 30",
        "RECOVERY_DAYS = 0",
    ),
    trap(
        "re-read known open objects",
        "test_a_gap_longer_than_the_feed_is_recovered_by_lists",
        "account.py",
        "        for name, ids in cursor.known.items():\n"
        "            self.landing.want(name, ids)\n",
        "",
    ),
    trap(
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
    trap(
        'Say "gap recovered" in the sync\'s record',
        "test_a_recovered_gap_is_said",
        "account.py",
        "        self.gap_recovered = True\n",
        "",
    ),
)
