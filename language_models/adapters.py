"""Several LoRA adapters on one shared frozen base, through PEFT's public interface.

PEFT toggles `requires_grad` whenever an adapter is switched; `Adapters` has it off, but for parameters of the adapter
that is trained.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from language_models.errors import UnknownAdapter
from language_models.layers import stack_of
from language_models.lora_linear import LoraLinear
from language_models.plain_lora import WEIGHTS, NotPlainLora, beyond_matrices
from language_models.settings import LoraSettings

LINEAR = (nn.Linear, Conv1D)
"""What PEFT's "all-linear" adapts; the second, GPT-2's, keeps its weights transposed."""


class Adapters:
    """Named LoRA adapters on one network. `active` is the adapter in use (None: the base alone)."""

    def __init__(self, network: PreTrainedModel, base_name: str) -> None:
        network.name_or_path = base_name  # PEFT writes it into each adapter's config
        self.network: PreTrainedModel | PeftModel = network.requires_grad_(False)
        self.base_name = base_name
        self.active: str | None = None
        self._adapted: list[BaseTunerLayer] = []  # looking for them takes ten times as long as switching them
        self._trained: str | None = None
        self._wanting: list[nn.Parameter] = []  # gradients, of the adapter that is trained

    @property
    def names(self) -> list[str]:
        return list(self.network.peft_config) if isinstance(self.network, PeftModel) else []

    def add(self, name: str, settings: LoraSettings, seed: int, *, frozen_layers: int = 0) -> None:
        """Adds an adapter whose effect is zero: B is zero, A is drawn from `seed`. The one in use stays in use.

        The lowest `frozen_layers` layers get none: training neither keeps their states nor goes back through them.
        """
        config = LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=0.0,
            target_modules=self._linear_from(frozen_layers) if frozen_layers else self._all_linear(),
            base_model_name_or_path=self.base_name,
        )
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self._insert(name, config)

    def _all_linear(self) -> list[str] | str:
        """PEFT's word for all linear layers but the output; their names where it would take in some between the body's
        states and the output, which log-probs do not go through with an adapter (`OutputLayer`)."""
        within = set(self._base.base_model.modules())
        above = [one for one in self._base.modules() if isinstance(one, LINEAR) and one not in within]
        only_output = all(one is self._base.get_output_embeddings() for one in above)
        return "all-linear" if only_output else list(self.linear_shapes())

    @property
    def _base(self) -> PreTrainedModel:
        return self.network.get_base_model() if isinstance(self.network, PeftModel) else self.network

    def _linear_from(self, layer: int) -> list[str]:
        """Names of the linear layers from the `layer`-th layer of the stack up."""
        network = self._base
        count = network.config.get_text_config().num_hidden_layers
        path, stack = stack_of(network, count)
        return [
            f"{path}.{place}.{name}".removesuffix(".base_layer")
            for place in range(layer, count)
            for name, module in stack[place].named_modules()
            if isinstance(module, LINEAR) and "lora_" not in name
        ]

    def lowest_layer(self, name: str) -> int:
        """The number, from 0 at the bottom, of the lowest layer that the adapter changes; that of all where it changes
        none. Raises UnknownLayers."""
        layers = self._layers(self.require(name))
        changed = (any(name in key.split(".") for key, _ in layer.named_parameters()) for layer in layers)
        return next((place for place, one in enumerate(changed) if one), len(layers))

    def linear_shapes(self) -> dict[str, tuple[int, int]]:
        """(out, in) features of each linear layer that an adapter may change, by its name: all of the body, nothing of
        what stands above it."""
        within = set(self._base.base_model.modules())
        plain = {
            path.removesuffix(".base_layer"): module
            for path, module in self._base.named_modules()
            if isinstance(module, LINEAR) and "lora_" not in path and module in within
        }
        return {path: _out_and_in(module) for path, module in plain.items()}

    def load(self, name: str, folder: Path) -> None:
        """Adds an adapter from a folder in PEFT's layout. Raises NotPlainLora where it is more than LoRA matrices, all
        that is computed here, or where its config does not cover them."""
        config = LoraConfig.from_pretrained(str(folder))
        if faults := beyond_matrices(vars(config)):
            raise NotPlainLora(f"The adapter in {folder.name!r} cannot be used: {'; '.join(faults)}.")
        config.inference_mode = False
        config.lora_dropout = 0.0  # no dropout anywhere, and what it started from counts no more
        config.init_lora_weights = True
        config.fan_in_fan_out = False  # PEFT finds out itself where weights lie transposed
        config.base_model_name_or_path, config.revision = self.base_name, None
        weights = load_file(folder / WEIGHTS)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)  # what the file leaves out changes nothing, and starts the same
            self._insert(name, config)
        try:
            told = set_peft_model_state_dict(self.network, weights, adapter_name=name)
            if told.unexpected_keys:
                raise NotPlainLora(
                    f"The adapter in {folder.name!r} cannot be used: its config does not name "
                    f"{told.unexpected_keys[0]!r} and {len(told.unexpected_keys) - 1} more of its matrices in "
                    "target_modules."
                )
        except BaseException:
            self.remove(name)  # half of it would pass for an adapter that changes nothing
            raise
        finally:
            self._switch(self.active)

    def save(self, name: str, folder: Path) -> None:
        """Writes the adapter into an existing folder in PEFT's layout: LoRA matrices and config, nothing else."""
        config = self.require(name).peft_config[name]
        config.save_pretrained(str(folder))
        save_file({key: value.contiguous().cpu() for key, value in self.state(name).items()}, folder / WEIGHTS)

    def remove(self, name: str) -> None:
        network = self.require(name)
        if self.active == name or self._trained == name:
            raise ValueError(f"adapter {name!r} is in use; switch to another first")
        if len(self.names) == 1:
            self.network = network.unload()
        else:
            network.delete_adapter(name)
        self._find_adapted()
        self._switch(self.active)

    def state(self, name: str) -> dict[str, Tensor]:
        """The adapter's tensors under PEFT's names, not copied."""
        return dict(get_peft_model_state_dict(self.require(name), adapter_name=name, save_embedding_layers=False))

    def parameters(self, name: str, *, from_layer: int = 0) -> dict[str, nn.Parameter]:
        """The adapter's parameters by name, in a fixed order; those of layers below `from_layer` are left out."""
        network = self.require(name)
        layers = self._layers(network)[:from_layer] if from_layer else ()  # some networks' cannot be told apart
        below = {id(one) for layer in layers for one in layer.parameters()}
        return {
            key: parameter
            for key, parameter in network.named_parameters()
            if name in key.split(".") and id(parameter) not in below
        }

    @contextmanager
    def using(self, name: str | None) -> Iterator[None]:
        """Forward passes inside see this adapter (None: the base alone); afterwards what was in use before."""
        previous = self.active
        if name == previous:
            yield
            return
        self._switch(name)
        try:
            yield
        finally:
            self._switch(previous)

    @contextmanager
    def training(self, name: str, *, from_layer: int = 0) -> Iterator[list[nn.Parameter]]:
        """Inside, the adapter is in use and its parameters from a layer up, and no others, want gradients."""
        if self._trained is not None:
            raise ValueError(f"adapter {self._trained!r} is being trained; one at a time")
        wanting = list(self.parameters(name, from_layer=from_layer).values())
        self._trained, self._wanting = name, wanting
        try:
            with self.using(name):
                self._switch(name)  # also where it is in use already: its gradients are wanted now
                yield wanting
        finally:
            self._trained, self._wanting = None, []
            self._switch(self.active)

    @staticmethod
    def _layers(network: PeftModel) -> nn.ModuleList:
        base = network.get_base_model()
        return stack_of(base, base.config.get_text_config().num_hidden_layers)[1]

    def require(self, name: str) -> PeftModel:
        """The network with its adapters, once it is sure that `name` is among them. Raises UnknownAdapter."""
        if not isinstance(self.network, PeftModel) or name not in self.names:
            raise UnknownAdapter(f"no adapter {name!r} is loaded; loaded are {self.names or 'none'}")
        return self.network

    def _insert(self, name: str, config: LoraConfig) -> None:
        if name in self.names:
            raise ValueError(f"an adapter {name!r} is loaded already")
        if not getattr(self.network, "is_quantized", False):  # layers of 4 bits call themselves linear, too
            config._register_custom_module({nn.Linear: LoraLinear})  # as PEFT's guide to custom layers has it
        if isinstance(self.network, PeftModel):
            self.network.add_adapter(name, config)
        else:
            self.network = get_peft_model(self.network, config, adapter_name=name)
        self.network.eval()
        self._find_adapted()
        self._switch(self.active)

    def _switch(self, name: str | None) -> None:
        """Layer by layer: PEFT's own way to switch walks through all modules and all parameters, several times."""
        if name is not None:
            self.require(name)
        for layer in self._adapted:
            layer.enable_adapters(name is not None)
            if name is not None:
                layer.set_adapter(name, inference_mode=True)  # nothing wants gradients
        for parameter in self._wanting:
            parameter.requires_grad_(True)
        self.active = name

    def _find_adapted(self) -> None:
        self._adapted = [module for module in self.network.modules() if isinstance(module, BaseTunerLayer)]


def _out_and_in(module: nn.Module) -> tuple[int, int]:
    if isinstance(module, nn.Linear):
        return module.out_features, module.in_features
    assert isinstance(module, Conv1D)
    inside, out = module.weight.shape
    return int(out), int(inside)
