"""Chatbot Arena: who won, both bad, and conversations without a common prompt."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from feedback_store import annotators, comparisons, completions, judgments, policies, prompts
from feedback_store.database import Database
from feedback_store.exchange import import_file

FOREIGN = Path(__file__).parent / "foreign"


@pytest.mark.parametrize("name", ["arena.jsonl", "arena.parquet", "arena.csv"])
def test_what_datasets_and_pandas_wrote_is_read(db: Database, name: str) -> None:
    report = import_file(db, FOREIGN / name, "arena")
    assert (report.rows, report.added, report.left_out) == (5, 4, 1)
    assert "differ before their last answers" in report.problems[0].reason
    first, second, tie, bad = judgments.live(db)
    assert [one.ranks for one in (first, second, tie, bad)] == [[1, 2], [2, 1], [1, 1], [1, 1]]
    assert (tie.both_bad, bad.both_bad) == (False, name != "arena.csv")  # the CSV tells no both bad from a tie
    texts = completions.get(db, comparisons.listing(db)[0].completion_ids)
    assert [(one.text, policies.get(db, one.policy_id).name) for one in texts] == [
        ("Because a0.", "vicuna-13b"), ("Because b0.", "koala-13b"),
    ]  # fmt: skip
    assert import_file(db, FOREIGN / name, "arena").added == 0


def test_judges_languages_times_and_other_keys_are_kept(db: Database) -> None:
    import_file(db, FOREIGN / "arena.jsonl", "arena")
    assert [one.name for one in annotators.listing(db)] == [f"arena_user_{number}" for number in (1, 2, 3, 4)]
    assert [one.language for one in prompts.listing(db)] == ["en", "de", "und", "en"]
    first = judgments.live(db)[0]
    assert (first.shown, first.at) == ([0, 1], "2023-04-24T15:53:12.132Z")
    assert comparisons.listing(db)[0].extra["arena"] == {"question_id": f"{1:032x}", "turn": 1, "anony": True}


def test_the_csv_has_one_pseudo_annotator_and_no_language(db: Database) -> None:
    import_file(db, FOREIGN / "arena.csv", "arena")
    assert [one.name for one in annotators.listing(db)] == ["imported"]
    assert comparisons.listing(db)[0].extra["arena"] == {"id": "1"}


def turns(*texts: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)]


def test_earlier_turns_that_agree_are_the_prompt(db: Database, tmp_path: Path) -> None:
    row = {
        "model_a": "m", "model_b": "n", "winner": "tie",
        "conversation_a": turns("1?", "same", "2?", "a"), "conversation_b": turns("1?", "same", "2?", "b"),
    }  # fmt: skip
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    assert import_file(db, tmp_path / "rows.jsonl", "arena").problems == []
    assert [message["content"] for message in prompts.listing(db)[0].messages] == ["1?", "same", "2?"]


GOOD: dict[str, Any] = {
    "model_a": "m", "model_b": "n", "winner": "tie",
    "conversation_a": turns("?", "a"), "conversation_b": turns("?", "b"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"winner": "both"}, "`winner` is .*allowed are model_a, model_b, tie, tie"),
        ({"winner": ["tie"]}, "`winner` is"),
        ({"conversation_a": turns("?")}, "`conversation_a` has to end with an answer"),
        ({"conversation_b": None}, "The conversation_b has to be a list of messages"),
        ({"model_a": 3}, "`model_a` is 3; it has to be text"),
        ({"judge": 7}, "`judge` is 7"),
        ({"tstamp": "yesterday"}, "`tstamp` is .*seconds since 1970"),
        ({"tstamp": 1e300}, "`tstamp` is"),
        ({"language": 1}, "`language` is 1"),
    ],
)
def test_what_cannot_be_taken_is_said(db: Database, tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps({**GOOD, **changed}))
    report = import_file(db, tmp_path / "rows.jsonl", "arena")
    assert report.added == 0
    assert re.search(words, report.problems[0].reason)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('1,m,n,"[""?""]","[""a""]","[""b""]",1,1,0', "exactly one of them has to be 1"),
        ('1,m,n,"[""?""]","[null]","[""b""]",1,0,0', "`response_a` is .*JSON list of texts"),
        ('1,m,n,=1+1,"[""a""]","[""b""]",1,0,0', "Not valid JSON"),
        ('1,m,n,"[""?""]","[""a"",""c""]","[""b""]",1,0,0', "`prompt` has 1 turns and `response_a` has 2"),
        ('1,m,n,"[""?""]"', "has no `response_a`"),
        ('1,m,n,"[""?""]","[""a""]","[""b""]",1,0,0,0', "10 cells; the header has 9"),
        ('1,m,n,"[""?""]"x,"[""a""]","[""b""]",1,0,0', "Not valid CSV"),
    ],
)
def test_bad_rows_of_the_csv_are_told_by_line(db: Database, tmp_path: Path, line: str, words: str) -> None:
    header, first, second = (FOREIGN / "arena.csv").read_text().splitlines()[:3]
    (tmp_path / "rows.csv").write_text("\n".join([header, first, line, second]))
    report = import_file(db, tmp_path / "rows.csv", "arena")
    assert (report.added, [problem.line for problem in report.problems]) == (2, [3])
    assert re.search(words, report.problems[0].reason)


def test_answers_longer_than_the_csv_modules_limit_are_read(db: Database, tmp_path: Path) -> None:
    header = (FOREIGN / "arena.csv").read_text().splitlines()[0]
    long = "x" * 300_000
    (tmp_path / "rows.csv").write_text(f'{header}\n1,m,n,"[""?""]","[""{long}""]","[""b""]",1,0,0\n')
    assert import_file(db, tmp_path / "rows.csv", "arena").added == 1
    assert completions.listing(db)[0].text == long
