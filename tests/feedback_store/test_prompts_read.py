"""Prompts from files: Parquet, formulas in a CSV, and marks before the first line."""

from pathlib import Path

import pytest

from feedback_store import prompts
from feedback_store.database import Database
from feedback_store.exchange import import_file

FOREIGN = Path(__file__).parent / "foreign"


def test_prompts_come_from_parquet(db: Database) -> None:
    assert import_file(db, FOREIGN / "prompts.parquet", "prompts").problems == []
    first, second = prompts.listing(db)
    assert (first.messages[0]["content"], first.tags, first.language, first.reference) == (
        "Why?",
        ["a", "b"],
        "en",
        None,
    )
    assert (second.messages[0]["content"], second.tags, second.language, second.reference) == (
        "Miksi?", [], "fi", "Siksi.",
    )  # fmt: skip
    assert first.extra == {}
    assert import_file(db, FOREIGN / "prompts.parquet", "prompts").known == 2


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1 is less", "@SUM(A1)", "'quoted", '=HYPERLINK("http://x","y")'])
def test_formulas_are_text_like_any_other(db: Database, tmp_path: Path, cell: str) -> None:
    quoted = cell.replace('"', '""')
    (tmp_path / "p.csv").write_text(f'note,prompt\n=2,"{quoted}"\n')
    assert import_file(db, tmp_path / "p.csv", "prompts").problems == []
    found = prompts.listing(db)[0]
    assert (found.messages[0]["content"], found.extra) == (cell, {"note": "=2"})


def test_bad_rows_of_text_and_csv_are_told_by_line(db: Database, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_bytes("\ufeffOne?\r\n\rTwo?\n".encode() + b"\xff\nN\x00UL\nThree?")
    report = import_file(db, tmp_path / "p.txt", "prompts")
    assert (report.added, [problem.line for problem in report.problems]) == (3, [4, 5])
    (tmp_path / "p.csv").write_bytes("\ufeffprompt\r\nFour?\r\n".encode() + b'"Fi\xffve?"\nSix?\r"cut off')
    report = import_file(db, tmp_path / "p.csv", "prompts")
    assert (report.added, [problem.line for problem in report.problems]) == (2, [3, 5])
    assert [one.messages[0]["content"] for one in prompts.listing(db)] == ["One?", "Two?", "Three?", "Four?", "Six?"]


def test_a_csv_with_one_column_of_prompts_and_blank_cells(db: Database, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("prompt,group\n,g\n\n,\nWhy?\n")
    report = import_file(db, tmp_path / "p.csv", "prompts")
    assert (report.added, [problem.line for problem in report.problems]) == (1, [2])
