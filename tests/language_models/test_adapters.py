"""Several adapters on one frozen base: only the one being trained ever changes."""

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, Gemma2Config, GPT2Config, PreTrainedConfig

from language_models.batches import collate
from language_models.errors import UnknownAdapter
from language_models.log_probs import completion_pass
from language_models.model import LanguageModel
from language_models.settings import LoraSettings
from language_models.tiny import tiny_model, tiny_tokenizer
from tiny_models import fresh_tiny, randomise

SIZES = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
BATCH = collate([[5, 6, 7], [8]], [[9, 10, 2], [11, 2]], 0)


def log_probs(model: LanguageModel, adapter: str | None) -> torch.Tensor:
    with torch.no_grad(), model.adapters.using(adapter):
        return completion_pass(model, BATCH, 0.7).log_probs


def snapshot(model: LanguageModel) -> dict[str, torch.Tensor]:
    return {name: parameter.detach().clone() for name, parameter in model.network.named_parameters()}


def test_after_a_step_the_trained_adapter_has_changed_and_everything_else_is_bit_identical(tiny: LanguageModel) -> None:
    before = snapshot(tiny)
    with tiny.adapters.training("policy") as parameters:
        optimizer = torch.optim.Adam(parameters, lr=0.01)
        with tiny.adapters.using("other"), torch.no_grad():
            completion_pass(tiny, BATCH, 0.7)  # a switch in between, as for a reference
        with tiny.adapters.using(None), torch.no_grad():
            completion_pass(tiny, BATCH, 0.7)
        (-completion_pass(tiny, BATCH, 0.7).log_probs.sum()).backward()
        optimizer.step()
    for name, parameter in tiny.network.named_parameters():
        changed = not torch.equal(before[name], parameter)
        assert changed == ("policy" in name.split(".")), name
        assert not parameter.requires_grad


@pytest.mark.parametrize("inside", ["other", None])
def test_switching_never_lets_another_adapter_want_gradients(tiny: LanguageModel, inside: str | None) -> None:
    with tiny.adapters.training("policy"):
        with tiny.adapters.using(inside):
            pass
        wanting = {name for name, parameter in tiny.network.named_parameters() if parameter.requires_grad}
    assert wanting and all("policy" in name.split(".") for name in wanting)


def test_a_new_adapter_has_no_effect_and_switching_off_gives_the_base(tiny: LanguageModel) -> None:
    base = fresh_tiny()
    assert not torch.allclose(log_probs(tiny, "policy"), log_probs(tiny, None))
    torch.testing.assert_close(log_probs(tiny, None), log_probs(base, None), atol=1e-6, rtol=0)
    tiny.adapters.add("new", LoraSettings(rank=4), 1)
    assert torch.equal(log_probs(tiny, "new"), log_probs(tiny, None))


def test_an_adapter_comes_back_bit_equal_and_peft_itself_reads_the_same_logits(
    tiny: LanguageModel, tmp_path: Path
) -> None:
    tiny.adapters.save("policy", tmp_path)
    again = fresh_tiny()
    again.adapters.load("back", tmp_path)
    assert torch.equal(log_probs(again, "back"), log_probs(tiny, "policy"))
    theirs = PeftModel.from_pretrained(tiny_model(tiny_tokenizer()), str(tmp_path)).eval()
    with torch.no_grad(), tiny.adapters.using("policy"):
        ours = tiny.network(input_ids=BATCH.input_ids).logits
        assert torch.equal(theirs(input_ids=BATCH.input_ids).logits, ours)


def test_an_adapter_that_cannot_be_read_whole_leaves_nothing_under_its_name(
    tiny: LanguageModel, tmp_path: Path
) -> None:
    """Half of it would be a policy that is the base, and a second try would be told of the first."""
    tiny.adapters.save("policy", tmp_path)
    weights = tmp_path / "adapter_model.safetensors"
    whole, again = load_file(weights), fresh_tiny()
    save_file({name: torch.zeros(3, 5) for name in whole}, weights)
    with pytest.raises(RuntimeError, match="size mismatch"):
        again.adapters.load("back", tmp_path)
    weights.unlink()
    with pytest.raises(FileNotFoundError):
        again.adapters.load("back", tmp_path)
    assert again.adapters.names == []
    save_file(whole, weights)
    again.adapters.load("back", tmp_path)
    assert torch.equal(log_probs(again, "back"), log_probs(tiny, "policy"))


def test_removing_adapters_down_to_none_leaves_the_base(tiny: LanguageModel) -> None:
    tiny.adapters.remove("policy")
    tiny.adapters.remove("other")
    assert tiny.adapters.names == []
    torch.testing.assert_close(log_probs(tiny, None), log_probs(fresh_tiny(), None), atol=1e-6, rtol=0)


def test_a_merged_copy_gives_the_adapters_logits_and_changes_no_weight(tiny: LanguageModel) -> None:
    before = snapshot(tiny)
    ids = torch.tensor([[5, 6, 7, 8]])
    for name in ("policy", "other", "policy"):
        with torch.no_grad():
            with tiny.sampled_from(name) as network:
                merged = network(input_ids=ids).logits
            with tiny.adapters.using(name):
                torch.testing.assert_close(merged, tiny.network(input_ids=ids).logits, atol=1e-4, rtol=0)
    assert all(torch.equal(before[name], parameter) for name, parameter in tiny.network.named_parameters())


def test_what_is_put_together_of_a_base_holds_no_tensor_but_its_own_and_the_merged_ones(tiny: LanguageModel) -> None:
    own = {tensor.data_ptr() for tensor in [*tiny.network.parameters(), *tiny.network.buffers()]}
    drawn_before = torch.random.get_rng_state()
    with tiny.sampled_from("policy") as network:
        new = [name for name, one in network.state_dict().items() if one.data_ptr() not in own]
        assert {tensor.device.type for tensor in [*network.parameters(), *network.buffers()]} == {"cpu"}
    assert len(new) == tiny.layers * 7 and all(name.endswith("proj.weight") for name in new)
    assert torch.equal(torch.random.get_rng_state(), drawn_before)


@pytest.mark.parametrize(
    "config",
    [
        GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2),  # its layers are no nn.Linear
        Gemma2Config(**SIZES, intermediate_size=32, num_key_value_heads=1, head_dim=8),
    ],
    ids=lambda config: config.model_type,
)
def test_other_architectures_are_merged_and_cut_likewise(config: PreTrainedConfig) -> None:
    model = LanguageModel(AutoModelForCausalLM.from_config(config), tiny_tokenizer(), fresh_tiny().identity)
    model.adapters.add("policy", LoraSettings(rank=4), 1)
    randomise(model, "policy", 3)
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        with model.sampled_from("policy") as network, model.adapters.using("policy"):
            torch.testing.assert_close(network(input_ids=ids).logits, model.network(input_ids=ids).logits)
        states = model.network(input_ids=ids, output_hidden_states=True).hidden_states
        body = model.network.get_base_model().base_model
        norm = body.ln_f if hasattr(body, "ln_f") else body.norm
        trunk = model.trunk(1).network(input_ids=ids).last_hidden_state
        torch.testing.assert_close(trunk, norm(states[1]))
        assert not torch.allclose(trunk, norm(states[2]), atol=1e-3)


def test_an_adapter_of_some_layers_is_sampled_from_beside_one_of_all_and_after_it(tiny: LanguageModel) -> None:
    ids = torch.tensor([[5, 6, 7, 8]])

    def merged(name: str) -> torch.Tensor:
        with torch.no_grad(), tiny.sampled_from(name) as network:
            return network(input_ids=ids).logits

    def through_the_adapter(name: str) -> torch.Tensor:
        with torch.no_grad(), tiny.adapters.using(name):
            return tiny.network(input_ids=ids).logits

    tiny.adapters.add("upper", LoraSettings(rank=4), 1, frozen_layers=tiny.layers // 2)
    randomise(tiny, "upper", 3)
    torch.testing.assert_close(merged("upper"), through_the_adapter("upper"), atol=1e-4, rtol=0)
    merged("policy")
    tiny.adapters.remove("policy")
    tiny.adapters.remove("other")
    torch.testing.assert_close(merged("upper"), through_the_adapter("upper"), atol=1e-4, rtol=0)  # nothing stays behind


def test_an_adapter_that_is_not_loaded_is_named(tiny: LanguageModel) -> None:
    with pytest.raises(UnknownAdapter, match="policy"), tiny.adapters.using("nobody"):
        pass


def test_there_is_no_dropout_and_the_model_stays_in_eval_mode(tiny: LanguageModel) -> None:
    with tiny.adapters.training("policy"):
        assert not any(module.training for module in tiny.network.modules())


def test_an_adapter_that_was_trained_with_dropout_elsewhere_is_loaded_without(
    tiny: LanguageModel, tmp_path: Path
) -> None:
    tiny.adapters.save("policy", tmp_path)
    config = tmp_path / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "lora_dropout": 0.3}))
    again = fresh_tiny()
    again.adapters.load("back", tmp_path)
    assert again.adapters.require("back").peft_config["back"].lora_dropout == 0.0
    dropouts = [module for module in again.network.modules() if isinstance(module, torch.nn.Dropout)]
    assert [module.p for module in dropouts if module.p > 0] == []
    again.network.train()  # even then nothing is drawn
    assert torch.equal(log_probs(again, "back"), log_probs(tiny, "policy"))


def test_a_config_that_says_weights_lie_transposed_is_not_believed(tiny: LanguageModel, tmp_path: Path) -> None:
    tiny.adapters.save("policy", tmp_path)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps({**config, "fan_in_fan_out": True}))
    tiny.adapters.load("transposed", tmp_path)
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad(), tiny.sampled_from("transposed") as network:
        merged = network(input_ids=ids).logits
    with torch.no_grad(), tiny.adapters.using("policy"):
        torch.testing.assert_close(merged, tiny.network(input_ids=ids).logits, atol=1e-4, rtol=0)


def test_layers_that_keep_their_weights_transposed_have_their_shape_told_out_first() -> None:
    network = AutoModelForCausalLM.from_config(GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2))
    shapes = LanguageModel(network, tiny_tokenizer(), fresh_tiny().identity).adapters.linear_shapes()
    assert shapes["transformer.h.0.attn.c_attn"] == (48, 16)
    assert shapes["transformer.h.1.mlp.c_proj"] == (16, 64)
    assert "lm_head" not in shapes
