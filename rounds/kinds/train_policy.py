"""The next policy: the current one, improved against a reward model by PPO.

The reference is the study's base in every round, so the KL shown is cumulative. When the new policy is published it
has written a few completions beside its parent's already, so that the two can be looked at side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from feedback_store import completions, policies, prompts
from feedback_store.policies import Policy
from feedback_store.reward_models import RewardModel as RewardRow
from language_models.sampling import Sampled
from policy_training.algorithms import ppo
from policy_training.records import PromptItem, RewardFunction, StepReport
from policy_training.settings import PPOSettings
from reward_training.records import Text
from rounds.context import RunContext
from rounds.drawing import Wanted, as_completion, chosen_prompts, complete, draw_with, storable
from rounds.plain import plain
from rounds.publishing import write_weights
from rounds.settings import TrainPolicySettings
from rounds.texts import with_system_prompt

TRAINED = "trained-policy"  # the adapter's name while it is trained
SHOWN_SEED = 0  # seeds and prompts of what is shown are those of an evaluation with the default seed


class NothingToTrainOn(ValueError):
    """There is no prompt, or no policy to start from."""


def run(context: RunContext) -> dict[str, Any]:
    """Train, write down, publish. The adapter under training leaves memory whatever happens."""
    settings: TrainPolicySettings = context.settings
    start = _start_policy(context)
    row = context.models.reward_row(settings.reward_model)
    items = _items(context)
    context.report("loading the reward model")
    adapters = context.models.model.adapters
    try:
        trained = ppo.train(
            context.models.model,
            items,
            _reward_function(context, row),
            _ppo_settings(context),
            start_folder=context.models.folder(start.folder) if start.folder else None,
            reference_adapter=None,
            checkpoint_folder=context.checkpoints,
            on_step=lambda report: _after_step(context, report),
            adapter=TRAINED,
        )
        if trained.stopped_early:
            context.log(f"Training stopped early: {trained.stopped_early}.")
        policy = _publish(context, trained, start, row, _shown(context, start, settings.shown_prompts))
    finally:
        if TRAINED in adapters.names:
            adapters.remove(TRAINED)
    return {"policy": policy.name}


def _start_policy(context: RunContext) -> Policy:
    name = context.settings.start_policy
    policy = policies.by_name(context.db, name) if name else policies.current(context.db)
    assert policy is not None  # the base was registered when the worker started
    if policy.kind == "external":
        raise NothingToTrainOn(f"{policy.name} is only the author of imported texts; it has no weights to start from.")
    return policy


def _items(context: RunContext) -> list[PromptItem]:
    """Training prompts as the trainer takes them; the payload is what the reward reads."""
    known = prompts.listing(context.db, split="train")
    if not known:
        raise NothingToTrainOn("The study has no training prompts. Import some, or lower the hold-out share.")
    model, study = context.models.model, context.study
    return [
        PromptItem(
            prompt.id, model.tokens(prompt.messages, study.system_prompt), with_system_prompt(prompt.messages, study)
        )
        for prompt in known
    ]


def _reward_function(context: RunContext, row: RewardRow) -> RewardFunction:
    """The learned reward as the trainer takes it. Stops for a cancel and gives way to others between sampling and
    update.
    """
    model = context.models.reward(row)

    def reward(items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
        context.check()
        context.let_others_in()
        return model.score(
            [Text(item.payload, storable(one.text), one.finished) for item, one in zip(items, sampled, strict=True)]
        )

    return reward


def _ppo_settings(context: RunContext) -> PPOSettings:
    """The run's settings; the temperature is the study's, as everywhere."""
    settings: TrainPolicySettings = context.settings
    sampling = settings.ppo.sampling.model_copy(update={"temperature": context.study.sampling.temperature})
    return settings.ppo.model_copy(update={"sampling": sampling})


def _after_step(context: RunContext, report: StepReport) -> None:
    context.between_steps(
        "improving the policy", step=report.step, steps=report.steps, series="steps", values=plain(report.metrics)
    )


def _shown(context: RunContext, start: Policy, number: int) -> list[tuple[Wanted, Sampled]]:
    """What the new policy writes on a few held-out prompts; its parent's completions on them are stored here too."""
    chosen = chosen_prompts(prompts.listing(context.db, split="holdout"), number, SHOWN_SEED)
    wanted = [Wanted(prompt, start, SHOWN_SEED, 0) for prompt in chosen]
    complete(context, wanted, phase="sampling before and after")
    return list(zip(wanted, draw_with(context, wanted, TRAINED), strict=True)) if wanted else []


def _publish(
    context: RunContext,
    trained: ppo.TrainedPolicy,
    start: Policy,
    row: RewardRow,
    shown: list[tuple[Wanted, Sampled]],
) -> Policy:
    metrics = {**plain(trained.metrics), "stopped_early": trained.stopped_early, "reward_model": row.name}
    name = f"policy-{policies.next_number(context.db, run_id=context.run.id)}"
    card = {"parent": start.name, "reward_model": row.name, "metrics": metrics}
    folder, manifest = write_weights(context, name, trained.save, card)
    with context.db.transaction():
        policy = policies.publish(
            context.db,
            context.lease,
            parent_id=start.id,
            folder=folder,
            base_sha256=context.models.identity.sha256,
            manifest_sha256=manifest,
            metrics=metrics,
            result={
                "parent": start.name,
                "reward_model": row.name,
                "shown_prompts": [one.prompt.id for one, _ in shown],
            },
        )
        after = [
            as_completion(context, Wanted(before.prompt, policy, before.run_seed, before.sample_index), sampled)
            for before, sampled in shown
        ]
        completions.add(context.db, after)
    context.ended = True
    return policy
