"""PPO on a small model: layout, guards, and going on from a policy or a checkpoint. What holds for every algorithm:
test_algorithms.py."""

import itertools
from collections.abc import Sequence
from math import exp, isfinite
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import pytest
import torch

from language_models.batches import Batch
from language_models.errors import NonFiniteLoss, NothingToTrain
from language_models.model import LanguageModel
from language_models.precision import Compute
from language_models.sampling import Sampled
from language_models.settings import LoraSettings, SamplingSettings
from policy_training import iterations, readings
from policy_training.algorithms import ppo
from policy_training.algorithms.settings.ppo import Settings
from policy_training.learner import ADAPTER, Learner, TrainedPolicy
from policy_training.optimiser_step import guarded_step
from policy_training.records import Given, PromptItem, RewardFunction, StepReport
from policy_training.rollouts import BadReward, Rollouts, collect
from policy_training.updates import Losses, Seen
from tiny_models import fresh_tiny
from trained_weights import same, weights_of

SETTINGS = Settings(
    steps=3,
    prompts_per_step=4,
    samples_per_prompt=2,
    learning_rate=3e-3,
    tokens_per_batch=300,
    lora=LoraSettings(rank=4, alpha=8),
    sampling=SamplingSettings(max_new_tokens=16, batch_size=8),
)


def prompts_of(model: LanguageModel) -> list[PromptItem]:
    return [PromptItem(index, model.tokens([{"role": "user", "content": "word " * index + "?"}])) for index in range(6)]


def spaces(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
    return [completion.text.count(" ") / 3 for completion in sampled]


def run(
    model: LanguageModel,
    folder: Path,
    settings: Settings = SETTINGS,
    reward: RewardFunction = spaces,
    cut_at: int | None = None,
    prompts: int = 6,
) -> tuple[TrainedPolicy, list[StepReport]]:
    reports: list[StepReport] = []

    def on_step(report: StepReport) -> None:
        reports.append(report)
        if report.step == cut_at:
            raise InterruptedError

    return ppo.train(Given(model, prompts_of(model)[:prompts], reward, folder, on_step), settings), reports


@pytest.fixture
def learner_and_rollouts(tmp_path: Path) -> tuple[Learner, Rollouts]:
    model = fresh_tiny()
    given = Given(model, prompts_of(model), spaces, tmp_path, lambda _: None)
    learner = Learner.start(given, SETTINGS, value_learning_rate=SETTINGS.value_learning_rate)
    with torch.no_grad():
        for parameter in learner.weights().values():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.03)
    return learner, collect(given, learner, SETTINGS, 0)


def test_every_row_is_in_one_micro_batch_and_the_eos_is_trained_on(
    learner_and_rollouts: tuple[Learner, Rollouts],
) -> None:
    _, rollouts = learner_and_rollouts
    rows = [int(row) for minibatch in rollouts.minibatches for micro in minibatch for row in micro.rows]
    assert sorted(rows) == list(range(8))
    assert rollouts.mask.sum(1).tolist() == [len(sampled.token_ids) for sampled in rollouts.sampled]
    assert any(sampled.finished for sampled in rollouts.sampled)


def test_the_value_head_starts_at_zero_and_kl_at_the_start_is_zero(tmp_path: Path) -> None:
    model = fresh_tiny()
    given = Given(model, prompts_of(model), spaces, tmp_path, lambda _: None)
    learner = Learner.start(given, SETTINGS, value_learning_rate=1e-3)
    head = [value for name, value in learner.weights().items() if name.startswith("value_head.")]
    assert len(head) == 2 and not any(value.any() for value in head)
    rollouts = collect(given, learner, SETTINGS, 0)
    assert not rollouts.values.any()
    assert iterations.figures_of(rollouts)["kl_nats"] == 0.0


def test_the_loss_of_a_token_is_the_clipped_one_with_returns_of_unwhitened_advantages(
    learner_and_rollouts: tuple[Learner, Rollouts], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    learner, rollouts = learner_and_rollouts
    settings = SETTINGS.model_copy(update={"discount": 0.97, "gae_lambda": 0.9, "value_coefficient": 0.3})
    made: list[Losses] = []

    def caught(*arguments: Any, **_: Any) -> dict[str, float]:
        made.append(arguments[4])
        return {}

    monkeypatch.setattr(ppo, "optimise", caught)
    now = iterations.Iteration(0, rollouts, {})
    ppo._update(learner, now, Given(learner.model, [], spaces, tmp_path, lambda _: None), settings)
    assert now.episodes is not None
    noise = torch.Generator().manual_seed(3)
    log_probs, values = (
        known + 0.3 * torch.randn(known.shape, generator=noise) for known in (rollouts.log_probs, rollouts.values)
    )
    rows = torch.arange(len(rollouts.items))
    found, _ = made[0](Seen(log_probs, rollouts.log_probs, values, rollouts.mask, rows))

    # Written out, token by token, backwards: GAE by its recursion, returns, then whitening, then both losses.
    advantages, returns = {}, {}
    for row in rows.tolist():
        after, value_after = 0.0, 0.0
        for t in reversed(range(int(rollouts.mask[row].sum()))):
            value = float(rollouts.values[row, t])
            after = float(now.episodes.rewards[row, t]) + 0.97 * value_after - value + 0.97 * 0.9 * after
            advantages[row, t], returns[row, t], value_after = after, after + value, value
    mean, deviation = fmean(advantages.values()), pstdev(advantages.values())
    sides = set()
    for (row, t), advantage in advantages.items():
        whitened = (advantage - mean) / deviation
        ratio = exp(float(log_probs[row, t] - rollouts.log_probs[row, t]))
        policy = -min(whitened * ratio, whitened * min(max(ratio, 0.8), 1.2))
        old, new = float(rollouts.values[row, t]), float(values[row, t])
        near = old + min(max(new - old, -0.2), 0.2)
        value = 0.5 * max((new - returns[row, t]) ** 2, (near - returns[row, t]) ** 2)
        assert float(found[row, t]) == pytest.approx(policy + 0.3 * value, abs=2e-5), (row, t)
        sides.add((whitened > 0, ratio > 1.2, ratio < 0.8))
    assert len(sides) == 6  # clipped and not, above and below, of both signs


def test_layers_that_are_computed_again_end_in_the_same_weights(tmp_path: Path) -> None:
    """And sampling keeps its cache meanwhile."""
    plain, _ = run(fresh_tiny(), tmp_path / "plain")
    model = fresh_tiny()
    with model.computed(Compute(recompute=True)):
        again, _ = run(model, tmp_path / "again")
    # Prompts that samples share are computed for each of them then: the same sums in another order.
    for name, weight in weights_of(plain).items():
        torch.testing.assert_close(weights_of(again)[name], weight, atol=1e-4, rtol=1e-3)


def test_a_flipped_bit_in_the_newest_checkpoint_resumes_from_the_one_before(tmp_path: Path) -> None:
    uncut, _ = run(fresh_tiny(), tmp_path / "uncut")
    with pytest.raises(InterruptedError):
        run(fresh_tiny(), tmp_path / "cut", cut_at=1)
    tensors = tmp_path / "cut" / "step-000002" / "tensors.safetensors"
    data = bytearray(tensors.read_bytes())
    data[-9] ^= 4
    tensors.write_bytes(data)
    resumed, rest = run(fresh_tiny(), tmp_path / "cut")
    assert [report.step for report in rest] == [0, 1, 2, 3]
    assert same(weights_of(resumed), weights_of(uncut))


def test_a_run_that_is_cut_some_steps_after_its_checkpoint_ends_bit_equal(tmp_path: Path) -> None:
    """And within a pass over the prompts."""
    short = SamplingSettings(max_new_tokens=8, batch_size=6)
    settings = SETTINGS.model_copy(
        update={"prompts_per_step": 3, "epochs": 1, "minibatches": 1, "checkpoint_every": 2, "sampling": short}
    )
    uncut, reports = run(fresh_tiny(), tmp_path / "uncut", settings, prompts=5)
    with pytest.raises(InterruptedError):
        run(fresh_tiny(), tmp_path / "cut", settings, cut_at=2, prompts=5)
    assert [folder.name for folder in (tmp_path / "cut").iterdir()] == ["step-000002"]
    torch.manual_seed(9)
    resumed, rest = run(fresh_tiny(), tmp_path / "cut", settings, prompts=5)
    assert [report.step for report in rest] == [1, 2, 3]
    assert [one.tokens for one in rest[1:]] == [one.tokens for one in reports[2:]] != [[], []]
    assert (resumed.steps, resumed.metrics) == (uncut.steps, uncut.metrics)
    assert same(weights_of(resumed), weights_of(uncut))


def test_a_saved_policy_starts_the_next_one_where_it_ended(tmp_path: Path) -> None:
    model = fresh_tiny()
    first, _ = run(model, tmp_path / "c")
    (tmp_path / "policy").mkdir()
    first.save(tmp_path / "policy")
    again = fresh_tiny()
    given = Given(again, [], None, tmp_path, lambda _: None, start_folder=tmp_path / "policy", adapter="next")
    learner = Learner.start(given, SETTINGS, value_learning_rate=1e-3)
    assert learner.value_head is not None
    assert first.value_head is not None
    assert same(dict(again.adapters.state("next")), dict(model.adapters.state(first.adapter)))
    assert same(dict(learner.value_head.state_dict()), dict(first.value_head.state_dict()))


def test_reading_the_reference_keeps_to_the_budget_where_no_prompt_is_computed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, read = fresh_tiny(), list[int]()
    model.adapters.add("before", SETTINGS.lora, 3)
    (tmp_path / "start" / ADAPTER).mkdir(parents=True)
    model.adapters.save("before", tmp_path / "start" / ADAPTER)
    model.adapters.remove("before")
    real = readings.completion_pass

    def watched(of: LanguageModel, batch: Batch, *more: Any, **named: Any) -> Any:
        read.append(batch.input_ids.numel())
        return real(of, batch, *more, **named)

    monkeypatch.setattr(readings, "completion_pass", watched)
    prompt = model.tokens([{"role": "user", "content": "word " * 40}])
    given = Given(
        model, [PromptItem(1, prompt, ())], lambda items, _: [0.0] * len(items), tmp_path / "c", lambda _: None,
        start_folder=tmp_path / "start",
    )  # fmt: skip
    budget = len(prompt) + 40
    settings = SETTINGS.model_copy(
        update={"steps": 1, "prompts_per_step": 1, "samples_per_prompt": 8, "tokens_per_batch": budget}
    )
    with model.computed(Compute(recompute=True)):
        ppo.train(given, settings)
    assert len(read) == 8
    assert max(read) <= budget


def test_a_limit_that_is_passed_at_the_last_look_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, kl = iterations.figures_of, itertools.chain([0.0, 0.1, 0.1, 9.0])
    monkeypatch.setattr(iterations, "figures_of", lambda rollouts: real(rollouts) | {"kl_nats": next(kl)})
    trained, reports = run(fresh_tiny(), tmp_path, SETTINGS.model_copy(update={"kl_budget_nats": 0.5}))
    assert [[alarm.code for alarm in report.alarms] for report in reports] == [[], [], [], ["kl_budget"]]
    assert (trained.steps, trained.stopped_early) == (2, None)


def test_past_the_kl_budget_training_stops_with_the_policy_that_was_within(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(
        update={"steps": 12, "learning_rate": 2e-2, "kl_budget_nats": 0.5, "kl_coefficient": 0.0}
    )
    trained, reports = run(fresh_tiny(), tmp_path, settings)
    assert trained.stopped_early is not None
    assert "budget" in trained.stopped_early
    assert reports[-1].metrics["kl_nats"] > 0.5 >= trained.metrics["kl_nats"]
    measured = reports[-2].metrics  # and what the update away from it was like
    assert trained.metrics == {name: measured[name] for name in trained.metrics}
    assert {"score", "kl_nats"} < trained.metrics.keys()
    assert {"policy_loss", "seconds_update"} < measured.keys() - trained.metrics.keys(), "those are of the next one"


def test_a_kl_that_is_no_number_is_past_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, looks = iterations.figures_of, itertools.count()

    def broken(rollouts: Rollouts) -> dict[str, float]:
        return {**real(rollouts), **({"kl_nats": float("nan")} if next(looks) == 2 else {})}

    monkeypatch.setattr(iterations, "figures_of", broken)
    trained, reports = run(fresh_tiny(), tmp_path)
    assert [alarm.code for alarm in reports[-1].alarms] == ["kl_budget"]
    assert (reports[-1].step, trained.steps) == (2, 1)


def test_weights_that_are_no_numbers_any_more_end_the_run_with_the_policy_before(tmp_path: Path) -> None:
    model = fresh_tiny()

    def blown_up(report: StepReport) -> None:
        reports.append(report)
        if report.step == 1:
            with torch.no_grad():
                for parameter in model.adapters.parameters("trained-policy").values():
                    parameter.fill_(float("nan"))

    reports: list[StepReport] = []
    trained = ppo.train(Given(model, prompts_of(model), spaces, tmp_path, blown_up), SETTINGS)
    assert (reports[-1].step, trained.steps) == (2, 1)
    assert "kl_budget" in [alarm.code for alarm in reports[-1].alarms]
    assert all(bool(torch.isfinite(one).all()) for one in model.adapters.state("trained-policy").values())


def test_a_start_that_is_past_the_budget_already_is_said_in_words(tmp_path: Path) -> None:
    far = SETTINGS.model_copy(update={"steps": 6, "learning_rate": 2e-2, "kl_coefficient": 0.0, "kl_budget_nats": 100})
    first, _ = run(fresh_tiny(), tmp_path / "first", far)
    (tmp_path / "policy").mkdir()
    first.save(tmp_path / "policy")
    model = fresh_tiny()
    with pytest.raises(
        NothingToTrain, match=r"past a limit already \(KL \S+ passed the budget of 0.001 nats at the start\)"
    ):
        ppo.train(
            Given(model, prompts_of(model), spaces, tmp_path / "second", print, start_folder=tmp_path / "policy"),
            SETTINGS.model_copy(update={"kl_budget_nats": 0.001}),
        )


def test_three_non_finite_losses_in_a_row_fail_with_the_batch_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ppo, "policy_losses", lambda new, old, advantages, clip: new * float("nan"))
    with pytest.raises(NonFiniteLoss, match="3 times in a row"):
        run(fresh_tiny(), tmp_path)
    assert (tmp_path / "non-finite.safetensors").is_file()


def test_a_non_finite_step_changes_neither_weights_nor_optimiser(
    learner_and_rollouts: tuple[Learner, Rollouts], tmp_path: Path
) -> None:
    learner, rollouts = learner_and_rollouts
    (minibatch, *_), figures = rollouts.minibatches, {"policy_loss": 1.0}
    weights = list(learner.weights().values())
    for gradient, figure in ((float("inf"), 1.0), (1.0, float("nan"))):
        before = [weight.detach().clone() for weight in weights]
        for weight in weights:
            weight.grad = torch.full_like(weight, gradient)
        assert guarded_step(learner, minibatch, {**figures, "policy_loss": figure}, 1.0, tmp_path) == 1
        assert all(torch.equal(weight, was) for weight, was in zip(weights, before, strict=True))
        assert not learner.optimizer.state
    assert learner.skipped_in_a_row == 2
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    assert guarded_step(learner, minibatch, figures, 1.0, tmp_path) == learner.skipped_in_a_row == 0
    assert not torch.equal(weights[0], before[0])


def test_skipped_steps_are_counted_over_a_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = itertools.count(1)

    def never(new: torch.Tensor, *_: object) -> torch.Tensor:
        next(calls)
        return new * float("nan")

    monkeypatch.setattr(ppo, "policy_losses", never)
    two_steps = SETTINGS.model_copy(update={"epochs": 1, "minibatches": 2, "tokens_per_batch": 10_000})
    with pytest.raises(InterruptedError):
        run(fresh_tiny(), tmp_path, two_steps, cut_at=0)
    with pytest.raises(NonFiniteLoss, match="3 times in a row"):
        run(fresh_tiny(), tmp_path, two_steps)
    assert next(calls) - 1 == 3


def test_one_non_finite_step_is_skipped_and_counted_and_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, real = [0], ppo.policy_losses

    def once(*arguments: Any) -> torch.Tensor:
        calls[0] += 1
        return real(*arguments) * (float("nan") if calls[0] == 1 else 1.0)

    monkeypatch.setattr(ppo, "policy_losses", once)
    trained, reports = run(fresh_tiny(), tmp_path)
    assert reports[0].metrics["skipped_steps"] == 1
    assert all(isfinite(value) for value in reports[0].metrics.values()), "what was skipped is in no mean"
    assert "policy_loss" in reports[0].metrics
    assert all(torch.isfinite(value).all() for value in weights_of(trained).values())


@pytest.mark.parametrize(("bad", "words"), [([float("nan")] * 8, "finite"), ([1.0], "1 scores for 8")])
def test_a_reward_that_gives_nonsense_is_refused_in_words(tmp_path: Path, bad: list[float], words: str) -> None:
    with pytest.raises(BadReward, match=words):
        run(fresh_tiny(), tmp_path, reward=lambda items, sampled: bad)


def test_no_prompts_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(NothingToTrain, match="import prompts"):
        ppo.train(Given(fresh_tiny(), [], spaces, tmp_path, print), SETTINGS)


def test_an_update_ends_early_once_it_has_moved_too_far(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"learning_rate": 0.05, "update_kl_target": 1e-4, "epochs": 5})
    _, reports = run(fresh_tiny(), tmp_path, settings)
    assert reports[0].metrics["epochs"] < 5
