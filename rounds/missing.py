"""What a run would need and the study does not have yet. Torch-free."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from feedback_store import exclusions, preferences, prompts, reward_models
from feedback_store import runs as run_rows
from feedback_store.database import Database
from rounds.algorithm_needs import needs_of
from rounds.policy_settings import training_of
from rounds.said import NO_PROMPTS, NO_REWARD, Said, say

NONE_JUDGED = say("none_judged", "There are no judgments yet to train a reward model on. Compare some pairs first.")
NOTHING_SCORES = say("nothing_scores", "There is no reward model yet that could score: train one first (train-reward).")
NOTHING_DECIDED = say(
    "nothing_decided",
    "DPO needs decided judgments on training prompts, and there are none yet (ties and skips decide nothing, held-out "
    "prompts never train). Compare some pairs first.",
)
NOTHING_TO_IMITATE = {
    "both": say(
        "nothing_to_imitate",
        "Imitation needs chosen or improved completions on training prompts, and there are none yet (demonstrations = "
        "both). Compare some pairs first, and improve some completions.",
    ),
    "chosen": say(
        "nothing_chosen",
        "Imitation needs chosen completions on training prompts, and there are none yet (demonstrations = chosen). "
        "Compare some pairs first.",
    ),
    "improved": say(
        "nothing_improved",
        "Imitation needs improved completions on training prompts, and there are none yet (demonstrations = "
        "improved). Improve some completions first.",
    ),
}
"""By what the settings want to imitate."""


def missing_for(db: Database, kind: str, config: Mapping[str, Any], expected: Iterable[str] = ()) -> Said | None:
    """Why a kind of run has nothing to work on with these settings, now and once the runs that wait and those
    `expected` have ended; None where it has.
    """
    coming = {run.kind for run in run_rows.active(db)} | set(expected)
    if kind in ("sample", "train-reward", "train-policy", "evaluate") and prompts.count(db) == 0:
        return NO_PROMPTS
    if kind == "train-reward" and exclusions.judgments_that_train(db) == 0:
        return NONE_JUDGED
    if reward_models.latest(db) is None and "train-reward" not in coming:
        if kind == "score":
            return NOTHING_SCORES
        if kind == "train-policy" and "learned" in needs_of(config):
            return NO_REWARD
    return _nothing_judged(db, config) if kind == "train-policy" else None


def _nothing_judged(db: Database, config: Mapping[str, Any]) -> Said | None:
    """Why there is nothing to learn straight from; a run whose beginning is fixed has its own."""
    needs: Collection[str] = needs_of(config) if config["resume_from"] is None else ()
    if "preferences" in needs and not preferences.any_on_training_prompts(db, decided=True, improved=True):
        return NOTHING_DECIDED
    if "demonstrations" in needs:
        wanted = training_of(config)["demonstrations"]
        chosen, improved = wanted != "improved", wanted != "chosen"
        if not preferences.any_on_training_prompts(db, decided=chosen, improved=improved):
            return NOTHING_TO_IMITATE[wanted]
    return None
