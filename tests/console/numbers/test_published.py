"""Reading while builds replace the file: each page sees one build, and the next page the newest."""

from __future__ import annotations

import threading
from decimal import Decimal
from pathlib import Path

import pytest

from console.marts import NothingPublished
from console.web.numbers.published import CONNECTIONS, PublishedMarts, Reader
from tests.console.numbers.marts_file import FULL, write_marts


def mrr(reader: Reader) -> Decimal:
    rows = reader.rows(
        "select sum(mrr) as mrr from metrics_daily where account_id = ? and day = '2026-11-27'",
        (FULL,),
    )
    value: Decimal = rows[0]["mrr"]
    return value


def test_a_page_keeps_its_build_and_the_next_one_sees_the_new(tmp_path: Path) -> None:
    file = tmp_path / "marts.duckdb"
    write_marts(file)
    marts = PublishedMarts(file)
    with marts.reading() as old:
        before = mrr(old)
        write_marts(file, scale=Decimal(3))
        with marts.reading() as new:
            # Rounded item by item, so not three times to the last digit.
            assert abs(mrr(new) - 3 * before) < Decimal("0.000001")
        # Another question, not remembered: the old file is still open for this page.
        rows = old.rows("select max(mrr) as mrr from metrics_daily where account_id = ?", (FULL,))
        assert rows[0]["mrr"] <= before * 2
        assert mrr(old) == before
    marts.close()


def test_nothing_published_is_said_and_found_when_it_comes(tmp_path: Path) -> None:
    marts = PublishedMarts(tmp_path / "marts.duckdb")
    with pytest.raises(NothingPublished), marts.reading():
        pass
    write_marts(marts.path)
    with marts.reading() as reader:
        assert mrr(reader) > 0
    marts.close()


def test_many_readers_while_files_change(tmp_path: Path) -> None:
    file = tmp_path / "marts.duckdb"
    write_marts(file)
    marts = PublishedMarts(file)
    failures: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                with marts.reading() as reader:
                    sums = {
                        mrr(reader),
                        reader.rows(
                            "select sum(mrr) as mrr from metrics_daily"
                            " where account_id = ? and day = date '2026-11-27'",
                            (FULL,),
                        )[0]["mrr"],
                    }
                    assert len(sums) == 1, "one page read two builds"
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(CONNECTIONS + 2)]
    for reader in readers:
        reader.start()
    for scale in range(2, 5):
        write_marts(file, scale=Decimal(scale))
    done.set()
    for reader in readers:
        reader.join()
    assert failures == []
    marts.close()


def test_a_reader_cannot_write_nor_leave_the_file(tmp_path: Path) -> None:
    file = tmp_path / "marts.duckdb"
    write_marts(file)
    other = tmp_path / "secrets.csv"
    other.write_text("a\n1\n")
    marts = PublishedMarts(file)
    with marts.reading() as reader:
        for statement in (
            "delete from metrics_daily",
            f"select * from read_csv('{other}')",
            f"attach '{tmp_path / 'other.duckdb'}' as other",
            "set enable_external_access = true",
        ):
            with pytest.raises(Exception, match=r"read-only|disabled|locked"):
                reader.rows(statement)
    marts.close()
