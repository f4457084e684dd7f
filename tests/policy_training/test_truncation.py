"""Completions that were cut off: a penalty, left out, or bootstrapped."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

import toy_task
from language_models.batches import collate
from language_models.log_probs import completion_pass
from language_models.sampling import Sampled
from language_models.settings import LoraSettings, SamplingSettings
from policy_training import algorithm_registry
from policy_training.advantages import generalised_advantages
from policy_training.algorithms import ppo
from policy_training.algorithms.settings.ppo import Settings
from policy_training.episodes import Episodes, episodes_of
from policy_training.iterations import figures_of
from policy_training.kl import kl_per_sequence
from policy_training.learner import Learner
from policy_training.potentials.length_progress import length_progress
from policy_training.records import Given, Potential, PromptItem, StepReport
from policy_training.rollouts import Rollouts, collect
from policy_training.settings import RewardedSettings
from policy_training.truncation import cut_off, end_values, learned_from, penalised
from tiny_models import fresh_tiny
from trained_weights import same, weights_of

SETTINGS = Settings(
    steps=2,
    prompts_per_step=4,
    samples_per_prompt=4,
    truncation_penalty=1.5,
    tokens_per_batch=150,
    lora=LoraSettings(rank=4, alpha=8),
    sampling=SamplingSettings(max_new_tokens=24, batch_size=12),
)
Made = tuple[Given, Learner, Rollouts]


def length_reward(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
    return [len(one.token_ids) / 10 for one in sampled]


def given_for(folder: Path, potential: Potential | None = None) -> Given:
    model = fresh_tiny()
    items = [PromptItem(n, model.tokens([{"role": "user", "content": "word " * n}])) for n in range(4)]
    return Given(model, items, length_reward, folder, lambda _: None, potential=potential)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Rollouts of which some are cut off, by an adapter and a value head that hold random weights."""
    given = given_for(tmp_path)
    learner = Learner.start(given, SETTINGS, value_learning_rate=1e-3)
    with torch.no_grad():
        for parameter in learner.weights().values():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.03)
    rollouts = collect(given, learner, SETTINGS, 0)
    assert 0 < int(cut_off(rollouts.sampled).sum()) < len(rollouts.items)
    return given, learner, rollouts


def changed(**settings: object) -> Settings:
    return SETTINGS.model_copy(update=settings)


def test_the_penalty_is_the_default_and_takes_from_cut_off_ones_alone(made: Made) -> None:
    _, learner, rollouts = made
    expected = rollouts.scores - torch.where(cut_off(rollouts.sampled), 1.5, 0.0)
    torch.testing.assert_close(penalised(rollouts.scores, rollouts.sampled, SETTINGS), expected)
    assert (end_values(rollouts, learner, SETTINGS) == 0).all()
    for other in ("leave_out", "bootstrap"):
        assert penalised(rollouts.scores, rollouts.sampled, changed(truncated=other)) is rollouts.scores


def test_left_out_rollouts_are_measured_and_not_learned_from(made: Made) -> None:
    _, learner, rollouts = made
    left = learned_from(rollouts, learner, changed(truncated="leave_out"), 0)
    rows = [row for row, sampled in enumerate(rollouts.sampled) if sampled.finished]
    assert left.sampled == [rollouts.sampled[row] for row in rows]
    torch.testing.assert_close(left.log_probs, rollouts.log_probs[rows, : left.mask.shape[1]])
    assert not rollouts.mask[rows, left.mask.shape[1] :].any()
    laid_out = [int(row) for minibatch in left.minibatches for micro in minibatch for row in micro.rows]
    assert sorted(laid_out) == list(range(len(rows)))
    assert learned_from(rollouts, learner, SETTINGS, 0) is rollouts


@pytest.mark.parametrize("name", ["ppo", "policy_gradient", "actor_critic"])
def test_what_is_learned_from_is_shaped_where_the_longest_are_left_out(name: str, made: Made, tmp_path: Path) -> None:
    _, learner, rollouts = made
    left = learned_from(rollouts, learner, changed(truncated="leave_out"), 0)
    longest = max(len(one.token_ids) for one in left.sampled)
    assert longest < rollouts.mask.shape[1] == 24
    assert left.mask.shape == left.log_probs.shape == left.values.shape == (len(left.items), longest)
    settings = algorithm_registry.settings_class(name).model_validate(
        {"steps": 1, "prompts_per_step": 4, "samples_per_prompt": 4, "truncated": "leave_out", "minibatches": 1}
        | {"lora": SETTINGS.lora, "sampling": SETTINGS.sampling}
    )
    reports: list[StepReport] = []
    given = replace(given_for(tmp_path, length_progress(24, 1.0)), on_step=reports.append)
    algorithm_registry.trainer(name)(given, settings)
    assert 0 < reports[0].metrics["left_out"] < 1
    assert all(len(row.figures["shaping"]) == len(row.tokens) < 24 for row in reports[0].tokens)


def test_an_iteration_in_which_all_are_left_out_learns_nothing_and_goes_on(tmp_path: Path) -> None:
    reports: list[StepReport] = []
    given = Given(toy_task.toy_model(), [toy_task.PROMPT], toy_task.reward, tmp_path, reports.append)
    trained = ppo.train(given, changed(truncated="leave_out"))  # a completion of the toy never ends by itself
    assert [report.step for report in reports] == [0, 1, 2]
    assert reports[0].metrics["left_out"] == 1.0
    assert "policy_loss" not in reports[0].metrics
    assert trained.metrics["kl_nats"] == 0.0


def test_the_bootstrapped_value_is_that_of_the_state_after_the_last_token(made: Made) -> None:
    _, learner, rollouts = made
    found = end_values(rollouts, learner, changed(truncated="bootstrap"))
    assert learner.value_head is not None
    for row, (item, sampled) in enumerate(zip(rollouts.items, rollouts.sampled, strict=True)):
        if sampled.finished:
            assert found[row] == 0
            continue
        for token in (3, 4):  # whichever token would come next
            batch = collate([item.token_ids], [[*sampled.token_ids, token]], learner.model.pad_id)
            with torch.no_grad(), learner.model.adapters.using(learner.adapter):
                states = completion_pass(learner.model, batch, SETTINGS.sampling.temperature).states
                expected = learner.value_head(states[0, -1])
            torch.testing.assert_close(found[row], expected, atol=1e-5, rtol=0)
    assert (found[cut_off(rollouts.sampled)] != 0).all()


def test_bootstrapping_is_refused_without_a_value_head() -> None:
    with pytest.raises(ValidationError, match="has no value head: use penalty or leave_out"):
        RewardedSettings(truncated="bootstrap")


def episodes(made: Made, settings: Settings) -> Episodes:
    given, learner, rollouts = made
    lengths = Given(given.model, given.prompts, given.reward, given.checkpoint_folder, given.on_step, potential=steps)
    return episodes_of(rollouts, lengths, learner, settings)


def steps(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[list[float]]:
    return [[1.0 + t for t in range(len(one.token_ids) + 1)] for one in sampled]


@pytest.mark.parametrize("last", ["eos", "pad"])
def test_cut_off_is_what_the_sampler_says_whatever_the_last_token_is(made: Made, last: str) -> None:
    given, learner, rollouts = made
    model = learner.model
    ended = next(row for row, one in enumerate(rollouts.sampled) if one.finished)
    cut = next(row for row, one in enumerate(rollouts.sampled) if not one.finished)
    sampled = list(rollouts.sampled)
    token = model.tokenizer.eos_token_id if last == "eos" else model.pad_id
    sampled[ended] = Sampled([*sampled[ended].token_ids[:-1], token], sampled[ended].text, "length")
    sampled[cut] = Sampled(sampled[cut].token_ids, sampled[cut].text, "stop")  # by a stop string, say
    odd = replace(rollouts, sampled=sampled)
    expected = cut_off(rollouts.sampled).clone()
    expected[ended], expected[cut] = True, False
    assert cut_off(odd.sampled).tolist() == expected.tolist()
    assert figures_of(odd)["cut_off"] == expected.float().mean()
    torch.testing.assert_close(rollouts.scores - penalised(odd.scores, odd.sampled, SETTINGS), 1.5 * expected)
    left = learned_from(odd, learner, changed(truncated="leave_out"), 0)
    assert left.sampled == [one for one, out in zip(sampled, expected, strict=True) if not out]
    goes_on = changed(truncated="bootstrap")
    assert (end_values(odd, learner, goes_on) != 0).tolist() == expected.tolist()
    found = episodes((given, learner, odd), goes_on)
    assert found.shaping is not None
    telescoped = torch.where(expected, rollouts.mask.sum(1) + 1.0, 0.0) - 1.0
    torch.testing.assert_close(found.shaping.sum(1), telescoped)


def test_rewards_are_score_less_price_of_kl_plus_what_the_potential_telescopes_to(made: Made) -> None:
    _, learner, rollouts = made
    kl = kl_per_sequence(rollouts.log_probs, rollouts.reference, rollouts.mask)
    for truncated in ("penalty", "bootstrap"):
        settings = changed(truncated=truncated)
        found = episodes(made, settings)
        goes_on = cut_off(rollouts.sampled) & (truncated == "bootstrap")
        telescoped = torch.where(goes_on, rollouts.mask.sum(1) + 1.0, 0.0) - 1.0  # Phi(s_T) - Phi(s_0)
        torch.testing.assert_close(found.shaping.sum(1), telescoped)
        scores = torch.where(goes_on, 0.0, penalised(rollouts.scores, rollouts.sampled, settings))
        torch.testing.assert_close(found.rewards.sum(1), scores - learner.controller.beta * kl + telescoped)


def test_a_cut_that_the_value_head_foresees_is_neither_better_nor_worse_than_an_end(made: Made) -> None:
    """Score and V both 1 and no price of KL: nothing was learned from any token. With V(s_T) on top of the score a cut
    would be worth 2, and the next targets of V 3, 4 and so on."""
    given, learner, rollouts = made
    assert learner.value_head is not None
    learner.controller = replace(learner.controller, beta=0.0)
    with torch.no_grad():
        for name, parameter in learner.value_head.named_parameters():
            parameter.fill_(1.0 if "bias" in name else 0.0)
    ones = torch.ones_like(rollouts.scores)
    alike = replace(rollouts, scores=ones, values=rollouts.mask.float())
    found = episodes_of(alike, given, learner, changed(truncated="bootstrap"))
    advantages, returns = generalised_advantages(found.rewards, alike.values, alike.mask, 1.0, 0.95, found.end_values)
    torch.testing.assert_close(advantages, torch.zeros_like(advantages))
    torch.testing.assert_close(returns[alike.mask], torch.ones_like(returns[alike.mask]))
    torch.testing.assert_close(found.worth, ones)


def test_ppo_learns_from_the_shaped_rewards(tmp_path: Path) -> None:
    def weights(potential: Potential | None) -> dict[str, torch.Tensor]:
        return weights_of(ppo.train(given_for(tmp_path / str(potential), potential), changed(steps=1)))

    assert not same(weights(steps), weights(None))
    assert same(weights(lambda _, done: [[0.0] * (len(one.token_ids) + 1) for one in done]), weights(None))
