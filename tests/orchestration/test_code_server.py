"""The warm start stands on one name in Dagster's server module."""

import inspect
import multiprocessing

from dagster._grpc import server

from orchestration.code_server import _ForkServerInstead


def test_dagster_still_starts_runs_by_the_name_that_is_replaced() -> None:
    assert vars(server)["multiprocessing"] is multiprocessing
    assert 'self._mp_ctx = multiprocessing.get_context("spawn")' in inspect.getsource(server)


def test_what_would_be_spawned_is_forked_from_the_warm_process() -> None:
    context = _ForkServerInstead().get_context("spawn")
    assert context.get_start_method() == "forkserver"
    assert _ForkServerInstead().Lock is multiprocessing.Lock
