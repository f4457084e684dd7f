"""Odd input has a clear outcome: words that say what is wrong, or training that goes on as it should."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from language_models.errors import PromptTooLong
from language_models.identity import BaseIdentity
from language_models.model import LanguageModel
from language_models.sampling import Sampled, SampleRequest, sample
from language_models.settings import LoraSettings, SamplingSettings
from language_models.tiny import tiny_model, tiny_tokenizer
from policy_training.algorithms import ppo
from policy_training.algorithms.settings.ppo import Settings
from policy_training.learner import TrainedPolicy
from policy_training.records import Given, PromptItem, RewardFunction, StepReport
from policy_training.rollouts import BadReward
from tests.builders.tiny_models import MESSAGES, fresh_tiny

SETTINGS = Settings(
    steps=2,
    prompts_per_step=2,
    samples_per_prompt=2,
    tokens_per_batch=300,
    kl_budget_nats=100.0,
    lora=LoraSettings(rank=4, alpha=8),
    sampling=SamplingSettings(max_new_tokens=6, batch_size=8),
)


def letters(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
    return [float(len(set(one.text))) for one in sampled]


def train(
    model: LanguageModel,
    folder: Path,
    reward: RewardFunction = letters,
    prompt: Sequence[int] | None = None,
    settings: Settings = SETTINGS,
) -> tuple[TrainedPolicy, list[StepReport]]:
    """Trains on one prompt."""
    reports: list[StepReport] = []
    prompts = [PromptItem(7, model.tokens(MESSAGES) if prompt is None else prompt)]
    given = Given(model, prompts, reward, folder, reports.append)
    return ppo.train(given, settings), reports


def without(*tokens: str) -> LanguageModel:
    """A tiny model whose tokenizer lacks these; with neither EOS nor template it never ends by itself."""
    made = tiny_tokenizer()
    backend = made.backend_tokenizer
    own = {"eos_token": made.eos_token, "pad_token": made.pad_token, "chat_template": made.chat_template}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, **{name: value for name, value in own.items() if name not in tokens}
    )
    network = tiny_model(made)
    if "eos_token" in tokens:
        network.generation_config.eos_token_id = None
    return LanguageModel(network, tokenizer, BaseIdentity("tiny:", "weights", "tokenizer", "template"))


def moved(trained: TrainedPolicy) -> bool:
    """Whether the adapter changes anything, and holds numbers only."""
    state = trained.model.adapters.state(trained.adapter)
    assert all(torch.isfinite(value).all() for value in state.values())
    return any(bool(value.any()) for name, value in state.items() if "lora_B" in name)


def test_one_prompt_is_trained_on(tmp_path: Path) -> None:
    trained, reports = train(fresh_tiny(), tmp_path)
    assert moved(trained)
    assert {one.prompt_id for report in reports for one in report.tokens} == {7}


def test_a_constant_reward_leaves_only_numbers_and_teaches_nothing_of_the_texts(tmp_path: Path) -> None:
    trained, reports = train(fresh_tiny(), tmp_path, lambda items, sampled: [3.0] * len(items))
    assert [report.metrics["score_sd"] for report in reports] == [0.0] * 3
    moved(trained)
    for report in reports:
        assert all(torch.isfinite(torch.tensor(value)) for value in report.metrics.values()), report.metrics


@pytest.mark.parametrize("score", [2.9, 4.1])  # of 6 rows their mean is not what they are, in 32 bits
def test_what_rounding_makes_of_equal_scores_is_not_blown_up(tmp_path: Path, score: float) -> None:
    settings = SETTINGS.model_copy(update={"samples_per_prompt": 3, "steps": 3, "truncation_penalty": 0.0})
    trained, _ = train(fresh_tiny(), tmp_path, lambda items, sampled: [score] * len(items), settings=settings)
    assert not moved(trained)


def test_a_reward_that_gives_too_few_scores_is_refused_with_both_numbers(tmp_path: Path) -> None:
    with pytest.raises(BadReward, match="gave 3 scores for 4 completions"):
        train(fresh_tiny(), tmp_path, lambda items, sampled: [1.0] * 3)


def test_what_a_reward_raises_comes_out_as_it_is(tmp_path: Path) -> None:
    def raises(items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
        raise OverflowError("the scorer broke down")

    with pytest.raises(OverflowError, match="the scorer broke down"):
        train(fresh_tiny(), tmp_path, raises)


def test_a_prompt_longer_than_the_context_is_refused_before_it_is_read(tmp_path: Path) -> None:
    model = fresh_tiny()
    assert model.context == 2048
    with pytest.raises(PromptTooLong, match="2043 tokens; with 6 new ones that is more than the 2048"):
        train(model, tmp_path, prompt=[5] * 2043)
    requests = [SampleRequest([5] * 2042, 0)]
    assert len(sample(model, requests, SETTINGS.sampling, None)) == 1, "the last that has room"


@pytest.mark.parametrize(
    "missing",
    [
        ("eos_token",),  # the template ends a turn all the same
        ("eos_token", "chat_template"),
        ("eos_token", "pad_token", "chat_template"),
        ("pad_token",),
        ("chat_template",),
    ],
)
def test_a_tokenizer_without_special_tokens_or_template_trains(tmp_path: Path, missing: tuple[str, ...]) -> None:
    model = without(*missing)
    trained, reports = train(model, tmp_path)
    assert moved(trained)
    ends = not {"eos_token", "chat_template"} <= set(missing)
    assert bool(model.stop_ids) is ends
    if not ends:
        assert [report.metrics["cut_off"] for report in reports] == [1.0] * 3
        assert model.completion_tokens("ab", finished=True) == model.completion_tokens("ab", finished=False)
        assert len(model.completion_tokens("", finished=False)) == 1


def test_without_a_template_prompts_are_their_contents_on_lines_of_their_own() -> None:
    model = without("chat_template")
    ids = model.tokens([{"role": "user", "content": "ab"}], "Be brief.")
    assert model.tokenizer.decode(ids) == "Be brief.\nab\n"


def test_no_end_ever_is_a_full_length_and_pays_the_penalty_alike(tmp_path: Path) -> None:
    model = fresh_tiny()
    with torch.no_grad():
        model.network.get_output_embeddings().weight[sorted(model.stop_ids)] = 0.0
        model.network.get_output_embeddings().weight[sorted(model.stop_ids), 0] = -50.0
    trained, reports = train(model, tmp_path)
    assert moved(trained)
    assert [report.metrics["length_tokens"] for report in reports] == [6.0] * 3
    assert [report.metrics["cut_off"] for report in reports] == [1.0] * 3
