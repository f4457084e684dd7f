"""What a run draws, refers to, keeps and writes down, each held by itself."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from language_models.batches import collate
from language_models.log_probs import completion_pass
from language_models.sampling import Sampled
from language_models.settings import LoraSettings, SamplingSettings
from policy_training import iterations
from policy_training.algorithms import ppo
from policy_training.algorithms.settings.ppo import Settings as PPOSettings
from policy_training.guards import Reading, Readings, alarms_of, hacking_alarm
from policy_training.learner import Learner, frozen_layers
from policy_training.records import Given, HeldOut, PromptItem, StepReport
from policy_training.rollouts import collect, draw_requests, lay_out
from policy_training.settings import GuardSettings, RewardedSettings
from policy_training.updates import Beside
from tiny_models import fresh_tiny, randomise
from trained_weights import same


def length_reward(items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
    """Prompts differ by more than their completions do."""
    return [3.0 * item.id + len(one.token_ids) / 10 for item, one in zip(items, sampled, strict=True)]


RUN = PPOSettings(
    steps=4,
    prompts_per_step=3,
    samples_per_prompt=2,
    learning_rate=3e-2,
    kl_budget_nats=1000.0,
    guards=GuardSettings(held_out_every=1),
    lora=LoraSettings(rank=4, alpha=8),
    sampling=SamplingSettings(max_new_tokens=12, batch_size=8),
)


def test_the_weights_of_the_policy_that_was_kept_are_returned_also_by_a_run_that_was_cut(tmp_path: Path) -> None:
    def run(folder: Path, means: Sequence[float], cut_at: int | None = None) -> tuple[Any, list[dict[str, Tensor]]]:
        model, after, looks = fresh_tiny(), list[dict[str, Tensor]](), iter(means)

        def weights() -> dict[str, Tensor]:
            return {name: value.clone() for name, value in model.adapters.state("trained-policy").items()}

        def on_step(report: StepReport) -> None:
            after.append(weights())
            if report.step == cut_at:
                raise InterruptedError

        def held(items: Sequence[PromptItem], _: Sequence[Sampled]) -> list[float]:
            level = next(looks)
            return [level + 0.01 * place for place in range(len(items))]

        items = [PromptItem(n, model.tokens([{"role": "user", "content": "word " * n}])) for n in range(5)]
        given = Given(model, items[:3], length_reward, folder, on_step, held_out=HeldOut(items[3:], held))
        trained = ppo.train(given, RUN)
        return trained, [*after, weights()]

    trained, after = run(tmp_path / "uncut", (0.0, 1.0, 3.0, 2.0, 2.0))
    assert trained.steps == 2
    assert same(after[-1], after[1]), "those after two updates"
    assert not same(after[2], after[1])
    with pytest.raises(InterruptedError):
        run(tmp_path / "cut", (0.0, 1.0, 3.0, 2.0), cut_at=3)
    resumed, cut = run(tmp_path / "cut", (2.0,))
    assert resumed.steps == 2
    assert same(cut[-1], after[1])


def test_held_out_completions_are_of_the_policy_under_training(tmp_path: Path) -> None:
    model, texts = fresh_tiny(), list[list[str]]()

    def held(items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
        texts.append([one.text for one in sampled])
        return [0.0] * len(items)

    items = [PromptItem(n, model.tokens([{"role": "user", "content": "word " * n}])) for n in range(5)]

    def kick(_: StepReport) -> None:
        randomise(model, "trained-policy", 3)

    given = Given(model, items[:3], length_reward, tmp_path, kick, held_out=HeldOut(items[3:], held))
    ppo.train(given, RUN.model_copy(update={"steps": 1, "guards": GuardSettings(held_out_every=1, stop=False)}))
    assert len(texts) == 2
    assert texts[0] != texts[1]


def test_a_checkpoint_is_written_after_every_so_many_iterations(tmp_path: Path) -> None:
    model, seen = fresh_tiny(), list[list[str]]()
    folder = tmp_path / "kept"

    def on_step(_: StepReport) -> None:
        seen.append(sorted(path.name for path in folder.glob("step-*")))

    given = Given(model, [PromptItem(0, [5, 6])], length_reward, folder, on_step)
    ppo.train(given, RUN.model_copy(update={"steps": 5, "checkpoint_every": 2, "guards": GuardSettings(stop=False)}))
    newest = [one[-1] if one else None for one in seen]
    assert newest == [None, "step-000002", "step-000002", "step-000004", "step-000004", "step-000004"]


def test_every_step_draws_with_numbers_of_its_own() -> None:
    items = [PromptItem(n, [n]) for n in range(2)]
    settings = RewardedSettings(prompts_per_step=4, samples_per_prompt=3)  # each prompt twice
    seeds = [one.seed for step in range(3) for one in draw_requests(items, settings, step)[1]]
    assert len(set(seeds)) == 36
    other = settings.model_copy(update={"seed": 1})
    many = [PromptItem(n, [n]) for n in range(50)]
    assert draw_requests(many, settings, 0)[0] != draw_requests(many, other, 0)[0]


def drawn(folder: Path, **changes: Any) -> tuple[Given, Learner, PPOSettings]:
    model = fresh_tiny()
    items = [PromptItem(n, model.tokens([{"role": "user", "content": "word " * n}])) for n in range(3)]
    given = Given(model, items, length_reward, folder, lambda _: None)
    settings = RUN.model_copy(update=changes)
    return given, Learner.start(given, settings), settings


def test_mini_batches_are_rows_at_random_and_others_in_each_iteration(tmp_path: Path) -> None:
    given, learner, settings = drawn(tmp_path)
    items = [item for item in given.prompts for _ in range(4)]
    sampled = [Sampled([5, 6], "", "length")] * 12

    def parts(step: int) -> list[list[int]]:
        layout = lay_out(learner, items, sampled, settings, step)
        return [sorted(int(row) for micro in part for row in micro.rows) for part in layout]

    assert parts(0) == parts(0) != parts(1)
    assert parts(0)[0] != list(range(6))


@pytest.mark.parametrize("frozen_share", [0.0, 0.5])
def test_the_reference_is_the_adapter_that_is_named(tmp_path: Path, frozen_share: float) -> None:
    given, learner, settings = drawn(tmp_path, frozen_share=frozen_share)
    given.model.adapters.add("reference", LoraSettings(rank=4, alpha=8), 2)
    randomise(given.model, "reference", 2)
    to_base = collect(given, learner, settings, 0)
    rollouts = collect(replace(given, reference_adapter="reference"), learner, settings, 0)
    for row, (item, one) in enumerate(zip(rollouts.items, rollouts.sampled, strict=True)):
        batch = collate([item.token_ids], [one.token_ids], given.model.pad_id)
        with torch.no_grad(), given.model.adapters.using("reference"):
            expected = completion_pass(given.model, batch, settings.sampling.temperature).log_probs[0]
        torch.testing.assert_close(rollouts.reference[row, : len(expected)], expected, atol=1e-4, rtol=1e-4)
    assert (rollouts.reference - to_base.reference).abs().max() > 0.1


def test_limits_of_alarms_are_those_that_were_passed() -> None:
    shares = {"empty": Reading(0.1, 0.0), "identical": Reading(0.0, 0.0), "cut_off": Reading(0.0, 0.0)}
    first = Readings(shares, {"distinct": Reading(0.8, 0.0), "entropy": Reading(2.0, 0.0)})
    spread = {"distinct": Reading(0.1, 0.0), "entropy": Reading(0.5, 0.0)}
    now = Readings({**shares, "empty": Reading(0.4, 0.0)}, spread)
    found = [(alarm.code, alarm.value, alarm.limit) for alarm in alarms_of(first, now, GuardSettings())]
    assert found == [
        ("empty", 0.4, pytest.approx(0.15)),
        ("distinct", 0.1, pytest.approx(0.4)),
        ("entropy", 0.5, pytest.approx(0.6)),
    ]


def test_a_fall_of_little_more_than_an_error_is_chance() -> None:
    assert hacking_alarm(Reading(0.0, 0.1), Reading(2.0, 0.1), [0.5, 0.1, 0.4, -0.2], [0.0] * 4) is None  # 1.3 errors


def test_every_optimiser_step_of_a_run_imitates_the_next_demonstrations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[int] = []

    def told(_: Any, __: Any, ___: Any, place: int) -> Beside:
        places.append(place)
        return {}, []

    monkeypatch.setattr(ppo, "mixed_imitation", told)
    given, _, settings = drawn(tmp_path, steps=2, epochs=3, minibatches=2, learning_rate=1e-4)
    given.model.adapters.remove(given.adapter)
    ppo.train(given, settings)
    assert places == list(range(12))


def test_the_price_of_kl_moves_by_all_completions_that_were_drawn(tmp_path: Path) -> None:
    given, learner, _ = drawn(tmp_path)
    settings = RewardedSettings(
        steps=1, prompts_per_step=3, samples_per_prompt=2, kl_horizon=1000, truncated="leave_out",
        sampling=SamplingSettings(max_new_tokens=12, batch_size=8),
    )  # fmt: skip
    learner.controller = replace(learner.controller, horizon=1000)
    before = learner.controller
    with learner.training():
        for now in iterations.iterations(learner, given, settings):
            assert 0 < len(now.rollouts.items) < 6
    assert learner.controller == before.after(0.0, 6)


def test_the_uppermost_layer_is_always_trained() -> None:
    model = fresh_tiny()
    assert model.layers == 3
    found = [frozen_layers(model, RUN.model_copy(update={"frozen_share": share})) for share in (0.0, 0.4, 0.5, 0.99)]
    assert found == [0, 1, 2, 2]


def test_the_adapter_starts_by_the_seed(tmp_path: Path) -> None:
    def start(seed: int) -> dict[str, Tensor]:
        return drawn(tmp_path, seed=seed)[1].weights()

    assert same(start(1), start(1))
    assert not same(start(1), start(2))


def test_what_a_checkpoint_holds_a_learner_of_the_same_work_takes_over(tmp_path: Path) -> None:
    _, learner, _ = drawn(tmp_path)
    shares = {code: Reading(0.1, 0.05) for code in ("empty", "identical", "cut_off")}
    learner.usual_readings = Readings(shares, {"distinct": Reading(0.8, 0.01), "entropy": Reading(2.0, 0.1)})
    learner.remember(2, {"score": 1.0}, [0.5, 0.7], Reading(1.5, 0.2))
    learner.skipped_in_a_row = 1
    learner.controller = replace(learner.controller, beta=0.35)
    with torch.no_grad():
        for value in learner.weights().values():
            value.add_(1.0)  # further on than the policy that is kept
    learner.save(tmp_path / "checkpoints", 3, {"metrics": {}, "alarms": []})
    _, other, _ = drawn(tmp_path)
    assert other.resume(tmp_path / "checkpoints") == (3, {"metrics": {}, "alarms": []})
    for name in ("usual_readings", "kept_metrics", "kept_steps", "skipped_in_a_row", "best_held_out", "best_proxy",
                 "controller"):  # fmt: skip
        assert getattr(other, name) == getattr(learner, name), name
    assert same(other.weights(), learner.weights())
    assert same(other.kept, learner.kept)
    assert not same(other.kept, other.weights())
