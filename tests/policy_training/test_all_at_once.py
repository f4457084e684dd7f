"""What is tested part by part elsewhere, in one run: parts that each resume, and that each leave all else alone."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from language_models.model import LanguageModel
from language_models.sampling import Sampled
from language_models.settings import LoraSettings, SamplingSettings
from policy_training.algorithms import actor_critic, imitation, ppo
from policy_training.algorithms.settings.actor_critic import Settings as ActorCriticSettings
from policy_training.algorithms.settings.imitation import Settings as ImitationSettings
from policy_training.algorithms.settings.ppo import Settings as PPOSettings
from policy_training.learner import ADAPTER, Learner
from policy_training.readings import readings_of
from policy_training.records import Demonstration, Given, HeldOut, PromptItem, StepReport
from policy_training.rollouts import collect
from policy_training.updates import accumulate
from tiny_models import fresh_tiny, randomise
from trained_weights import same, weights_of

SHARED = {
    "steps": 4,
    "prompts_per_step": 3,
    "samples_per_prompt": 4,
    "checkpoint_every": 2,
    "learning_rate": 3e-3,
    "kl_budget_nats": 1e3,
    "tokens_per_batch": 150,
    "guards": {"held_out_every": 1, "stop": False},
    "lora": LoraSettings(rank=4, alpha=8),
    "sampling": SamplingSettings(max_new_tokens=40, batch_size=12),
}
ALL_OF_PPO = PPOSettings.model_validate(
    SHARED | {"frozen_share": 0.4, "truncated": "leave_out", "imitation_coefficient": 0.5, "imitation_batch": 2}
)
ALL_OF_ACTOR_CRITIC = ActorCriticSettings.model_validate(SHARED | {"truncated": "bootstrap", "n_steps": 3})


def commas(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
    return [one.text.count(",") - len(one.text) / 10 for one in sampled]


def growing(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[list[float]]:
    return [[t / 50 for t in range(len(one.token_ids) + 1)] for one in sampled]


def demonstrations_of(model: LanguageModel, prompts: Sequence[PromptItem]) -> list[Demonstration]:
    return [Demonstration(item.token_ids, model.completion_tokens("yes, " * (1 + item.id), True)) for item in prompts]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy some way off the base, with an adapter on every layer."""
    folder, model = tmp_path_factory.mktemp("start"), fresh_tiny()
    model.adapters.add("made", LoraSettings(rank=4, alpha=8), 3)
    randomise(model, "made", 3, scale=0.05)
    (folder / ADAPTER).mkdir()
    model.adapters.save("made", folder / ADAPTER)
    return folder


def given_to(folder: Path, start: Path, reports: list[StepReport], cut_at: int | None = None) -> Given:
    model = fresh_tiny()

    def on_step(report: StepReport) -> None:
        reports.append(report)
        if report.step == cut_at:
            raise InterruptedError

    prompts = [PromptItem(n, model.tokens([{"role": "user", "content": "word " * n}])) for n in range(6)]
    return Given(
        model, prompts[:4], commas, folder, on_step, start_folder=start, held_out=HeldOut(prompts[4:], commas),
        potential=growing, demonstrations=demonstrations_of(model, prompts[:4]),
    )  # fmt: skip


@pytest.mark.accept
@pytest.mark.parametrize(
    ("train", "settings"), [(ppo.train, ALL_OF_PPO), (actor_critic.train, ALL_OF_ACTOR_CRITIC)], ids=["ppo", "critic"]
)
def test_a_run_with_every_part_switched_on_that_is_cut_at_any_step_ends_bit_equal(
    tmp_path: Path, start: Path, train, settings
) -> None:
    told: list[StepReport] = []
    uncut = train(given_to(tmp_path / "uncut", start, told), settings)
    assert len(told) == 5
    assert all(0 < report.metrics["cut_off"] < 1 for report in told), "else nothing is left out or goes on"
    for cut_at in range(4):
        folder = tmp_path / str(cut_at)
        with pytest.raises(InterruptedError):
            train(given_to(folder, start, [], cut_at), settings)
        torch.manual_seed(cut_at)
        resumed = train(given_to(folder, start, []), settings)
        assert (resumed.steps, resumed.metrics) == (uncut.steps, uncut.metrics)
        assert same(weights_of(resumed), weights_of(uncut))


@pytest.mark.parametrize(
    ("train", "settings"),
    [
        (ppo.train, ALL_OF_PPO),
        (imitation.train, ImitationSettings.model_validate({**SHARED, "demonstrations_per_step": 4})),
    ],
    ids=["mixed into ppo", "alone"],
)
def test_imitation_changes_its_own_adapter_and_nothing_else(tmp_path: Path, start: Path, train, settings) -> None:
    given = given_to(tmp_path, start, [])
    given.model.adapters.add("other", LoraSettings(rank=4, alpha=8), 1)
    randomise(given.model, "other", 1)
    before = {key: value.clone() for key, value in given.model.network.state_dict().items()}
    trained = train(given, settings)
    after = given.model.network.state_dict()
    own = {key for key in after if trained.adapter in key}
    assert own.isdisjoint(before) and len(own) + len(before) == len(after)
    assert all(torch.equal(after[key], value) for key, value in before.items())


def test_where_padding_is_the_eos_the_eos_of_a_completion_is_an_action_that_is_learned_from(tmp_path: Path) -> None:
    model = fresh_tiny(pad_is_eos=True)
    assert model.pad_id in model.stop_ids
    prompts = [PromptItem(n, model.tokens([{"role": "user", "content": "word " * n}])) for n in range(3)]
    given = Given(model, prompts, commas, tmp_path, lambda _: None)
    settings = PPOSettings.model_validate(SHARED)
    learner = Learner.start(given, settings, value_learning_rate=1e-3)
    randomise(model, given.adapter, 5, scale=0.1)
    rollouts = collect(given, learner, settings, 0)
    lengths = [len(one.token_ids) for one in rollouts.sampled]
    ended = [row for row, one in enumerate(rollouts.sampled) if one.finished]
    assert len(set(lengths)) > 1 and ended, "there has to be padding, and an end"
    assert rollouts.mask.sum(1).tolist() == lengths
    assert all(rollouts.log_probs[row, lengths[row] - 1] < 0 for row in ended)
    assert readings_of(rollouts.items, rollouts.sampled, rollouts.entropy.sum(1), 9).shares["empty"].mean < 1
    at_ends = torch.zeros_like(rollouts.log_probs)
    for row in ended:
        at_ends[row, lengths[row] - 1] = 1.0
    with learner.training():
        for minibatch in rollouts.minibatches:
            accumulate(learner, minibatch, rollouts, 0.7, lambda seen: (-seen.log_probs * seen.of(at_ends)[0], {}))
            assert any(one.grad is not None and one.grad.abs().sum() > 0 for one in learner.weights().values())
