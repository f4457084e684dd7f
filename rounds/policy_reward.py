"""The reward of a run `train-policy`: its parts set up, brought to one scale, summed, and counted.

What the first attempt fixed (zero and unit of each part, the hash of the code, where "earlier" ends) is written to
runs/N/reward.json, and later attempts take the same, so that a run that is cut goes on as if it had not been.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from feedback_store import completions as completion_rows
from feedback_store import prompts as prompt_rows
from feedback_store.policies import Policy
from feedback_store.reward_models import RewardModel as RewardRow
from language_models import folders
from language_models.sampling import Sampled
from policy_training.records import PromptItem
from reward_training import function_registry, length_correction
from reward_training.cautious import doubt_of_mean, scorer
from reward_training.composite import Composite, Part, Scored
from reward_training.embedding import centres_of, embedder
from reward_training.languages import identify
from reward_training.length_correction import LengthCorrection
from reward_training.records import Text
from reward_training.reward_function import (
    Completion,
    Given,
    Prompt,
    RewardFunctionError,
    Scores,
    request_of,
    was_finished,
)
from reward_training.reward_posterior import NoPosterior
from rounds import models_beside, own_functions, resuming
from rounds.context import RunContext
from rounds.drawing import storable
from rounds.policy_settings import TrainPolicySettings
from rounds.reference_samples import reference_samples
from rounds.reward_parts import OWN, RewardPart, is_normalised, names_of
from rounds.reward_sources import PromptTexts, earlier_texts, good_answers
from rounds.texts import text_of
from rounds.whole_file import write_whole
from rounds.work import LENGTH_TEXTS

MOST_REQUESTS = 200  # whose mean is taken off an embedding


class PolicyReward:
    """(prompts, completions) -> scores as the trainer takes them; `readings` are those of the last batch."""

    def __init__(self, context: RunContext, row: RewardRow | None, reference: Policy) -> None:
        """`reference`: the policy on whose texts parts are brought to one scale. Raises RewardFunctionError, in words,
        where a part cannot be had."""
        self.context = context
        self.reference = reference
        self.row = row
        self._hashes: dict[str, str] = {}
        self._warned: set[str] = set()
        self._last: Scored | None = None
        settings: TrainPolicySettings = context.settings
        self.asked = dict(zip(names_of([one.function for one in settings.rewards]), settings.rewards, strict=True))
        self._fixed = resuming.reward_of(context.study_folder, context.run.id)
        self.composite = self._on_one_scale([self._part(name, asked) for name, asked in self.asked.items()])

    def __call__(self, items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
        """Stops for a cancel and gives way to others between sampling and update."""
        self.context.check()
        self.context.let_others_in()
        self._last = self.scored(_drawn(items, sampled))
        for name in self._last.constant if len(sampled) > 1 else ():
            self._warn(
                f"The reward function {name} gave all {len(sampled)} completions the same: it teaches nothing here."
            )
        self._warn_of_silence(self._last, "completions")
        return self._last.totals

    def learned(self, items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
        """The learned part alone, in its unit, of texts that need not be whole; `readings` stay those of the last
        batch."""
        self.context.check()
        texts = _drawn(items, sampled)
        scores = self._length.taken_off(self._score(texts), [one.completion for one in texts])
        part = next(part for part in self.composite.parts if self.asked[part.name].function == "learned")
        return [(score - part.mean) / part.sd for score in scores]

    def scored(self, texts: Sequence[Text]) -> Scored:
        """Scores with their parts."""
        return self.composite.scored([one.prompt for one in texts], _completions(texts))

    def held_out(self, items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
        """Scores that tell which policy of the run is kept: what the learned part does not know of their mean is taken
        off all of them."""
        texts = _drawn(items, sampled)
        found = self.scored(texts)
        self._warn_of_silence(found, "held-out completions")
        penalty = self._doubt(texts)
        return [total - penalty for total in found.totals]

    def readings(self) -> dict[str, float]:
        """What each part added to the mean score of the last batch, and of which share it said nothing; empty where
        there is one part alone."""
        if self._last is None or len(self.asked) == 1:
            return {}
        count = max(1, len(self._last.totals))
        parts = {f"part.{name}": sum(adds) / count for name, adds in self._last.parts.items()}
        return parts | {f"unscored.{name}": n / count for name, n in self._last.unscored.items() if n}

    def provenance(self) -> list[dict[str, Any]]:
        """Each part: name, function, weight, zero and unit, and the hash of code or weights from elsewhere."""
        return [
            {
                "name": part.name,
                "function": self.asked[part.name].function,
                "weight": part.weight,
                "mean": part.mean,
                "sd": part.sd,
                **({"sha256": self._hashes[part.name]} if part.name in self._hashes else {}),
            }
            for part in self.composite.parts
        ]

    def _part(self, name: str, asked: RewardPart) -> Part:
        if asked.function.startswith(OWN):
            own = own_functions.load(self.context.functions, asked.function, asked.settings)
            self._hashes[name] = own.sha256
            return Part(name, asked.weight, own.function, own.languages)
        settings = function_registry.parse_settings(asked.function, asked.settings)
        function = function_registry.build(asked.function, settings, self._given(name, asked.function))
        return Part(name, asked.weight, function, function_registry.languages_of(asked.function, settings))

    def _given(self, name: str, function: str) -> Given:
        needs = function_registry.describe(function).needs
        models = self.context.models

        def folder(wanted: str) -> Path:
            path = models_beside.folder_of(self.context.db, wanted)
            self._hashes[name] = _sha256_of(path)
            return path

        return Given(
            learned=self._learned if self.row is not None else None,
            base=models.model if "base" in needs else None,
            embed=embedder(models.model, self._centres) if "embed" in needs else None,
            references=self._references if "references" in needs else None,
            earlier=self._earlier if "earlier" in needs else None,
            folder=folder,
        )

    def _learned(self, prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        return list(self._length.taken_off(self._score(_texts(prompts, completions)), completions))

    @cached_property
    def _score(self) -> Callable[[Sequence[Text]], list[float]]:
        """The reward model's scores, less what the run's settings take off for what it is not sure of."""
        assert self.row is not None
        models, settings = self.context.models, self.context.settings
        model, folder = models.reward(self.row), models.folder(self.row.folder)
        try:
            return scorer(model, folder, settings.reward_combination, settings.reward_uncertainty_penalty)
        except NoPosterior as error:
            if settings.reward_combination != "head":
                raise
            self._warn(f"Scores are without a price for what the reward does not know: {error}")
            return scorer(model, folder, "head", 0.0)

    @cached_property
    def _doubt(self) -> Callable[[Sequence[Text]], float]:
        """What is taken off held-out scores."""
        settings: TrainPolicySettings = self.context.settings
        learned = [part for part in self.composite.parts if self.asked[part.name].function == "learned"]
        weight = sum(abs(part.weight) / part.sd for part in learned)
        if self.row is None or weight * settings.held_out_penalty == 0 or settings.reward_combination != "head":
            return lambda _: 0.0
        models = self.context.models
        try:
            doubt = doubt_of_mean(models.reward(self.row), models.folder(self.row.folder))
        except NoPosterior as error:
            self._warn(f"Held-out scores are without a penalty for what the reward does not know: {error}")
            return lambda _: 0.0
        return lambda texts: weight * settings.held_out_penalty * doubt(texts)

    @cached_property
    def _length(self) -> LengthCorrection:
        """What the first attempt found that length explains of the learned reward."""
        settings: TrainPolicySettings = self.context.settings
        if settings.length_correction == 0:
            return LengthCorrection(0.0, 0.0)
        if "length" in self._fixed:
            return LengthCorrection(**self._fixed["length"])
        samples = reference_samples(self.context, settings.reference_samples, self.reference, stored=LENGTH_TEXTS)
        texts = [text_of(prompt, one, self.context.study) for prompt, one in samples]
        words = [one.completion for one in texts]
        scores = self._score(texts)
        found = length_correction.fit(scores, words, settings.length_correction)
        lengths = length_correction.log_lengths(words)
        before, after = (
            length_correction.rank_correlation(one, lengths) for one in (scores, found.taken_off(scores, words))
        )
        self.context.log(f"Rank correlation of reward and length: {before:.2f}, after the correction {after:.2f}.")
        return found

    @cached_property
    def _references(self) -> PromptTexts:
        found = good_answers(self.context, self._fixed.get("judged_for", self.context.run.id))
        if not len(found):
            raise RewardFunctionError(
                "The study has no good answer to any prompt yet, which a reward by references needs. People make them "
                "by judging pairs, and better ones by improving a response."
            )
        self.context.log(f"{len(found)} prompts have a good answer to be compared with.")
        return found

    @cached_property
    def _earlier(self) -> PromptTexts:
        return earlier_texts(self.context, self._until, self._reference_ids)

    @cached_property
    def _centres(self) -> Any:
        if "centres" in self._fixed:
            return self._fixed["centres"]
        asked = prompt_rows.listing(self.context.db, split="train")[:MOST_REQUESTS]
        requests = [request_of(prompt.messages) for prompt in asked]
        return centres_of(self.context.models.model, requests, [text.completion for text, _ in self._reference])

    @cached_property
    def _until(self) -> int:
        if "earlier_until" in self._fixed:
            return int(self._fixed["earlier_until"])
        return completion_rows.latest_id(self.context.db)

    @cached_property
    def _reference(self) -> list[tuple[Text, int]]:
        settings: TrainPolicySettings = self.context.settings
        found = reference_samples(self.context, settings.reference_samples, self.reference)
        return [(text_of(prompt, one, self.context.study), one.id) for prompt, one in found]

    @cached_property
    def _reference_ids(self) -> list[int]:
        fixed: list[int] | None = self._fixed.get("reference_ids")
        return fixed if fixed is not None else [one for _, one in self._reference]

    def _on_one_scale(self, parts: list[Part]) -> Composite:
        """Zero and unit of the first attempt, or new ones, which are written down. Raises RewardFunctionError where
        code or weights changed in between."""
        fixed = self._fixed.get("parts", {})
        if fixed:
            for name, was in fixed.items():
                if was.get("sha256") != self._hashes.get(name):
                    raise RewardFunctionError(
                        f"The reward function {name} is not what it was when this run began (sha256 then "
                        f"{str(was.get('sha256'))[:12]}..., now {str(self._hashes.get(name))[:12]}...). Put it back, "
                        "or start the run anew."
                    )
            made = [replace(part, mean=fixed[part.name]["mean"], sd=fixed[part.name]["sd"]) for part in parts]
            return Composite(made, identify)
        composite = Composite(parts, identify)
        config = self.context.settings.model_dump()
        leave = [name for name, asked in self.asked.items() if is_normalised(asked.function, config)]
        if len(leave) < len(parts):
            texts = [text for text, _ in self._reference]
            self.context.report("scoring the reference policy")
            composite = composite.normalised_on([one.prompt for one in texts], _completions(texts), leave)
            for part in composite.parts:
                if part.name not in leave and part.sd == 1.0:
                    self._warn(
                        f"The reward function {part.name} gave all reference samples the same, or said nothing of "
                        "nearly all: its unit stays."
                    )
        self.composite = composite
        self._write_down()
        return composite

    def _write_down(self) -> None:
        fixed: dict[str, Any] = {"parts": {one["name"]: one for one in self.provenance()}}
        if self.row is not None and self.context.settings.length_correction > 0:
            fixed["length"] = asdict(self._length)
        if "_earlier" in self.__dict__:
            fixed |= {"earlier_until": self._until, "reference_ids": self._reference_ids}
        if "_centres" in self.__dict__:
            fixed["centres"] = self._centres
        if "_references" in self.__dict__:
            fixed["judged_for"] = self.context.run.id
        write_whole(self.context.file(resuming.REWARD), json.dumps(fixed, indent=1))

    def _warn_of_silence(self, found: Scored, which: str) -> None:
        for name, count in found.unscored.items():
            if count:
                self._warn(
                    f"The reward function {name} said nothing of {count} of {len(found.totals)} {which} (no reference, "
                    "or a language that it does not know); they count as neutral.",
                    about=f"{name} of {which}",
                )

    def _warn(self, words: str, *, about: str | None = None) -> None:
        about = about or words
        if about not in self._warned:
            self._warned.add(about)
            self.context.log(words, level="warning")


def _drawn(items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[Text]:
    return [Text(item.payload, storable(one.text), one.finished) for item, one in zip(items, sampled, strict=True)]


def _texts(prompts: Sequence[Prompt], completions: Sequence[str]) -> list[Text]:
    return [Text(prompt, text, was_finished(text)) for prompt, text in zip(prompts, completions, strict=True)]


def _completions(texts: Sequence[Text]) -> list[Completion]:
    return [Completion(one.completion, one.finished) for one in texts]


def _sha256_of(folder: Path) -> str:
    """One hash of the names and contents of a folder's files."""
    lines = [
        f"{path.relative_to(folder)} {folders.file_sha256(path)}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
