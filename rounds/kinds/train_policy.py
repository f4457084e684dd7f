"""The next policy: the current one, improved by one of the algorithms of policy_training.

The reference is the one start of a line of policies, the base or an imported adapter, so the KL shown is cumulative.
When the new policy is published it has written a few completions beside its parent's already, so that the two can be
looked at side by side; what it wrote on the way is kept in the run's folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from feedback_store import completions, policies, prompts, reward_models, runs
from feedback_store.policies import Policy
from feedback_store.prompts import Prompt
from feedback_store.reward_models import RewardModel as RewardRow
from language_models.machine import capabilities, free_memory_gb
from language_models.pause_points import pause_point
from language_models.precision import Compute, choose_compute
from policy_training import algorithm_registry
from policy_training.learner import TrainedPolicy
from policy_training.records import Given, HeldOut, PromptItem, StepReport
from policy_training.settings import TrainingSettings
from rounds import beginnings, environment, estimating, policy_warnings, resuming, run_alarms, token_rows
from rounds.algorithm_needs import JUDGED, needs_of
from rounds.beginnings import Beginning
from rounds.context import RunContext
from rounds.drawing import Wanted, as_completion
from rounds.own_lora import ADAPTER
from rounds.plain import plain
from rounds.policy_reward import PolicyReward
from rounds.policy_settings import TrainPolicySettings
from rounds.prompts_looked_at import HELD_OUT, chosen_prompts
from rounds.publishing import write_weights
from rounds.run_alarms import ALARMS
from rounds.shaping_potential import potential_of
from rounds.showing import ShownTexts
from rounds.taking_over import take_over
from rounds.texts import with_system_prompt
from rounds.training_data import training_data

TRAINED = "trained-policy"  # the adapter's name while it is trained
REFERENCE = "reference-policy"  # that of a frozen copy of the adapter that the line of policies started from


class NothingToTrainOn(ValueError):
    """There is no prompt, or no policy to start from."""


class PromptsGone(ValueError):
    """A prompt that the run began with was taken out of the study."""


def run(context: RunContext) -> dict[str, Any]:
    """Train, write down, publish. The adapter under training leaves memory whatever happens."""
    settings: TrainPolicySettings = context.settings
    start, row, began = _begin_with(context)
    pause_point("beginning-written")
    if not began.prompt_ids:
        raise NothingToTrainOn("The study has no training prompts. Import some, or lower the hold-out share.")
    items = _items(context, began.prompt_ids)
    if settings.resume_from is not None:
        take_over(context)
    policy_warnings.of_passed_over_checkpoints(context)
    data = training_data(context, began, items, row)
    context.report("loading the reward model")
    adapters = context.models.model.adapters
    reference = policies.reference(context.db, start)
    reward = PolicyReward(context, row, reference) if _is_scored(settings, row) else None
    if reward is None:
        policy_warnings.of_rewards_left_out(context)
    pause_point("reward-loaded")
    try:
        if reference.folder is not None:
            adapters.load(REFERENCE, context.models.folder_of(reference) / ADAPTER)
        shown = ShownTexts(context, start, reward, TRAINED)
        pause_point("start-shown")
        training = _training_settings(context)
        given = Given(
            context.models.model,
            items,
            reward,
            context.checkpoints,
            on_step=lambda report: _after_step(
                context, policy_warnings.with_doubts(context, report, row), shown, start
            ),
            start_folder=context.models.folder_of(start) if start.folder else None,
            reference_adapter=REFERENCE if reference.folder else None,
            adapter=TRAINED,
            reward_figures=reward.readings if reward else dict,
            check=context.check,
            potential=potential_of(settings, training, context.models.model, reward) if reward else None,
            held_out=HeldOut(_items(context, began.held_out_ids or []), reward.held_out) if reward else None,
            preferences=data.preferences,
            demonstrations=data.demonstrations,
        )
        with context.models.model.computed(_compute(context)):
            trained: TrainedPolicy = algorithm_registry.trainer(settings.algorithm)(given, training)
        pause_point("training-ended")
        if trained.stopped_early:
            context.log(f"Training stopped early: {trained.stopped_early}.")
        policy_warnings.of_what_is_published(context, trained, start)
        policy = _publish(context, trained, start, row, reward, shown)
    finally:
        for name in {TRAINED, REFERENCE} & {*adapters.names}:
            adapters.remove(name)
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
        context.study, [prompt.id for prompt in known], _held_out_ids(context)
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


def _held_out_ids(context: RunContext) -> list[int]:
    """The prompts of every look at held-out ones: neither the reward nor the policy is trained on them."""
    settings: TrainPolicySettings = context.settings
    known = prompts.listing(context.db, split="holdout")
    return [one.id for one in chosen_prompts(known, settings.held_out_prompts, HELD_OUT)]


def _items(context: RunContext, ids: Sequence[int]) -> list[PromptItem]:
    """The prompts that it began with."""
    there = {prompt.id: prompt for prompt in prompts.listing(context.db)}
    gone = [one for one in ids if one not in there]
    if gone:
        raise PromptsGone(
            f"{len(gone)} of the {len(ids)} prompts that this run began with are not in the study any more (the first "
            f"is prompt {gone[0]}), so it cannot go on as it began. Retry it from the start."
        )
    items = [_item(context, there[one]) for one in ids]
    for item in items:  # before anything is trained, not when one of them is drawn at last
        context.models.model.require_room(
            item.token_ids, context.settings.training.sampling.max_new_tokens, f"Prompt {item.id}"
        )
    return items


def _item(context: RunContext, prompt: Prompt) -> PromptItem:
    """A prompt as the trainer takes it; the payload is what the reward reads."""
    tokens = context.models.model.tokens(prompt.messages, context.study.system_prompt)
    return PromptItem(prompt.id, tokens, with_system_prompt(prompt.messages, context.study))


def _training_settings(context: RunContext) -> TrainingSettings:
    """The settings of the algorithm; the temperature is the study's, as everywhere. That may have changed since the
    run, or the one that it does over, was put into the queue.
    """
    settings: TrainPolicySettings = context.settings
    training, temperature = settings.training, context.study.sampling.temperature
    if training.sampling.temperature != temperature:
        context.log(
            f"The run's settings say temperature {training.sampling.temperature:g}, the study's have said "
            f"{temperature:g} since: the policy is trained at {temperature:g}.",
            level="warning",
        )
    sampling = training.sampling.model_copy(update={"temperature": temperature})
    return training.model_copy(update={"sampling": sampling})


def _compute(context: RunContext) -> Compute:
    """How updates are computed: as the settings say; what they leave open as the first attempt chose, or the run that
    this one goes on from; else by what the machine can do and has free."""
    settings: TrainPolicySettings = context.settings
    before = _computed_before(context)
    left_open = [name for name in before if getattr(settings.compute, name) == "auto"]
    here = capabilities()
    how = choose_compute(
        here,
        settings.compute.model_copy(update={name: "on" if before[name] else "off" for name in left_open}),
        needs_gb=estimating.update_gb(context.db, settings.model_dump(mode="json")),
        free_gb=free_memory_gb(here.device),
    )
    chosen = {"gradient_checkpointing": how.recompute, "compile": how.compile}
    if otherwise := [name for name in before if chosen[name] != before[name]]:
        context.log(
            f"Updates are computed otherwise than before ({', '.join(otherwise)}): the same but for rounding.",
            level="warning",
        )
    environment.keep(context.db, context.lease, chosen)
    return how


def _computed_before(context: RunContext) -> dict[str, bool]:
    """What an earlier attempt chose, or the run that this one goes on from; empty where there is neither."""
    for run_id in (context.run.id, context.settings.resume_from):
        kept = environment.read(context.db, run_id) if run_id is not None else {}
        if set(environment.CHOSEN) <= set(kept):
            return {name: bool(kept[name]) for name in environment.CHOSEN}
    return {}


def _after_step(context: RunContext, report: StepReport, shown: ShownTexts, start: Policy) -> None:
    policy_warnings.of_a_step(context, report, start, TRAINED)
    if token_rows.is_kept(report.step, report.steps):
        token_rows.add(context.folder, report.step, [asdict(one) for one in report.tokens])
    if report.alarms:  # before a cancel is looked at, for which they may be the reason
        readings = {alarm.code: alarm.value for alarm in report.alarms}
        limits = {f"{alarm.code}.limit": alarm.limit for alarm in report.alarms}
        runs.add_metrics(context.db, context.lease, ALARMS, report.step, {**readings, **limits})
    context.between_steps(
        "improving the policy",
        step=report.step,
        steps=report.steps,
        series="steps",
        values=plain(report.metrics),
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
    pause_point("result-shown")
    metrics = {
        **plain(trained.metrics),
        "stopped_early": trained.stopped_early,
        "kept_steps": trained.steps,
        "unchanged": trained.unchanged,
        "alarms": sorted({alarm.code for alarm in run_alarms.of(context.db, context.run.id)}),
        "reward_model": row.name if row else None,
    }
    name = f"policy-{policies.next_number(context.db, run_id=context.run.id)}"
    made_from = {
        "algorithm": context.settings.algorithm,
        "parent": start.name,
        "reference": policies.reference(context.db, start).name,
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
            unchanged=trained.unchanged,
            result={
                **made_from,
                "kept_steps": trained.steps,
                "unchanged": trained.unchanged,
                "alarms": metrics["alarms"],
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
