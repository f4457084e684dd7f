"""A toy task whose optimum is known: three tokens of eight, a written reward, and the best policy under the KL term
by enumeration. Training on it: toy_runs.py."""

import itertools
from collections.abc import Sequence

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

from language_models.batches import collate
from language_models.identity import BaseIdentity
from language_models.log_probs import completion_pass
from language_models.model import LanguageModel
from language_models.sampling import Sampled
from policy_training.records import PromptItem

WORDS = [*"abcdefgh"]
LENGTH = 3
BETA = 0.3
PROMPT = PromptItem(id=1, token_ids=[2, 3])


def toy_model() -> LanguageModel:
    """Eight words and a stop token that is never drawn, so that every episode is three tokens long."""
    vocabulary = {word: index for index, word in enumerate([*WORDS, "<stop>", "<pad>"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="a"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<stop>", pad_token="<pad>")
    config = LlamaConfig(
        vocab_size=10,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        initializer_range=0.2,
        tie_word_embeddings=False,
        eos_token_id=8,
        pad_token_id=9,
    )
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(5)
        network = AutoModelForCausalLM.from_config(config)
        network.get_input_embeddings().weight[:, 0] = 4.0
        for name, weight in network.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                weight[0] = 0.0
        network.get_output_embeddings().weight[8:, 0] = -20.0
    return LanguageModel(network, fast, BaseIdentity("toy", "", "", ""))


def true_reward(tokens: Sequence[int]) -> float:
    """+1 for each rise to the next letter, +1 for a first b: needs several tokens to agree."""
    rises = sum(after == before + 1 for before, after in itertools.pairwise(tokens))
    return float(rises + (tokens[0] == 1))


def reward(_: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
    return [true_reward(completion.token_ids) for completion in sampled]


def every_sequence() -> list[tuple[int, ...]]:
    return list(itertools.product(range(len(WORDS)), repeat=LENGTH))


def sequence_log_probs(model: LanguageModel, adapter: str | None) -> Tensor:
    """(8^3,) log pi of every completion, normalised over them: the stop tokens' share is below 1e-6."""
    sequences = every_sequence()
    batch = collate([PROMPT.token_ids] * len(sequences), sequences, model.pad_id)
    with torch.no_grad(), model.adapters.using(adapter):
        return completion_pass(model, batch, 1.0).log_probs.sum(1).double()


def share_of_optimum(model: LanguageModel, adapter: str) -> float:
    """(J(policy) - J(reference)) / (J* - J(reference)) with J = E[reward] - beta KL and J* = beta log E_ref
    exp(reward / beta)."""
    rewards, reference, policy = _rewards(), sequence_log_probs(model, None), sequence_log_probs(model, adapter)
    at_reference = (reference.exp() * rewards).sum()
    at_policy = (policy.exp() * (rewards - BETA * (policy - reference))).sum()
    best = BETA * torch.logsumexp(reference + rewards / BETA, 0)
    return float((at_policy - at_reference) / (best - at_reference))


def optimum_log_probs(model: LanguageModel) -> Tensor:
    """(8^3,) log pi* of every completion: pi* is proportional to pi_ref exp(reward / beta)."""
    return torch.log_softmax(sequence_log_probs(model, None) + _rewards() / BETA, 0)


def _rewards() -> Tensor:
    return torch.tensor([true_reward(tokens) for tokens in every_sequence()], dtype=torch.float64)
