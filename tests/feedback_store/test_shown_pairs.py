"""A pair as leads may see it: texts in the candidates' order, and nothing that tells who wrote them."""

from collections.abc import Callable

from feedback_store import comparisons, completions, policies, prompts, shown_pairs
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.prompts import NewPrompt


def test_a_pair_is_shown_by_either_id_without_its_writers(db: Database) -> None:
    writers = [policies.external(db, name).id for name in ("the-one", "the-other")]
    prompt_id = prompts.add(db, [NewPrompt(prompts.from_text("Why?"))], holdout_share=0, seed=0).ids[0]
    written = completions.add(
        db,
        [
            NewCompletion(prompt_id, writers[0], "Because.", finish_reason="stop"),
            NewCompletion(prompt_id, writers[1], "It is sai", finish_reason="length"),
        ],
    )
    [made] = comparisons.add(db, [NewComparison(prompt_id, written[::-1])])
    pair = shown_pairs.get(db, made)
    assert pair is not None
    assert (pair.prompt, pair.purpose) == ([{"role": "user", "content": "Why?"}], "training")
    assert (pair.texts, pair.cut_off) == (["It is sai", "Because."], [True, False])
    assert shown_pairs.get(db, pair.public_id) == pair
    assert "the-o" not in repr(pair)


def test_what_is_not_there_or_was_taken_back_is_not_shown(db: Database, compare: Callable) -> None:
    [pair] = compare(db, 1)
    public_id = comparisons.get(db, pair).public_id
    assert shown_pairs.get(db, 99) is None
    assert shown_pairs.get(db, "nowhere") is None
    db.execute("UPDATE comparisons SET withdrawn = 1 WHERE id = ?", [pair])
    assert (shown_pairs.get(db, pair), shown_pairs.get(db, public_id)) == (None, None)
