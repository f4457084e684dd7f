"""A reward model from elsewhere: a folder of transformers' AutoModelForSequenceClassification with one output.

What TRL's RewardTrainer and `tastemaker reward export` write. The folder lies in STUDY/models under a name. safetensors
only, no code of the folder is run, and a folder whose head is missing is refused (transformers would draw one at
random). A tokenizer with a chat template renders prompt and completion as a conversation; without one they are joined
by a line break. Of a text that is too long the end is kept, for that is where the answer stands.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from language_models.chat_turns import placed, takes_system
from reward_training.functions.settings.classifier import Settings
from reward_training.reward_function import ANY, Given, Prompt, RewardFunction, RewardFunctionError, Scores

LANGUAGES = (ANY,)
NEEDS = ("folder",)


def build(settings: Settings, given: Given) -> RewardFunction:
    """Raises RewardFunctionError where the folder holds no classifier that may be used."""
    assert given.folder is not None
    tokenizer, network = load(given.folder(settings.name))
    longest = min(settings.longest, positions(network.config))

    @torch.no_grad()
    def reward(prompts: Sequence[Prompt], completions: Sequence[str]) -> Scores:
        rows = [
            cut(tokenizer, rendered(tokenizer, prompt, text), longest)
            for prompt, text in zip(prompts, completions, strict=True)
        ]
        scores = [0.0] * len(rows)
        order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
        size = settings.batch_size if tokenizer.pad_token_id is not None else 1
        for start in range(0, len(order), size):
            places = order[start : start + size]
            batch = padded([rows[place] for place in places], tokenizer.pad_token_id or 0, network.device)
            for place, score in zip(places, network(**batch).logits[:, 0].float().tolist(), strict=True):
                scores[place] = score
        return list(scores)

    return reward


def load(folder: Path) -> tuple[Any, Any]:
    """Tokenizer and network in eval mode. Raises RewardFunctionError in words."""
    name = folder.name
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RewardFunctionError(f"classifier: {name} has no config.json that can be read ({error}).") from None
    if not list(folder.glob("*.safetensors")):
        raise RewardFunctionError(
            f"classifier: {name} holds no *.safetensors. Save it with safetensors; nothing else is read."
        )
    if "auto_map" in config:
        raise RewardFunctionError(f"classifier: {name} brings code of its own (auto_map), which is never run.")
    try:
        network, report = AutoModelForSequenceClassification.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise RewardFunctionError(f"classifier: {name} cannot be loaded: {error}") from None
    if network.config.num_labels != 1:
        raise RewardFunctionError(
            f"classifier: {name} has {network.config.num_labels} outputs; a reward has one (num_labels = 1)."
        )
    missing = sorted(report["missing_keys"])
    if missing:
        raise RewardFunctionError(
            f"classifier: the weights of {name} lack {', '.join(missing[:3])}; they would be drawn at random."
        )
    tokenizer.padding_side = "right"
    network.config.pad_token_id = tokenizer.pad_token_id
    return tokenizer, network.eval()


def positions(config: Any) -> int:
    """How many tokens the network has places for."""
    places = getattr(config, "max_position_embeddings", None) or sys.maxsize
    offset = config.pad_token_id or 0  # RoBERTa and its kin count their places from behind that of padding
    return int(places) - (offset + 1 if "roberta" in config.model_type or config.model_type == "camembert" else 0)


def cut(tokenizer: Any, row: list[int], longest: int) -> list[int]:
    """The end of a row that is too long, behind the token that begins every row (encoders are read at it)."""
    if len(row) <= longest:
        return row
    begins = row[0] in (tokenizer.cls_token_id, tokenizer.bos_token_id)
    return [*row[:1], *row[1 - longest :]] if begins and longest > 1 else row[-longest:]


def padded(rows: list[list[int]], pad_id: int, device: torch.device) -> dict[str, torch.Tensor]:
    """Rows as a batch, padded right."""
    width = max(map(len, rows))
    ids = torch.full((len(rows), width), pad_id)
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row)
        mask[place, : len(row)] = 1
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}


def rendered(tokenizer: Any, prompt: Prompt, completion: str) -> list[int]:
    """Token ids of prompt and completion as the classifier was trained to read them."""
    if tokenizer.chat_template is None:
        asked = "\n".join(turn["content"] for turn in prompt)
        return list(tokenizer(f"{asked}\n{completion}")["input_ids"])
    turns = [*placed(prompt, takes_system(tokenizer)), {"role": "assistant", "content": str(completion)}]
    return list(tokenizer.apply_chat_template(turns, return_dict=False))
