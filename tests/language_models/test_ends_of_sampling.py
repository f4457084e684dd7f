"""Sampling at its edges: the last token, the last bit of a draw, the rows that are left, the end of a cache's room."""

import pytest
import torch
from transformers import DynamicCache

from language_models.errors import PromptTooLong
from language_models.model import LanguageModel
from language_models.roomy_cache import ROOM, roomy_cache
from language_models.sampling import DROP_SHARE, Sampled, SampleRequest, draw, sample
from language_models.settings import SamplingSettings
from language_models.tiny import END, tiny_model, tiny_tokenizer
from tiny_models import MESSAGES, fresh_tiny

SETTINGS = SamplingSettings(temperature=0.7, max_new_tokens=24, batch_size=32)


def drawn(model: LanguageModel, count: int = 32, settings: SamplingSettings = SETTINGS) -> list[Sampled]:
    return sample(model, [SampleRequest(model.tokens(MESSAGES), seed) for seed in range(count)], settings, None)


def test_a_completion_whose_last_token_is_a_stop_token_has_ended_and_one_token_less_cuts_it_off(
    tiny: LanguageModel,
) -> None:
    seed, whole = next((seed, one) for seed, one in enumerate(drawn(tiny)) if one.finished and len(one.token_ids) > 2)
    for size, reason in ((len(whole.token_ids), "stop"), (len(whole.token_ids) - 1, "length")):
        settings = SETTINGS.model_copy(update={"max_new_tokens": size})
        [found] = sample(tiny, [SampleRequest(tiny.tokens(MESSAGES), seed)], settings, None)
        assert (found.token_ids, found.finish_reason) == (whole.token_ids[:size], reason)


def test_half_a_character_at_a_cut_is_no_part_of_the_text(tiny: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = tiny.tokenizer("ok \u597d")["input_ids"]
    tokens = iter(ids[:-1])  # of the three bytes of the last character two
    monkeypatch.setattr("language_models.sampling.draw", lambda *_: torch.tensor([next(tokens)]))
    settings = SETTINGS.model_copy(update={"max_new_tokens": len(ids) - 1})
    [found] = sample(tiny, [SampleRequest(tiny.tokens(MESSAGES), 0)], settings, None)
    assert found == Sampled(ids[:-1], "ok ", "length")


def test_what_stops_a_completion_is_no_part_of_its_text_whether_it_is_special_or_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens(["<|end|>"])
    network = tiny_model(tokenizer)
    plain, special = tokenizer.convert_tokens_to_ids(["<|end|>", END])
    network.generation_config.eos_token_id = [plain, special]
    model = LanguageModel(network, tokenizer, fresh_tiny().identity)
    said = tokenizer("ok")["input_ids"]
    for end in (plain, special):
        tokens = iter([*said, end])
        monkeypatch.setattr("language_models.sampling.draw", lambda *_, left=tokens: torch.tensor([next(left)]))
        [found] = sample(model, [SampleRequest(model.tokens(MESSAGES), 0)], SETTINGS, None)
        assert found == Sampled([*said, end], "ok", "stop")


def test_every_token_that_stops_the_base_ends_a_completion_and_not_its_eos_alone(tiny: LanguageModel) -> None:
    space = tiny.tokenizer.encode(" ")[0]
    tiny.stop_ids = frozenset({tiny.tokenizer.eos_token_id, space})
    found = drawn(tiny)
    assert all(one.token_ids.index(space) == len(one.token_ids) - 1 for one in found if space in one.token_ids)
    assert sum(space in one.token_ids for one in found) > 8


def test_finished_rows_are_dropped_once_they_are_an_eighth(tiny: LanguageModel) -> None:
    rows: list[int] = []
    tiny.network.register_forward_pre_hook(lambda _, __, named: rows.append(len(named["input_ids"])), with_kwargs=True)
    lengths = [len(one.token_ids) for one in drawn(tiny)]
    assert rows[0] == 1, "a prompt is read once for all of its samples"
    for step, computed in enumerate(rows[1:], start=1):
        finished = computed - sum(length > step for length in lengths)
        assert 0 <= finished * DROP_SHARE < computed
    assert len(rows) == max(lengths) and rows[-1] < len(lengths)


def test_sampling_while_an_adapter_is_trained_keeps_no_gradients(tiny: LanguageModel) -> None:
    tiny.quantised = True  # no merged copy: the adapter itself is sampled from
    logits: list[torch.Tensor] = []
    tiny.network.register_forward_hook(lambda _, __, output: logits.append(output.logits))
    with tiny.adapters.training("policy"):
        sample(tiny, [SampleRequest(tiny.tokens(MESSAGES), 0)], SETTINGS, "policy")
    assert len(logits) > 1 and not any(one.requires_grad for one in logits)


def test_a_prompt_without_room_for_its_completion_is_refused_before_anything_is_drawn(tiny: LanguageModel) -> None:
    assert tiny.context is not None
    fits = [5] * (tiny.context - SETTINGS.max_new_tokens)
    tiny.require_room(fits, SETTINGS.max_new_tokens)
    seen: list[int] = []
    requests = [SampleRequest(prompt, 0) for prompt in ([5, 6], [*fits, 5])]
    with pytest.raises(PromptTooLong, match=rf"with {SETTINGS.max_new_tokens} new ones that is more than the 2048"):
        sample(tiny, requests, SETTINGS.model_copy(update={"batch_size": 1}), None, seen.append)
    assert seen == []


def test_a_draw_from_logits_of_16_bits_is_made_in_32() -> None:
    generator = torch.Generator().manual_seed(3)
    logits = (torch.randn(500, 1000, generator=generator) * 4).bfloat16()
    uniforms = torch.rand(500, generator=generator, dtype=torch.float64)
    assert torch.equal(draw(logits, uniforms, 0.7), draw(logits.float(), uniforms, 0.7))


def test_the_highest_draw_of_all_still_hits_a_token_of_some_probability() -> None:
    """The sum of a block in 32 bits is often above that in 64: what lies between belongs to the block's last token."""
    logits = torch.full((64, 200), float("-inf"))
    logits[:, :100] = torch.randn(64, 100, generator=torch.Generator().manual_seed(0))
    highest = torch.ones(64, dtype=torch.float64).nextafter(torch.zeros(1, dtype=torch.float64))
    assert (draw(logits, highest, 1.0) < 100).all()


def test_a_cache_grows_token_by_token_past_its_room_and_is_copied_only_then() -> None:
    generator = torch.Generator().manual_seed(0)
    roomy, plain = roomy_cache(1), DynamicCache()
    kept = []  # so that no place in memory is used twice
    for _ in range(3 * ROOM):
        new = [torch.randn(2, 2, 1, 4, generator=generator) for _ in range(2)]
        for ours, theirs in zip(roomy.update(*new, 0), plain.update(*new, 0), strict=True):
            assert torch.equal(ours, theirs)
            kept.append(ours)
    assert len({one.data_ptr() for one in kept}) == 2 * 3, "keys and values, three times"
