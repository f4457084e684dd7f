"""One frozen base in memory, with a tokenizer, a chat template and any number of LoRA adapters."""

import copy
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    DynamicCache,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from language_models import folders
from language_models.adapters import Adapters
from language_models.batches import Batch, distinct
from language_models.errors import PromptTooLong
from language_models.fetch import ensure
from language_models.merging import MergedCopy
from language_models.sources import BUNDLED_HUB_ID, parse

Message = Mapping[str, str]


@dataclass(frozen=True)
class BaseIdentity:
    """What a policy or a reward model is tied to: the base's weights, its tokenizer and its chat template."""

    source: str
    sha256: str
    tokenizer_sha256: str
    template_sha256: str


def use_threads(threads: int | None = None) -> int:
    """Sets torch's threads: the argument, else TASTEMAKER_THREADS, else every core. Returns their number."""
    count = threads or int(os.environ.get("TASTEMAKER_THREADS", "0")) or os.cpu_count() or 1
    torch.set_num_threads(count)
    return count


def best_device() -> torch.device:
    """CUDA where there is one, else Apple's MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


class LanguageModel:
    """A frozen base, its tokenizer, and its adapters. Always in eval mode: there is no dropout anywhere."""

    def __init__(self, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, identity: BaseIdentity) -> None:
        self.tokenizer = tokenizer
        self.identity = identity
        self.hidden_size: int = network.config.get_text_config().hidden_size
        self.layers: int = network.config.get_text_config().num_hidden_layers
        name = BUNDLED_HUB_ID if identity.source.startswith("bundled:") else identity.source.removeprefix("hub:")
        self.context: int | None = getattr(network.config.get_text_config(), "max_position_embeddings", None)
        self.adapters = Adapters(network.eval(), name)
        self._merged = MergedCopy()
        self.device = next(network.parameters()).device
        fillers = (tokenizer.pad_token_id, tokenizer.eos_token_id)
        self.pad_id = int(next((one for one in fillers if one is not None), 0))  # any will do: masks come from lengths
        self.stop_ids = _stop_ids(network, tokenizer)

    @classmethod
    def load(cls, source: str, *, device: torch.device | None = None) -> "LanguageModel":
        """Loads a base in fp32. Raises UnknownModel with what is allowed; converts the bundled model where needed."""
        folder = ensure(source)
        network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        identity = _identity(str(parse(source)), folder, tokenizer)
        return cls(network.to(device or best_device()), tokenizer, identity)

    @property
    def network(self) -> Any:
        """The callable network: the base, or PEFT around it."""
        return self.adapters.network

    def tokens(self, messages: Sequence[Message], system_prompt: str | None = None) -> list[int]:
        """Prompt token ids by the tokenizer's own template, up to where the completion starts.

        The study's system prompt comes first unless the messages bring their own: some templates put in one that names
        the model. A tokenizer without a template gets the contents, each on a line of its own.
        """
        turns = [dict(message) for message in messages]
        if system_prompt is not None and turns[0]["role"] != "system":
            turns.insert(0, {"role": "system", "content": system_prompt})
        if self.tokenizer.chat_template is None:
            return list(self.tokenizer("\n".join(turn["content"] for turn in turns) + "\n")["input_ids"])
        return list(self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False))

    def require_room(self, prompt_ids: Sequence[int], new_tokens: int, what: str = "A prompt") -> None:
        """Raises PromptTooLong where a prompt and its completion are more tokens than the base reads."""
        if self.context is not None and len(prompt_ids) + new_tokens > self.context:
            raise PromptTooLong(
                f"{what} has {len(prompt_ids)} tokens; with {new_tokens} new ones that is more than the {self.context} "
                "that the base reads. Shorten it or take it out of the study, or allow fewer new tokens "
                "(sampling.max_new_tokens)."
            )

    def completion_tokens(self, text: str, finished: bool) -> list[int]:
        """Token ids of a completion's text; one that ended by itself ends with the EOS, one that was cut off does not
        (and none where there is no EOS)."""
        ids = list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        ends = sorted(self.stop_ids) if self.tokenizer.eos_token_id is None else [int(self.tokenizer.eos_token_id)]
        return [*ids, *(ends[:1] or [self.pad_id])] if not ids or (finished and ends) else ids

    def text(self, completion_ids: Sequence[int]) -> str:
        """The text of completion tokens, without the EOS."""
        return str(self.tokenizer.decode(list(completion_ids), skip_special_tokens=True))

    def completion_states(self, batch: Batch) -> Tensor:
        """(B, C, H): the states above the top layer at the completions' own tokens, for models without an output layer
        (see `trunk`). A prompt that several rows share is computed once; gradients reach it through the cache."""
        width = batch.prompt_width
        masked = batch.input_ids[:, :width].masked_fill(batch.attention_mask[:, :width] == 0, -1)
        prompts, prompt_of = distinct(masked.tolist())
        first = [prompt_of.index(place) for place in range(len(prompts))]
        cache = DynamicCache()
        self.network(
            input_ids=batch.input_ids[first, :width],
            attention_mask=batch.attention_mask[first, :width],
            position_ids=batch.position_ids[first, :width],
            past_key_values=cache,
            use_cache=True,
        )
        cache.batch_select_indices(torch.tensor(prompt_of, device=self.device))
        states: Tensor = self.network(
            input_ids=batch.input_ids[:, width:],
            attention_mask=batch.attention_mask,
            position_ids=batch.position_ids[:, width:],
            past_key_values=cache,
            use_cache=True,
        ).last_hidden_state
        return states

    def save_network(self, folder: Path) -> None:
        """Writes the network without its adapters, and the tokenizer, into an existing folder, in the layout of
        `save_pretrained`."""
        network = self.network.get_base_model() if self.adapters.names else self.network
        plain = {key.replace(".base_layer", ""): value for key, value in network.state_dict().items()}
        config = copy.deepcopy(network.config)
        with torch.random.fork_rng(devices=[]):
            written = type(network)(config)
        written.load_state_dict({key: plain[key] for key in written.state_dict()}, assign=True)
        written.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    def sampling_network(self, adapter: str | None) -> Any:
        """The network to sample an adapter's policy from (None: the base's), to be called with no adapter in use."""
        if adapter is None:
            return self.network
        return self._merged.of(self.adapters.require(adapter), adapter)

    def trunk(self, layers: int) -> "LanguageModel":
        """The lower `layers` of the base as a model of their own that shares the base's tensors and has no output
        layer.

        Its adapters are its own. The top norm is the base's.
        """
        if not 1 <= layers <= self.layers:
            raise ValueError(
                f"a trunk of {layers} layers was asked of a base of {self.layers}: 1 to {self.layers} are allowed"
            )
        base: PreTrainedModel = self.network.get_base_model() if self.adapters.names else self.network
        config = copy.deepcopy(base.config)
        config.num_hidden_layers = layers
        if getattr(config, "layer_types", None):
            config.layer_types = config.layer_types[:layers]
        with torch.random.fork_rng(devices=[]):
            network = AutoModel.from_config(config)
        body = getattr(base, base.base_model_prefix)
        shared = {key.replace(".base_layer", ""): value for key, value in body.state_dict().items()}
        network.load_state_dict({key: shared[key] for key in network.state_dict()}, assign=True)
        return LanguageModel(network.to(self.device), self.tokenizer, self.identity)


def _stop_ids(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    generation = getattr(network, "generation_config", None)
    declared = generation.eos_token_id if generation is not None else None
    several = declared if isinstance(declared, list) else [declared]
    return frozenset(int(token) for token in [tokenizer.eos_token_id, *several] if token is not None)


def _identity(source: str, folder: Path, tokenizer: PreTrainedTokenizerBase) -> BaseIdentity:
    """Hashes of weights, tokenizer and template. A converted model's are in its manifest; others are read once."""
    weights = hashlib.sha256()
    if (folder / folders.MANIFEST).is_file():
        weights.update(folders.manifest_sha256(folder).encode())
    else:
        for path in sorted(folder.glob("*.safetensors")):
            weights.update(folders.file_sha256(path).encode())
    template = (tokenizer.chat_template or "").encode()
    vocabulary = repr(sorted(tokenizer.get_vocab().items())).encode()
    return BaseIdentity(
        source, weights.hexdigest(), hashlib.sha256(vocabulary).hexdigest(), hashlib.sha256(template).hexdigest()
    )
