"""The tables of prompts, completions and judgments, against the same filters written out slowly in Python."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from feedback_store import (
    annotators,
    completion_table,
    completions,
    evaluations,
    exchange,
    exclusions,
    filters,
    judgment_table,
    judgments,
    policies,
    prompt_table,
    prompts,
    rounds,
    row_pages,
    runs,
    seals,
)
from feedback_store.completion_table import CompletionFilters
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.judgment_table import JudgmentFilters
from feedback_store.prompt_table import PromptFilters
from feedback_store.run_records import snapshot
from judged_studies import HOSTILE, LATER, Study, fill
from sealed_studies import seal


@pytest.fixture
def lived(db: Database, tmp_path) -> Study:
    """One of everything, an import, a second round, a run that saw some, and somebody who is left out."""
    study = fill(db)
    rounds.begin_next(db, None)  # type: ignore[arg-type]
    study.judge(study.compare(language="de", tags=["easy"]), [1, 2], "eve", now=LATER)
    rows = [
        {"prompt": f"Imported {n} 100%?", "group": "g", "round": 7, "completions": [{"text": "a_b"}, {"text": "aXb"}],
         "judgments": [{"annotator": "file", "ranks": [1, 2], "at": "2026-11-24T01:00:00+02:00"}]} for n in range(3)
    ]  # fmt: skip
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    exchange.import_file(db, path, "comparisons")
    exclusions.leave_out(db, annotator_id=annotators.ensure(db, "cleo").id, reason="guessed", by="test")
    return study


def reference(db: Database) -> list[dict[str, Any]]:
    """Every judgment with all that is filtered by, by one small question each."""
    left_out = {one.annotator_id for one in exclusions.current(db)}
    found = []
    for row in db.rows("SELECT * FROM judgments ORDER BY id DESC"):
        one = judgments.get(db, row["id"])
        comparison = db.row("SELECT * FROM comparisons WHERE id = ?", [one.comparison_id])
        assert comparison is not None
        prompt = prompts.get(db, comparison["prompt_id"])
        newer = db.rows("SELECT id FROM judgments WHERE supersedes_id = ?", [one.id])
        newer = [n for n in newer if not db.value("SELECT 1 FROM withdrawn_judgments WHERE judgment_id = ?", [n["id"]])]
        gone = comparison["withdrawn"] or db.value("SELECT 1 FROM withdrawn_judgments WHERE judgment_id = ?", [one.id])
        own = json.loads(comparison["extra"]).get("round")
        numbers = {each.id: each.number for each in rounds.listing(db)}
        verdict = "both_bad" if one.both_bad else "decided"
        if one.ranks and not one.both_bad and max(one.ranks) == min(one.ranks):
            verdict = "tie"
        if one.skipped:
            verdict = "undo" if one.skipped == "undone" else "skipped"
        texts = [row["completion_id"] for row in db.rows(
            "SELECT completion_id FROM candidates WHERE comparison_id = ?", [one.comparison_id])]  # fmt: skip
        found.append(
            {
                "id": one.id,
                "person": one.annotator_id,
                "round": own if own is not None else numbers.get(comparison["round_id"]),
                "split": prompt.split,
                "language": prompt.language,
                "tag": prompt.tags,
                "purpose": comparison["purpose"],
                "verdict": verdict,
                "state": "taken_back" if gone else "undo" if verdict == "undo" else "superseded" if newer
                else "left_out" if one.annotator_id in left_out else "counts",
                "completion": texts,
                "prompt": prompt.id,
                "comparison": one.comparison_id,
                "import_id": one.import_id,
                "at": filters.moment_of(one.at or one.created_at),
            }
        )  # fmt: skip
    return found


def all_pages(look: Callable[[int | None], row_pages.Page]) -> list[int]:
    """Go through everything, page by page."""
    ids: list[int] = []
    before = None
    while True:
        page = look(before)
        ids += [row["id"] for row in page.rows]
        before = page.before
        if before is None:
            return ids


def test_judgments_are_filtered_as_the_slow_way_filters_them(lived: Study):
    db = lived.db
    known = reference(db)
    assert len(known) > 20
    given = {name: sorted({value for row in known for value in (row[name] if isinstance(row[name], list) else
             [row[name]]) if value is not None}) for name in known[0] if name not in ("id", "at")}  # fmt: skip
    assert set(given["state"]) == {"counts", "superseded", "undo", "left_out"}
    assert set(given["verdict"]) == set(judgment_table.VERDICTS)
    for name, values in given.items():
        for value in values:
            fits = [row["id"] for row in known
                    if value == row[name] or (isinstance(row[name], list) and value in row[name])]  # fmt: skip
            narrowed = JudgmentFilters(**{name: value})
            found = all_pages(
                lambda before, narrowed=narrowed: judgment_table.page(db, narrowed, before=before, size=4)
            )
            assert found == fits, (name, value)
    for since, until in (("2026-11-24", None), (None, "2026-11-23"), ("2026-11-23T22:00:00Z", "2026-11-23T23:30:00Z")):
        low, high = filters.moment_of(since or "2000-01-01"), filters.moment_of(until or "2100-01-01", end=True)
        fits = [row["id"] for row in known if low <= row["at"] <= high]
        narrowed = JudgmentFilters(since=since, until=until)
        assert all_pages(lambda before, n=narrowed: judgment_table.page(db, n, before=before, size=5)) == fits
    imported = JudgmentFilters(since="2026-11-23T22:00:00Z", until="2026-11-23T23:30:00Z")
    assert len(judgment_table.page(db, imported).rows) == 3, "01:00 in a zone two hours ahead is the day before"


def test_two_filters_narrow_together_and_wrong_ones_are_told(lived: Study):
    known = reference(lived.db)
    fits = [row["id"] for row in known if row["split"] == "train" and row["verdict"] == "tie"]
    narrowed = JudgmentFilters(split="train", verdict="tie")
    assert [row["id"] for row in judgment_table.page(lived.db, narrowed).rows] == fits != []
    for wrong in ({"state": "lost"}, {"verdict": "maybe"}, {"split": "test"}, {"since": "monday"}, {"purpose": "fun"}):
        with pytest.raises(InvalidInput, match="filter"):
            JudgmentFilters(**wrong)


def test_pages_stay_as_they_are_while_rows_come_in(lived: Study):
    everything = [row["id"] for row in reference(lived.db)]
    first = judgment_table.page(lived.db, JudgmentFilters(), size=6)
    for _ in range(5):
        lived.judge(lived.compare(), [1, 2], "late")
    second = judgment_table.page(lived.db, JudgmentFilters(), before=first.before, size=6)
    assert [row["id"] for row in [*first.rows, *second.rows]] == everything[:12]


def test_a_page_that_takes_too_long_says_how_far_it_came(lived: Study, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(row_pages, "FIRST_STRETCH", 3)
    monkeypatch.setattr(row_pages, "MOST_STRETCH", 3)
    rare = JudgmentFilters(person=annotators.ensure(lived.db, "ann").id, verdict="both_bad")
    looks: list[row_pages.Page] = []

    def look(before: int | None) -> row_pages.Page:
        looks.append(judgment_table.page(lived.db, rare, before=before, size=5, seconds=0))
        return looks[-1]

    assert all_pages(look) == [row["id"] for row in reference(lived.db) if row["verdict"] == "both_bad"]
    assert len(looks) > 3 and not any(page.filled for page in looks[:-1])


def test_prompts_are_searched_in_their_texts_alone(lived: Study):
    db = lived.db
    every = db.rows("SELECT id FROM prompts ORDER BY id DESC")
    texts = {row["id"]: [turn["content"] for turn in prompts.get(db, row["id"]).messages] for row in every}
    for needle in ("Question 1", "question 1", "100%", "%", "_", "First?", "user", "content", '"', "Then?\n", "\\"):
        fits = [key for key, said in texts.items() if any(needle.lower() in text.lower() for text in said)]
        narrowed = PromptFilters(search=needle)
        assert all_pages(lambda b, n=narrowed: prompt_table.page(db, n, before=b, size=3)) == fits, needle
    quoted = prompts.add(db, [prompts.NewPrompt(prompts.from_text('say "yes"\nor \\no\\'))], holdout_share=0, seed=0)
    for needle in ('"yes"\nor', "\\no"):
        assert [row["id"] for row in prompt_table.page(db, PromptFilters(search=needle)).rows] == quoted.ids


def test_prompts_are_filtered_and_counted(lived: Study):
    db = lived.db
    every = [prompts.get(db, row["id"]) for row in db.rows("SELECT id FROM prompts ORDER BY id DESC")]
    slow: list[tuple[PromptFilters, Callable[[prompts.Prompt], bool]]] = [
        (PromptFilters(split="holdout"), lambda one: one.split == "holdout"),
        (PromptFilters(language="de"), lambda one: one.language == "de"),
        (PromptFilters(tag="easy"), lambda one: "easy" in one.tags),
        (PromptFilters(group="g"), lambda one: one.group == "g"),
        (PromptFilters(import_id=1), lambda one: one.group == "g"),
    ]
    for narrowed, fits in slow:
        found = all_pages(lambda b, n=narrowed: prompt_table.page(db, n, before=b, size=2))
        assert found == [one.id for one in every if fits(one)] != [], narrowed
    [row] = prompt_table.page(db, PromptFilters(), size=1).rows
    assert (row["group"], row["imports"], row["completions"], row["comparisons"], row["answers"]) == ("g", [1], 2, 1, 1)
    assert prompt_table.page(db, PromptFilters(split="holdout")).rows[0]["group"] is None, "its own group has no name"
    prompts.add_one(db, prompts.NewPrompt(prompts.from_text("a \n b")), holdout_share=0, seed=0)
    assert prompt_table.page(db, PromptFilters(), size=1).rows[0]["group"] is None, "nor has that of its words"
    detail = prompt_table.one(db, row["id"])
    assert [(one["purpose"], one["round"], one["answers"]) for one in detail.comparisons] == [("training", 7, 1)]
    assert [one["file_name"] for one in detail.imports] == ["in.jsonl"]
    exchange.undo_import(db, 1)
    assert prompt_table.page(db, PromptFilters(group="g")).rows == []
    assert len(prompt_table.page(db, PromptFilters(group="g", taken_back=True)).rows) == 3
    assert prompt_table.one(db, row["id"]).taken_back
    assert set(prompt_table.tags(db)) == {"short", "easy"}


def test_completions_are_searched_filtered_and_lead_on(lived: Study):
    db = lived.db
    every = [completions.get(db, [row["id"]])[0] for row in db.rows("SELECT id FROM completions ORDER BY id DESC")]
    sealed = seals.completions_among(db, [one.id for one in every])
    other = policies.external(db, "other").id
    slow: list[tuple[CompletionFilters, Callable[[completions.Completion], bool]]] = [
        (CompletionFilters(search="A_B"), lambda one: "a_b" in one.text.lower()),
        (CompletionFilters(search=HOSTILE[:12]), lambda one: HOSTILE[:12] in one.text),
        (CompletionFilters(policy="other"), lambda one: one.policy_id == other),
        (CompletionFilters(prompt=every[0].prompt_id), lambda one: one.prompt_id == every[0].prompt_id),
        (CompletionFilters(language="de"), lambda one: prompts.get(db, one.prompt_id).language == "de"),
        (CompletionFilters(split="holdout"), lambda one: prompts.get(db, one.prompt_id).split == "holdout"),
    ]
    for narrowed, fits in slow:
        found = all_pages(lambda b, n=narrowed: completion_table.page(db, n, before=b, size=3))
        assert found == [one.id for one in every if fits(one)] != [], narrowed
    assert sealed == set(), "every evaluation here was answered"
    assert completion_table.page(db, CompletionFilters(cut_off=True)).rows == []
    first = completion_table.one(db, every[0].id)
    [comparison] = first.comparisons
    led = judgment_table.page(db, JudgmentFilters(completion=every[0].id)).rows
    assert [row["comparison_id"] for row in led] == [comparison["id"]]


def test_a_sealed_completion_tells_neither_its_policy_nor_its_run(lived: Study):
    db = lived.db
    run = runs.enqueue(db, "evaluate", {}).id
    lease = runs.claim(db, "worker", lease_seconds=60)
    assert lease is not None
    author = policies.external(db, "author").id
    prompt_id = prompts.listing(db, "holdout")[0].id
    new = [NewCompletion(prompt_id, author, f"sealed {n}", finish_reason="length") for n in range(4)]
    ids = completions.add(db, new, lease)
    evaluation, pairs = seal(db, prompt_id, [ids[:2], ids[2:]], lease)
    said = lived.judge(pairs[0], [1, 2])
    assert seals.completions_among(db, ids) == set(ids), "one pair is open, so the other one stays sealed too"
    rows = {row["id"]: row for row in completion_table.page(db, CompletionFilters(search="sealed")).rows}
    assert {(row["policy"], row["run_id"], row["sealed"]) for row in rows.values()} == {(None, None, True)}
    assert completion_table.page(db, CompletionFilters(run=run)).rows == []
    by_policy = all_pages(lambda b: completion_table.page(db, CompletionFilters(policy="author"), before=b, size=50))
    assert set(ids).isdisjoint(by_policy)
    assert said not in [row["id"] for row in judgment_table.page(db, JudgmentFilters(policy="author"), size=100).rows]
    detail = completion_table.one(db, ids[0])
    assert (detail.policy, detail.run_id, detail.sealed) == (None, None, True)
    assert [name for _, name in judgment_table.one(db, said).completions] == [None, None]
    lived.judge(pairs[1], [1, 2])
    evaluations.unseal(db, evaluation.id, why="count", by="rule")
    assert seals.completions_among(db, ids) == set()
    assert completion_table.one(db, ids[0]).policy == "author"
    assert [row["id"] for row in completion_table.page(db, CompletionFilters(run=run)).rows] == ids[::-1]


def test_a_judgment_leads_to_its_pair_its_history_and_what_it_trained(lived: Study):
    db = lived.db
    runs.enqueue(db, "train-reward", {})
    lease = runs.claim(db, "worker", lease_seconds=60)
    assert lease is not None
    seen = [row["id"] for row in judgment_table.page(db, JudgmentFilters(state="counts", verdict="decided")).rows]
    snapshot(db, lease, seen)
    found = judgment_table.page(db, JudgmentFilters(run=lease.run_id))
    assert [row["id"] for row in found.rows] == seen
    detail = judgment_table.one(db, seen[0])
    assert detail.trained.runs == [lease.run_id]
    assert [one.id for one, _ in detail.completions] == [
        row["completion_id"] for row in db.rows(
            "SELECT completion_id FROM candidates WHERE comparison_id = ? ORDER BY position",
            [detail.judgment.comparison_id])]  # fmt: skip
    [old] = [row for row in judgment_table.page(db, JudgmentFilters(state="superseded", verdict="decided")).rows
             if judgment_table.one(db, row["id"]).judgment.ranks == [1, 2]
             and row["person"] == "ann"]  # fmt: skip
    newer = judgment_table.one(db, old["id"]).superseded_by
    assert newer is not None
    assert judgment_table.one(db, newer).row["supersedes_id"] == old["id"]
    with pytest.raises(InvalidInput, match="no judgment 10000"):
        judgment_table.one(db, 10000)


FEW = ("VIRTUAL TABLE", "SCAN e", "SCAN policies", "SCAN sealed_runs")
"""Lists given with the question, people left out, policies, the runs of evaluations that are sealed now."""


@pytest.mark.parametrize(
    ("look", "narrowed"),
    [
        *((judgment_table.page, JudgmentFilters(**{name: 1}))
          for name in ("round", "person", "run", "import_id", "completion", "prompt", "comparison")),
        *((judgment_table.page, JudgmentFilters(**given))
          for given in ({"policy": "author"}, {"state": "counts"}, {"verdict": "tie"}, {"since": "2026-11-23"})),
        *((prompt_table.page, PromptFilters(**given)) for given in ({"group": "g"}, {"import_id": 1}, {"tag": "easy"})),
        *((completion_table.page, CompletionFilters(**given))
          for given in ({"prompt": 1}, {"run": 1}, {"policy": "author"}, {"search": "a"})),
    ],
    ids=lambda value: value.__module__ if callable(value) else str(value),
)  # fmt: skip
def test_no_filter_reads_a_whole_table(lived: Study, look: Callable[..., row_pages.Page], narrowed: Any):
    seen: list[str] = []
    lived.db.connection().set_trace_callback(seen.append)
    look(lived.db, narrowed)
    lived.db.connection().set_trace_callback(None)
    [listed] = {text for text in seen if "LIMIT" in text}
    steps = [row["detail"] for row in lived.db.rows(f"EXPLAIN QUERY PLAN {listed}")]
    assert steps[0].startswith("SEARCH") and "OFFSET" not in listed
    assert [step for step in steps if step.startswith("SCAN") and not any(few in step for few in FEW)] == []
