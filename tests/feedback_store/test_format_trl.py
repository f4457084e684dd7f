"""The format `trl`: decided by majority, split by prompt, opened by `datasets`, with a reason for each dropped row."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_store import comparisons, completions, judgments, majority, policies, prompts
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.exchange import export, import_file
from feedback_store.formats import trl
from feedback_store.prompts import NewPrompt

FURTHER = ["comparison_id", "n", "agreement", "margin", "policy_chosen", "policy_rejected", "language"]
OWN = {
    "explicit": ["prompt", "chosen", "rejected"],
    "conversational": ["prompt", "chosen", "rejected"],
    "implicit": ["chosen", "rejected"],
    "unpaired": ["prompt", "completion", "label"],
}


def votes(text: str) -> list[majority.Vote]:
    """Reads "1" first, "2" second, "=" tie, "b" both bad."""
    return [({"1": "first", "2": "second"}.get(sign, "tie"), None, sign == "b") for sign in text]


@pytest.mark.parametrize(
    ("said", "winner", "reason"),
    [
        ("1", 0, None), ("2", 1, None), ("112", 0, None), ("22=", 1, None), ("11==2", None, "even split"),
        ("12", None, "even split"), ("=", None, "tie"), ("1==", None, "tie"), ("1=", None, "even split"),
        ("b", None, "both bad"), ("bb1", None, "both bad"), ("b1", None, "even split"), ("b11", 0, None),
        ("12=", None, "even split"), ("", None, "not judged"),
    ],
)  # fmt: skip
def test_a_pair_is_decided_by_majority(said: str, winner: int | None, reason: str | None) -> None:
    decision = majority.decide(votes(said))
    assert (decision.winner, decision.reason, decision.n) == (winner, reason, len(said))


def test_agreement_and_margin_are_those_of_the_winning_votes() -> None:
    decision = majority.decide([("first", 3, False), ("first", 2, False), ("second", 1, False)])
    assert (decision.agreement, decision.margin) == (0.666667, 0.833333)
    assert majority.decide([("first", None, False)]).margin == 0
    assert majority.decide([], skips=2).reason == "skipped by all"


@given(st.text("12=b", max_size=9))
def test_swapping_the_sides_swaps_the_winner(said: str) -> None:
    swapped = said.translate(str.maketrans("12", "21"))
    one, other = majority.decide(votes(said)), majority.decide(votes(swapped))
    assert (one.reason, one.n, one.agreement) == (other.reason, other.n, other.agreement)
    assert one.winner == (None if other.winner is None else 1 - other.winner)


@pytest.fixture
def judged(db: Database, compare: Callable, judge: Callable) -> Database:
    """Two decided training comparisons, one on hold-out, and one for each reason to be dropped."""
    [first, second, tie, bad, split, skipped, _unjudged] = compare(db, 7)
    judge(db, first, [1, 2], strength=3)
    judge(db, first, [1, 2], name="bob", strength=1)
    judge(db, second, [2, 1])
    judge(db, compare(db, split="holdout")[0], [2, 1])
    judge(db, tie, [1, 1])
    judge(db, bad, [1, 1], both_bad=True)
    judge(db, split, [1, 2])
    judge(db, split, [2, 1], name="bob")
    judge(db, skipped, None, skipped="unclear")
    judge(db, compare(db, purpose="evaluation", first=20)[0], [1, 2])
    author = policies.external(db, "author").id
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    long = prompts.add(db, [NewPrompt(turns, split="train")], holdout_share=0, seed=0).ids[0]
    ids = completions.add(db, [NewCompletion(long, author, text) for text in ("same", "same", "other")])
    judge(db, comparisons.add(db, [NewComparison(long, [ids[0], ids[2]])])[0], [1, 2])
    short = comparisons.get(db, first).prompt_id
    ids = completions.add(db, [NewCompletion(short, author, "same") for _ in range(2)])
    judge(db, comparisons.add(db, [NewComparison(short, ids)])[0], [1, 2])
    return db


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_explicit_rows_are_decided_split_and_counted(judged: Database, tmp_path: Path) -> None:
    report = export(judged, "trl", tmp_path / "out")
    assert report.files == ["README.md", "SHA256SUMS", "dropped.jsonl", "test.jsonl", "train.jsonl"]
    train, test = rows_of(tmp_path / "out/train.jsonl"), rows_of(tmp_path / "out/test.jsonl")
    assert train[0] == {
        "prompt": "train prompt 0?", "chosen": "Answer 0 to 0.", "rejected": "Answer 1 to 0.",
        "comparison_id": comparisons.get(judged, 1).public_id, "n": 2, "agreement": 1.0, "margin": 0.666667,
        "policy_chosen": "author", "policy_rejected": "author", "language": "en",
    }  # fmt: skip
    assert [row["chosen"] for row in train[1:] + test] == ["Answer 1 to 1.", "Answer 1 to 0."]
    assert [row["prompt"] for row in test] == ["holdout prompt 0?"]
    reasons = {
        "tie": 1, "both bad": 1, "even split": 1, "skipped by all": 1, "not judged": 1,
        "not for training: evaluation": 1,
        "several messages in the prompt (use the shape conversational)": 1, "equal texts": 1,
    }  # fmt: skip
    assert report.dropped == reasons
    assert report.counts["comparisons"] == report.counts["pairs"] == 11
    assert report.counts["pairs"] == report.counts["kept"] + report.counts["dropped"]
    assert report.counts["kept"] == report.counts["rows"] == len(train) + len(test)
    dropped = rows_of(tmp_path / "out/dropped.jsonl")
    assert sorted(row["reason"] for row in dropped) == sorted(reasons)
    kept = {row["comparison_id"] for row in train + test}
    assert kept | {row["id"] for row in dropped} == {one.public_id for one in comparisons.listing(judged)}


@pytest.mark.parametrize("file_type", ["jsonl", "parquet"])
@pytest.mark.parametrize("shape", list(OWN))
def test_every_shape_opens_with_datasets(
    judged: Database, tmp_path: Path, shape: str, file_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from datasets import load_dataset

    report = export(judged, "trl", tmp_path / "out", shape=shape, file_type=file_type)
    files = {split: str(tmp_path / f"out/{split}.{file_type}") for split in ("train", "test")}
    reader = "json" if file_type == "jsonl" else "parquet"
    by_file = load_dataset(reader, data_files=files, cache_dir=str(tmp_path / "cache"))
    by_card = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    for opened in (by_file, by_card):
        assert opened["train"].column_names == OWN[shape] + FURTHER
        assert (opened["train"].num_rows, opened["test"].num_rows) == (report.counts["train"], report.counts["test"])


def test_conversational_rows_keep_all_messages(judged: Database, tmp_path: Path) -> None:
    export(judged, "trl", tmp_path / "out", shape="conversational")
    train = rows_of(tmp_path / "out/train.jsonl")
    assert [len(row["prompt"]) for row in train] == [1, 1, 3]
    assert train[2]["chosen"] == [{"role": "assistant", "content": "same"}]


def test_implicit_rows_join_prompt_and_completion(judged: Database, tmp_path: Path) -> None:
    export(judged, "trl", tmp_path / "out", shape="implicit")
    assert rows_of(tmp_path / "out/train.jsonl")[0]["chosen"] == "train prompt 0?\nAnswer 0 to 0."
    assert trl.joined("The sky is", " blue.") == "The sky is blue."


def test_both_bad_never_becomes_a_liked_completion(judged: Database, tmp_path: Path) -> None:
    report = export(judged, "trl", tmp_path / "out", shape="unpaired")
    train = rows_of(tmp_path / "out/train.jsonl")
    assert [(row["completion"], row["label"]) for row in train] == [
        ("Answer 0 to 0.", True), ("Answer 1 to 0.", False), ("Answer 1 to 1.", True), ("Answer 0 to 1.", False),
        ("Answer 0 to 3.", False), ("Answer 1 to 3.", False),
    ]  # fmt: skip
    assert "both bad" not in report.dropped


def test_a_ranking_of_three_gives_a_row_for_each_decided_pair(
    db: Database, compare: Callable, judge: Callable, tmp_path: Path
) -> None:
    judge(db, compare(db, candidates=3)[0], [2, 1, 2])
    report = export(db, "trl", tmp_path / "out")
    rows = rows_of(tmp_path / "out/train.jsonl")
    assert [(row["chosen"], row["rejected"]) for row in rows] == [
        ("Answer 1 to 0.", "Answer 0 to 0."), ("Answer 1 to 0.", "Answer 2 to 0."),
    ]  # fmt: skip
    assert (report.counts["comparisons"], report.counts["pairs"], report.dropped) == (1, 3, {"tie": 1})
    assert rows_of(tmp_path / "out/dropped.jsonl")[0]["id"].endswith(":0,2")


def test_rows_a_judgment_need_no_majority(judged: Database, tmp_path: Path) -> None:
    report = export(judged, "trl", tmp_path / "out", rows="judgments")
    train = rows_of(tmp_path / "out/train.jsonl")
    first = comparisons.get(judged, 1).public_id
    assert [(row["n"], row["agreement"], row["margin"]) for row in train if row["comparison_id"] == first] == [
        (1, 1.0, 1.0), (1, 1.0, 0.333333),
    ]  # fmt: skip
    assert "even split" not in report.dropped
    assert report.dropped["skipped by all"] == report.dropped["not judged"] == 1
    assert report.counts["pairs"] == report.counts["kept"] + report.counts["dropped"] == 13


def test_an_edit_is_a_further_pair(db: Database, compare: Callable, judge: Callable, tmp_path: Path) -> None:
    [one, tied, same, check] = [*compare(db, 3), *compare(db, 1, purpose="check", first=9)]
    judge(db, one, [2, 1], improved={"position": 1, "text": "Better."})
    judge(db, tied, [1, 1], improved={"position": 0, "text": "Best."})
    judge(db, same, [1, 2], improved={"position": 0, "text": "Answer 0  to 2.\n"})
    judge(db, check, [1, 2], improved={"position": 0, "text": "Hidden."})
    report = export(db, "trl", tmp_path / "out")
    edits = [row for row in rows_of(tmp_path / "out/train.jsonl") if row["policy_chosen"] == "edited"]
    assert [(row["chosen"], row["rejected"], row["n"], row["policy_rejected"]) for row in edits] == [
        ("Better.", "Answer 1 to 0.", 1, "author"), ("Best.", "Answer 0 to 1.", 1, "author"),
    ]  # fmt: skip
    assert report.dropped == {"tie": 1, "edit that says nothing": 1, "not for training: check": 2}
    export(db, "trl", tmp_path / "labels", shape="unpaired")
    rows = rows_of(tmp_path / "labels/train.jsonl")
    assert [row["label"] for row in rows if row["completion"] in ("Better.", "Answer 1 to 0.")] == [True, True]


def test_a_ranking_gives_unpaired_shapes_its_best_and_its_worst_and_nothing_in_between(
    db: Database, compare: Callable, judge: Callable, tmp_path: Path
) -> None:
    [clear, shared] = compare(db, 2, candidates=3)
    judge(db, clear, [2, 1, 3])
    judge(db, clear, [1, 2, 3], name="bob")
    judge(db, clear, [2, 1, 3], name="cy")
    judge(db, shared, [1, 1, 2])
    report = export(db, "trl", tmp_path / "out", shape="unpaired")
    labels = [(row["completion"], row["label"]) for row in rows_of(tmp_path / "out/train.jsonl")]
    assert labels == [("Answer 1 to 0.", True), ("Answer 2 to 0.", False)]
    assert report.dropped == {"not the best and the worst": 4, "tie": 1}


def test_a_ranking_that_decides_nothing_is_dropped_for_what_it_says(
    db: Database, compare: Callable, judge: Callable, tmp_path: Path
) -> None:
    [bad, skipped, _] = compare(db, 3, candidates=3)
    judge(db, bad, [1, 1, 1], both_bad=True)
    judge(db, skipped, None, skipped="cannot tell")
    report = export(db, "trl", tmp_path / "out", shape="unpaired")
    assert report.dropped == {"both bad": 3, "skipped by all": 3, "not judged": 3}


@pytest.mark.parametrize("improved", ["text alone", {"text": "x"}, {"position": 2, "text": "x"}, {"position": True}, 3])
def test_an_imported_edit_that_names_no_completion_is_dropped(db: Database, tmp_path: Path, improved: object) -> None:
    texts = [{"text": "a", "policy": "x"}, {"text": "b", "policy": "x"}]
    said = [{"annotator": "ann", "ranks": [1, 2], "improved": improved}]
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"prompt": "Why?", "split": "train", "completions": texts, "judgments": said}))
    assert import_file(db, path, "comparisons").problems == []
    assert export(db, "trl", tmp_path / "out").dropped == {"edit of no one completion": 1}


def test_what_is_left_out_of_the_study_is_not_exported(judged: Database, tmp_path: Path) -> None:
    with judged.transaction():
        person = judged.value("SELECT id FROM annotators WHERE name = 'bob'")
        judged.execute("INSERT INTO exclusions (annotator_id, reason, at) VALUES (?, 'random', '')", [person])
    export(judged, "trl", tmp_path / "out")
    train = rows_of(tmp_path / "out/train.jsonl")
    # Of the first only the judgment of strength 3 is left, and the split is decided now.
    assert [(row["n"], row["margin"]) for row in train] == [(1, 1.0), (1, 0.0), (1, 0.0)]


def test_a_study_without_judgments_exports_empty_files(db: Database, compare: Callable, tmp_path: Path) -> None:
    compare(db)
    report = export(db, "trl", tmp_path / "out")
    assert (report.counts["rows"], report.dropped) == (0, {"not judged": 1})
    assert (tmp_path / "out/train.jsonl").read_text() == ""


def imported(db: Database, tmp_path: Path, rows: Sequence[object]) -> Any:
    path = tmp_path / "trl.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return import_file(db, path, "trl")


def test_explicit_and_conversational_rows_are_imported(db: Database, tmp_path: Path) -> None:
    turn = [{"role": "assistant", "content": "Yes."}]
    report = imported(
        db, tmp_path,
        [
            {"prompt": "The sky is", "chosen": " blue.", "rejected": " green.", "margin": 0.5, "policy_chosen": "p"},
            {"prompt": [{"role": "user", "content": "Really?"}], "chosen": turn, "rejected": "No.", "language": "de"},
            {"chosen": "a", "rejected": "b"},
            {"prompt": "x", "chosen": turn * 2, "rejected": turn},
            {"prompt": "x", "chosen": 3, "rejected": "b"},
        ],
    )  # fmt: skip
    assert (report.added, [problem.line for problem in report.problems]) == (2, [3, 4, 5])
    assert [one.ranks for one in judgments.live(db)] == [[1, 2], [1, 2]]
    first, second = comparisons.listing(db)
    assert first.extra == {"trl": {"margin": 0.5}}
    assert [one.text for one in completions.get(db, second.completion_ids)] == ["Yes.", "No."]
    assert prompts.get(db, second.prompt_id).language == "de"
    assert policies.get(db, completions.get(db, first.completion_ids)[0].policy_id).name == "p"


@pytest.mark.parametrize("shape", ["explicit", "conversational"])
def test_what_was_exported_comes_back(judged: Database, fresh: Callable, tmp_path: Path, shape: str) -> None:
    export(judged, "trl", tmp_path / "out", shape=shape)
    copy = fresh()
    assert import_file(copy, tmp_path / "out/train.jsonl", "trl").problems == []
    export(copy, "trl", tmp_path / "again", shape=shape)
    rows = [row for name in ("train", "test") for row in rows_of(tmp_path / f"again/{name}.jsonl")]
    key = json.dumps
    pick = lambda row: {name: row[name] for name in OWN[shape]}  # noqa: E731
    assert sorted(map(key, map(pick, rows))) == sorted(map(key, map(pick, rows_of(tmp_path / "out/train.jsonl"))))
