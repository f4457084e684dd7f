"""The next policy: the current one, improved against a reward model by PPO.

The reference is the study's base in every round, so the KL shown is cumulative. When the new policy is published it
has written a few completions beside its parent's already, so that the two can be looked at side by side; what it wrote
on the way is kept in the run's folder.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from feedback_store import completions, policies, prompts
from feedback_store.policies import Policy
from feedback_store.reward_models import RewardModel as RewardRow
from language_models.sampling import Sampled
from policy_training.algorithms import ppo
from policy_training.records import PromptItem, RewardFunction, StepReport
from policy_training.settings import PPOSettings
from reward_training.cautious import scorer
from reward_training.records import Text
from rounds import resuming
from rounds.context import RunContext
from rounds.drawing import Wanted, as_completion, storable
from rounds.plain import plain
from rounds.publishing import write_weights
from rounds.settings import TrainPolicySettings
from rounds.showing import ShownTexts
from rounds.taking_over import take_over
from rounds.texts import with_system_prompt

TRAINED = "trained-policy"  # the adapter's name while it is trained


class NothingToTrainOn(ValueError):
    """There is no prompt, or no policy to start from."""


def run(context: RunContext) -> dict[str, Any]:
    """Train, write down, publish. The adapter under training leaves memory whatever happens."""
    settings: TrainPolicySettings = context.settings
    start, row = _begin_with(context)
    items = _items(context)
    if settings.resume_from is not None:
        take_over(context)
    context.report("loading the reward model")
    adapters = context.models.model.adapters
    try:
        shown = ShownTexts(context, start, context.models.reward(row), TRAINED)
        trained = ppo.train(
            context.models.model,
            items,
            _reward_function(context, row),
            _ppo_settings(context),
            start_folder=context.models.folder(start.folder) if start.folder else None,
            reference_adapter=None,
            checkpoint_folder=context.checkpoints,
            on_step=lambda report: _after_step(context, report, shown),
            adapter=TRAINED,
        )
        if trained.stopped_early:
            context.log(f"Training stopped early: {trained.stopped_early}.")
        policy = _publish(context, trained, start, row, shown)
    finally:
        if TRAINED in adapters.names:
            adapters.remove(TRAINED)
    return {"policy": policy.name}


def _begin_with(context: RunContext) -> tuple[Policy, RewardRow]:
    """The policy to start from and the reward: the first attempt writes down which, later ones take the same."""
    settings: TrainPolicySettings = context.settings
    began = resuming.began_with(context.study_folder, context.run.id)
    name = began.get("start_policy", settings.start_policy)
    policy = policies.by_name(context.db, name) if name else policies.current(context.db)
    assert policy is not None  # the base was registered when the worker started
    if policy.kind == "external":
        raise NothingToTrainOn(f"{policy.name} is only the author of imported texts; it has no weights to start from.")
    row = context.models.reward_row(began.get("reward_model", settings.reward_model))
    context.file(resuming.BEGAN_WITH).write_text(
        json.dumps({"start_policy": policy.name, "reward_model": row.name}), encoding="utf-8"
    )
    return policy, row


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
    settings: TrainPolicySettings = context.settings
    score = scorer(
        context.models.reward(row),
        context.models.folder(row.folder),
        settings.reward_combination,
        settings.reward_uncertainty_penalty,
    )

    def reward(items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
        context.check()
        context.let_others_in()
        return score(
            [Text(item.payload, storable(one.text), one.finished) for item, one in zip(items, sampled, strict=True)]
        )

    return reward


def _ppo_settings(context: RunContext) -> PPOSettings:
    """The run's settings; the temperature is the study's, as everywhere."""
    settings: TrainPolicySettings = context.settings
    sampling = settings.ppo.sampling.model_copy(update={"temperature": context.study.sampling.temperature})
    return settings.ppo.model_copy(update={"sampling": sampling})


def _after_step(context: RunContext, report: StepReport, shown: ShownTexts) -> None:
    if report.metrics["kl_nats"] <= context.settings.ppo.kl_budget_nats:
        shown.reached = report.step
    if "policy_loss" in report.metrics:  # there was an update: that of step 0 makes the policy after one step
        shown.on_the_way(report.step + 1)
    context.between_steps(
        "improving the policy", step=report.step, steps=report.steps, series="steps", values=plain(report.metrics)
    )


def _publish(
    context: RunContext,
    trained: ppo.TrainedPolicy,
    start: Policy,
    row: RewardRow,
    shown: ShownTexts,
) -> Policy:
    context.report("sampling before and after")
    drawn = shown.at_the_end()
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
                "shown_prompts": [one.prompt.id for one, _ in drawn],
            },
        )
        after = [
            as_completion(context, Wanted(before.prompt, policy, before.run_seed, before.sample_index), sampled)
            for before, sampled in drawn
        ]
        completions.add(context.db, after)
    context.ended = True
    return policy
