"""`export` on the command line: filters, a look before writing, and what is refused."""

import json

import pytest

from feedback_store.database import Database
from judged_studies import fill


@pytest.fixture
def judged(tmp_path):
    with Database.create(tmp_path / "study") as db:
        fill(db)
    return tmp_path / "study"


def test_filters_and_options_reach_the_export(tastemaker, judged, tmp_path):
    words = (
        "--shape",
        "conversational",
        "--as",
        "parquet",
        "--rows",
        "judgments",
        "--split",
        "train",
        "--person",
        "ann",
    )
    outcome = tastemaker("export", judged, "--format", "trl", "--to", tmp_path / "out", *words, "--json")
    assert outcome.code == 0
    assert "train.parquet" in outcome.json["files"]
    assert outcome.json["left_out"]["filter: split"] == 1
    assert outcome.json["judgments_left_out"]["filter: person"] == 3


def test_tags_days_and_shares_narrow(tastemaker, judged, tmp_path):
    words = ("--tag", "short", "--tag", "easy", "--since", "2026-11-23", "--until", "2026-11-24", "--agreement", "1")
    outcome = tastemaker("export", judged, "--format", "llama-factory", "--to", tmp_path / "out", *words)
    assert outcome.code == 0
    assert "left out, filter: tags" in outcome.out
    assert len((tmp_path / "out/train.jsonl").read_text().splitlines()) == 1


def test_licences_stand_on_the_card(tastemaker, judged, tmp_path):
    words = ("--data-licence", "CC-BY-4.0", "--base-licence", "MIT")
    tastemaker("export", judged, "--format", "hh", "--to", tmp_path / "out", *words)
    card = (tmp_path / "out/README.md").read_text()
    assert "Licence: CC-BY-4.0" in card
    assert "Licence: MIT" in card


@pytest.mark.parametrize("to", [(), ("--to", "TO")])
def test_a_look_before_writing_shows_three_rows_and_writes_nothing(tastemaker, judged, tmp_path, to):
    target = tmp_path / "out"
    words = [str(target) if word == "TO" else word for word in to]
    outcome = tastemaker("export", judged, "--format", "trl", "--dry-run", *words)
    assert outcome.code == 0
    rows = [json.loads(line) for line in outcome.out.splitlines() if line.startswith("{")]
    assert [set(row) >= {"prompt", "chosen", "rejected"} for row in rows] == [True] * 3
    assert not target.exists()
    assert tastemaker("export", judged, "--format", "trl", "--dry-run", "--json").json["counts"]["rows"] > 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--format", "trl"), "--to"),
        (("--format", "trl", "--to", "TO", "--shape", "round"), "explicit, conversational"),
        (("--format", "hh", "--to", "TO", "--shape", "explicit"), "no option 'shape'"),
        (("--format", "trl", "--to", "TO", "--as", "csv"), "jsonl, parquet"),
        (("--format", "trl", "--to", "TO", "--split", "test"), "train, holdout"),
        (("--format", "trl", "--to", "TO", "--snapshot", "9"), "Run 9 saw no judgments"),
        (("--format", "trl", "--to", "TO", "--person", "zoe"), "zoe"),
        (("--format", "trl", "--to", "TO", "--since", "monday"), "monday"),
        (("--format", "prompts", "--to", "TO", "--round", "1"), "does not apply"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(refused, judged, tmp_path, words, said):
    target = tmp_path / "out"
    assert said in refused("export", judged, *[str(target) if word == "TO" else word for word in words])
    assert not target.exists()


def test_people_can_be_left_unnamed(tastemaker, judged, tmp_path):
    for people, named in (("names", True), ("pseudonyms", False)):
        target = tmp_path / people
        assert tastemaker("export", judged, "--format", "comparisons", "--to", target, "--people", people).code == 0
        assert ('"annotator":"ann"' in (target / "comparisons.jsonl").read_text()) is named
