"""What makes reward training fast changes nothing: scores and gradients are those of one text at a time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from language_models.batches import collate, shared_prompt_batches
from language_models.model import LanguageModel
from reward_training.model import RewardModel, cut_to
from reward_training.records import Outcome, Pair, Text
from reward_training.settings import RewardSettings
from reward_training.training import train
from tiny_models import fresh_tiny, randomise

WORDS = ["pear,", "plum", "and", "a", "very", "sweet", "melon", "from", "the", "garden", "behind", "houses"]


def texts(count: int, seed: int = 0) -> list[Text]:
    """Four to a prompt; prompts and completions of many lengths."""
    rng = np.random.default_rng(seed)
    return [
        Text(
            [{"role": "user", "content": f"{place // 4} " + "please " * (place // 4 % 3)}],
            " ".join(rng.choice(WORDS, size=rng.integers(1, 14))),
            bool(rng.random() < 0.7),
        )
        for place in range(count)
    ]


def pairs(count: int, seed: int = 0) -> list[Pair]:
    found, rng = texts(2 * count, seed), np.random.default_rng(seed)
    outcomes: list[Outcome] = ["first", "tie", "second"]
    return [
        Pair(found[2 * place], found[2 * place + 1], outcomes[place % 3], str(place), False, float(rng.uniform(0.2, 2)))
        for place in range(count)
    ]


def random_model(**settings: Any) -> RewardModel:
    """Adapter and head hold random weights: with those of the start a test would be empty."""
    model = RewardModel.fresh(fresh_tiny(), RewardSettings(**settings))
    randomise(model.trunk, "reward", 3)
    with torch.no_grad():
        model.head.linear.weight.copy_(
            torch.randn(1, model.width, generator=torch.Generator().manual_seed(4)) / model.width
        )
    return model


def plain_scores(model: RewardModel, read: Sequence[Text]) -> Tensor:
    """(N,) raw scores, one text at a time, prompt and completion in one pass without a cache."""
    scores = []
    for text in read:
        prompt = model.trunk.tokens(text.prompt)
        completion = model.trunk.completion_tokens(text.completion, text.finished is not False)
        ids = torch.tensor([prompt + completion])
        states = model.trunk.network(input_ids=ids, use_cache=False).last_hidden_state[0, len(prompt) :]
        words = model.trunk.network.get_input_embeddings()(ids)[0, len(prompt) :]
        features = torch.cat([words.mean(0), states.mean(0), torch.tensor([np.log(len(completion))]).float()])
        scores.append(model.raw(features.unsqueeze(0))[0])
    return torch.stack(scores)


@pytest.mark.parametrize(("budget", "frozen"), [(64, 0.0), (300, 0.0), (5000, 0.0), (300, 0.5)])
def test_scores_and_gradients_are_those_of_one_text_at_a_time(budget: int, frozen: float) -> None:
    model, judged = random_model(tokens_per_batch=budget, frozen_share=frozen), pairs(12)
    signs = torch.tensor(np.random.default_rng(1).normal(size=12) / 12).float()
    with model.trunk.adapters.training("reward") as parameters:
        ours, scores = [torch.zeros_like(parameter) for parameter in parameters], torch.zeros(12)
        for rows in model.parts(judged):
            both = [text for row in rows for text in (judged[row].first, judged[row].second)]
            raw = model.raw(model.features(both))
            scores[rows] = (raw[::2] - raw[1::2]).detach()
            for total, part in zip(
                ours, torch.autograd.grad(((raw[::2] - raw[1::2]) * signs[rows]).sum(), parameters), strict=True
            ):
                total += part
        raw = plain_scores(model, [text for pair in judged for text in (pair.first, pair.second)])
        plain = torch.autograd.grad(((raw[::2] - raw[1::2]) * signs).sum(), parameters)
    torch.testing.assert_close(scores, (raw[::2] - raw[1::2]).detach(), atol=1e-5, rtol=0)
    for one, other in zip(ours, plain, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
    assert scores.std() > 1e-2 and max(gradient.abs().max() for gradient in plain) > 1e-3


def test_frozen_layers_have_no_adapter_and_the_others_have_one_on_every_linear_layer(tmp_path: Path) -> None:
    model, whole = random_model(frozen_share=0.5, depth=1.0), random_model(depth=1.0)

    def upper(names: Sequence[str]) -> set[str]:
        return {name for name in names if ".layers.2." in name}

    names = list(model.trunk.adapters.parameters("reward"))
    assert model.trunk.layers == 3 and upper(names) == set(names)
    assert upper(names) == upper(list(whole.trunk.adapters.parameters("reward")))
    model.save(tmp_path)
    assert RewardModel.load(fresh_tiny(), tmp_path).score(texts(4)) == model.score(texts(4))


def test_parts_hold_every_pair_once_and_stay_within_the_budget() -> None:
    model, judged = random_model(tokens_per_batch=300), pairs(12)
    parts = model.parts(judged)
    assert sorted(row for rows in parts for row in rows) == list(range(12))
    assert 1 < len(parts) < 12
    for rows in parts:
        both = [text for row in rows for text in (judged[row].first, judged[row].second)]
        sizes = [batch.input_ids.numel() for _, batch in model.batches(both)]
        assert len(rows) == 1 or sum(sizes) <= 2 * 300, "the prompt of a batch counts once, not once a row"


def test_training_is_the_same_in_one_part_and_in_many(tmp_path: Path) -> None:
    judged = pairs(8)

    def trained(budget: int) -> tuple[int, list[float], list[float]]:
        losses: list[float] = []
        result = train(
            fresh_tiny(),
            judged,
            [],
            RewardSettings(tokens_per_batch=budget, epochs=2, learning_rate=1e-3),
            checkpoint_folder=tmp_path / str(budget),
            on_step=lambda report: losses.append(report.get("loss", 0.0)),
        )
        return len(result.model.parts(judged)), losses, result.model.score([pair.first for pair in judged])

    (many, losses, scores), (one, plain_losses, plain_scores) = trained(64), trained(5000)
    assert (many, one) == (8, 1)
    assert losses == pytest.approx(plain_losses, abs=1e-5)
    assert scores == pytest.approx(plain_scores, abs=1e-4)


def test_little_is_padded() -> None:
    """What passes compute, padding and prompts that stand in two passes included, beside distinct prompts and
    completions: a quarter more at most, where one table of all is two thirds more."""
    rng = np.random.default_rng(0)
    widths = rng.integers(20, 40, size=24)
    prompts = [[place] * int(widths[place]) for place in range(24) for _ in range(4)]
    completions = [[0] * int(rng.integers(30, 200)) for _ in prompts]
    real = sum(map(len, prompts[::4])) + sum(map(len, completions))
    computed = 0
    for rows in shared_prompt_batches(prompts, completions, 1500):
        batch = collate([prompts[row] for row in rows], [completions[row] for row in rows], 0)
        computed += len({prompts[row][0] for row in rows}) * batch.prompt_width + batch.completion_mask.numel()
    table = len(prompts) * (max(map(len, prompts)) + max(map(len, completions)))
    assert computed <= 1.25 * real
    assert table > 1.6 * real


def test_completions_of_a_prompt_stay_together_although_it_fills_the_budget_alone() -> None:
    prompts = [[place] * 90 for place in (1, 1, 2, 1, 2)]
    completions = [[0] * 20, [0] * 10, [0] * 15, [0] * 5, [0] * 7]
    assert shared_prompt_batches(prompts, completions, 100, waste=0) == [[0, 1], [3], [2, 4]]


def test_a_text_that_is_too_long_is_read_from_the_end_of_its_prompt_and_the_start_of_its_completion() -> None:
    assert cut_to([1] * 3, [2] * 4, 8) == ([1] * 3, [2] * 4)
    assert cut_to([1] * 3, [2] * 40, 8) == ([1] * 2, [2] * 6)
    assert cut_to([0, 0, 1, 1, 1, 1], [2] * 4, 8) == ([1] * 4, [2] * 4)
    assert cut_to([0] * 40 + [1] * 2, [2] * 40 + [3], 8) == ([1] * 2, [2] * 6)


def test_a_very_long_an_empty_and_a_wordless_completion_get_finite_scores_and_train() -> None:
    model = random_model()
    odd = ["x" * 50_000, "x" * 3_000, "", "🙂👩‍👩‍👧‍👦🏳️‍🌈" * 3, " \n\t", "\u202e\u0000"]
    prompt = [{"role": "user", "content": "Say something."}]
    long, shorter, *others = scores = model.score([Text(prompt, text, True) for text in odd])
    assert np.isfinite(scores).all() and np.std(others) > 0
    assert long == shorter, "both are read as far as the base reads"
    assert scores == pytest.approx([model.score([Text(prompt, text, True)])[0] for text in odd], abs=1e-4)
    with model.trunk.adapters.training("reward") as parameters:
        model.raw(model.features([Text(prompt, text) for text in odd[1:]])).sum().backward()
        assert all(torch.isfinite(parameter.grad).all() for parameter in parameters if parameter.grad is not None)


def test_words_are_averaged_in_32_bits_whatever_the_base_is_held_in() -> None:
    plain = fresh_tiny()
    base = LanguageModel(plain.network.to(torch.bfloat16), plain.tokenizer, plain.identity)
    text = Text([{"role": "user", "content": "Fruit?"}], " ".join(WORDS * 3), True)
    found = RewardModel.fresh(base, RewardSettings()).all_features([text])[0, : base.hidden_size]
    words = base.network.get_input_embeddings().weight.float()[base.completion_tokens(text.completion, True)]
    torch.testing.assert_close(found, words.mean(0), atol=1e-6, rtol=0)
