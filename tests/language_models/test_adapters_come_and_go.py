"""Adapters that are added, trained, loaded and removed: what is drawn, what wants gradients, what is in use then."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, GPT2Config

from language_models.batches import collate
from language_models.log_probs import completion_pass
from language_models.lora_linear import LoraLinear
from language_models.model import LanguageModel
from language_models.plain_lora import NotPlainLora
from language_models.settings import LoraSettings
from language_models.tiny import tiny_tokenizer
from tiny_models import fresh_tiny

BATCH = collate([[5, 6, 7], [8]], [[9, 10, 2], [11, 2]], 0)
SMALL = LoraSettings(rank=4, alpha=8)


def log_probs(model: LanguageModel, adapter: str | None) -> Tensor:
    with torch.no_grad(), model.adapters.using(adapter):
        return completion_pass(model, BATCH, 0.7).log_probs


def wanting(model: LanguageModel) -> set[str]:
    return {name for name, parameter in model.network.named_parameters() if parameter.requires_grad}


def rewrite_config(folder: Path, **values: object) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_an_adapter_is_drawn_from_its_seed_alone_and_nothing_else_is_drawn_for_it() -> None:
    drawn_before = torch.random.get_rng_state()
    model = fresh_tiny()
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        model.adapters.add(name, SMALL, seed)
    assert torch.equal(torch.random.get_rng_state(), drawn_before)
    one, same, other = (
        torch.cat([t.flatten() for t in model.adapters.state(n).values()]) for n in model.adapters.names
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_the_scale_of_an_adapter_is_alpha_over_rank() -> None:
    model = fresh_tiny()
    model.adapters.add("policy", LoraSettings(rank=4, alpha=24), 0)
    scales = {module.scaling["policy"] for module in model.network.modules() if isinstance(module, LoraLinear)}
    assert scales == {6.0}


def test_nothing_wants_gradients_but_what_is_trained() -> None:
    network = AutoModelForCausalLM.from_config(GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2))
    assert network.training
    model = LanguageModel(network, tiny_tokenizer(), fresh_tiny().identity)
    assert not any(module.training for module in model.network.modules()), "its dropout would be drawn"
    assert wanting(model) == set()
    model.adapters.add("policy", SMALL, 0)
    assert wanting(model) == set()
    with model.adapters.training("policy"):
        model.adapters.add("other", SMALL, 1)
        assert wanting(model) and all("policy" in name.split(".") for name in wanting(model))
        model.adapters.remove("other")
        assert wanting(model) and all("policy" in name.split(".") for name in wanting(model))
    assert model.adapters.active is None
    model.adapters.add("third", SMALL, 1)
    with model.adapters.using("third"):
        pass
    model.adapters.remove("third")  # PEFT then takes another one into use by itself
    assert wanting(model) == set()


def test_an_error_inside_leaves_the_adapter_in_use_that_was_and_nothing_trained(tiny: LanguageModel) -> None:
    base = log_probs(tiny, None)
    with pytest.raises(RuntimeError, match="no"), tiny.adapters.using("other"), tiny.adapters.training("policy"):
        raise RuntimeError("no")
    assert (tiny.adapters.active, wanting(tiny)) == (None, set())
    with torch.no_grad():
        assert torch.equal(completion_pass(tiny, BATCH, 0.7).log_probs, base)
    with tiny.adapters.training("other"):
        assert wanting(tiny)


def test_one_adapter_is_trained_at_a_time(tiny: LanguageModel) -> None:
    with (
        tiny.adapters.training("policy"),
        pytest.raises(ValueError, match="'policy' is being trained; one at a time"),
        tiny.adapters.training("other"),
    ):
        pass


def test_an_adapter_in_use_or_in_training_is_not_removed_and_a_name_is_taken_once(tiny: LanguageModel) -> None:
    with tiny.adapters.using("policy"), pytest.raises(ValueError, match="'policy' is in use"):
        tiny.adapters.remove("policy")
    with (
        tiny.adapters.training("policy"),
        tiny.adapters.using(None),
        pytest.raises(ValueError, match="'policy' is in use"),
    ):
        tiny.adapters.remove("policy")
    with pytest.raises(ValueError, match="'policy' is loaded already"):
        tiny.adapters.add("policy", SMALL, 0)
    assert tiny.adapters.names == ["policy", "other"]


def test_from_a_layer_up_those_below_are_left_alone(tiny: LanguageModel) -> None:
    with tiny.adapters.training("policy", from_layer=1) as parameters:
        wanted = {id(one) for one in tiny.network.parameters() if one.requires_grad}
        assert {id(one) for one in parameters} == wanted
        assert len(parameters) == (tiny.layers - 1) * 7 * 2
        assert not any(".layers.0." in name for name in wanting(tiny))
        with tiny.adapters.using("other"):
            pass
        assert {id(one) for one in tiny.network.parameters() if one.requires_grad} == wanted


def test_frozen_layers_get_nothing_beside_other_adapters_too(tiny: LanguageModel) -> None:
    alone = fresh_tiny()
    for model in (tiny, alone):
        model.adapters.add("upper", SMALL, 1, frozen_layers=1)
        model.adapters.add("upper-all", SMALL, 1)  # one whose name begins with another's
        assert model.adapters.lowest_layer("upper") == 1
        assert model.adapters.lowest_layer("upper-all") == 0
        assert len(model.adapters.parameters("upper")) == (model.layers - 1) * 7 * 2
        assert len(model.adapters.parameters("upper-all")) == model.layers * 7 * 2
    assert tiny.adapters.state("upper").keys() == alone.adapters.state("upper").keys()
    layers = [model.adapters.require("upper").peft_config["upper"].target_modules for model in (tiny, alone)]
    assert layers[0] == layers[1]


def test_a_start_that_would_change_the_base_is_not_made_again_by_loading(tiny: LanguageModel, tmp_path: Path) -> None:
    tiny.adapters.save("policy", tmp_path)
    rewrite_config(tmp_path, init_lora_weights="pissa_niter_2")
    again = fresh_tiny()
    again.adapters.load("back", tmp_path)
    assert torch.equal(log_probs(again, "back"), log_probs(tiny, "policy"))
    torch.testing.assert_close(log_probs(again, None), log_probs(fresh_tiny(), None), atol=1e-6, rtol=0)


def test_a_loaded_adapter_is_said_to_be_of_this_base_whatever_its_config_said(
    tiny: LanguageModel, tmp_path: Path
) -> None:
    tiny.adapters.save("policy", tmp_path)
    rewrite_config(tmp_path, base_model_name_or_path="people/another", revision="0123abc")
    tiny.adapters.load("back", tmp_path)
    (tmp_path / "again").mkdir()
    tiny.adapters.save("back", tmp_path / "again")
    config = json.loads((tmp_path / "again" / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == (tiny.adapters.base_name, None)


def test_loading_draws_nothing_and_what_a_file_leaves_out_starts_the_same_each_time(
    tiny: LanguageModel, tmp_path: Path
) -> None:
    tiny.adapters.add("part", SMALL, 0)
    tiny.adapters.save("part", tmp_path)
    matrices = load_file(tmp_path / "adapter_model.safetensors")
    left_out = next(name for name in matrices if "lora_A" in name)
    kept = {name: value for name, value in matrices.items() if name.rpartition(".lora_")[0] not in left_out}
    assert len(kept) == len(matrices) - 2
    save_file(kept, tmp_path / "adapter_model.safetensors")
    drawn_before = torch.random.get_rng_state()
    for name in ("first", "second"):
        tiny.adapters.load(name, tmp_path)
    assert torch.equal(torch.random.get_rng_state(), drawn_before)
    one, other = (tiny.adapters.state(name) for name in ("first", "second"))
    assert torch.equal(one[left_out], other[left_out])
    assert one[left_out].any() and not one[left_out.replace("lora_A", "lora_B")].any()


def test_matrices_that_the_config_does_not_name_are_told_and_nothing_of_them_is_loaded(
    tiny: LanguageModel, tmp_path: Path
) -> None:
    tiny.adapters.save("policy", tmp_path)
    rewrite_config(tmp_path, target_modules=["q_proj", "v_proj"])
    again = fresh_tiny()
    left_out = (7 - 2) * 2 * tiny.layers
    with pytest.raises(NotPlainLora, match=rf"proj\.lora_.* and {left_out - 1} more of its matrices"):
        again.adapters.load("back", tmp_path)
    assert again.adapters.names == []


def test_linear_layers_have_their_shape_told_out_first_and_adapters_are_none_of_them(tiny: LanguageModel) -> None:
    shapes = tiny.adapters.linear_shapes()
    assert shapes["model.layers.0.mlp.up_proj"] == (64, 32)
    assert len(shapes) == tiny.layers * 7
    assert shapes == fresh_tiny().adapters.linear_shapes()


def test_two_adapters_at_once_are_computed_as_peft_does(tiny: LanguageModel) -> None:
    layer = next(module for module in tiny.network.modules() if isinstance(module, LoraLinear))
    x = torch.randn(2, layer.in_features, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), tiny.adapters.using("policy"):
        deltas = [layer.get_delta_weight(name) for name in ("policy", "other")]
        layer.set_adapter(["policy", "other"])
        found = layer(x)
    torch.testing.assert_close(found, x @ (layer.get_base_layer().weight + sum(deltas)).t(), atol=1e-4, rtol=0)


def test_an_adapter_that_is_more_than_matrices_is_refused_and_leaves_nothing(
    tiny: LanguageModel, tmp_path: Path
) -> None:
    tiny.adapters.save("policy", tmp_path)
    rewrite_config(tmp_path, use_dora=True)
    with pytest.raises(NotPlainLora, match="it uses DoRA"):
        tiny.adapters.load("dora", tmp_path)
    assert "dora" not in tiny.adapters.names
