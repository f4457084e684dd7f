"""The frame that every algorithm stands in: draw, measure, keep or stop; (the algorithm updates); checkpoint, report.

Every draw depends on (seed, iteration) alone and no global random state is used, so that a run resumed from a
checkpoint goes on as if it had never been cut.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from language_models.errors import NothingToTrain
from language_models.sampling import Sampled
from policy_training.advantages import masked_mean
from policy_training.kl import k3_per_sequence, kl_per_sequence
from policy_training.learner import Learner
from policy_training.records import Given, PromptItem, StepReport
from policy_training.rollouts import Rollouts, collect
from policy_training.settings import RewardedSettings, TrainingSettings


@dataclass(frozen=True)
class Iteration:
    """What an algorithm is to learn from. It adds its own figures to `metrics`."""

    step: int
    rollouts: Rollouts
    metrics: dict[str, float]


def iterations(learner: Learner, given: Given, settings: TrainingSettings) -> Iterator[Iteration]:
    """Yields the iterations that are left to do, each to be updated on before the next is asked for.

    Goes on from the newest checkpoint, and reports the iteration that it closed once more: a kill may have come between
    the two. Stops before the last iteration once KL a sequence passes the budget: `learner.best()` is the policy before
    that. Raises NothingToTrain without prompts, or where the start is past the budget already.
    """
    if not given.prompts:
        raise NothingToTrain("there are no prompts to train on; import prompts, or lower the hold-out share")
    done, report = learner.resume(given.checkpoint_folder)
    if report:
        given.on_step(StepReport(done - 1, settings.steps, report))
    for step in range(done, settings.steps + 1):  # the last pass only measures what the last update made
        began = time.monotonic()
        rollouts = collect(given, learner, settings, step)
        metrics = describe(rollouts, scored=given.reward is not None) | _price(learner, settings)
        sampled_at = time.monotonic()
        if metrics["kl_nats"] > settings.kl_budget_nats:
            learner.stopped = _past_budget(learner, metrics["kl_nats"], settings.kl_budget_nats, step)
            given.on_step(StepReport(step, settings.steps, metrics))
            return
        learner.remember(step, metrics)
        if step < settings.steps:
            learner.decay_rates(step, settings)
            yield Iteration(step, rollouts, metrics)
            learner.controller = learner.controller.after(metrics["kl_nats"], len(rollouts.items))
            metrics |= {"seconds_collect": sampled_at - began, "seconds_update": time.monotonic() - sampled_at}
            if (step + 1) % settings.checkpoint_every == 0:
                learner.save(given.checkpoint_folder, step + 1, metrics)
        given.on_step(StepReport(step, settings.steps, metrics, _shown(rollouts)))


def describe(rollouts: Rollouts, *, scored: bool = True) -> dict[str, float]:
    """Means over the rollouts: scores (where there is a reward), KL a sequence (nats), entropy a token (nats), length
    in tokens, share cut off."""
    kl = kl_per_sequence(rollouts.log_probs, rollouts.reference, rollouts.mask)
    k3 = k3_per_sequence(rollouts.log_probs, rollouts.reference, rollouts.mask)
    scores = {"score": float(rollouts.scores.mean()), "score_sd": float(rollouts.scores.std(unbiased=False))}
    return {
        **(scores if scored else {}),
        "kl_nats": float(kl.mean()),
        "kl_k3_nats": float(k3.mean()),
        "entropy_nats": float(masked_mean(rollouts.entropy, rollouts.mask)),
        "length_tokens": float(rollouts.mask.sum(1).float().mean()),
        "cut_off": sum(not sampled.finished for sampled in rollouts.sampled) / len(rollouts.sampled),
        "empty": sum(not sampled.text.strip() for sampled in rollouts.sampled) / len(rollouts.sampled),
    }


def _price(learner: Learner, settings: TrainingSettings) -> dict[str, float]:
    """The price of KL, where it has one."""
    return {"beta": learner.controller.beta} if isinstance(settings, RewardedSettings) else {}


def _past_budget(learner: Learner, kl_nats: float, budget: float, step: int) -> str:
    if not learner.kept:
        raise NothingToTrain(
            f"the policy that this run starts from is at {kl_nats:.2f} nats of KL already, past the budget of "
            f"{budget:g}: raise kl_budget_nats, or start from an earlier policy"
        )
    return f"KL {kl_nats:.2f} passed the budget of {budget} nats at step {step}"


def _shown(rollouts: Rollouts, count: int = 2) -> list[tuple[PromptItem, Sampled, float]]:
    return list(zip(rollouts.items[:count], rollouts.sampled[:count], rollouts.scores[:count].tolist(), strict=True))
