"""The table of judgments: every row, pseudonyms, and cells that no spreadsheet takes for a formula."""

import csv
import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_store import judgments, pseudonyms
from feedback_store.database import Database
from feedback_store.errors import StoreUnavailable
from feedback_store.exchange import export
from feedback_store.formats.judgments import COLUMNS
from feedback_store.spreadsheet_cells import DANGEROUS, escaped, unescaped
from judged_studies import HOSTILE, Study, fill

cells = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["=1", "+1", "-1", "@a", "\tx", "\rx", "'", "''=1", "", "'=1", " =1"]
)  # fmt: skip


@given(cells)
def test_an_escaped_cell_is_no_formula_and_comes_back(text: str | None) -> None:
    cell = escaped(text)
    assert not cell.startswith(DANGEROUS)
    assert unescaped(cell) == text


def rows_of(path: Path) -> list[dict[str, str | None]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: unescaped(cell) for name, cell in row.items()} for row in csv.DictReader(file)]


def test_every_judgment_is_a_row_with_every_column(db: Database, tmp_path: Path) -> None:
    fill(db)
    export(db, "judgments", tmp_path / "out")
    rows = rows_of(tmp_path / "out/train.csv") + rows_of(tmp_path / "out/test.csv")
    stored = db.rows("SELECT * FROM judgments ORDER BY id")
    assert sorted(int(row["id"] or 0) for row in rows) == [row["id"] for row in stored]
    by_id = {int(row["id"] or 0): row for row in rows}
    live = {one.id for one in judgments.live(db)}
    for one in stored:
        row = by_id[one["id"]]
        assert list(row) == list(COLUMNS)
        assert row["rationale"] == one["rationale"]
        assert json.loads(row["ranks"] or "null") == json.loads(one["ranks"] or "null")
        assert json.loads(row["improved"] or "null") == json.loads(one["improved"] or "null")
        assert (row["both_bad"], row["skipped"]) == (json.dumps(bool(one["both_bad"])), one["skipped"])
        assert row["counts"] == json.dumps(one["id"] in live)
        assert row["supersedes"] == (str(one["supersedes_id"]) if one["supersedes_id"] else None)
    assert HOSTILE in {row["rationale"] for row in rows}


def test_no_cell_of_the_file_begins_like_a_formula(db: Database, tmp_path: Path) -> None:
    study = Study(db)
    study.judge(study.compare(score=-0.5), [1, 2], "=cmd", rationale="@x", input_device="keyboard")
    export(db, "judgments", tmp_path / "out")
    with (tmp_path / "out/train.csv").open(encoding="utf-8", newline="") as file:
        assert [cell for row in csv.reader(file) for cell in row if cell.startswith(DANGEROUS)] == []


def test_parquet_holds_the_same_rows(db: Database, tmp_path: Path) -> None:
    from pyarrow import parquet

    fill(db)
    export(db, "judgments", tmp_path / "csv")
    export(db, "judgments", tmp_path / "parquet", file_type="parquet")
    table = parquet.read_table(tmp_path / "parquet/train.parquet").to_pylist()
    flat = rows_of(tmp_path / "csv/train.csv")
    assert [row["id"] for row in table] == [int(row["id"] or 0) for row in flat]
    assert [row["rationale"] for row in table] == [row["rationale"] for row in flat]
    assert [row["ranks"] for row in table] == [json.loads(row["ranks"] or "null") for row in flat]
    assert table[0]["policies"] == ["author", "author"]


def test_pseudonyms_are_stable_in_a_study_and_differ_between_studies(
    db: Database, fresh: Callable, tmp_path: Path
) -> None:
    other = fresh()
    for study in (db, other):
        made = Study(study)
        made.judge(made.compare(), [1, 2], "ann@example.org")
        made.judge(made.compare(), [1, 2], "bob")
        made.judge(made.compare(), [1, 2], "bob")
    names = []
    for number, study in enumerate((db, db, other)):
        export(study, "judgments", tmp_path / f"{number}")
        names.append([row["annotator"] for row in rows_of(tmp_path / f"{number}/train.csv")])
        assert "ann@example.org" not in (tmp_path / f"{number}/train.csv").read_text()
    assert names[0] == names[1]
    assert names[0][1] == names[0][2] != names[0][0]
    assert set(names[0]).isdisjoint(names[2])


def test_the_key_is_made_once_for_its_owner_alone(db: Database) -> None:
    key = pseudonyms.secret_key(db)
    assert pseudonyms.secret_key(db) == key
    assert len(key) == pseudonyms.KEY_BYTES
    assert stat.S_IMODE((db.folder / "secret.key").stat().st_mode) == 0o600
    assert [path.name for path in db.folder.glob(".secret*")] == []


@pytest.mark.parametrize("content", ["", "abc", "zz" * 32, "00"])
def test_a_damaged_key_is_refused_in_words(db: Database, content: str, tmp_path: Path) -> None:
    (db.folder / "secret.key").write_text(content)
    with pytest.raises(StoreUnavailable, match="backup"):
        export(db, "judgments", tmp_path / "out")
    assert (db.folder / "secret.key").read_text() == content
