"""The frame that every algorithm stands in: draw, measure, keep or stop; (the algorithm updates); checkpoint, report.

Every draw depends on (seed, iteration) alone and no global random state is used, so that a run resumed from a
checkpoint goes on as if it had never been cut.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple, dataclass
from statistics import fmean

from torch import Tensor

from language_models.errors import NothingToTrain
from language_models.pause_points import pause_point
from language_models.sampling import SampleRequest, sample
from language_models.seeds import completion_seed
from policy_training.advantages import masked_mean
from policy_training.episodes import Episodes
from policy_training.guards import (
    PASSING,
    Alarm,
    Reading,
    Readings,
    alarms_of,
    distinct_pairs,
    hacking_alarm,
    may_follow,
    reading,
)
from policy_training.kl import k3_per_sequence, kl_per_sequence
from policy_training.learner import Learner
from policy_training.readings import flaws, readings_of, reference_readings
from policy_training.records import Given, RolloutTokens, StepReport
from policy_training.rollouts import Rollouts, checked_scores, collect
from policy_training.settings import RewardedSettings, TrainingSettings
from policy_training.token_figures import tokens_of
from policy_training.truncation import learned_from, penalised

NEAR_BUDGET = 0.5  # share of the KL budget past which every policy is looked at: the next may be past all of it
HELD_OUT_INDEX = 2**20  # the place in its prompt's draws of a held-out completion: that of no rollout


@dataclass
class Iteration:
    """What an algorithm is to learn from. It adds its own figures to `metrics`, and says, where it has them, what
    rewards and advantages it made of the rollouts, so that they can be looked at token by token."""

    step: int
    rollouts: Rollouts
    metrics: dict[str, float]
    episodes: Episodes | None = None
    advantages: Tensor | None = None  # (N, C)


def iterations(learner: Learner, given: Given, settings: TrainingSettings) -> Iterator[Iteration]:
    """Yields the iterations that are left to do, each to be updated on before the next is asked for.

    Goes on from the newest checkpoint, and reports the iteration that it closed once more: a kill may have come between
    the two. Stops before the last iteration once KL a sequence passes the budget, or on an alarm:
    `learner.kept_policy()` is the last policy before that which is not clearly below the best on held-out prompts,
    where they are given. Raises NothingToTrain without prompts, or where the start is past a limit that ends runs.
    """
    if not given.prompts:
        raise NothingToTrain("there are no prompts to train on; import prompts, or lower the hold-out share")
    done, report = learner.resume(given.checkpoint_folder)
    if report is not None:
        alarms = [Alarm(*one) for one in report["alarms"]]
        tokens = [RolloutTokens(**one) for one in report.get("tokens", ())]  # a version before kept none
        given.on_step(StepReport(done - 1, settings.steps, report["metrics"], alarms, tokens))
    for step in range(done, settings.steps + 1):  # the last pass only measures what the last update made
        began = time.monotonic()
        rollouts = collect(given, learner, settings, step)
        metrics, alarms = _measured(learner, given, settings, step, rollouts)
        measured_at = time.monotonic()
        reason = _reason_to_stop(alarms, settings, f"at step {step}")
        if step == settings.steps or reason is not None:
            learner.stopped = reason if step < settings.steps else None  # at the end there is nothing left to stop
            given.on_step(StepReport(step, settings.steps, metrics, alarms))
            return
        learner.decay_rates(step, settings)
        left = learned_from(rollouts, learner, settings, step)
        if len(left.items) < len(rollouts.items):
            metrics["left_out"] = 1 - len(left.items) / len(rollouts.items)
        now = Iteration(step, left, metrics)
        if left.items:
            yield now
        pause_point("update-ended")
        learner.controller = learner.controller.after(metrics["kl_nats"], len(rollouts.items))
        metrics |= {
            "seconds_sample": rollouts.seconds_sample,
            "seconds_collect": measured_at - began,
            "seconds_update": time.monotonic() - measured_at,
        }
        tokens = tokens_of(now, learner)
        if (step + 1) % settings.checkpoint_every == 0:
            report = {
                "metrics": metrics,
                "alarms": [astuple(one) for one in alarms],
                "tokens": [asdict(one) for one in tokens],
            }
            learner.save(given.checkpoint_folder, step + 1, report)
        for done_with in (left, rollouts):  # what frozen layers made of them goes before the next are computed
            done_with.minibatches.clear()
        given.on_step(StepReport(step, settings.steps, metrics, alarms, tokens))
        pause_point("iteration-reported")


def _measured(
    learner: Learner, given: Given, settings: TrainingSettings, step: int, rollouts: Rollouts
) -> tuple[dict[str, float], list[Alarm]]:
    """Figures of the policy as it is now and what is past its limit; it is kept where it may be published."""
    metrics = figures_of(rollouts)
    if isinstance(settings, RewardedSettings):
        metrics["beta"] = learner.controller.beta
    if given.reward is not None:
        metrics |= {"score": float(rollouts.scores.mean()), "score_sd": float(rollouts.scores.std(unbiased=False))}
        metrics |= given.reward_figures()
    readings = readings_of(rollouts.items, rollouts.sampled, rollouts.entropy.sum(1), len(given.prompts))
    proxy = _proxy(rollouts, given, settings)
    if learner.usual_readings is None:
        is_reference = step == 0 and given.start_folder is None and given.reference_adapter is None  # B is 0
        learner.usual_readings = readings if is_reference else reference_readings(given, settings)
    held_out = _held_out_scores(learner, given, settings, step, metrics["kl_nats"])
    if held_out:
        metrics["held_out"] = fmean(held_out)
    alarms = _alarms(learner, metrics["kl_nats"], readings, proxy, held_out, settings)
    if not learner.kept or (not alarms and _is_kept(learner, given, settings, held_out)):
        learner.remember(step, metrics, held_out, proxy)
    return metrics, alarms


def figures_of(rollouts: Rollouts) -> dict[str, float]:
    """Means over the rollouts: KL a sequence (nats), entropy a token (nats), length in tokens, share cut off."""
    kl = kl_per_sequence(rollouts.log_probs, rollouts.reference, rollouts.mask)
    k3 = k3_per_sequence(rollouts.log_probs, rollouts.reference, rollouts.mask)
    return {
        "kl_nats": float(kl.mean()),
        "kl_k3_nats": float(k3.mean()),
        "entropy_nats": float(masked_mean(rollouts.entropy, rollouts.mask)),
        "length_tokens": float(rollouts.mask.sum(1).float().mean()),
        **{code: fmean(whether) for code, whether in flaws(rollouts.sampled).items()},
        "distinct_2": distinct_pairs([sampled.token_ids for sampled in rollouts.sampled]),
    }


def _proxy(rollouts: Rollouts, given: Given, settings: TrainingSettings) -> Reading | None:
    """The score that is trained on, with its penalty for truncation; None without a reward."""
    if given.reward is None:
        return None
    scores = penalised(rollouts.scores, rollouts.sampled, settings)
    return reading(scores.tolist(), [item.id for item in rollouts.items], len(given.prompts))


def _is_watched(given: Given, settings: TrainingSettings) -> bool:
    """Whether held-out prompts are looked at."""
    return given.held_out is not None and bool(given.held_out.prompts) and settings.guards.held_out_every > 0


def _held_out_scores(
    learner: Learner, given: Given, settings: TrainingSettings, step: int, kl_nats: float
) -> list[float]:
    """Scores of one completion of each held-out prompt, drawn with the same numbers every time, with the penalty for
    truncation that training has; empty where it is not time for a look."""
    if not _is_watched(given, settings):
        return []
    in_turn = step % settings.guards.held_out_every == 0 or step == settings.steps
    if not in_turn and not NEAR_BUDGET < kl_nats / settings.kl_budget_nats <= 1:
        return []
    assert given.held_out is not None
    prompts = given.held_out.prompts
    seeds = (completion_seed(settings.seed, item.id, HELD_OUT_INDEX) for item in prompts)
    requests = [SampleRequest(item.token_ids, seed) for item, seed in zip(prompts, seeds, strict=True)]
    sampled = sample(learner.model, requests, settings.sampling, learner.adapter)
    scores = penalised(checked_scores(given.held_out.reward(prompts, sampled), prompts), sampled, settings)
    pause_point("held-out-scored")
    return [float(score) for score in scores]


def _alarms(
    learner: Learner, kl_nats: float, readings: Readings, proxy: Reading | None, held_out: list[float],
    settings: TrainingSettings,
) -> list[Alarm]:  # fmt: skip
    """What is past its limit now. Raises NothingToTrain where the policy that it starts from is past a limit that ends
    a run: nothing would come of it but that policy once more."""
    assert learner.usual_readings is not None
    found = alarms_of(learner.usual_readings, readings, settings.guards)
    if held_out and learner.best_held_out and proxy is not None and learner.best_proxy is not None:
        hacking = hacking_alarm(learner.best_proxy, proxy, learner.best_held_out, held_out)
        found += [hacking] if hacking else []
    if not kl_nats <= settings.kl_budget_nats:  # so that what is no number is past it as well
        found.append(Alarm("kl_budget", kl_nats, settings.kl_budget_nats))
    if not learner.kept and (reason := _reason_to_stop(found, settings, "at the start")):
        raise NothingToTrain(
            f"the policy that this run starts from is past a limit already ({reason}): start from an earlier policy, "
            "or allow more (kl_budget_nats, guards.entropy_floor, guards.stop)"
        )
    return found


def _is_kept(learner: Learner, given: Given, settings: TrainingSettings, held_out: list[float]) -> bool:
    """By the held-out prompts (guards.may_follow); where none are looked at the last policy is."""
    if not _is_watched(given, settings):
        return True
    return bool(held_out) and (not learner.best_held_out or may_follow(learner.best_held_out, held_out))


def _reason_to_stop(alarms: Sequence[Alarm], settings: TrainingSettings, when: str) -> str | None:
    """The budget always stops, what may pass never, other alarms where the settings say so."""
    for alarm in alarms:
        if alarm.code == "kl_budget":
            return f"KL {alarm.value:.2f} passed the budget of {alarm.limit:g} nats {when}"
    lasting = [alarm for alarm in alarms if alarm.code not in PASSING]
    if lasting and settings.guards.stop:
        told = ", ".join(f"{alarm.code} {alarm.value:.3g} past {alarm.limit:.3g}" for alarm in lasting)
        return f"alarm {when}: {told}"
    return None
