"""What a run train-policy warns of: what counts for nothing, is not what was asked, or cannot be trusted."""

from __future__ import annotations

from dataclasses import replace

from feedback_store.policies import Policy
from feedback_store.reward_models import RewardModel as RewardRow
from language_models.layers import UnknownLayers
from policy_training.guards import Alarm
from policy_training.learner import TrainedPolicy, frozen_layers
from policy_training.records import StepReport
from rounds import own_lora, resuming, unproven_reward
from rounds.algorithm_needs import needs_of
from rounds.context import RunContext

CUTS = {
    "penalty": ": all pay the truncation penalty alike",
    "leave_out": ": all are left out, and nothing is learned from them",
    "bootstrap": ": the value head's word stands for the score of all",
}


def of_a_step(context: RunContext, report: StepReport, start: Policy, adapter: str) -> None:
    """Of a start whose layers or ranks are other than the settings say, and of steps that taught nothing; `adapter` is
    the name of the one under training."""
    if report.step == 0 and start.folder:
        for words in filter(None, (_untrained_layers(context, start, adapter), _other_lora(context, start))):
            context.log(words, level="warning")
    if report.step == 0 and report.metrics.get("cut_off") == 1.0:
        context.log(_never_ends(context), level="warning")
    elif report.metrics.get("left_out") == 1.0:
        context.log(
            f"Every completion of step {report.step} was cut off and left out: it taught nothing.", level="warning"
        )


def with_doubts(context: RunContext, report: StepReport, row: RewardRow | None) -> StepReport:
    """The first report with an alarm where the reward that is trained on cannot be told from chance."""
    if report.step > 0 or row is None or "learned" not in needs_of(context.settings.model_dump(mode="json")):
        return report
    least = unproven_reward.surely_right(row.metrics)
    if least is None or least > unproven_reward.CHANCE:
        return report
    context.log(
        f"{row.name} cannot be told from chance yet: on pairs that it was not trained on it is surely right in "
        f"{least:.2f} of them only, and a coin is in {unproven_reward.CHANCE}. The policy may gain nothing by it, or "
        "get worse, and held-out scores, which are the same reward's, would not show it: compare it with its parent "
        "blind before it is used, and judge more pairs.",
        level="warning",
    )
    return replace(report, alarms=[*report.alarms, Alarm(unproven_reward.CODE, least, unproven_reward.CHANCE)])


def of_rewards_left_out(context: RunContext) -> None:
    """Of the parts that count for nothing where the study has no reward model, which another part is made of: the
    algorithm trains without a reward then, and none tells which policy is kept."""
    left = [one.function for one in context.settings.rewards if one.function != "learned"]
    if left:
        context.log(
            f"There is no reward model yet, so no reward is computed at all, {', '.join(left)} neither: "
            f"{context.settings.algorithm} needs none, and the last policy within the limits is kept. Train a reward "
            "model first, or leave learned out of the rewards.",
            level="warning",
        )


def of_passed_over_checkpoints(context: RunContext) -> None:
    """Checkpoints that fail their check are no secret: the disk may be failing."""
    there = resuming.steps(context.checkpoints)
    newest = resuming.newest_valid(context.checkpoints) if there else None
    damaged = [step for step in there if newest is None or step > resuming.step_named(newest)]
    if damaged:
        then = f"goes on from step {resuming.step_named(newest)}" if newest else "begins anew"
        context.log(
            f"Checkpoints are not as they were written (of step {', '.join(map(str, damaged))}), so it {then}. Look at "
            "the disk.",
            level="warning",
        )


def of_what_is_published(context: RunContext, trained: TrainedPolicy, start: Policy) -> None:
    """Where it is the start once more, or not all of the steps that were taken are in it."""
    steps, was_watched = context.settings.training.steps, "held_out" in trained.metrics
    if trained.steps == 0:
        better = " and not clearly worse on held-out prompts" if was_watched else ""
        context.log(
            f"No later policy than {start.name}, which this run started from, is within the limits{better}: what is "
            "published is the same. Judge more pairs, or take smaller steps (learning_rate).",
            level="warning",
        )
    elif trained.unchanged:
        context.log(
            f"No step changed a weight: what is published is the same as {start.name}, which this run started from. "
            "Where all completions of a prompt score alike, or all are left out, there is nothing to learn: look at "
            "the rewards.",
            level="warning",
        )
    elif trained.steps < steps:
        better = " and not clearly worse on held-out prompts than the best" if was_watched else ""
        context.log(
            f"What is published is the policy after {trained.steps} of {steps} steps, the last that is within the "
            f"limits{better}."
        )


def _never_ends(context: RunContext) -> str:
    tokens = context.settings.training.sampling.max_new_tokens
    if not context.models.model.stop_ids:
        return (
            "The base has no token that ends a text, so every completion is cut off, and nothing can teach the policy "
            f"to stop: all are {tokens} tokens long."
        )
    meaning = CUTS.get(getattr(context.settings.training, "truncated", ""), "")
    return (
        f"Not one completion of the first step ended by itself within {tokens} tokens{meaning}. Ask for shorter "
        "answers in the prompts or the system prompt, or allow more new tokens (sampling.max_new_tokens)."
    )


def _untrained_layers(context: RunContext, start: Policy, adapter: str) -> str | None:
    """Words where the adapter that is gone on from leaves more of the layers alone than the settings do; None of a base
    whose layers cannot be told apart: there nobody can have left some alone."""
    model = context.models.model
    try:
        lowest = model.adapters.lowest_layer(adapter)
    except UnknownLayers:
        return None
    if lowest <= frozen_layers(model, context.settings.training):
        return None
    return (
        f"{start.name}, which this run starts from, changes none of the lowest {lowest} of {model.layers} layers: they "
        "stay as they are, whatever frozen_share says. To train them too, start from the base, or from a policy that "
        "was trained on all layers."
    )


def _other_lora(context: RunContext, start: Policy) -> str | None:
    """Words where the adapter that is gone on from has another rank or alpha than the settings ask."""
    own, asked = own_lora.of_policy(context.study_folder, start), context.settings.training.lora
    if own is None or not own_lora.otherwise(own, asked.model_dump()):
        return None
    return (
        f"{start.name}, which this run starts from, has an adapter of rank {own['rank']:g} and alpha "
        f"{own['alpha']:g}: these stay, whatever the settings say (lora: rank {asked.rank}, alpha {asked.alpha:g}). To "
        "train an adapter of others, start from the base."
    )
