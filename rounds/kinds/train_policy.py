"""The next policy: the current one, improved by one of the algorithms of policy_training.

The reference is the study's base in every round, so the KL shown is cumulative. When the new policy is published it
has written a few completions beside its parent's already, so that the two can be looked at side by side; what it wrote
on the way is kept in the run's folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from feedback_store import completions, policies, prompts, reward_models
from feedback_store.policies import Policy
from feedback_store.reward_models import RewardModel as RewardRow
from policy_training import algorithm_registry
from policy_training.learner import TrainedPolicy
from policy_training.records import Given, PromptItem, StepReport
from policy_training.settings import TrainingSettings
from rounds import beginnings, resuming
from rounds.algorithm_needs import JUDGED, needs_of
from rounds.beginnings import Beginning
from rounds.context import RunContext
from rounds.drawing import Wanted, as_completion
from rounds.plain import plain
from rounds.policy_reward import PolicyReward
from rounds.publishing import write_weights
from rounds.settings import TrainPolicySettings
from rounds.showing import ShownTexts
from rounds.taking_over import take_over
from rounds.texts import with_system_prompt
from rounds.training_data import TrainingData, label_snapshot, training_data

TRAINED = "trained-policy"  # the adapter's name while it is trained


class NothingToTrainOn(ValueError):
    """There is no prompt, or no policy to start from."""


class PromptsGone(ValueError):
    """A prompt that the run began with was taken out of the study."""


def run(context: RunContext) -> dict[str, Any]:
    """Train, write down, publish. The adapter under training leaves memory whatever happens."""
    settings: TrainPolicySettings = context.settings
    start, row, began = _begin_with(context)
    items = _items(context, began)
    if settings.resume_from is not None:
        take_over(context)
    data = _judged(context, began, items, row)
    context.report("loading the reward model")
    adapters = context.models.model.adapters
    reward = PolicyReward(context, row) if _is_scored(settings, row) else None
    try:
        shown = ShownTexts(context, start, reward, TRAINED)
        given = Given(
            context.models.model,
            items,
            reward,
            context.checkpoints,
            on_step=lambda report: _after_step(context, report, shown, reward),
            start_folder=context.models.folder(start.folder) if start.folder else None,
            adapter=TRAINED,
            preferences=data.preferences,
            demonstrations=data.demonstrations,
        )
        trained = algorithm_registry.trainer(settings.algorithm)(given, _training_settings(context))
        if trained.stopped_early:
            context.log(f"Training stopped early: {trained.stopped_early}.")
        policy = _publish(context, trained, start, row, reward, shown)
    finally:
        if TRAINED in adapters.names:
            adapters.remove(TRAINED)
    return {"policy": policy.name}


def _begin_with(context: RunContext) -> tuple[Policy, RewardRow | None, Beginning]:
    """The policy to start from, the reward model (where the reward has it as a part), and what the study said: the
    first attempt writes all of it down, later ones and runs that go on from here take the same, whatever the study says
    since.
    """
    settings: TrainPolicySettings = context.settings
    own = beginnings.read(context.folder)
    began = own
    if began is None and settings.resume_from is not None:
        began = beginnings.read(resuming.run_folder(context.study_folder, settings.resume_from))
    name = began.start_policy if began else settings.start_policy
    policy = policies.by_name(context.db, name) if name else policies.current(context.db)
    assert policy is not None  # the base was registered when the worker started
    if policy.kind == "external":
        raise NothingToTrainOn(f"{policy.name} is only the author of imported texts; it has no weights to start from.")
    row = _reward_row(context, began)
    known = prompts.listing(context.db, split="train")
    began = (began or Beginning(policy.name, row.name if row else None)).completed(
        context.study, [prompt.id for prompt in known]
    )
    if began != own:
        began.write(context.folder)
    if changed := began.differences(context.study, [prompt.id for prompt in known]):
        context.log(f"It goes on with what it began with; changed in the study since: {', '.join(changed)}.")
    context.study = began.applied_to(context.study)
    return policy, row, began


def _reward_row(context: RunContext, began: Beginning | None) -> RewardRow | None:
    """The reward model that scores, or that says how far each person's judgments can be relied on; None where nothing
    takes one, or where the study has none and the run can do without."""
    settings: TrainPolicySettings = context.settings
    if began is not None:
        return context.models.reward_row(began.reward_model) if began.reward_model else None
    needs = needs_of(settings.model_dump(mode="json"))
    if "learned" not in needs and (not needs & JUDGED or reward_models.latest(context.db) is None):
        return None
    return context.models.reward_row(settings.reward_model)


def _is_scored(settings: TrainPolicySettings, row: RewardRow | None) -> bool:
    """Whether there is all that the reward is made of; only an algorithm that needs none runs without."""
    return row is not None or not any(one.function == "learned" for one in settings.rewards)


def _judged(context: RunContext, began: Beginning, items: Sequence[PromptItem], row: RewardRow | None) -> TrainingData:
    """What people said, for an algorithm that takes it."""
    if not needs_of(context.settings.model_dump(mode="json")) & JUDGED:
        return TrainingData([], [], 0)
    data = training_data(context, label_snapshot(context, began), items, row)
    if data.too_long:
        context.log(
            f"{data.too_long} judged pairs are longer than the base can read and are left out.", level="warning"
        )
    told = f"{len(data.preferences)} judged pairs"
    if data.demonstrations:
        told += f", {len(data.demonstrations)} demonstrations"
    context.log(f"{told}; answers weigh {'as ' + row.name + ' relies on people' if row else 'all alike'}.")
    return data


def _items(context: RunContext, began: Beginning) -> list[PromptItem]:
    """The training prompts that it began with, as the trainer takes them; the payload is what the reward reads."""
    if not began.prompt_ids:
        raise NothingToTrainOn("The study has no training prompts. Import some, or lower the hold-out share.")
    there = {prompt.id: prompt for prompt in prompts.listing(context.db, split="train")}
    gone = [one for one in began.prompt_ids if one not in there]
    if gone:
        raise PromptsGone(
            f"{len(gone)} of the {len(began.prompt_ids)} training prompts that this run began with are not in the "
            f"study any more (the first is prompt {gone[0]}), so it cannot go on as it began. Retry it from the start."
        )
    known = [there[one] for one in began.prompt_ids]
    model, study = context.models.model, context.study
    return [
        PromptItem(
            prompt.id, model.tokens(prompt.messages, study.system_prompt), with_system_prompt(prompt.messages, study)
        )
        for prompt in known
    ]


def _training_settings(context: RunContext) -> TrainingSettings:
    """The settings of the algorithm; the temperature is the study's, as everywhere."""
    settings: TrainPolicySettings = context.settings
    training = settings.training
    sampling = training.sampling.model_copy(update={"temperature": context.study.sampling.temperature})
    return training.model_copy(update={"sampling": sampling})


def _after_step(context: RunContext, report: StepReport, shown: ShownTexts, reward: PolicyReward | None) -> None:
    context.between_steps(
        "improving the policy",
        step=report.step,
        steps=report.steps,
        series="steps",
        values=plain({**report.metrics, **(reward.readings() if reward else {})}),
    )
    if "seconds_update" in report.metrics:  # there was an update: that of step 0 makes the policy after one step
        shown.on_the_way(report.step + 1)


def _publish(
    context: RunContext,
    trained: TrainedPolicy,
    start: Policy,
    row: RewardRow | None,
    reward: PolicyReward | None,
    shown: ShownTexts,
) -> Policy:
    context.report("sampling before and after")
    drawn = shown.at_the_end(trained.steps)
    metrics = {
        **plain(trained.metrics),
        "stopped_early": trained.stopped_early,
        "reward_model": row.name if row else None,
    }
    name = f"policy-{policies.next_number(context.db, run_id=context.run.id)}"
    made_from = {
        "algorithm": context.settings.algorithm,
        "parent": start.name,
        "reward_model": row.name if row else None,
        "rewards": reward.provenance() if reward else [],
    }
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
