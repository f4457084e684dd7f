"""The next policy: the current one, improved by one of the algorithms of policy_training.

The reference is the one start of a line of policies, the base or an imported adapter, so the KL shown is cumulative.
When the new policy is published it has written a few completions beside its parent's already, so that the two can be
looked at side by side; what it wrote on the way is kept in the run's folder.
"""

from __future__ import annotations

from typing import Any

from feedback_store import completions, policies, prompts
from feedback_store.policies import Policy
from feedback_store.reward_models import RewardModel as RewardRow
from policy_training import algorithm_registry
from policy_training.learner import TrainedPolicy
from policy_training.records import Given, PromptItem, StepReport
from policy_training.settings import TrainingSettings
from rounds import beginnings, resuming
from rounds.beginnings import Beginning
from rounds.context import RunContext
from rounds.drawing import Wanted, as_completion
from rounds.model_host import ADAPTER
from rounds.plain import plain
from rounds.policy_reward import PolicyReward
from rounds.publishing import write_weights
from rounds.settings import TrainPolicySettings
from rounds.showing import ShownTexts
from rounds.taking_over import take_over
from rounds.texts import with_system_prompt

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
    items = _items(context, began)
    if settings.resume_from is not None:
        take_over(context)
    context.report("loading the reward model")
    adapters = context.models.model.adapters
    reference = policies.reference(context.db, start)
    reward = PolicyReward(context, row, reference)
    try:
        if reference.folder is not None:
            adapters.load(REFERENCE, context.models.folder_of(reference) / ADAPTER)
        shown = ShownTexts(context, start, reward, TRAINED)
        given = Given(
            context.models.model,
            items,
            reward,
            context.checkpoints,
            on_step=lambda report: _after_step(context, report, shown, reward),
            start_folder=context.models.folder_of(start) if start.folder else None,
            reference_adapter=REFERENCE if reference.folder else None,
            adapter=TRAINED,
        )
        trained = algorithm_registry.trainer(settings.algorithm)(given, _training_settings(context))
        if trained.stopped_early:
            context.log(f"Training stopped early: {trained.stopped_early}.")
        policy = _publish(context, trained, start, reward, shown)
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
    with_learned = any(one.function == "learned" for one in settings.rewards)
    row = context.models.reward_row(began.reward_model if began else settings.reward_model) if with_learned else None
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
    items = [
        PromptItem(
            prompt.id, model.tokens(prompt.messages, study.system_prompt), with_system_prompt(prompt.messages, study)
        )
        for prompt in known
    ]
    for item in items:  # before anything is trained, not when one of them is drawn at last
        model.require_room(item.token_ids, context.settings.training.sampling.max_new_tokens, f"Prompt {item.id}")
    return items


def _training_settings(context: RunContext) -> TrainingSettings:
    """The settings of the algorithm; the temperature is the study's, as everywhere."""
    settings: TrainPolicySettings = context.settings
    training = settings.training
    sampling = training.sampling.model_copy(update={"temperature": context.study.sampling.temperature})
    return training.model_copy(update={"sampling": sampling})


def _after_step(context: RunContext, report: StepReport, shown: ShownTexts, reward: PolicyReward) -> None:
    if report.step == 0 and report.metrics.get("cut_off") == 1.0:
        context.log(_never_ends(context), level="warning")
    context.between_steps(
        "improving the policy",
        step=report.step,
        steps=report.steps,
        series="steps",
        values=plain({**report.metrics, **reward.readings()}),
    )
    if "seconds_update" in report.metrics:  # there was an update: that of step 0 makes the policy after one step
        shown.on_the_way(report.step + 1)


def _never_ends(context: RunContext) -> str:
    tokens = context.settings.training.sampling.max_new_tokens
    if not context.models.model.stop_ids:
        return (
            "The base has no token that ends a text, so every completion is cut off, and nothing can teach the policy "
            f"to stop: all are {tokens} tokens long."
        )
    return (
        f"Not one completion of the first step ended by itself within {tokens} tokens: all pay the truncation penalty "
        "alike. Ask for shorter answers in the prompts or the system prompt, or allow more new tokens "
        "(sampling.max_new_tokens)."
    )


def _publish(
    context: RunContext,
    trained: TrainedPolicy,
    start: Policy,
    reward: PolicyReward,
    shown: ShownTexts,
) -> Policy:
    context.report("sampling before and after")
    drawn = shown.at_the_end(trained.steps)
    row = reward.row
    metrics = {
        **plain(trained.metrics),
        "stopped_early": trained.stopped_early,
        "reward_model": row.name if row else None,
    }
    name = f"policy-{policies.next_number(context.db, run_id=context.run.id)}"
    made_from = {
        "algorithm": context.settings.algorithm,
        "parent": start.name,
        "reference": policies.reference(context.db, start).name,
        "reward_model": row.name if row else None,
        "rewards": reward.provenance(),
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
