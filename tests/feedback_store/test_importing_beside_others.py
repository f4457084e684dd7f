"""Imports while others work: in parts, told row by row, whole after a cut, taken back with its effect said first."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from feedback_store import (
    annotators,
    audit,
    comparisons,
    exchange,
    format_guess,
    import_list,
    import_report,
    importing,
    judgments,
    prompts,
    uploads,
)
from feedback_store.database import Database
from feedback_store.errors import Conflict, InvalidInput, StoreUnavailable
from feedback_store.exchange_records import RowOutcome
from feedback_store.judgments import NewJudgment
from feedback_store.uploads import Upload

FOREIGN = Path(__file__).parent / "foreign"
SAMPLES = Path(__file__).parent / "samples"


def row(number: int, judged: bool = True) -> dict[str, Any]:
    said = [{"annotator": "file", "ranks": [1, 2]}] if judged else []
    return {"prompt": f"Q{number}?", "completions": [{"text": "a"}, {"text": f"b{number}"}], "judgments": said}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three good rows, one that is no JSON, one twice, and one that cannot be stored."""
    lines = [*(json.dumps(row(n)) for n in range(3)), "{oops", json.dumps(row(1)), json.dumps({"prompt": 5})]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_every_row_is_told_with_what_became_of_it(db: Database, file: Path, tmp_path: Path):
    told: list[RowOutcome] = []
    exchange.import_file(db, file, "comparisons", on_row=told.append)
    assert [(one.line, one.became) for one in told] == [
        (1, "added"), (2, "added"), (3, "added"), (4, "left_out"), (5, "added"), (6, "left_out"),
    ]  # fmt: skip
    assert told[0].brought == {"prompt": 1, "completion": 2, "comparison": 1, "judgment": 1}
    assert told[4].brought == {"comparison": 1, "judgment": 1}, "the same pair put to people a second time"
    assert "JSON" in (told[3].reason or "") and told[5].reason
    told.clear()
    report = exchange.import_file(db, file, "comparisons", dry_run=True, on_row=told.append)
    assert {one.became for one in told} == {"known", "left_out"} and report.brought == {}
    with import_report.writing(tmp_path) as writer:
        for one in [*told, RowOutcome(7, "left_out", "=HYPERLINK(1)")]:
            writer.add(one)
    first, place = import_report.page(tmp_path, "left_out", size=2)
    assert [one["line"] for one in first] == [4, 6] and place is not None
    assert import_report.page(tmp_path, "left_out", start=place, size=2) == (
        [{"line": 7, "reason": "=HYPERLINK(1)", "brought": {}}], None)  # fmt: skip
    assert import_report.page(tmp_path, "left_out", start=3) == ([], None), "a place inside a row is no page"
    whole = "".join(import_report.as_csv(tmp_path)).splitlines()
    assert [line.split(",")[0] for line in whole] == ["line", "1", "2", "3", "4", "5", "6", "7"]
    assert whole[-1].split(",")[2] == "'=HYPERLINK(1)"


def test_an_import_in_parts_gives_the_same_study(db: Database, fresh, file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importing, "PART_SECONDS", 0)
    monkeypatch.setattr(importing, "PAUSE_SECONDS", 0)
    other = fresh()
    parts = exchange.import_beside_others(db, file, "comparisons", by="annotator 1")
    assert parts == exchange.import_file(other, file, "comparisons")
    for name in ("prompts", "completions", "comparisons", "judgments", "import_rows", "import_items", "tallies"):
        seen = [db.rows(f"SELECT * FROM {name}"), other.rows(f"SELECT * FROM {name}")]
        without = [[{k: v for k, v in one.items() if k not in ("created_at", "public_id")} for one in rows]
                   for rows in seen]  # fmt: skip
        assert without[0] == without[1], name
    assert [entry.action for entry in audit.listing(db)] == ["import"]
    again = exchange.import_beside_others(db, file, "comparisons", by="annotator 1")
    assert (again.added, again.known, again.import_id) == (0, 4, None)
    assert len(import_list.listing(db)) == 1, "what brought nothing leaves nothing"


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("by_hand", [False, True])
def test_an_import_that_is_cut_off_is_taken_back_as_a_whole(
    db: Database, file: Path, monkeypatch: pytest.MonkeyPatch, by_hand: bool
):
    monkeypatch.setattr(importing, "PART_SECONDS", 0)
    monkeypatch.setattr(importing, "PAUSE_SECONDS", 0)
    with monkeypatch.context() as dying:
        dying.setattr(importing, "_take_back_unfinished", lambda *_: [])

        def die(outcome: RowOutcome) -> None:
            if outcome.line == 3:
                raise Killed

        with pytest.raises(Killed):
            exchange.import_beside_others(db, file, "comparisons", on_row=die)
    [listed] = import_list.listing(db)
    assert (listed.state, judgments.count(db)) == ("cut_off", 2)
    assert import_list.undo_effect(db, listed.id).goes["judgment"] == 2
    if by_hand:
        assert exchange.undo_import(db, listed.id, by="annotator 1").added == 2
        assert audit.listing(db)[0].action == "undo import"
    else:
        assert importing.mend(db) == [listed.id]
    assert importing.mend(db) == []
    [listed] = import_list.listing(db)
    assert (listed.state, listed.was_cut_off) == ("taken_back", True)
    assert (judgments.count(db), prompts.count(db)) == (0, 0)
    assert exchange.import_beside_others(db, file, "comparisons").added == 4
    assert (judgments.count(db), prompts.count(db)) == (4, 3)


def test_two_imports_at_once_are_refused_and_one_under_way_is_not_taken_back(db: Database, file: Path):
    seen: list[str] = []

    def meanwhile(outcome: RowOutcome) -> None:
        if seen:
            return
        with pytest.raises(Conflict, match="Another import is under way"):
            exchange.import_beside_others(db, file, "comparisons")
        seen.append("refused")
        assert importing.under_way(db) and importing.mend(db) == []
        assert import_list.listing(db)[0].state == "under_way"
        with pytest.raises(Conflict, match="under way"):
            exchange.undo_import(db, 1)

    exchange.import_beside_others(db, file, "comparisons", on_row=meanwhile)
    assert seen and not importing.under_way(db)


def test_what_an_undo_does_is_said_first_and_is_what_it_does(db: Database, file: Path, tmp_path: Path):
    exchange.import_file(db, file, "comparisons")
    second = tmp_path / "second.jsonl"
    second.write_text("\n".join(json.dumps(row(n, judged=False)) for n in (2, 8)) + "\n")
    exchange.import_file(db, second, "comparisons")
    ann = annotators.ensure(db, "ann").id
    pair = comparisons.listing(db)[0]
    judgments.submit(db, NewJudgment(pair.id, ann, [1, 2], [0, 1], "key-1"))
    effect = import_list.undo_effect(db, 1)
    assert effect.goes == {"prompt": 2, "completion": 4, "comparison": 4, "judgment": 4}
    assert effect.stays == {"prompt": 1, "completion": 2}
    assert effect.answers_here == 1 and effect.trained.runs == []
    before = (prompts.count(db), len(comparisons.listing(db)), judgments.count(db))
    exchange.undo_import(db, 1, by="annotator 1")
    after = (prompts.count(db), len(comparisons.listing(db)), judgments.count(db))
    assert [a - b for a, b in zip(before, after, strict=True)] == [2, 4, 5]
    assert [(entry.action, entry.subject) for entry in audit.listing(db)] == [("undo import", "import 1")]
    with pytest.raises(InvalidInput, match="taken back already"):
        import_list.undo_effect(db, 1)


def send(db: Database, name: str, text: bytes, piece: int = 7) -> Upload:
    upload = uploads.begin(db, name, len(text), by=1)
    for at in range(0, len(text), piece):
        upload = uploads.add(db, upload.id, at, text[at : at + piece])
    return upload


def test_a_file_comes_in_pieces_and_a_lost_piece_is_told(db: Database):
    text = b"0123456789abcdefghij"
    upload = send(db, "../../etc/my\x07 file.jsonl", text)
    assert upload.whole and upload.name == "my file.jsonl" and upload.path.read_bytes() == text
    assert upload.path.resolve().is_relative_to((db.folder / "uploads").resolve())
    begun = uploads.begin(db, "b.jsonl", 10, by=1)
    uploads.add(db, begun.id, 0, b"0123")
    with pytest.raises(Conflict, match="goes on at byte 4; this piece begins at byte 0"):
        uploads.add(db, begun.id, 0, b"0123")
    with pytest.raises(InvalidInput, match="more bytes than the 10"):
        uploads.add(db, begun.id, 4, b"0123456")
    with pytest.raises(InvalidInput, match="4 bytes of 10 bytes"):
        uploads.require_whole(db, begun.id)
    uploads.add(db, begun.id, 4, b"456789")
    with pytest.raises(InvalidInput, match="damaged on its way"):
        uploads.require_whole(db, begun.id, sha256="0" * 64)
    assert uploads.require_whole(db, begun.id).received == 10


def test_uploads_have_limits_and_are_cleared_away(db: Database, monkeypatch: pytest.MonkeyPatch):
    for name, size in (
        ("", 5),
        ("...", 5),
        ("a.jsonl", 0),
        ("a.jsonl", uploads.MOST_BYTES + 1),
        ("a\x00b", 5),
        ("a" + "." * 200, 5),
    ):
        with pytest.raises(InvalidInput):
            uploads.begin(db, name, size, by=1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(StoreUnavailable, match="too little space for the file big"):
        uploads.begin(db, "big.jsonl", 5, by=1)
    monkeypatch.undo()
    kept = [uploads.begin(db, f"{n}.jsonl", 5, by=1) for n in range(uploads.MOST_AT_ONCE)]
    with pytest.raises(Conflict, match="10 files wait"):
        uploads.begin(db, "one more.jsonl", 5, by=1)
    uploads.remove(db, kept[0].id)
    with pytest.raises(InvalidInput, match="no uploaded file"):
        uploads.get(db, kept[0].id)
    monkeypatch.setattr(uploads, "KEPT_SECONDS", -1.0)
    uploads.begin(db, "next.jsonl", 5, by=1)
    assert [one.name for one in uploads.listing(db)] == ["next.jsonl"]


FILES = [
    path for folder in (SAMPLES, FOREIGN) for path in sorted(folder.iterdir()) if path.suffix not in (".py", ".md")
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_format_of_a_file_is_guessed(path: Path):
    if path.stem in ("trl-implicit", "argilla-nested"):
        assert format_guess.guess(path) is None, "no format reads it"
        return
    wanted = path.stem.split("-")[0].replace("label_studio", "label-studio")
    assert format_guess.guess(path) == ("prompts" if path.stem == "trl-unpaired" else wanted)


def test_the_guess_knows_every_format_and_says_when_it_does_not(tmp_path: Path):
    assert sorted(format_guess.IN_ORDER) == exchange.formats_that("read")
    for name, text in (("a.jsonl", ""), ("b.jsonl", "no json"), ("c.csv", "x,y\n1,2"), ("d.parquet", "PAR")):
        (tmp_path / name).write_text(text)
        assert format_guess.guess(tmp_path / name) is None, name
    (tmp_path / "e.txt").write_text("One?\nTwo?\n")
    assert format_guess.guess(tmp_path / "e.txt") == "prompts"
