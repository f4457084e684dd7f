"""What commands print: tables for people, JSON for programs."""

import json

import pytest

from ui.commands import main, output, waiting


def test_a_table_of_nothing_says_what_would_fill_it(capsys):
    output.print_table(["a"], [], empty="No runs yet.")
    assert capsys.readouterr().out == "No runs yet.\n"


def test_json_is_one_line_and_keeps_other_scripts(capsys):
    output.print_json({"text": "你好\nyou"})
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert "你好" in printed
    assert json.loads(printed) == {"text": "你好\nyou"}


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "-"), (True, "yes"), (0.12345, "0.123"), ({"a": 1.0, "b": None}, "a 1.000, b -"), ([1, "x"], "1, x")],
)
def test_cells_are_short(value, words):
    assert output.as_text(value) == words


def test_errors_of_the_program_keep_their_traceback():
    assert main.in_words(ValueError("a fault of ours, in some library")) is None
    assert main.in_words(KeyError("x")) is None


def test_errors_of_files_name_the_file():
    assert (
        main.in_words(FileNotFoundError(2, "No such file or directory", "x.toml"))
        == "No such file or directory: x.toml"
    )


def test_a_database_error_of_either_sqlite_module_is_put_in_words():
    from sqlite_utils.utils import sqlite3

    assert "database is locked" in (main.in_words(sqlite3.OperationalError("database is locked")) or "")


def test_progress_off_a_terminal_prints_few_lines(capsys):
    with waiting.Progress(quiet=False) as progress:
        for step in range(100):
            progress.show(f"step {step}")
    assert len(capsys.readouterr().err.splitlines()) <= 2


def test_quiet_progress_prints_nothing(capsys):
    with waiting.Progress(quiet=True) as progress:
        progress.show("step 1")
    assert capsys.readouterr().err == ""
