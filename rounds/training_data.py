"""What people said, as policy training takes it: preferences and demonstrations on training prompts.

An answer counts as the reliability of the person who gave it, where a reward model has learned it; the judgments are a
run's label snapshot, so that later attempts train on the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from feedback_store import completions, preferences, runs, snapshots
from feedback_store.preferences import Preference as Judged
from feedback_store.reward_models import RewardModel as RewardRow
from language_models.model import LanguageModel
from policy_training.records import Demonstration, Preference, PromptItem
from policy_training.settings import DemonstrationSettings
from rounds.algorithm_needs import JUDGED, needs_of
from rounds.beginnings import Beginning
from rounds.context import RunContext
from rounds.known_people import EXPECTED, people_of
from rounds.policy_settings import TrainPolicySettings
from rounds.reward_parts import uses_references

Tokens = list[int]


@dataclass(frozen=True)
class TrainingData:
    """Both empty where an algorithm takes neither."""

    preferences: list[Preference]
    demonstrations: list[Demonstration]


def label_snapshot(context: RunContext, began: Beginning) -> list[int]:
    """The judgments that a run trains on: those of its first attempt or of the run that it goes on from, else all that
    count now, on the training prompts that it began with. They are written down; with those on other prompts where the
    reward reads good answers, which are of held-out prompts too (reward_sources.py).
    """
    kept = runs.judgments_of(context.db, context.run.id)
    if not kept and context.settings.resume_from is not None:
        kept = runs.judgments_of(context.db, context.settings.resume_from)
        runs.snapshot(context.db, context.lease, kept)
    on_prompts = None if uses_references(context.settings.rewards) else began.prompt_ids or []
    return kept or snapshots.take(context.db, context.lease, on_prompts=on_prompts)


def training_data(
    context: RunContext, began: Beginning, items: Sequence[PromptItem], row: RewardRow | None
) -> TrainingData:
    """What people said on these prompts, for an algorithm that takes it; nothing for others. `row`: the reward model
    that says how far people are relied on."""
    settings: TrainPolicySettings = context.settings
    if not needs_of(settings.model_dump(mode="json")) & JUDGED:
        return TrainingData([], [])
    prompt_ids = {item.id: item.token_ids for item in items}
    said = preferences.derive(context.db, label_snapshot(context, began))
    judged = [one for one in said if one.split == "train" and one.prompt_id in prompt_ids]
    texts, weigh = _Texts(context, judged), Reliability(row.metrics if row else {})
    most = context.models.model.context
    fitting = [one for one in judged if most is None or len(prompt_ids[one.prompt_id]) + texts.longest(one) <= most]
    if left := len(judged) - len(fitting):
        context.log(f"{left} judged pairs are longer than the base can read: they are left out.", level="warning")
    shown: list[Demonstration] = []
    training = settings.training
    if isinstance(training, DemonstrationSettings):
        if training.demonstrations != "chosen":
            shown += _improved(fitting, prompt_ids, texts, weigh, training.improved_weight)
        if training.demonstrations != "improved":
            shown += _chosen(fitting, prompt_ids, texts, weigh)
    relied = f"weighed as {row.name} relies on who gave them" if row else "all weigh alike"
    context.log(f"{len(fitting)} judged pairs, {len(shown)} demonstrations; {relied}.")
    return TrainingData([_preference(one, prompt_ids[one.prompt_id], texts, weigh) for one in fitting], shown)


class Reliability:
    """How likely an answer of a person follows quality: the reliability that a reward model learned, which counts the
    chance of inversion as 0. What is expected of anybody for who came since; 1 where nothing was learned of anybody."""

    def __init__(self, metrics: Mapping[str, Any]) -> None:
        """`metrics`: a reward model's report; empty where there is none."""
        self._people = people_of(metrics)
        self._others = EXPECTED if self._people else 1.0

    def __call__(self, annotator_id: int) -> float:
        person = self._people.get(str(annotator_id))
        if person is None:
            return self._others
        return float(person["reliability"]["value"])


class _Texts:
    """The tokens of what was judged. Where nobody knows how a text ended (imports), it is taken as whole."""

    def __init__(self, context: RunContext, judged: Sequence[Judged]) -> None:
        self._model: LanguageModel = context.models.model
        named = {one for pair in judged for one in (pair.first_id, pair.second_id) if one is not None}
        self._stored = {
            one.id: self._model.completion_tokens(one.text, one.finish_reason != "length")
            for one in completions.get(context.db, sorted(named))
        }

    def first(self, one: Judged) -> Tokens:
        """A stored completion, or what the person wrote in place of the second."""
        if one.first_id is None:
            return self._model.completion_tokens(one.improved or "", True)
        return self._stored[one.first_id]

    def second(self, one: Judged) -> Tokens:
        return self._stored[one.second_id]

    def stored(self, completion_id: int) -> Tokens:
        return self._stored[completion_id]

    def longest(self, one: Judged) -> int:
        return max(len(self.first(one)), len(self.second(one)))


def _preference(one: Judged, prompt_ids: Sequence[int], texts: _Texts, weigh: Reliability) -> Preference:
    first, second = texts.first(one), texts.second(one)
    chosen, rejected = (second, first) if one.outcome == "second" else (first, second)
    return Preference(prompt_ids, chosen, rejected, one.outcome == "tie", one.weight * weigh(one.annotator_id))


def _improved(
    judged: Sequence[Judged], prompt_ids: Mapping[int, Sequence[int]], texts: _Texts, weigh: Reliability, weight: float
) -> list[Demonstration]:
    """What people wrote themselves."""
    return [
        Demonstration(prompt_ids[one.prompt_id], texts.first(one), weight * one.weight * weigh(one.annotator_id))
        for one in judged
        if one.first_id is None
    ]


def _chosen(
    judged: Sequence[Judged], prompt_ids: Mapping[int, Sequence[int]], texts: _Texts, weigh: Reliability
) -> list[Demonstration]:
    """Completions that were chosen over others more than others over them; that difference is what they count. A text
    that somebody improved on lost nothing by it: it is the one that they found the best."""
    won: dict[tuple[int, int], float] = defaultdict(float)  # by prompt and completion
    for one in judged:
        if one.first_id is None or one.outcome == "tie":
            continue
        amount = one.weight * weigh(one.annotator_id) * (1 if one.outcome == "first" else -1)
        won[one.prompt_id, one.first_id] += amount
        won[one.prompt_id, one.second_id] -= amount
    return [
        Demonstration(prompt_ids[prompt_id], texts.stored(completion_id), amount)
        for (prompt_id, completion_id), amount in sorted(won.items())
        if amount > 0
    ]
