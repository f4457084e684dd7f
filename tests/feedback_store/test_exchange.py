"""Importing and exporting: whole or not at all, told by line, taken back as a unit."""

import gzip
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from feedback_store import comparisons, exchange, judgments, policies, preferences, prompts, rounds, study_settings
from feedback_store.database import Database
from feedback_store.errors import InvalidInput, UnknownFormat
from feedback_store.exchange import export, import_file, undo_import


def row(number: int = 0, **fields: object) -> dict[str, object]:
    return {
        "prompt": f"Prompt {number}?",
        "completions": [{"text": "a", "policy": "x"}, {"text": "b", "policy": "y"}],
        "judgments": [{"annotator": "ann", "ranks": [1, 2]}],
        **fields,
    }


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(*lines: object, name: str = "rows.jsonl") -> Path:
        path = tmp_path / name
        path.write_text(
            "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines), "utf-8"
        )
        return path

    return write


def test_formats_are_found_by_file_name() -> None:
    assert {"comparisons", "prompts", "trl"} <= set(exchange.formats())
    assert {"comparisons", "trl"} <= set(exchange.formats_that("write"))


@pytest.mark.parametrize("name", exchange.formats())
def test_every_format_names_its_source_and_can_do_something(name: str) -> None:
    module = exchange._module(name)
    assert "Source:" in (module.__doc__ or "")
    assert hasattr(module, "read") or hasattr(module, "write")
    assert not hasattr(module, "write") or isinstance(module.OPTIONS, dict)


def test_an_unknown_format_lists_the_valid_ones(db: Database, write: Callable, tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat, match=r"'nope' cannot be imported\. Formats that can: .*comparisons, .*trl"):
        import_file(db, write(row()), "nope")
    with pytest.raises(UnknownFormat, match="'arena' cannot be exported"):
        export(db, "arena", tmp_path / "out")


def test_a_missing_file_is_said_in_words(db: Database, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="There is no file"):
        import_file(db, tmp_path / "none.jsonl", "comparisons")


def test_bad_rows_are_reported_by_line_and_good_ones_taken(db: Database, write: Callable, tmp_path: Path) -> None:
    bad: list[object] = [
        '{"prompt": "cut off',
        "[1, 2]",
        '{"prompt": "a", "prompt": "b"}',
        row(1, completions=[{"text": "a"}]),
        row(2, completions="ab"),
        row(3, judgments=[{"annotator": "ann", "ranks": [1, 2, 3]}]),
        row(4, judgments=[{"ranks": [1, 2]}]),
        row(5, prompt=""),
        row(6, prompt="\x00"),
        row(7, split="test"),
        row(8, judgments=[{"annotator": "ann", "skipped": "undone"}]),
        row(9, judgments=[{"annotator": "ann", "ranks": [1, 2], "supersedes": "gone"}]),
        row(10, purpose="fun"),
        row(11, overlap=0),
        row(12, score="high"),
        row(13, completions=[{"text": "a\ud800"}, {"text": "b"}]),
        row(14, judgments=[{"annotator": "ann", "ranks": [1, 2], "strength": 9}]),
        row(15, judgments=[{"annotator": "ann", "ranks": [1, 2], "milliseconds": 1.5}]),
        row(16, priority=2**70),
        row(17, expert=[0, 1]),
        row(18, is_random="yes"),
        row(19, completions=[{"text": "a", "seed": 1}, {"text": "b"}]),
        row(20, judgments=[{"annotator": "ann", "ranks": [1, 2], "late": "no"}]),
        row(21, judgments=[{"annotator": "ann", "ranks": [1, 2], "key": 7}]),
        row(22, id=7),
        row(23, judgments={"annotator": "ann"}),
        row(24, prompt=[{"role": "user"}]),
        row(25, tags=3),
        row(26, prompt_extra=[1]),
    ]
    path = write(row(100), *bad, "", row(101))
    report = import_file(db, path, "comparisons")
    assert [problem.line for problem in report.problems] == list(range(2, len(bad) + 2))
    assert all(problem.reason.endswith(".") for problem in report.problems)
    assert (report.rows, report.added, report.known) == (len(bad) + 2, 2, 0)
    assert comparisons.counts(db).total == 2
    assert prompts.count(db) == 2


def test_a_damaged_encoding_or_compression_is_reported_by_line(db: Database, tmp_path: Path) -> None:
    lines = [json.dumps(row(number)).encode() for number in range(3)]
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + lines[0] + b"\r\n\n" + b'{"prompt": "\xff"}\n' + lines[1] + b"\n" + lines[2])
    report = import_file(db, path, "comparisons")
    assert (report.added, [problem.line for problem in report.problems]) == (3, [3])
    assert "Not UTF-8" in report.problems[0].reason
    packed = tmp_path / "rows.jsonl.gz"
    packed.write_bytes(gzip.compress(b"\n".join(json.dumps(row(number)).encode() for number in range(3, 400)))[:-200])
    report = import_file(db, packed, "comparisons")
    assert "damaged or cut short" in report.problems[-1].reason


def test_a_line_that_is_too_long_is_skipped(db: Database, write: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedback_store.byte_files.LONGEST_BYTES", 1000)
    report = import_file(db, write(row(0), row(1, rationale="x" * 5000), row(2)), "comparisons")
    assert (report.added, [problem.line for problem in report.problems]) == (2, [2])


def test_strict_takes_all_rows_or_none(db: Database, write: Callable) -> None:
    report = import_file(db, write(row(0), "broken"), "comparisons", strict=True)
    assert (report.added, len(report.problems), report.import_id) == (0, 1, None)
    assert comparisons.counts(db).total == 0
    assert prompts.count(db) == 0
    assert import_file(db, write(row(0)), "comparisons", strict=True).added == 1


def test_a_dry_run_says_what_would_be_added(db: Database, write: Callable) -> None:
    report = import_file(db, write(row(0), row(1), "broken"), "comparisons", dry_run=True)
    assert (report.added, len(report.problems), report.import_id) == (2, 1, None)
    assert comparisons.counts(db).total == 0


def test_the_same_file_twice_adds_nothing_and_a_row_twice_in_it_counts_twice(db: Database, write: Callable) -> None:
    path = write(row(0), row(0), row(1))
    assert import_file(db, path, "comparisons").added == 3
    again = import_file(db, path, "comparisons")
    assert (again.added, again.known, again.import_id) == (0, 3, None)
    grown = write(row(0), row(0), row(0), row(1), row(2), name="grown.jsonl")
    assert (import_file(db, grown, "comparisons").added, comparisons.counts(db).total) == (2, 5)
    assert judgments.count(db) == 5


def test_an_import_is_taken_back_as_a_unit_and_can_come_again(db: Database, write: Callable, tmp_path: Path) -> None:
    kept = write(row(0), row(1), name="kept.jsonl")
    taken = write(row(1, group=None, tags=["x"]), row(2), name="taken.jsonl")
    import_file(db, kept, "comparisons")
    before = export(db, "comparisons", tmp_path / "before")
    import_file(db, taken, "comparisons")
    assert (comparisons.counts(db).total, judgments.count(db), prompts.count(db)) == (4, 4, 3)
    report = undo_import(db, taken)
    assert (report.added, report.rows) == (2, 2)
    # The prompt that both files name stays, because the first import stands.
    assert (comparisons.counts(db).total, judgments.count(db), prompts.count(db)) == (2, 2, 2)
    assert len(preferences.derive(db)) == 2
    after = export(db, "comparisons", tmp_path / "after")
    name = "comparisons.jsonl"
    assert (after.folder / name).read_bytes() == (before.folder / name).read_bytes()
    with pytest.raises(InvalidInput, match="was taken back already"):
        undo_import(db, taken)
    assert import_file(db, taken, "comparisons").added == 2
    assert (comparisons.counts(db).total, judgments.count(db), prompts.count(db)) == (4, 4, 3)
    taken.unlink()
    assert undo_import(db, taken).added == 2
    with pytest.raises(InvalidInput, match="Nothing was imported from"):
        undo_import(db, tmp_path / "other.jsonl")


def test_two_copies_of_a_study_are_put_together_and_parted_again(
    db: Database, fresh: Callable, compare: Callable, judge: Callable, tmp_path: Path
) -> None:
    one, two = compare(db, 2)
    judge(db, one, [1, 2])
    first = export(db, "comparisons", tmp_path / "first").folder / "comparisons.jsonl"
    copy = fresh()
    import_file(copy, first, "comparisons")
    judge(copy, two, [2, 1], name="bob")
    second = export(copy, "comparisons", tmp_path / "second").folder / "comparisons.jsonl"
    report = import_file(db, second, "comparisons")
    assert (report.added, report.known, report.problems) == (1, 1, [])
    assert [one.ranks for one in judgments.live(db)] == [[1, 2], [2, 1]]
    assert comparisons.counts(db).total == 2
    undo_import(db, second)
    assert [one.ranks for one in judgments.live(db)] == [[1, 2]]
    assert comparisons.counts(db).total == 2
    assert comparisons.get(db, two).answers == 0
    assert import_file(db, second, "comparisons").added == 1
    assert [one.ranks for one in judgments.live(db)] == [[1, 2], [2, 1]]


def test_an_answer_changed_after_an_import_of_another_was_taken_back_counts_once(
    db: Database, fresh: Callable, compare: Callable, judge: Callable, tmp_path: Path
) -> None:
    one = compare(db, 1)[0]
    judge(db, one, [1, 2])
    copy = fresh()
    import_file(copy, export(db, "comparisons", tmp_path / "first").folder / "comparisons.jsonl", "comparisons")
    judge(copy, 1, [1, 1], key="changed in the copy")
    second = export(copy, "comparisons", tmp_path / "second").folder / "comparisons.jsonl"
    assert import_file(db, second, "comparisons").added == 1
    undo_import(db, second)
    judge(db, one, [2, 1])
    assert [one.ranks for one in judgments.live(db)] == [[2, 1]]
    assert comparisons.get(db, one).answers == 1


def test_what_is_asked_again_after_an_import_was_taken_back_can_be_answered_however_long_ago_it_was(
    db: Database, fresh: Callable, compare: Callable, judge: Callable, tmp_path: Path
) -> None:
    one, *others = compare(db, 1 + judgments.LAST_CHANGEABLE)
    copy = fresh()
    import_file(copy, export(db, "comparisons", tmp_path / "first").folder / "comparisons.jsonl", "comparisons")
    judge(copy, 1, [1, 2])
    second = export(copy, "comparisons", tmp_path / "second").folder / "comparisons.jsonl"
    import_file(db, second, "comparisons")
    for other in others:
        judge(db, other, [1, 2])
    undo_import(db, second)
    judge(db, one, [2, 1])
    assert [one.ranks for one in judgments.live(db, comparison_ids=[one])] == [[2, 1]]


def test_imported_prompts_are_split_by_the_studys_settings(db: Database, write: Callable) -> None:
    study_settings.put(db, "study", {"holdout_share": 1.0, "seed": 3})
    import_file(db, write("One?", "Two?", name="p.txt"), "prompts")
    assert prompts.count(db, "holdout") == 2


def test_prompts_come_from_text_csv_and_json_lines(db: Database, write: Callable) -> None:
    text = write("One?", "", "  Two?  ", name="p.txt")
    table = write(
        "prompt,tags,group,note", '"Three\n\nlines?",a; b,g,keep', "Two?,,,", ",x,,", "a,b,c,d,e", name="p.csv"
    )
    rows = write(
        {"prompt": "Four?", "tags": ["c"], "reference": "4", "language": "de", "source": "book"},
        {"prompt": [{"role": "user", "content": "Five?"}], "split": "holdout"},
        {"text": "no prompt"},
        {"prompt": 5},
        name="p.jsonl",
    )
    assert import_file(db, text, "prompts", holdout_share=0).added == 2
    report = import_file(db, table, "prompts", holdout_share=0)
    assert (report.added, report.known, [problem.line for problem in report.problems]) == (1, 1, [6, 7])
    report = import_file(db, rows, "prompts", holdout_share=0)
    assert (report.added, [problem.line for problem in report.problems]) == (2, [3, 4])
    found = prompts.listing(db)
    assert [one.messages[0]["content"] for one in found] == ["One?", "Two?", "Three\n\nlines?", "Four?", "Five?"]
    assert (found[2].tags, found[2].group, found[2].extra) == (["a", "b"], "g", {"note": "keep"})
    assert (found[3].reference, found[3].language, found[3].extra) == ("4", "de", {"source": "book"})
    assert [one.split for one in found] == ["train"] * 4 + ["holdout"]
    undo_import(db, rows)
    assert prompts.count(db) == 3


def test_a_csv_without_a_prompt_column_is_refused(db: Database, write: Callable) -> None:
    with pytest.raises(InvalidInput, match="no column `prompt`; its columns are a, b"):
        import_file(db, write("a,b", "1,2", name="p.csv"), "prompts")


def test_an_export_never_writes_over_anything(db: Database, compare: Callable, tmp_path: Path) -> None:
    compare(db)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note").write_text("mine")
    with pytest.raises(InvalidInput, match="not an empty folder"):
        export(db, "comparisons", tmp_path / "full")
    (tmp_path / "empty").mkdir()
    assert "comparisons.jsonl" in export(db, "comparisons", tmp_path / "empty").files


def test_an_export_that_fails_leaves_nothing_behind(
    db: Database, compare: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare(db)
    monkeypatch.setattr("feedback_store.formats.comparisons.row_of", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(db, "comparisons", tmp_path / "deep" / "out")
    assert list((tmp_path / "deep").iterdir()) == []


def test_a_wrong_option_lists_what_is_allowed(db: Database, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="allowed are explicit, conversational, implicit, unpaired"):
        export(db, "trl", tmp_path / "out", shape="round")
    with pytest.raises(InvalidInput, match=r"has no option 'colour'\. Its options: shape"):
        export(db, "trl", tmp_path / "out", colour="red")


def test_names_of_formats_have_hyphens() -> None:
    assert {"label-studio", "llama-factory"} <= set(exchange.formats())
    assert not any("_" in name for name in exchange.formats())


def test_what_people_said_about_an_import_counts_again_when_it_comes_again(
    db: Database, write: Callable, judge: Callable
) -> None:
    path = write({"prompt": "?", "chosen": "a", "rejected": "b"}, {"prompt": "?", "chosen": "a", "rejected": "b"})
    report = import_file(db, path, "trl")
    first, second = comparisons.listing(db)
    mine = judge(db, second.id, [2, 1])
    before = {one.id for one in judgments.live(db)}
    undo_import(db, path)
    assert judgments.count(db) == 0
    again = import_file(db, path, "trl")
    assert (again.added, again.known) == (2, 0)
    assert again.import_id != report.import_id
    assert {one.id for one in judgments.live(db)} == before
    assert mine in before
    assert [one.id for one in comparisons.listing(db)] == [first.id, second.id]
    assert comparisons.get(db, second.id).answers == 2
    undo_import(db, path)
    assert judgments.count(db) == 0


def test_a_row_that_two_files_hold_comes_back_with_the_other_one(db: Database, write: Callable) -> None:
    first, grown = write(row(0), name="first.jsonl"), write(row(0), row(1), name="grown.jsonl")
    import_file(db, first, "comparisons")
    import_file(db, grown, "comparisons")
    undo_import(db, first)
    assert comparisons.counts(db).total == 1
    assert (import_file(db, grown, "comparisons").added, comparisons.counts(db).total) == (1, 2)


def test_the_same_rows_in_two_studies_are_the_same_comparisons(
    db: Database, fresh: Callable, write: Callable, tmp_path: Path
) -> None:
    path = write({"prompt": "?", "chosen": "a", "rejected": "b"})
    other = fresh()
    import_file(db, path, "trl")
    import_file(other, path, "trl")
    copy = export(other, "comparisons", tmp_path / "copy").folder / "comparisons.jsonl"
    report = import_file(db, copy, "comparisons")
    assert (report.added, report.known, report.problems) == (0, 1, [])


def test_nothing_of_a_bad_row_stays_and_the_next_row_brings_it_itself(db: Database, write: Callable) -> None:
    new = {"annotator": "newcomer", "ranks": [1, 2]}
    good = row(0, judgments=[new], tags=["t"])
    bad = {**good, "judgments": [new, {"annotator": "newcomer", "ranks": [9, 9]}]}
    report = import_file(db, write(bad, good, bad, good), "comparisons")
    assert (report.added, [problem.line for problem in report.problems]) == (2, [1, 3])
    assert db.rows("PRAGMA foreign_key_check") == []
    assert (prompts.count(db), comparisons.counts(db).total, judgments.count(db)) == (1, 2, 2)


def test_of_many_problems_the_first_are_kept_and_all_are_counted(db: Database, write: Callable) -> None:
    report = import_file(db, write(row(0), *["broken"] * 1200), "comparisons")
    assert (report.rows, report.added, report.left_out, len(report.problems)) == (1201, 1, 1200, 1000)
    undone = undo_import(db, report.import_id or 0)
    assert (undone.left_out, len(undone.problems)) == (1200, 1000)


def test_memory_does_not_grow_with_the_rows(db: Database, write: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedback_store.incoming.RECENT", 5)
    peaks = []
    for name, count in (("warm", 20), ("few", 20), ("many", 300)):
        path = write(*(row(number, prompt=f"{name} {number} {'x' * 10_000}") for number in range(count)))
        tracemalloc.start()
        assert import_file(db, path, "comparisons").added == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] - peaks[1] < 1_000_000  # of 3 MB more that were read


def test_imported_comparisons_are_asked_with_those_of_the_open_round(
    db: Database, compare: Callable, tmp_path: Path
) -> None:
    base = policies.external(db, "author").id
    rounds.begin_next(db, base)
    source = tmp_path / "in.jsonl"
    rows = [{"prompt": f"Why {n}?", "completions": [{"text": "So."}, {"text": "Thus."}]} for n in range(2)]
    source.write_text("\n".join(json.dumps({**row, **({"priority": 7} if n else {})}) for n, row in enumerate(rows)))
    import_file(db, source, "comparisons")
    assert [one.priority for one in comparisons.listing(db)] == [2, 7]


def test_what_stands_beside_a_prompt_may_not_be_called_like_a_field_of_it(db: Database, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    row = {"prompt": "Why?", "completions": [{"text": "So."}, {"text": "Thus."}], "prompt_extra": {"split": "train"}}
    source.write_text(json.dumps(row))
    [problem] = import_file(db, source, "comparisons").problems
    assert "'split' is the name of a field of its own" in problem.reason
