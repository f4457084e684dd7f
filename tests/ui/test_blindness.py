"""What a browser gets tells nothing but the texts: with policies permuted and texts fixed it is the same."""

import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import accounts_at_hand
from feedback_store import (
    annotators,
    check_questions,
    comparisons,
    completions,
    drawing,
    evaluations,
    judgments,
    policies,
    prompts,
    questions,
    runs,
)
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from feedback_store.prompts import NewPrompt
from rounds import studies
from ui.web.study import StudyAtHand
from web_studies import claim, fill

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]+ GMT")
RANDOM_ID = re.compile(r"\b(?:[0-9a-f]{16}|[0-9a-f]{32})\b")
PACE = re.compile(r'"per_hour":[\d.]+')
TEXTS = ("It is blue, as far as one sees.", "Blue.\n\n- very blue\n- at times red")
TELLING = (
    "policy",
    "base",
    "holdout",
    "hold_out",
    "expert",
    "repeat",
    "chosen_by",
    "purpose",
    "seed",
    "model",
    "score",
)


def two_policies(db: Database) -> tuple[int, int]:
    """The base and one trained from it."""
    base = policies.add_base(db, source="tiny:", sha256="a" * 64, tokenizer_sha256="b" * 64, template_sha256="c" * 64)
    runs.enqueue(db, "train-policy", {})
    hashes = {"base_sha256": "a" * 64, "manifest_sha256": "d" * 64}
    new = policies.publish(db, claim(db), parent_id=base.id, folder="models/policy-1", metrics={}, **hashes)
    return base.id, new.id


def ask_which_is_whose(db: Database, swapped: bool) -> None:
    """Nine pairs of fixed texts: training, a sealed evaluation, a check question; `swapped`: whose is which."""
    both = two_policies(db)
    first, second = both[:: -1 if swapped else 1]
    run = runs.enqueue(db, "evaluate", {})
    lease = claim(db)
    ordered = {"run_id": run.id, "wanted": 9, "stop_rule": "count", "error": 0.05, "seed": 0, "by": "test"}
    evaluation = evaluations.start(db, [(policy, 1) for policy in both], **ordered)
    of_evaluation = []
    for number in range(9):
        split = "holdout" if number % 3 == 0 else "train"
        new = NewPrompt(prompts.from_text(f"Question {number}: which colour?"), split=split)
        [prompt] = prompts.add(db, [new], holdout_share=0.2, seed=0).ids
        written = [
            NewCompletion(prompt, who, text, finish_reason="stop")
            for who, text in zip((first, second), TEXTS, strict=True)
        ]
        ids = completions.add(db, written)
        if split == "holdout":
            new_pair = NewComparison(prompt, ids, purpose="evaluation", overlap=9)
            of_evaluation.append((both.index(first), both.index(second), new_pair))
        else:
            [pair] = comparisons.add(db, [NewComparison(prompt, ids, overlap=9)])
    evaluations.add_pairs(db, lease, evaluation.id, of_evaluation)
    check_questions.make(db, pair, [1, 2], by="test")


def everything(app: Any, folder: Path, swapped: bool) -> list[str]:
    """Every answer of the annotate routes and of the page to a person who judges, byte for byte but random ids and
    times, each of which stands as its place in the order of coming.
    """
    with studies.open_or_create(
        folder, base="tiny:", create=True, refill=False, check_share=0.3, repeat_share=0.5, repeat_after=1
    ) as db:
        person = accounts_at_hand.people(db)["annotator"]
        ask_which_is_whose(db, swapped)
        app.state.study = StudyAtHand(db)
        client = TestClient(app, base_url="http://127.0.0.1:7860", headers={"origin": "http://127.0.0.1:7860"})
        client.cookies.set(app.state.access.cookie_name, accounts_at_hand.session(db, person), domain="127.0.0.1")
        got = [client.get(path) for path in ("/", "/api/me", "/api/guidelines", "/api/information")]
        for number in range(9):
            batch = client.get("/api/questions?limit=3")
            [question, *_] = batch.json()["questions"]
            name = question["comparison"]
            body = {"comparison": name, "shown": question["shown"], "ranks": [1, 2], "key": f"blind-{number:04}"}
            flag = {"comparison": name, "place": 1, "note": "odd", "key": f"blind-flag-{number}"}
            got += [batch, client.post("/api/renew", json={"comparison": name}), client.post("/api/flags", json=flag)]
            got += [client.post("/api/judgments", json=body), client.post("/api/judgments", json=body)]
            got += [client.get("/api/answers"), client.get(f"/api/answers/{name}")]
        got.append(client.post("/api/undo", json={"key": "blind-undo"}))
        refusals = [{"comparison": "x", "shown": [0, 1], "ranks": [1, 2], "key": "blind-none"}, {}]
        got += [client.post("/api/judgments", json=body) for body in refusals]
        assert [answer.status_code for answer in got[:-2]] == [200] * (len(got) - 2)
        assert len(judgments.live(db)) == 8
    return _without_chance(got, app.state.study.id)


def _without_chance(answers: list[Any], study_id: str) -> list[str]:
    """Status, headers and content of each, with ids by the order of their coming. The length of what is compressed
    depends on its random ids.
    """
    known: dict[str, str] = {}

    def number(found: re.Match[str]) -> str:
        return known.setdefault(found[0], f"ID {len(known)}")

    whole = [f"{one.status_code} {_headers(one)}\n{PACE.sub('PACE', one.text)}" for one in answers]
    return [MOMENT.sub("TIME", RANDOM_ID.sub(number, text.replace(study_id, "STUDY"))) for text in whole]


def _headers(answer: Any) -> list[tuple[str, str]]:
    return sorted(pair for pair in answer.headers.multi_items() if pair[0] != "content-length")


def test_with_policies_permuted_the_browser_gets_the_same(application_with_accounts, tmp_path: Path):
    one = everything(application_with_accounts, tmp_path / "one", swapped=False)
    other = everything(application_with_accounts, tmp_path / "other", swapped=True)
    assert len(one) > 40
    for here, there in zip(one, other, strict=True):
        assert here == there


def test_nothing_tells_a_check_question_a_repeat_or_a_hold_out_prompt(application_with_accounts, tmp_path: Path):
    answers = everything(application_with_accounts, tmp_path / "study", swapped=False)
    told = [answer for answer in answers if '"questions"' in answer or '"answers"' in answer or '"undone"' in answer]
    assert len(told) > 10
    for answer in told:
        content = answer.split("\n", 1)[1]
        words = json.dumps(_keys(json.loads(content)))
        assert not [word for word in TELLING if word in words]
    questions_shown = [
        question
        for answer in told
        if '"questions"' in answer
        for question in json.loads(answer.split("\n", 1)[1])["questions"]
    ]
    shapes = {json.dumps(_keys(question), sort_keys=True) for question in questions_shown}
    assert len(shapes) == 1, "every question has the same parts"
    with Database.open(tmp_path / "study") as db:
        asked = Counter(
            db.value("SELECT purpose || (repeats_id IS NOT NULL) FROM comparisons WHERE id = ?", [row["comparison_id"]])
            for row in db.rows("SELECT comparison_id FROM assignments")
        )
    assert asked["check0"] and asked["repeat1"] and asked["training0"] and asked["evaluation0"], asked


def _keys(value: Any) -> Any:
    """The names in some JSON, and how it is built, without its values."""
    if isinstance(value, dict):
        return {name: _keys(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_keys(one) for one in value]
    return type(value).__name__


def test_sides_are_balanced_by_a_seeded_draw_and_stored(study: Database):
    fill(study, 14)
    shared = [NewComparison(one.prompt_id, one.completion_ids, overlap=100) for one in comparisons.listing(study)]
    comparisons.add(study, shared)
    asking = drawing.Asking(seed=7)
    firsts: Counter[int] = Counter()
    with study.transaction():
        for number in range(30):
            person = annotators.ensure(study, f"person {number}").id
            while found := questions.next_questions(study, person, limit=10, asking=asking).questions:
                for question in found:
                    assert question.shown == drawing.sides(7, question.comparison_id, person, 2), "drawn again"
                    key = f"sides-{question.comparison_id}-{person}"
                    new = NewJudgment(question.comparison_public_id, person, [1, 2], question.shown, key)
                    assert judgments.submit(study, new).shown == question.shown
                    firsts[question.shown[0]] += 1
    stored = Counter(json.loads(row["shown"])[0] for row in study.rows("SELECT shown FROM assignments"))
    assert stored == firsts
    total = sum(firsts.values())
    assert total >= 600
    assert abs(firsts[0] - total / 2) < 3 * (total / 4) ** 0.5, "within three deviations of a fair coin"
    draws = [[drawing.sides(seed, number, 1, 2) for number in range(200)] for seed in (7, 8)]
    assert draws[0] != draws[1], "another seed, another draw"


@pytest.mark.parametrize("table", ["comparisons", "completions"])
def test_public_ids_are_random_and_in_no_order(study: Database, tmp_path: Path, table: str):
    fill(study, 40)
    ids = [row["public_id"] for row in study.rows(f"SELECT public_id FROM {table} ORDER BY id")]
    assert len(set(ids)) == len(ids) >= 46
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in ids)
    rising = sum(left < right for left, right in pairwise(ids))
    assert 0.2 < rising / len(ids) < 0.8, "as likely up as down"
    with studies.open_or_create(tmp_path / "again", base="tiny:", create=True, refill=False) as again:
        fill(again, 46)
        assert not set(ids) & {row["public_id"] for row in again.rows(f"SELECT public_id FROM {table}")}
