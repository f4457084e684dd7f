"""A base in bfloat16: adapters and heads stay in 32 bits, and everything that is done with a base works. What is
particular to one in 4 bits, without one.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from language_models.batches import collate
from language_models.heads import ScalarHead
from language_models.log_probs import completion_pass
from language_models.model import LanguageModel
from language_models.precision import CannotCompute
from language_models.sampling import SampleRequest, sample
from language_models.settings import LoraSettings, SamplingSettings
from tiny_models import MESSAGES, fresh_tiny, randomise


def halved() -> LanguageModel:
    model = fresh_tiny(numbers=torch.bfloat16)
    model.adapters.add("policy", LoraSettings(rank=4, alpha=8), 0)
    randomise(model, "policy", 0)
    return model


def quantised() -> LanguageModel:
    """A stand-in: bitsandbytes needs a GPU to be of use."""
    model = halved()
    model.quantised = True
    return model


def test_a_base_is_loaded_in_the_numbers_asked_for():
    for precision, numbers in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        model = LanguageModel.load("tiny:", precision=precision)
        assert {parameter.dtype for parameter in model.network.parameters()} == {numbers}


def test_in_4_bits_it_is_quantised_where_it_is_loaded(monkeypatch):
    """bitsandbytes needs a GPU to be of use, so what is asked of transformers is what can be looked at here."""
    asked, load = {}, AutoModelForCausalLM.from_pretrained

    def loaded(folder, **given):
        asked.update(given)
        return load(folder, dtype=given["dtype"])

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", loaded)
    model = LanguageModel.load("tiny:", precision="4bit")
    how = asked["quantization_config"]
    assert (how.load_in_4bit, how.bnb_4bit_quant_type, how.bnb_4bit_compute_dtype) == (True, "nf4", torch.bfloat16)
    assert (asked["dtype"], asked["device_map"]) == (torch.bfloat16, {"": model.device})


def test_it_samples_and_trains_the_adapter_in_32_bits():
    model = halved()
    prompt = model.tokens(MESSAGES)
    [drawn] = sample(model, [SampleRequest(prompt, 1)], SamplingSettings(max_new_tokens=8), "policy")
    batch = collate([prompt], [drawn.token_ids], model.pad_id, model.device)
    with model.adapters.training("policy") as parameters:
        done = completion_pass(model, batch, 0.7)
        assert (done.log_probs.dtype, done.states.dtype) == (torch.float32, torch.float32)
        value = ScalarHead(model.hidden_size)(done.states)
        gradients = torch.autograd.grad(done.log_probs.sum() + value.sum(), parameters)
    assert {parameter.dtype for parameter in parameters} == {torch.float32}
    assert any(gradient.abs().sum() > 0 for gradient in gradients)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_a_trunk_of_it_gives_features_in_32_bits():
    model = halved()
    trunk = model.trunk(2)
    batch = collate([[5, 6, 7]], [[8, 9]], trunk.pad_id, trunk.device)
    with torch.no_grad():
        states = trunk.completion_states(batch)
    assert states.dtype == torch.float32
    assert torch.isfinite(states).all()


@pytest.mark.parametrize("made", [halved, quantised])
def test_what_few_steps_changed_is_not_rounded_away_where_it_is_sampled_from(made: Callable[[], LanguageModel]):
    model = made()
    with model.sampled_from("policy") as network:
        assert network is model.network
        assert model.adapters.active == "policy"
    assert model.adapters.active is None


def test_a_base_in_4_bits_is_never_written_out(tmp_path: Path):
    model = quantised()
    for one in (model, model.trunk(2)):
        with pytest.raises(CannotCompute, match="export the adapter alone"):
            one.save_network(tmp_path)
