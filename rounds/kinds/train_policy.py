"""The next policy: the current one, improved against a reward by PPO.

The reference is the study's base in every round, so the KL shown is cumulative. When the new policy is published it
has written a few completions beside its parent's already, so that the two can be looked at side by side; what it wrote
on the way is kept in the run's folder.
"""

from __future__ import annotations

import json
from typing import Any

from feedback_store import completions, policies, prompts
from feedback_store.policies import Policy
from feedback_store.reward_models import RewardModel as RewardRow
from policy_training.algorithms import ppo
from policy_training.records import PromptItem, StepReport
from policy_training.settings import PPOSettings
from rounds import resuming
from rounds.context import RunContext
from rounds.drawing import Wanted, as_completion
from rounds.plain import plain
from rounds.policy_reward import PolicyReward
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
    reward = PolicyReward(context, row)
    try:
        shown = ShownTexts(context, start, reward, TRAINED)
        trained = ppo.train(
            context.models.model,
            items,
            reward,
            _ppo_settings(context),
            start_folder=context.models.folder(start.folder) if start.folder else None,
            reference_adapter=None,
            checkpoint_folder=context.checkpoints,
            on_step=lambda report: _after_step(context, report, shown, reward),
            adapter=TRAINED,
        )
        if trained.stopped_early:
            context.log(f"Training stopped early: {trained.stopped_early}.")
        policy = _publish(context, trained, start, reward, shown)
    finally:
        if TRAINED in adapters.names:
            adapters.remove(TRAINED)
    return {"policy": policy.name}


def _begin_with(context: RunContext) -> tuple[Policy, RewardRow | None]:
    """The policy to start from and the reward model, where the reward has it as a part: the first attempt writes down
    which, later ones take the same.
    """
    settings: TrainPolicySettings = context.settings
    began = resuming.began_with(context.study_folder, context.run.id)
    name = began.get("start_policy", settings.start_policy)
    policy = policies.by_name(context.db, name) if name else policies.current(context.db)
    assert policy is not None  # the base was registered when the worker started
    if policy.kind == "external":
        raise NothingToTrainOn(f"{policy.name} is only the author of imported texts; it has no weights to start from.")
    with_learned = any(one.function == "learned" for one in settings.rewards)
    wanted = began.get("reward_model", settings.reward_model)
    row = context.models.reward_row(wanted) if with_learned else None
    began_with = {"start_policy": policy.name, **({"reward_model": row.name} if row else {})}
    context.file(resuming.BEGAN_WITH).write_text(json.dumps(began_with), encoding="utf-8")
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


def _ppo_settings(context: RunContext) -> PPOSettings:
    """The run's settings; the temperature is the study's, as everywhere."""
    settings: TrainPolicySettings = context.settings
    sampling = settings.ppo.sampling.model_copy(update={"temperature": context.study.sampling.temperature})
    return settings.ppo.model_copy(update={"sampling": sampling})


def _after_step(context: RunContext, report: StepReport, shown: ShownTexts, reward: PolicyReward) -> None:
    if report.metrics["kl_nats"] <= context.settings.ppo.kl_budget_nats:
        shown.reached = report.step
    if "policy_loss" in report.metrics:  # there was an update: that of step 0 makes the policy after one step
        shown.on_the_way(report.step + 1)
    context.between_steps(
        "improving the policy",
        step=report.step,
        steps=report.steps,
        series="steps",
        values=plain({**report.metrics, **reward.readings()}),
    )


def _publish(
    context: RunContext,
    trained: ppo.TrainedPolicy,
    start: Policy,
    reward: PolicyReward,
    shown: ShownTexts,
) -> Policy:
    context.report("sampling before and after")
    drawn = shown.at_the_end()
    row = reward.row
    metrics = {
        **plain(trained.metrics),
        "stopped_early": trained.stopped_early,
        "reward_model": row.name if row else None,
    }
    name = f"policy-{policies.next_number(context.db, run_id=context.run.id)}"
    made_from = {"parent": start.name, "reward_model": row.name if row else None, "rewards": reward.provenance()}
    card = {**made_from, "metrics": metrics}
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
                **made_from,
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
