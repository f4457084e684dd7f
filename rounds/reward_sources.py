"""What reward functions read of a study besides the texts that they score: good answers, and earlier texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from feedback_store import completions, preferences, prompts, runs, snapshots
from reward_training.reward_function import Prompt
from rounds.context import RunContext
from rounds.settings import StudySettings
from rounds.texts import with_system_prompt

MOST_EARLIER = 200  # texts of one prompt, the latest
MOST_REFERENCES = 5


def key_of(messages: Prompt) -> tuple[tuple[str, str], ...]:
    """What tells prompts apart."""
    return tuple((turn["role"], turn["content"]) for turn in messages)


class PromptTexts:
    """Texts by prompt, looked up by its messages as the policy reads them."""

    def __init__(self, context: RunContext, by_prompt_id: dict[int, list[str]]) -> None:
        study: StudySettings = context.study
        self._texts = {
            key_of(with_system_prompt(prompt.messages, study)): by_prompt_id[prompt.id]
            for prompt in prompts.listing(context.db)
            if by_prompt_id.get(prompt.id)
        }

    def __call__(self, prompt: Prompt) -> Sequence[str]:
        return self._texts.get(key_of(prompt), [])

    def __len__(self) -> int:
        """How many prompts have texts."""
        return len(self._texts)


def earlier_texts(context: RunContext, until: int, leave: Collection[int]) -> PromptTexts:
    """What the study had been written up to a completion's id, but for the completions to `leave` out."""
    found: dict[int, list[str]] = defaultdict(list)
    for one in completions.listing(context.db):
        if one.id <= until and one.id not in leave:
            found[one.prompt_id].append(one.text)
    return PromptTexts(context, {prompt: texts[-MOST_EARLIER:] for prompt, texts in found.items()})


def good_answers(context: RunContext, run_id: int) -> PromptTexts:
    """What people wrote in a completion's place and, where they wrote nothing, the completion that won the most more
    often than it lost; by the label snapshot of a run, which is taken where there is none. The run that trains on them
    has it as its own.
    """
    ids = runs.judgments_of(context.db, run_id)
    if ids:
        runs.snapshot(context.db, context.lease, ids)  # a run that goes on from another one answers for them as well
    else:
        ids = snapshots.take(context.db, context.lease)
    written: dict[int, list[str]] = defaultdict(list)
    won: dict[int, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for one in preferences.derive(context.db, ids):
        if one.improved is not None:
            written[one.prompt_id].append(one.improved)
        elif one.first_id is not None and one.outcome != "tie":
            sign = 1 if one.outcome == "first" else -1
            won[one.prompt_id][one.first_id] += sign * one.weight
            won[one.prompt_id][one.second_id] -= sign * one.weight
    best = {prompt: max(scores, key=lambda one: (scores[one], -one)) for prompt, scores in won.items()}
    texts = {one.id: one.text for one in completions.get(context.db, sorted(best.values()))}
    chosen = {prompt: [texts[one]] for prompt, one in best.items() if won[prompt][one] > 0 and texts.get(one)}
    return PromptTexts(context, {**chosen, **{prompt: said[-MOST_REFERENCES:] for prompt, said in written.items()}})
