"""Traps of reading one list in parts side by side."""

from tests.dlt_sources.traps.trap import FAULTS_TEST, WINDOWS_TEST, Trap, trap

TRAPS: tuple[Trap, ...] = (
    trap(
        "down to ~30 s, then page",
        f"{WINDOWS_TEST}::test_a_window_of_seconds_is_paged_and_not_cut",
        "windows.py",
        "    parts = max(1, min(parts, span // MIN_SPAN))\n",
        "    parts = max(1, min(parts, span))\n",
    ),
    trap(
        "Half-open windows",
        f"{WINDOWS_TEST}::test_a_cut_covers_every_instant_exactly_once",
        "windows.py",
        "    windows = [Window(bounds[i], bounds[i + 1]) for i in range(parts)]\n",
        "    windows = [Window(bounds[i], bounds[i + 1] - 1) for i in range(parts)]\n",
    ),
    trap(
        "where a page ends inside a second, the newest part keeps `created[lt]=last+1`",
        "test_objects_of_one_second_are_all_read_where_a_page_ends_among_them",
        "windows.py",
        "    return Window(window.gte, min(window.lt, last_created + 1), last_id)\n",
        "    return Window(window.gte, min(window.lt, last_created), last_id)\n",
    ),
    trap(
        "and inherits `starting_after`",
        f"{WINDOWS_TEST}::test_only_the_newest_part_inherits_starting_after",
        "windows.py",
        "    windows[-1] = Window(windows[-1].gte, windows[-1].lt, window.starting_after)\n",
        "",
    ),
    trap(
        "Checkpoint `{gte, lt, starting_after}` per part with the rows",
        "tests/dlt_sources/test_resume.py::test_a_failed_import_goes_on",
        "landing.py",
        "                    left=tuple(self._left),\n",
        "                    left=(),\n",
    ),
    trap(
        "names an object deleted meanwhile (`resource_missing`), restart that part",
        f"{FAULTS_TEST}::test_an_object_deleted_between_two_pages_restarts_its_part",
        "reader.py",
        "            if part.window.starting_after is None:\n                raise\n",
        "            raise\n",
    ),
)
