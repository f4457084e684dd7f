"""A reward as `AutoModelForSequenceClassification` with one label: what TRL's GRPO and RLOO take as `reward_funcs`.

Such a classifier reads the state of a conversation's last token and knows no mean over a completion, no embeddings and
no length, so it cannot be this reward exactly. It is the nearest that it can be: the same layers with the adapter
merged in, and a head fitted to the reward's scores by ridge regression. How near that is, is measured.
"""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerBase

from language_models.batches import shared_prompt_batches
from language_models.chat_turns import placed, takes_system
from language_models.merging import merged_state
from language_models.saved_for_others import readable_elsewhere
from reward_training.likelihood import Floats
from reward_training.model import RewardModel
from reward_training.portable.ridge import fit_ridge
from reward_training.records import Text

BATCH = 16


class NoScoreHead(ValueError):
    """The base's architecture has no plain classifier."""


def write_classifier(
    model: RewardModel, texts: Sequence[Text], scores: Sequence[float], groups: Sequence[str], folder: Path
) -> dict[str, float]:
    """Fits the classifier's head to the reward's scores of texts and writes it with its tokenizer into a folder. Texts
    of a group are never split between fitting and choosing the ridge's strength.

    Returns {"strength", "offset"}: classifiers have no intercept, so their scores are the reward's less `offset`.
    Raises NoScoreHead.
    """
    states = _last_states(model, texts)
    weights, offset, strength = fit_ridge(states, np.asarray(scores, dtype=np.float64), groups)
    network = model.trunk.adapters.require(model.adapter)
    config = copy.deepcopy(network.get_base_model().config)
    config.num_labels, config.pad_token_id = 1, model.trunk.pad_id
    with torch.random.fork_rng(devices=[]):
        classifier = AutoModelForSequenceClassification.from_config(config)
    body = {
        f"{classifier.base_model_prefix}.{key}": value for key, value in merged_state(network, model.adapter).items()
    }
    own = {key: value for key, value in classifier.state_dict().items() if key not in body}
    if [tuple(value.shape) for value in own.values()] != [(1, model.trunk.hidden_size)]:
        raise NoScoreHead(
            f"{type(classifier).__name__} has {', '.join(own) or 'nothing'} above its layers: a classifier is written "
            "for architectures with one linear layer there. Export the reward as a module instead."
        )
    body |= dict.fromkeys(own, torch.as_tensor(weights, dtype=torch.float32).unsqueeze(0))
    classifier.load_state_dict(body)
    classifier.save_pretrained(folder)
    model.trunk.tokenizer.save_pretrained(folder)
    readable_elsewhere(folder)
    return {"strength": strength, "offset": offset}


def conversation(tokenizer: PreTrainedTokenizerBase, text: Text) -> str:
    """A prompt with its completion, rendered as TRL renders what a reward model reads."""
    if tokenizer.chat_template is None:
        return "\n".join(turn["content"] for turn in text.prompt) + "\n" + text.completion
    prompt = placed(text.prompt, takes_system(tokenizer))
    turns = [*prompt, {"role": "assistant", "content": text.completion}]
    return str(tokenizer.apply_chat_template(turns, tokenize=False))


def classifier_scores(folder: Path, texts: Sequence[Text]) -> list[float]:
    """Scores of a written classifier, loaded and called as TRL does (trl 1.16, GRPOTrainer._calculate_rewards)."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    network: Any = AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True
    )
    network.eval()
    read = [conversation(tokenizer, text) for text in texts]
    order = sorted(range(len(read)), key=lambda row: len(read[row]))
    scores = torch.zeros(len(read))
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        inputs = tokenizer(
            text=[read[row] for row in rows],
            return_tensors="pt",
            padding=True,
            padding_side="right",
            add_special_tokens=False,
            truncation=True,
            max_length=network.config.max_position_embeddings,
        )
        with torch.inference_mode():
            scores[rows] = network(**inputs).logits[:, 0]
    return scores.tolist()


@torch.no_grad()
def _last_states(model: RewardModel, texts: Sequence[Text]) -> Floats:
    """(N, H) top states at each conversation's last token that is no padding, which is where a classifier looks."""
    trunk, limit = model.trunk, model.tokens_per_text
    rows = []
    for text in texts:
        ids = list(trunk.tokenizer(conversation(trunk.tokenizer, text), add_special_tokens=False)["input_ids"])[:limit]
        while len(ids) > 2 and ids[-1] == trunk.pad_id:
            ids.pop()
        rows.append(ids)
    befores, lasts = [ids[:-1] for ids in rows], [ids[-1:] for ids in rows]
    states: Tensor = torch.zeros(len(rows), trunk.hidden_size, device=trunk.device)
    with trunk.adapters.using(model.adapter):
        parts = shared_prompt_batches(befores, lasts, model.settings.tokens_per_batch)
        for places, batch in trunk.in_parts(befores, lasts, parts):
            states[places] = trunk.completion_states(batch)[:, 0]
    return np.asarray(states.cpu().double().numpy())
