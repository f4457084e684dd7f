"""Batched sampling: own generators, finished rows dropped, what finished told by the sampler."""

import pytest
import torch
from scipy.stats import chisquare
from transformers import DynamicCache

from language_models.batches import collate
from language_models.log_probs import completion_pass
from language_models.model import LanguageModel
from language_models.roomy_cache import roomy_cache
from language_models.sampling import SampleRequest, draw, sample
from language_models.settings import SamplingSettings

SETTINGS = SamplingSettings(temperature=0.7, max_new_tokens=24, batch_size=6)


def requests(model: LanguageModel, count: int) -> list[SampleRequest]:
    texts = ("Hi", "Say more about rivers", "Well?")
    prompts = [model.tokens([{"role": "user", "content": text}], None) for text in texts]
    return [SampleRequest(prompts[index % 3], seed=index) for index in range(count)]


def test_a_completion_does_not_depend_on_its_neighbours_or_their_order(tiny: LanguageModel) -> None:
    wanted = requests(tiny, 12)
    together = sample(tiny, wanted, SETTINGS, "policy")
    backwards = sample(tiny, wanted[::-1], SETTINGS, "policy")[::-1]
    alone = [sample(tiny, [request], SETTINGS, "policy")[0] for request in wanted]
    assert together == backwards == alone
    assert len({tuple(sampled.token_ids) for sampled in together}) > 8


def test_sampling_with_a_cache_agrees_with_a_plain_loop_that_has_none(tiny: LanguageModel) -> None:
    request = requests(tiny, 2)[1]
    ids: list[int] = []
    generator = torch.Generator().manual_seed(request.seed)
    uniforms = torch.rand(SETTINGS.max_new_tokens, generator=generator, dtype=torch.float64)
    with torch.no_grad(), tiny.adapters.using("policy"):
        while len(ids) < SETTINGS.max_new_tokens and (not ids or ids[-1] not in tiny.stop_ids):
            logits = tiny.network(input_ids=torch.tensor([[*request.prompt_ids, *ids]])).logits[:, -1]
            ids.append(int(draw(logits, uniforms[len(ids)].unsqueeze(0), SETTINGS.temperature)))
    assert sample(tiny, requests(tiny, 6), SETTINGS, "policy")[1].token_ids == ids


def test_a_completion_ends_at_its_first_stop_token_or_is_said_to_be_cut_off(tiny: LanguageModel) -> None:
    drawn = sample(tiny, requests(tiny, 48), SETTINGS, None)
    assert {sampled.finish_reason for sampled in drawn} == {"stop", "length"}
    for sampled in drawn:
        stops = [token in tiny.stop_ids for token in sampled.token_ids]
        assert sampled.finished == stops[-1] and not any(stops[:-1])
        assert sampled.finished or len(sampled.token_ids) == SETTINGS.max_new_tokens
        assert "<|im_end|>" not in sampled.text


def test_draws_follow_the_distribution_at_the_temperature() -> None:
    logits = torch.tensor([[0.0, 1.0, -1.0, 0.5]])
    uniforms = torch.rand(20_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    counts = torch.bincount(draw(logits.expand(20_000, -1), uniforms, 0.7), minlength=4)
    expected = torch.softmax(logits[0].double() / 0.7, -1) * 20_000
    assert chisquare(counts.numpy(), expected.numpy()).pvalue > 0.001


def test_a_draw_among_blocks_of_tokens_is_the_one_by_the_whole_cumulative_distribution() -> None:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(2000, 1000, generator=generator) * 4
    uniforms = torch.rand(2000, generator=generator, dtype=torch.float64)
    chances = torch.softmax(logits.double() / 0.7, -1)
    expected = (chances.cumsum(-1) <= uniforms.unsqueeze(-1)).sum(-1)
    assert (draw(logits, uniforms, 0.7) == expected).float().mean() > 0.999  # but for rounding
    assert torch.unique(expected // 256).tolist() == [0, 1, 2, 3]


def test_a_token_of_no_probability_is_never_drawn() -> None:
    logits = torch.tensor([[float("-inf"), 0.0, float("-inf")]] * 3)
    assert draw(logits, torch.tensor([0.0, 0.5, 1 - 1e-16], dtype=torch.float64), 1.0).tolist() == [1, 1, 1]
    rare = torch.full((3, 600), float("-inf"))
    rare[:, [300, 310]] = 0.0
    assert draw(rare, torch.tensor([0.0, 0.5, 1 - 1e-16], dtype=torch.float64), 1.0).tolist() == [300, 310, 310]


def test_a_cache_with_room_holds_what_one_without_does(tiny: LanguageModel) -> None:
    generator = torch.Generator().manual_seed(0)
    roomy, plain = roomy_cache(1), DynamicCache()
    for tokens, kept in ((5, [0, 2, 2, 1]), (40, [0, 1, 2, 3]), (1, [3, 1]), (1, [0, 1])):
        rows = 3 if tokens == 5 else len(plain.layers[0].keys)
        new = [torch.randn(rows, 2, tokens, 4, generator=generator) for _ in range(2)]
        for ours, theirs in zip(roomy.update(*new, 0), plain.update(*new, 0), strict=True):
            assert torch.equal(ours, theirs)
        for cache in (roomy, plain):
            cache.batch_select_indices(torch.tensor(kept))
        assert roomy.get_seq_length() == plain.get_seq_length()


def test_the_mean_of_log_policy_minus_log_base_over_its_own_samples_is_not_negative(tiny: LanguageModel) -> None:
    """KL of a policy to its reference, one temperature everywhere: sampling and log-probs must agree."""
    wanted = requests(tiny, 240)
    drawn = sample(tiny, wanted, SamplingSettings(temperature=0.7, max_new_tokens=12, batch_size=64), "policy")
    batch = collate([request.prompt_ids for request in wanted], [sampled.token_ids for sampled in drawn], tiny.pad_id)
    with torch.no_grad():
        with tiny.adapters.using("policy"):
            own = completion_pass(tiny, batch, 0.7).log_probs.sum(1)
        base = completion_pass(tiny, batch, 0.7).log_probs.sum(1)
    difference = own - base
    assert difference.mean() > 2 * difference.std() / len(wanted) ** 0.5


def test_progress_is_told_batch_by_batch(tiny: LanguageModel) -> None:
    seen: list[int] = []
    sample(tiny, requests(tiny, 14), SETTINGS, None, on_batch=seen.append)
    assert seen == [6, 12, 14]


@pytest.mark.parametrize("count", [0])
def test_nothing_asked_is_nothing_sampled(tiny: LanguageModel, count: int) -> None:
    assert sample(tiny, requests(tiny, count), SETTINGS, None) == []
