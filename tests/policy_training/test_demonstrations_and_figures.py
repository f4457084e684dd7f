"""Demonstrations, shaping, and what is told of tokens and scores, against what they are made of."""

from collections.abc import Sequence
from pathlib import Path
from statistics import pstdev
from typing import Any

import pytest
import torch

from language_models.batches import collate
from language_models.log_probs import completion_pass
from language_models.sampling import Sampled
from language_models.settings import LoraSettings, SamplingSettings
from policy_training import imitating, iterations
from policy_training.algorithms import imitation, ppo
from policy_training.algorithms.settings.imitation import Settings as ImitationSettings
from policy_training.algorithms.settings.ppo import Settings
from policy_training.episodes import episodes_of
from policy_training.guards import Alarm
from policy_training.imitating import add_imitation_gradient, mixed_imitation
from policy_training.learner import Learner
from policy_training.records import Demonstration, Given, PromptItem, StepReport
from policy_training.rollouts import BadReward, checked_scores, collect
from policy_training.settings import GuardSettings
from policy_training.token_figures import tokens_of
from tiny_models import fresh_tiny

FEW: dict[str, Any] = {
    "steps": 3,
    "prompts_per_step": 2,
    "samples_per_prompt": 3,
    "kl_budget_nats": 1e4,
    "lora": LoraSettings(rank=4, alpha=8),
    "sampling": SamplingSettings(temperature=0.7, max_new_tokens=10, batch_size=8),
}
RUN = Settings(**FEW, value_learning_rate=1e-3)


def reward(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
    return [len(one.token_ids) / 3 + place for place, one in enumerate(sampled)]


def started(folder: Path, **more: Any) -> tuple[Given, Learner]:
    model = fresh_tiny()
    items = [PromptItem(n, model.tokens([{"role": "user", "content": "word " * n}])) for n in range(3)]
    given = Given(model, items, reward, folder, lambda _: None, **more)
    learner = Learner.start(given, RUN, value_learning_rate=1e-3)
    with torch.no_grad():
        for parameter in learner.weights().values():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.05)
    return given, learner


def test_shaping_is_of_the_prompts_that_were_drawn_and_discounted(tmp_path: Path) -> None:
    asked: list[Any] = []

    def rising(items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[list[float]]:
        asked.extend(items)
        return [[1.0 + t for t in range(len(one.token_ids) + 1)] for one in sampled]

    given, learner = started(tmp_path, potential=rising)
    rollouts = collect(given, learner, RUN, 0)
    found = episodes_of(rollouts, given, learner, RUN.model_copy(update={"discount": 0.9}))
    assert asked == rollouts.items
    assert found.shaping is not None
    for row, length in enumerate(rollouts.mask.sum(1).tolist()):
        expected = [0.9 * (2.0 + t if t + 1 < length else 0.0) - (1.0 + t) for t in range(length)]
        assert found.shaping[row, :length].tolist() == pytest.approx(expected, abs=1e-5)


def shown_of(model: Any, count: int = 9) -> list[Demonstration]:
    prompt = model.tokens([{"role": "user", "content": "from"}])
    return [Demonstration(prompt, model.completion_tokens("on " * n, True), 1.0 + n) for n in range(1, count + 1)]


def test_the_mean_of_imitation_is_a_token_at_the_temperature(tmp_path: Path) -> None:
    given, learner = started(tmp_path)
    shown = shown_of(given.model, 4)
    with given.model.adapters.training(given.adapter):
        found, _ = add_imitation_gradient(learner, shown, RUN)
    total = 0.0
    for one in shown:
        batch = collate([one.prompt_ids], [one.completion_ids], given.model.pad_id)
        with torch.no_grad(), given.model.adapters.using(given.adapter):
            total -= one.weight * float(completion_pass(given.model, batch, 0.7).log_probs.sum())
    assert found == pytest.approx(total / sum(one.weight * len(one.completion_ids) for one in shown), rel=1e-4)


def test_demonstrations_beside_ppo_come_in_passes_by_the_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, learner = started(tmp_path)
    seen: list[list[int]] = []

    def told(_: Any, shown: Sequence[Demonstration], *__: Any) -> tuple[float, list[Any]]:
        seen.append([len(one.completion_ids) for one in shown])
        return 0.0, []

    monkeypatch.setattr(imitating, "add_imitation_gradient", told)
    shown = shown_of(given.model)
    for seed in (0, 1):
        settings = RUN.model_copy(update={"imitation_coefficient": 1.0, "imitation_batch": 3, "seed": seed})
        for place in range(3):
            mixed_imitation(learner, shown, settings, place)
    once = sorted(len(one.completion_ids) for one in shown)
    for passed in (seen[:3], seen[3:]):
        assert sorted(one for batch in passed for one in batch) == once, "each once"
    assert seen[:3] != seen[3:]


def test_imitation_shows_everything_once_before_anything_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, _learner = started(tmp_path)
    given.model.adapters.remove(given.adapter)
    seen: list[int] = []

    def told(_: Any, shown: Sequence[Demonstration], *__: Any) -> tuple[float, list[Any]]:
        seen.extend(len(one.completion_ids) for one in shown)
        return 0.0, []

    monkeypatch.setattr(imitation, "add_imitation_gradient", told)
    monkeypatch.setattr(imitation, "guarded_step", lambda *_: 0)
    shown = shown_of(given.model)
    given = Given(given.model, given.prompts, None, tmp_path, lambda _: None, demonstrations=shown)
    imitation.train(given, ImitationSettings(**FEW, demonstrations_per_step=3))
    assert sorted(seen) == sorted(len(one.completion_ids) for one in shown)


def test_what_is_told_of_tokens_is_that_of_the_rollouts(tmp_path: Path) -> None:
    given, learner = started(tmp_path)
    rollouts = collect(given, learner, RUN, 0)
    for row, one in enumerate(tokens_of(iterations.Iteration(0, rollouts, {}), learner)):
        length = len(rollouts.sampled[row].token_ids)
        for name, whole in (
            ("log_prob", rollouts.log_probs),
            ("reference_log_prob", rollouts.reference),
            ("entropy", rollouts.entropy),
            ("value", rollouts.values),
        ):
            assert one.figures[name] == pytest.approx(whole[row, :length].tolist(), abs=1e-5), name


def test_the_spread_of_scores_is_that_of_the_completions_themselves(tmp_path: Path) -> None:
    reports: list[StepReport] = []
    given = Given(fresh_tiny(), [PromptItem(0, [5, 6])], lambda _, done: [0.0, 1.0, 2.0] * 2, tmp_path, reports.append)
    ppo.train(given, RUN.model_copy(update={"steps": 1}))
    assert reports[0].metrics["score_sd"] == pytest.approx(pstdev([0.0, 1.0, 2.0]))


def test_alarms_of_the_iteration_that_a_checkpoint_closed_are_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[StepReport] = []

    def cut(report: StepReport) -> None:
        told.append(report)
        if len(told) == 2:
            raise InterruptedError

    monkeypatch.setattr(iterations, "alarms_of", lambda *_: [Alarm("entropy", 0.1, 0.6)])
    settings = RUN.model_copy(update={"guards": GuardSettings(stop=False)})
    with pytest.raises(InterruptedError):
        ppo.train(Given(fresh_tiny(), [PromptItem(0, [5, 6])], reward, tmp_path, cut), settings)
    ppo.train(Given(fresh_tiny(), [PromptItem(0, [5, 6])], reward, tmp_path, told.append), settings)
    assert (told[2].step, told[2].alarms) == (1, told[1].alarms) == (1, [Alarm("entropy", 0.1, 0.6)])


@pytest.mark.parametrize("bad", ["nan", "inf", "-inf", "1e39"])  # the last is infinite in 32 bits
def test_a_score_that_is_not_finite_is_refused(bad: str) -> None:
    with pytest.raises(BadReward, match="prompt 4: scores must be finite"):
        checked_scores([1.0, float(bad)], [PromptItem(3, [1]), PromptItem(4, [1])])


@pytest.mark.parametrize("bad", [None, "a", [1.0]])
def test_a_score_that_is_no_number_is_refused_as_well(bad: Any) -> None:
    with pytest.raises(BadReward, match=r"gave .* for a completion of prompt 4: scores must be finite"):
        checked_scores([1.0, bad], [PromptItem(3, [1]), PromptItem(4, [1])])
