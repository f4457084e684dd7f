"""Every format that can be read, on files that are damaged: told by line, the good rows taken, nothing taken twice.

A new format is found by its file. It needs samples/NAME.jsonl: three good rows as JSON lines, with an "ä" in each, the
first key of each row a needed one or at least no duplicate of another, each row making one row of a study.
"""

import copy
import gzip
import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from feedback_store import byte_files, comparisons, exchange, judgments, prompts
from feedback_store.database import Database
from feedback_store.exchange import export, import_file, undo_import
from feedback_store.exchange_records import ImportReport

ODD = (None, 5, [], {"a": 1}, 2**63, [["x"]])
SAMPLES = Path(__file__).parent / "samples"
READABLE = exchange.formats_that("read")

pytestmark = pytest.mark.parametrize("name", READABLE)


@pytest.fixture
def rows(name: str) -> list[bytes]:
    path = SAMPLES / f"{name.replace('-', '_')}.jsonl"
    assert path.is_file(), f"Put three good rows of the format {name} into tests/feedback_store/samples/{path.name}."
    found = path.read_bytes().splitlines()
    assert len(found) == 3 and all("ä".encode() in row for row in found)
    return found


@pytest.fixture
def take(db: Database, tmp_path: Path, name: str) -> Callable[..., ImportReport]:
    def take(*parts: bytes, suffix: str = ".jsonl", **options: Any) -> ImportReport:
        path = tmp_path / f"rows{suffix}"
        path.write_bytes(b"".join(parts))
        return import_file(db, path, name, holdout_share=0, **options)

    return take


def state(db: Database) -> tuple[int, int, int]:
    return prompts.count(db), comparisons.counts(db).total, judgments.count(db)


def lines_of(report: ImportReport) -> list[int]:
    assert report.rows == report.added + report.known + report.left_out
    assert all(problem.reason.endswith(".") for problem in report.problems)
    return [problem.line for problem in report.problems]


def test_a_format_says_where_it_comes_from_and_reads_its_sample(name: str, rows: list[bytes], take: Callable) -> None:
    module = exchange._module(name)
    assert "Source:" in (module.__doc__ or ""), "The docstring of a format names its source."
    report = take(b"\n".join(rows))
    assert (report.rows, report.added, lines_of(report)) == (3, 3, [])


def damaged(row: bytes) -> dict[str, bytes]:
    """A good row, spoilt in each way that a row can be."""
    key, accent, end = json.dumps(next(iter(json.loads(row)))).encode(), "ä".encode(), row[:-1] + b',"x":'
    return {
        "cut off": row[: len(row) // 2],
        "another encoding": row.decode().encode("latin-1"),
        "a key twice": b"{" + key + b":1," + row[1:],
        "no object": b"[" + row + b"]",
        "a word": b"null",
        "other keys only": b'{"unheard":1}',
        "NUL": row.replace(accent, b"\\u0000"),
        "half a surrogate pair": row.replace(accent, b"\\ud800"),
        "no number": end + b"NaN}",
        "a number out of range": end + b"1e999}",
        "nested deep": end + b"[" * 960 + b"]" * 960 + b"}",
        "nested too deep": end + b"[" * 5000 + b"]" * 5000 + b"}",
    }


def test_bad_rows_are_told_by_line_and_the_others_are_taken(
    db: Database, name: str, rows: list[bytes], take: Callable
) -> None:
    bad = damaged(rows[1])
    parts = (rows[0], b"\n", b"\n".join(bad.values()), b"\n\n", rows[2])
    refused = take(*parts, strict=True)
    assert (refused.added, refused.left_out, state(db)) == (0, len(bad) + 2, (0, 0, 0))
    report = take(*parts)
    told = dict(zip(bad, range(2, len(bad) + 2), strict=True))
    assert {kind: line for kind, line in told.items() if line not in lines_of(report)} == {}
    assert (report.added, report.left_out) == (2, len(bad))
    held = state(db)
    again = take(*parts)
    assert (again.added, again.known, again.import_id, state(db)) == (0, 2, None, held)


def with_other_values(value: Any) -> Iterator[Any]:
    """Yield `value` with each value inside it, one at a time, replaced by each of ODD."""
    places = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for place, held in places:
        for other in (*ODD, *with_other_values(held)):
            changed = copy.copy(value)
            changed[place] = other
            yield changed


def test_a_value_of_another_kind_never_ends_an_import(name: str, rows: list[bytes], take: Callable) -> None:
    changed = [json.dumps(row).encode() for row in with_other_values(json.loads(rows[0]))]
    report = take(b"\n".join([*changed, rows[1]]), dry_run=True)
    assert report.rows > len(changed) >= len(lines_of(report)) > 0


def test_a_file_that_ends_too_early_keeps_its_whole_rows(name: str, rows: list[bytes], take: Callable) -> None:
    whole = b"\n".join(rows)
    report = take(whole[:-20])
    assert (report.added, lines_of(report)) == (2, [3])
    report = take(gzip.compress(whole + b"\n" + rows[2])[:-12], suffix=".jsonl.gz")
    assert report.problems and "damaged or cut short" in report.problems[-1].reason


def test_line_ends_may_be_mixed_and_a_mark_may_begin_the_file(name: str, rows: list[bytes], take: Callable) -> None:
    report = take(b"\xef\xbb\xbf", rows[0], b"\r\n\r\n", rows[1], b"\r", b"broken\n", rows[2], b"\n")
    assert (report.added, lines_of(report)) == (3, [4])


def test_a_file_in_another_encoding_is_refused_line_by_line(db: Database, rows: list[bytes], take: Callable) -> None:
    report = take(b"\n".join(rows).decode().encode("utf-16"))
    assert (report.added, state(db)) == (0, (0, 0, 0))
    assert all("UTF-8" in problem.reason or "JSON" in problem.reason for problem in report.problems)
    assert lines_of(report)


@pytest.mark.parametrize("content", [b"", b"\n\n  \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_told(name: str, take: Callable, content: bytes) -> None:
    report = take(content)
    assert (report.rows, report.added, report.problems[0].reason) == (1, 0, "The file has no rows.")


def test_a_long_line_is_left_out_without_being_held(
    db: Database, name: str, rows: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(byte_files, "LONGEST_BYTES", 2**20)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\n".join([rows[0], rows[1].replace("ä".encode(), b"x" * 20 * 2**20), rows[2]]))
    import_file(db, path, name, dry_run=True)  # what is loaded once is not the line's
    tracemalloc.start()
    report = import_file(db, path, name)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (report.added, lines_of(report)) == (2, [2])
    assert "longer than 1 MB" in report.problems[0].reason
    assert peak < 6 * 2**20


def test_an_import_is_taken_back_whole_and_comes_again_as_it_was(
    db: Database, name: str, rows: list[bytes], take: Callable, tmp_path: Path
) -> None:
    def exported(folder: str) -> bytes:
        export(db, "comparisons", tmp_path / folder)
        return (tmp_path / folder / "comparisons.jsonl").read_bytes()

    parts = (rows[0], b"\n", rows[0], b"\n", rows[1])
    report = take(*parts)
    before, first = state(db), exported("first")
    undo_import(db, report.import_id)
    assert (state(db), exported("undone")) == ((0, 0, 0), b"")
    again = take(*parts)
    assert (again.added, again.import_id is None) == (report.added, False)
    assert (state(db), exported("again")) == (before, first)
