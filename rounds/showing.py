"""What a policy under training writes on a few held-out prompts: before, on the way, and when it is done.

Every text draws from the generator of its own prompt, so drawing them changes nothing in the training.
"""

from __future__ import annotations

from collections.abc import Sequence

from feedback_store import prompts
from feedback_store.policies import Policy
from language_models.sampling import Sampled
from reward_training.records import Text
from rounds import shown_samples
from rounds.context import RunContext
from rounds.drawing import Wanted, complete, draw_with, storable
from rounds.drawn_alike import draw_seed
from rounds.policy_reward import PolicyReward
from rounds.prompts_looked_at import chosen_prompts
from rounds.shown_samples import ShownSample
from rounds.texts import text_of, with_system_prompt

SEED = 0  # seeds and prompts of what is shown are those of an evaluation with the default seed


class ShownTexts:
    """The texts of one run. Made before training, when the policy that it starts from writes (or wrote already)."""

    def __init__(self, context: RunContext, start: Policy, reward: PolicyReward | None, adapter: str) -> None:
        settings = context.settings
        self.context, self.reward, self.adapter = context, reward, adapter
        kept = shown_samples.read(context.folder)
        if kept:  # an attempt before, or the run that this one goes on from, chose them
            chosen = prompts.listing(context.db, ids=sorted({one.prompt_id for one in kept}))
        else:
            chosen = chosen_prompts(prompts.listing(context.db, split="holdout"), settings.shown_prompts, SEED)
        run_seed = draw_seed(context.db, context.study, SEED)
        self.wanted = [Wanted(prompt, start, run_seed, 0) for prompt in chosen]
        self.there = {one.step for one in kept}
        self.to_show = shown_samples.steps_to_show(settings.training.steps, settings.shown_times)
        if self.wanted and 0 not in self.there:
            self._keep_the_start()

    def _keep_the_start(self) -> None:
        found = complete(self.context, self.wanted, phase="sampling before and after")
        texts = [
            text_of(one.prompt, written, self.context.study) for one, written in zip(self.wanted, found, strict=True)
        ]
        self._keep(
            [
                ShownSample(0, one.prompt_id, one.text, one.finish_reason == "length", one.token_count, *score)
                for one, score in zip(found, self._scores(texts), strict=True)
            ]
        )

    def on_the_way(self, step: int) -> None:
        """Draw where the policy after `step` steps is one to show and was not drawn by an earlier attempt."""
        if self.wanted and step in self.to_show and step not in self.there:
            self._draw(step)

    def at_the_end(self, steps: int) -> list[tuple[Wanted, Sampled]]:
        """What the finished policy writes, which is the one after `steps` steps."""
        return self._draw(steps) if self.wanted else []

    def _draw(self, step: int) -> list[tuple[Wanted, Sampled]]:
        drawn = draw_with(self.context, self.wanted, self.adapter)
        study = self.context.study
        texts = [
            Text(with_system_prompt(one.prompt.messages, study), storable(sampled.text), sampled.finished)
            for one, sampled in zip(self.wanted, drawn, strict=True)
        ]
        self._keep(
            [
                ShownSample(step, one.prompt.id, text.completion, not sampled.finished, len(sampled.token_ids), *score)
                for one, text, sampled, score in zip(self.wanted, texts, drawn, self._scores(texts), strict=True)
            ]
        )
        return list(zip(self.wanted, drawn, strict=True))

    def _scores(self, texts: Sequence[Text]) -> list[tuple[float | None, dict[str, float] | None]]:
        """For each text its score where there is a reward, and what its parts add to it where there are several."""
        if self.reward is None:
            return [(None, None)] * len(texts)
        found = self.reward.scored(texts)
        several = len(found.parts) > 1
        return [
            (total, {name: adds[row] for name, adds in found.parts.items()} if several else None)
            for row, total in enumerate(found.totals)
        ]

    def _keep(self, samples: Sequence[ShownSample]) -> None:
        shown_samples.add(self.context.folder, samples)
        self.there |= {one.step for one in samples}
