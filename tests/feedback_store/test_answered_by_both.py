"""What two policies wrote on the same held-out prompts: found by indexes, and nothing that is sealed."""

import pytest

from feedback_store import answered_by_both, completions, evaluations, policies, prompts
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.prompts import NewPrompt
from sealed_studies import seal

NAMES = ("author", "another author")


def written(db: Database, prompt: int, *names: str) -> list[int]:
    return completions.add(db, [NewCompletion(prompt, policies.external(db, name).id, f"by {name}") for name in names])


def test_prompts_that_both_answered_with_what_each_wrote(db: Database) -> None:
    held = [NewPrompt(prompts.from_text(f"Held out {n}"), split="holdout") for n in range(4)]
    train = NewPrompt(prompts.from_text("To train on"), split="train")
    both, one_only, sealed, none, trained = prompts.add(db, [*held, train], holdout_share=0.2, seed=0).ids
    shown = written(db, both, *NAMES, NAMES[0])
    written(db, one_only, NAMES[0], NAMES[0])
    written(db, trained, *NAMES)
    kept = written(db, sealed, *NAMES)
    evaluation, _ = seal(db, sealed, [kept])
    first, second = (policies.by_name(db, name).id for name in NAMES)
    assert answered_by_both.held_out_prompts(db, first, second) == [both]
    found = answered_by_both.texts(db, first, [sealed, both, none])
    assert {prompt: [one.id for one in texts] for prompt, texts in found.items()} == {both: [shown[0], shown[2]]}
    evaluations.unseal(db, evaluation.id, why="early", by="test")
    assert answered_by_both.held_out_prompts(db, first, second) == [both, sealed]
    assert set(answered_by_both.texts(db, second, [sealed, both])) == {both, sealed}


@pytest.mark.parametrize("sql", [answered_by_both.HELD_OUT_PROMPTS, answered_by_both.TEXTS])
def test_completions_are_never_gone_through(db: Database, sql: str) -> None:
    values = {"older": 1, "newer": 2} if sql is answered_by_both.HELD_OUT_PROMPTS else {"policy": 1, "prompts": "[1]"}
    plan = [row["detail"] for row in db.rows(f"EXPLAIN QUERY PLAN {sql}", values)]
    of_texts = [line for line in plan if line.split()[1:2] == ["t"]]
    assert of_texts and all(line.startswith("SEARCH") and "prompt_id=?" in line for line in of_texts), plan
