"""One frozen base in memory, with a tokenizer, a chat template and any number of LoRA adapters."""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from language_models import layers
from language_models.adapters import Adapters
from language_models.batches import Batch, collate
from language_models.chat_turns import Message, end_of_turn, placed, plain_tokens, prompt_tokens, takes_system
from language_models.errors import PromptTooLong
from language_models.fetch import ensure
from language_models.identity import BaseIdentity, identity_of
from language_models.machine import best_device
from language_models.merging import merged_network
from language_models.output_layer import OutputLayer
from language_models.precision import CannotCompute, Compute
from language_models.saved_for_others import readable_elsewhere
from language_models.settings import Precision
from language_models.settled_templates import settle
from language_models.shared_modules import plain_modules, put_together
from language_models.sources import BUNDLED_HUB_ID, parse
from language_models.threads import wanted_threads
from language_models.upper_layers import Layers, LowerStates, SplitLayers
from language_models.weight_layout import lay_columns_first

LOCAL_BASE = "./base"  # in an adapter's config, for a base that has no name elsewhere: no name on the hub either
PASS_COSTS = 32  # tokens: about what a pass takes beside the work on its tokens


def use_threads(threads: int | None = None) -> int:
    """Sets torch's threads: the argument, else TASTEMAKER_THREADS, else every core. Returns their number."""
    count = threads or wanted_threads()
    torch.set_num_threads(count)
    return count


class LanguageModel:
    """A frozen base, its tokenizer, and its adapters. Always in eval mode: there is no dropout anywhere."""

    def __init__(self, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, identity: BaseIdentity) -> None:
        self.tokenizer = tokenizer
        self.identity = identity
        self.hidden_size: int = network.config.get_text_config().hidden_size
        self.layers: int = network.config.get_text_config().num_hidden_layers
        self.context = _context(network.config.get_text_config())
        self.adapters = Adapters(network.eval(), _name_elsewhere(identity.source))
        self._splits: SplitLayers | None = None
        self.device = next(network.parameters()).device
        fillers = (tokenizer.pad_token_id, tokenizer.eos_token_id)
        size = network.get_input_embeddings().num_embeddings  # a pad token may have been added behind its end
        self.pad_id = int(next((one for one in fillers if one is not None and one < size), 0))  # masks are of lengths
        self.stop_ids = _stop_ids(network, tokenizer)
        self.end_id = end_of_turn(tokenizer, self.stop_ids)
        self.stop_ids |= {one for one in (self.end_id,) if one is not None}
        self.takes_system = takes_system(tokenizer)
        self.quantised = bool(getattr(network, "is_quantized", False))
        self.whole_rows = False  # no pass but sampling's goes through a key-value cache, see `computed`
        self._compiles = False

    @classmethod
    def load(cls, source: str, *, device: torch.device | None = None, precision: Precision = "fp32") -> "LanguageModel":
        """Loads a base. Raises UnknownModel with what is allowed; converts the bundled model where needed."""
        folder = ensure(source)
        device = device or best_device()
        network = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, **_numbers(precision, device))
        if device.type == "cpu":
            lay_columns_first(network)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        settle(tokenizer)
        identity = identity_of(str(parse(source)), folder, tokenizer)
        return cls(network if precision == "4bit" else network.to(device), tokenizer, identity)

    def go_on_as(self, sha256: str | None, template_sha256: str | None) -> None:
        """Takes the names by which a study recorded the base, where these are former ones, and its way of thinking."""
        if self.identity.thought(template_sha256):
            settle(self.tokenizer, thinks=True)
        self.identity = self.identity.known_as(sha256, template_sha256)

    @property
    def network(self) -> Any:
        """The callable network: the base, or PEFT around it."""
        return self.adapters.network

    @property
    def _base(self) -> PreTrainedModel:
        """The network without PEFT around it; its linear layers hold the adapters all the same."""
        network: PreTrainedModel = self.network.get_base_model() if self.adapters.names else self.network
        return network

    @property
    def _body(self) -> Any:
        """The layers and the norm above them: what gives the top states."""
        return self._base.base_model

    @cached_property
    def output(self) -> OutputLayer:
        """What makes logits of top states."""
        return OutputLayer(self._base)

    @contextmanager
    def computed(self, how: Compute, *, backend: layers.Backend = "inductor") -> Iterator[None]:
        """Inside, updates are computed as `how` says, and rows are read whole: layers that are computed again have no
        key-value cache, and compiled ones would be compiled anew for each place in it. Sampling stays as it is."""
        if how == Compute():  # there is no need to tell the layers apart
            yield
            return
        _, stack = layers.stack_of(self.network, self.layers)
        with layers.computed(stack, how, backend=backend):
            self.whole_rows, self._compiles = True, how.compile
            try:
                yield
            finally:
                self.whole_rows = self._compiles = False

    def tokens(self, messages: Sequence[Message], system_prompt: str | None = None) -> list[int]:
        """Prompt token ids by the tokenizer's own template, up to where the completion starts.

        The study's system prompt comes first unless the messages bring their own: some templates put in one that names
        the model. Where the template has no place for one, it stands before the first message. A tokenizer without a
        template gets the contents, each on a line of its own.
        """
        turns = [dict(message) for message in messages]
        if system_prompt is not None and turns[0]["role"] != "system":
            turns.insert(0, {"role": "system", "content": system_prompt})
        return prompt_tokens(self.tokenizer, placed(turns, self.takes_system))

    def require_room(self, prompt_ids: Sequence[int], new_tokens: int, what: str = "A prompt") -> None:
        """Raises PromptTooLong where a prompt and its completion are more tokens than the base reads."""
        if self.context is not None and len(prompt_ids) + new_tokens > self.context:
            raise PromptTooLong(
                f"{what} has {len(prompt_ids)} tokens; with {new_tokens} new ones that is more than the {self.context} "
                "that the base reads. Shorten it or take it out of the study, or allow fewer new tokens "
                "(`tastemaker settings STUDY --set sampling.max_new_tokens=N`)."
            )

    def completion_tokens(self, text: str, finished: bool) -> list[int]:
        """Token ids of a completion's text; one that ended by itself ends with the token that ends a turn, one that was
        cut off does not (and none where there is no such token). A control token that somebody wrote out is text."""
        ids = plain_tokens(self.tokenizer, text)
        if ids and not (finished and self.end_id is not None):
            return ids
        return [*ids, self.pad_id if self.end_id is None else self.end_id]

    def text(self, completion_ids: Sequence[int]) -> str:
        """The text of completion tokens, without the EOS."""
        return str(self.tokenizer.decode(list(completion_ids), skip_special_tokens=True))

    def laid_out(self, prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]]) -> Batch:
        """B prompts and their completions as this model reads them: padded, on its device (`batches.collate`)."""
        return collate(prompts, completions, self.pad_id, self.device)

    def in_parts(
        self, prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]], parts: Iterable[Sequence[int]]
    ) -> Iterator[tuple[Sequence[int], Batch]]:
        """Each part's rows, as `batches.token_batches` or `shared_prompt_batches` chose them, and these laid out."""
        for rows in parts:
            yield rows, self.laid_out([prompts[row] for row in rows], [completions[row] for row in rows])

    def completion_states(self, batch: Batch) -> Tensor:
        """(B, C, H): the states above the top layer at the completions' own tokens, for models without an output layer
        (see `trunk`). A prompt that several rows share is computed once; gradients reach it through the cache."""
        end = batch.input_ids.shape[1]
        _, _, states = _prompts_once(Layers(self._body), {"input_ids": batch.input_ids}, batch, end)
        return states.float()  # heads and features are in 32 bits, whatever the base is held in

    def predicting_states(self, batch: Batch) -> Tensor:
        """(B, C, H): the states above the top layer from which the completions' tokens are predicted, the one before
        each. A prompt that several rows share is computed once where that saves more than another pass costs."""
        if batch.lower is None:
            asked, prompt_of, said = self._read(Layers(self._body), {"input_ids": batch.input_ids}, batch)
        else:
            upper = self._split(batch.lower.layers).upper
            asked, prompt_of, said = self._read(upper, {"inputs_embeds": batch.lower.states}, batch)
        return torch.cat((asked[prompt_of, -1:], said), dim=1)

    def with_lower_states(self, batch: Batch, frozen: int) -> Batch:
        """The batch with what the lowest `frozen` layers make of it, for passes by adapters that leave these alone."""
        with self._eagerly():  # once for all epochs, and the look into the layers is none that can be compiled
            asked, prompt_of, said = self._read(self._split(frozen).lower, {"input_ids": batch.input_ids}, batch)
        return replace(batch, lower=LowerStates(torch.cat((asked[prompt_of], said), dim=1), frozen))

    def _split(self, frozen: int) -> SplitLayers:
        if self._splits is None or self._splits.frozen != frozen:
            self._splits = SplitLayers(self._body, self.layers, frozen)
        return self._splits

    def _read(self, layers: Layers, fed: Mapping[str, Tensor], batch: Batch) -> tuple[Tensor, list[int], Tensor]:
        """What `layers` make of all columns but the last, from which nothing is predicted: (D, P, H) of prompts, for
        each row the place of its prompt among them, and (B, C - 1, H) of completions. `fed`: (B, T - 1 or more, ...) by
        the name under which a network takes it."""
        width, end = batch.prompt_width, batch.input_ids.shape[1] - 1
        rows, (prompts, prompt_of) = len(batch.input_ids), batch.prompts
        if end == width:  # completions of one token: nothing but prompts is read
            states = self._together(layers, fed, batch, prompts, end)
            return states, prompt_of, states.new_empty(rows, 0, states.shape[-1])
        saved = (rows - len(prompts)) * width
        if not (self.whole_rows or saved <= PASS_COSTS):
            return _prompts_once(layers, fed, batch, end)
        states = self._together(layers, fed, batch, slice(None), end)
        return states[:, :width], list(range(rows)), states[:, width:]

    @staticmethod
    def _together(layers: Layers, fed: Mapping[str, Tensor], batch: Batch, rows: list[int] | slice, end: int) -> Tensor:
        """(rows, end, H): what `layers` make of the columns before `end` in one pass."""
        return layers(
            **{name: one[rows, :end] for name, one in fed.items()},
            attention_mask=batch.attention_mask[rows, :end],
            position_ids=batch.position_ids[rows, :end],
            use_cache=False,
        )

    def save_network(self, folder: Path) -> None:
        """Writes the network without its adapters, and the tokenizer, into an existing folder, in the layout of
        `save_pretrained`, for others to load."""
        network = self._base
        if self.quantised:
            raise CannotCompute(
                "a base that is held in 4 bits cannot be written out again: export the adapter alone, to be put on the "
                "base that it was loaded from"
            )
        plain = {key.replace(".base_layer", ""): value for key, value in network.state_dict().items()}
        config = copy.deepcopy(network.config)
        with torch.random.fork_rng(devices=[]):
            written = type(network)(config)
        written.load_state_dict({key: plain[key].contiguous() for key in written.state_dict()}, assign=True)
        written.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        readable_elsewhere(folder)

    @contextmanager
    def sampled_from(self, adapter: str | None) -> Iterator[Any]:
        """The network to sample an adapter's policy from (None: the base's): a merged copy where the base is held in 32
        bits. Elsewhere the adapter is in use inside: sixteen bits would round away most of what few steps have changed,
        and four are too large for a copy. Nothing is compiled inside.
        """
        with self._eagerly(), self._merged(adapter) as network:
            yield network

    def _eagerly(self) -> AbstractContextManager[Any]:
        return torch.compiler.set_stance("force_eager") if self._compiles else nullcontext()

    @contextmanager
    def _merged(self, adapter: str | None) -> Iterator[Any]:
        if adapter is not None and self.network.dtype == torch.float32 and not self.quantised:
            with self.adapters.using(None):
                yield merged_network(self.adapters.require(adapter), adapter)
        else:
            with self.adapters.using(adapter):
                yield self.network

    def trunk(self, layers: int) -> "LanguageModel":
        """The lower `layers` of the base as a model of their own that shares the base's tensors and has no output
        layer.

        Its adapters are its own. The top norm is the base's.
        """
        if not 1 <= layers <= self.layers:
            raise ValueError(
                f"a trunk of {layers} layers was asked of a base of {self.layers}: 1 to {self.layers} are allowed"
            )
        base = self._base
        config = copy.deepcopy(base.config)
        of_text = config.get_text_config()  # where a base reads images too, its own config holds one of text
        of_text.num_hidden_layers = layers
        if getattr(of_text, "layer_types", None):
            of_text.layer_types = of_text.layer_types[:layers]
        network = put_together(lambda: AutoModel.from_config(config), plain_modules(base.base_model))
        trunk = LanguageModel(network, self.tokenizer, self.identity)
        trunk.stop_ids, trunk.end_id = self.stop_ids, self.end_id  # it has no generation config to read them from
        trunk.quantised = self.quantised  # its layers are; no quantiser put that down on its network
        return trunk


def _prompts_once(
    layers: Layers, fed: Mapping[str, Tensor], batch: Batch, end: int
) -> tuple[Tensor, list[int], Tensor]:
    """(D, P, H) of distinct prompts, for each row the place of its prompt among them, and (B, end - P, H) of the
    completions' tokens before column `end`, which see their prompt through the key-value cache."""
    width = batch.prompt_width
    first, prompt_of = batch.prompts
    cache = layers.cache()
    asked = layers(
        **{name: one[first, :width] for name, one in fed.items()},
        attention_mask=batch.attention_mask[first, :width],
        position_ids=batch.position_ids[first, :width],
        past_key_values=cache,
        use_cache=True,
    )
    cache.batch_select_indices(torch.tensor(prompt_of, device=asked.device))
    said = layers(
        **{name: one[:, width:end] for name, one in fed.items()},
        attention_mask=batch.attention_mask[:, :end],
        position_ids=batch.position_ids[:, width:end],
        past_key_values=cache,
        use_cache=True,
    )
    return asked, prompt_of, said


def _numbers(precision: Precision, device: torch.device) -> dict[str, Any]:
    """What `from_pretrained` is told; 4 bits are NF4 (Dettmers et al. 2023, https://arxiv.org/abs/2305.14314)."""
    if precision != "4bit":
        return {"dtype": torch.bfloat16 if precision == "bf16" else torch.float32}
    quantised = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)
    return {"dtype": torch.bfloat16, "quantization_config": quantised, "device_map": {"": device}}


def _name_elsewhere(source: str) -> str:
    """The hub id of a base of the hub; a folder's path on this machine is nobody's business."""
    if source.startswith("hub:"):
        return parse(source).name
    if source.startswith("bundled:"):
        return BUNDLED_HUB_ID
    return source if source.startswith("tiny:") else LOCAL_BASE


def _context(config: Any) -> int | None:
    """Tokens that a base reads, by the config of its text; None where nothing limits them. LongRoPE turns all of a
    batch otherwise once one row is longer than what it was pretrained on, so that is where it ends here.
    """
    most = [getattr(config, "max_position_embeddings", None)]
    rope = getattr(config, "rope_parameters", None) or {}
    if rope.get("rope_type") == "longrope":
        most.append(rope.get("original_max_position_embeddings"))
    return min((one for one in most if one is not None), default=None)


def _stop_ids(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    generation = getattr(network, "generation_config", None)
    declared = generation.eos_token_id if generation is not None else None
    several = declared if isinstance(declared, list) else [declared]
    return frozenset(int(token) for token in [tokenizer.eos_token_id, *several] if token is not None)
