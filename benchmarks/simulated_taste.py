"""A hidden taste, its simulated judges, and a reward that learns from them: what policies are judged by when there are
no people. Prompts are the demo's; those held out are split, some to choose a policy by and the rest to tell how good it
is."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.learned_taste import learned_taste
from benchmarks.setting import SYSTEM_PROMPT, Setting
from language_models.model import LanguageModel
from language_models.sampling import Sampled, SampleRequest, sample
from language_models.seeds import completion_seed
from language_models.settings import SamplingSettings
from policy_training.records import Demonstration, Preference, PromptItem, RewardFunction
from reward_training.cautious import scorer
from reward_training.likelihood import Floats
from reward_training.records import Outcome, Pair, Text
from reward_training.settings import RewardSettings
from reward_training.training import train
from rounds.demo import demo
from rounds.simulated_annotators import Seen, generator, judge, parse
from rounds.tastes import Taste, taste

PEOPLE = "careful:6,hasty:2,left_clicker:1"
LEARNED = "learned"  # the taste of learned_taste.py
CHOOSING = 24  # held-out prompts that decide which policy of a run is kept
OUTCOMES: dict[str, Outcome] = {"left": "first", "tie": "tie", "right": "second"}


@dataclass(frozen=True)
class Judged:
    """Two completions of a prompt and what a simulated person said of them."""

    item: PromptItem
    first: Sampled
    second: Sampled
    outcome: Outcome
    annotator: str

    def preference(self) -> Preference:
        """As DPO takes it."""
        chosen, rejected = (self.second, self.first) if self.outcome == "second" else (self.first, self.second)
        return Preference(self.item.token_ids, chosen.token_ids, rejected.token_ids, self.outcome == "tie")

    def demonstration(self) -> Demonstration | None:
        """What was chosen, as imitation takes it; None of a tie."""
        if self.outcome == "tie":
            return None
        return Demonstration(self.item.token_ids, self.preference().chosen_ids)


class Task:
    """The prompts and the taste of one seed."""

    def __init__(self, setting: Setting, name: str = "lists") -> None:
        self.model: LanguageModel = setting.model
        self.seed = setting.seed
        self._worth = learned_taste(setting) if name == LEARNED else _written(taste(name))
        self.sampling = SamplingSettings(max_new_tokens=setting.trials(64, 8), batch_size=setting.trials(48, 4))
        known = demo.prompts(setting.seed)
        parts = {
            split: [self._item(place, one.messages) for place, one in enumerate(known) if one.split == split]
            for split in ("train", "holdout")
        }
        self.training = parts["train"][: setting.trials(10_000, 4)]
        choosing = setting.trials(CHOOSING, 2)
        self.choosing = parts["holdout"][:choosing]
        self.telling = parts["holdout"][choosing:][: setting.trials(10_000, 4)]

    def _item(self, place: int, messages: Sequence[dict[str, str]]) -> PromptItem:
        turns = ({"role": "system", "content": SYSTEM_PROMPT}, *messages)
        return PromptItem(place, self.model.tokens(turns), turns)

    def worth(self, sampled: Sequence[Sampled]) -> list[float]:
        """What the hidden taste says."""
        return self._worth([(one.text, not one.finished) for one in sampled])

    def drawn(self, items: Sequence[PromptItem], adapter: str | None, index: int) -> list[Sampled]:
        """The `index`-th completion of each prompt by a policy (None: the base)."""
        seeds = [completion_seed(self.seed + 1000, item.id, index) for item in items]
        requests = [SampleRequest(item.token_ids, seed) for item, seed in zip(items, seeds, strict=True)]
        return sample(self.model, requests, self.sampling, adapter)

    def judgments(self, count: int) -> list[Judged]:
        """So many pairs of the base's completions of training prompts, one judgment each."""
        people, found = parse(PEOPLE), list[Judged]()
        for turn in range(-(-count // len(self.training))):
            items = self.training[: count - len(found)]
            sides = [self.drawn(items, None, 2 * turn + side) for side in (0, 1)]
            for item, first, second in zip(items, *sides, strict=True):
                person = people[len(found) % len(people)]
                left, right = (Seen(one.text, self.worth([one])[0]) for one in (first, second))
                answer = judge(person.profile, left, right, generator(self.seed, person.name, len(found)))
                found.append(Judged(item, first, second, OUTCOMES[answer.side], person.name))
        return found

    def learned(self, judged: Sequence[Judged], penalty: float) -> RewardFunction:
        """A head on features of the base, fitted to judgments; less `penalty` standard deviations of what it does not
        know of a text."""
        pairs = [
            Pair(
                _text(one.item, one.first), _text(one.item, one.second), one.outcome, str(one.item.id), False,
                annotator=one.annotator, first_on_left=True,
            )
            for one in judged
        ]  # fmt: skip
        reference = [text for pair in pairs for text in (pair.first, pair.second)]
        with tempfile.TemporaryDirectory() as folder:
            settings = RewardSettings(epochs=0, seed=self.seed)
            found = train(
                self.model, pairs, reference, settings,
                checkpoint_folder=Path(folder) / "checkpoints", on_step=lambda _: None,
            )  # fmt: skip
            (saved := Path(folder) / "reward").mkdir()
            found.save(saved)
            score: Callable[[Sequence[Text]], list[float]] = scorer(found.model, saved, "head", penalty)
        return lambda items, sampled: score([_text(*one) for one in zip(items, sampled, strict=True)])

    def true(self, judged: Sequence[Judged]) -> RewardFunction:
        """The hidden taste itself, with its zero and unit on the texts of judged pairs as a learned reward has them:
        the price of KL is in these units."""
        zero, unit = self._zero_and_unit([text for one in judged for text in (one.first, one.second)])
        return lambda _, sampled: [(value - zero) / unit for value in self.worth(sampled)]

    def zero_and_unit(self, prompts: int) -> tuple[float, float]:
        """Mean and standard deviation of the taste over a completion of the base for each of so many prompts."""
        return self._zero_and_unit(self.drawn(self.training[:prompts], None, 0))

    def _zero_and_unit(self, sampled: Sequence[Sampled]) -> tuple[float, float]:
        told = np.array(self.worth(sampled))
        return float(told.mean()), float(told.std()) or 1.0


def _written(rule: Taste) -> Callable[[Sequence[tuple[str, bool]]], list[float]]:
    return lambda texts: [rule(text, cut_off) for text, cut_off in texts]


def wins(new: ArrayLike, old: ArrayLike) -> Floats:
    """1 where the first is worth more, a half where both are worth the same; of the shape of both."""
    return np.asarray((np.sign(np.asarray(new) - np.asarray(old)) + 1) / 2)


def _text(item: PromptItem, sampled: Sampled) -> Text:
    return Text(item.payload, sampled.text, sampled.finished)
