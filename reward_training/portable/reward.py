"""A reward model of Tastemaker by itself: this file and its folder need torch, transformers and peft, nothing else.

    from reward import Reward
    reward = Reward()                                             # the folder that this file lies in
    reward(["What rests you?"], ["A walk, slowly."])              # -> [0.41]; higher is liked better

A prompt is a text or chat messages; a completion is a text, or messages of which the last counts. `finished` says for
each completion whether it ended by itself (True, as taken by default) or was cut off. The call takes what TRL's GRPO
and RLOO pass, so an instance can stand among their `reward_funcs`.

The score: means over the completion's tokens of their embeddings and of the top states of the lower layers under the
adapter, and the logarithm of the completion's length; standardised, weighed by a linear head, scaled. A control token
that stands written out in a completion is text; in a prompt that goes through a chat template it is not.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

BATCH = 16  # texts in one forward pass
Messages = Sequence[Mapping[str, str]]
Row = tuple[list[int], list[int]]  # token ids of a prompt and of its completion


class Reward:
    """Scores completions. Scores have mean 0 and standard deviation 1 on samples of the study's reference policy."""

    __name__ = "tastemaker_reward"  # under this name TRL logs it

    def __init__(self, folder: str | Path = Path(__file__).parent, device: str = "cpu") -> None:
        folder = Path(folder)
        self.settings = json.loads((folder / "reward.json").read_text(encoding="utf-8"))
        self.tokenizer = AutoTokenizer.from_pretrained(folder / "base", local_files_only=True)
        base = AutoModel.from_pretrained(folder / "base", dtype=torch.float32, local_files_only=True)
        self.network = PeftModel.from_pretrained(base, str(folder / "adapter")).eval().to(device)
        self.head = {name: tensor.to(device) for name, tensor in load_file(folder / "head.safetensors").items()}
        self.device = device

    def __call__(
        self,
        prompts: Sequence[str | Messages],
        completions: Sequence[str | Messages],
        finished: Sequence[bool] | None = None,
        **_: Any,
    ) -> list[float]:
        finished = [True] * len(completions) if finished is None else finished
        rows = [self.tokens(*row) for row in zip(prompts, completions, finished, strict=True)]
        return [score for start in range(0, len(rows), BATCH) for score in self.scores(rows[start : start + BATCH])]

    def tokens(self, prompt: str | Messages, completion: str | Messages, finished: bool = True) -> Row:
        """Token ids of prompt and completion, as much of both as is read."""
        turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else [dict(turn) for turn in prompt]
        if not turns:
            raise ValueError("A prompt has no messages: give a text, or at least one {'role': 'user', 'content': ...}.")
        if turns[0]["role"] != "system" and self.settings["system_prompt"] is not None:
            turns.insert(0, {"role": "system", "content": self.settings["system_prompt"]})
        if turns[0]["role"] == "system" and len(turns) > 1 and not self.settings["takes_system"]:
            first = turns.pop(0)["content"]
            turns[0]["content"] = f"{first}\n\n{turns[0]['content']}" if first else turns[0]["content"]
        if self.tokenizer.chat_template is None:
            written = "\n".join(turn["content"] for turn in turns) + "\n"
            before = self.tokenizer(written, split_special_tokens=True)["input_ids"]
        else:
            before = self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
        text = completion if isinstance(completion, str) else completion[-1]["content"]
        after = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        end = self.settings["end_token"]
        if not after or (finished and end is not None):
            after = [*after, self.settings["pad_token"] if end is None else end]
        limit = self.settings["tokens_per_text"]
        after = after[: limit - min(len(before), limit // 4)]
        return list(before)[-(limit - len(after)) :], list(after)

    @torch.no_grad()
    def scores(self, rows: Sequence[Row]) -> list[float]:
        """Scores of (prompt ids, completion ids) in one forward pass, padded right."""
        lengths = [len(before) + len(after) for before, after in rows]
        ids = torch.zeros(len(rows), max(lengths), dtype=torch.long)
        real, counted = torch.zeros_like(ids), torch.zeros_like(ids)
        for row, (before, after) in enumerate(rows):
            ids[row, : lengths[row]] = torch.tensor(before + after)
            real[row, : lengths[row]] = 1
            counted[row, len(before) : lengths[row]] = 1
        ids, real, counted = ids.to(self.device), real.to(self.device), counted.to(self.device)
        states = self.network(input_ids=ids, attention_mask=real, use_cache=False).last_hidden_state
        words = self.network.get_input_embeddings()(ids)
        count = counted.sum(1, keepdim=True)
        means = [(tensor * counted.unsqueeze(-1)).sum(1) / count for tensor in (words, states)]
        features = torch.cat([*means, count.log()], 1)
        standard = (features - self.head["centre"]) / self.head["spread"]
        raw = standard @ self.head["weight"] + self.head["bias"]
        return ((raw - self.settings["mean"]) / self.settings["sd"]).tolist()
