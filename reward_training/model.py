"""The reward model: a LoRA adapter on the lower layers of the shared base, features averaged over a completion, a
linear head."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from language_models.batches import Batch, shared_prompt_batches
from language_models.errors import NonFiniteLoss, WrongBase
from language_models.heads import ScalarHead
from language_models.model import LanguageModel
from reward_training.likelihood import Floats
from reward_training.records import Pair, Text
from reward_training.score_unit import expected_spread, unit_of
from reward_training.settings import RewardSettings

ADAPTER, CARD, SCALES = "adapter", "reward.json", "scales.safetensors"
CHUNK = 512  # texts whose tokens are in memory while many are read
LENGTH_WEIGHT = (
    10.0  # the length feature's standard deviation, so that the ridge hardly shrinks it beside hundreds of states
)


def completion_mean(states: Tensor, mask: Tensor) -> Tensor:
    """(B, T or C, H) states and (B, C) completion mask -> (B, H): the mean over each completion's real tokens, prompt
    and padding out."""
    kept = states[:, states.shape[1] - mask.shape[1] :] * mask.unsqueeze(-1)
    return torch.as_tensor(kept.sum(1) / mask.sum(1, keepdim=True))


def cut_to(prompt: list[int], completion: list[int], limit: int) -> tuple[list[int], list[int]]:
    """The first tokens of a completion and the last of its prompt, `limit` together; a quarter is the prompt's if it
    needs it, and what the completion leaves."""
    completion = completion[: limit - min(len(prompt), limit // 4)]
    return prompt[-(limit - len(completion)) :], completion


class RewardModel(nn.Module):
    """score(text) = (head((features - centre) / spread) - mean) / sd.

    `centre` and `spread` standardise the features; `mean` and `sd` are of the raw score on samples of the reference
    policy, so that the scale keeps its meaning from round to round. `log_nu` is Davidson's tie parameter, for raw
    scores.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, trunk: LanguageModel, adapter: str, settings: RewardSettings) -> None:
        super().__init__()
        self.trunk = trunk
        self.adapter = adapter
        self.settings = settings
        self.width = 2 * trunk.hidden_size + 1
        self.head = ScalarHead(self.width).to(trunk.device)
        self.register_buffer("centre", torch.zeros(self.width, device=trunk.device))
        self.register_buffer("spread", torch.ones(self.width, device=trunk.device))
        self.log_nu = 0.0
        self.mean = 0.0
        self.sd = 1.0

    @classmethod
    def fresh(cls, base: LanguageModel, settings: RewardSettings) -> "RewardModel":
        """An untrained reward on a trunk of its own: its adapter has no effect yet and its head says 0."""
        trunk = base.trunk(max(1, round(settings.depth * base.layers)))
        frozen = min(trunk.layers - 1, round(settings.frozen_share * trunk.layers))
        trunk.adapters.add("reward", settings.lora, settings.seed, frozen_layers=frozen)
        return cls(trunk, "reward", settings)

    def batches(self, texts: Sequence[Text]) -> list[tuple[Sequence[int], Batch]]:
        """(which rows, padded batch) within the settings' token budget, texts of a prompt together: it counts once."""
        prompts, completions = self._tokens(texts)
        parts = shared_prompt_batches(prompts, completions, self.settings.tokens_per_batch)
        return list(self.trunk.in_parts(prompts, completions, parts))

    def parts(self, pairs: Sequence[Pair]) -> list[list[int]]:
        """Rows of pairs, split so that the texts of each part stay within the token budget: gradients are taken
        part by part, and only one part's states are in memory (a pair that is too long alone stands alone)."""
        prompts, firsts = self._tokens([pair.first for pair in pairs])
        _, seconds = self._tokens([pair.second for pair in pairs])
        widths = [[0] * (2 * max(len(one), len(other))) for one, other in zip(firsts, seconds, strict=True)]
        budget = self.settings.tokens_per_batch
        return shared_prompt_batches(prompts, widths, budget, waste=budget)

    def features(self, texts: Sequence[Text]) -> Tensor:
        """(N, 2 H + 1) for any number of texts, in their order, not standardised: the mean over the completion of its
        tokens' embeddings (which words it uses), of the trunk's top states under the adapter in use (what it says), and
        the logarithm of its length (a mean cannot tell). With gradients where the adapter is being trained."""
        result = torch.zeros(len(texts), self.width, device=self.trunk.device)
        for rows, batch in self.batches(texts):
            mask = batch.completion_mask
            words = completion_mean(self.trunk.network.get_input_embeddings()(batch.completion_ids).float(), mask)
            meaning = completion_mean(self.trunk.completion_states(batch), mask)
            length = mask.sum(1, keepdim=True).log()
            places = torch.tensor(rows, device=result.device)
            result = result.index_copy(0, places, torch.cat([words, meaning, length], 1))
        return result

    def raw(self, features: Tensor) -> Tensor:
        """(B, 2 H + 1) features -> (B,) scores before normalisation; the log-odds of winning are their differences."""
        return torch.as_tensor(self.head((features - self.centre) / self.spread))

    @torch.no_grad()
    def standard(self, features: Tensor) -> Floats:
        """(N, 2 H + 1) features as every head reads them: `centre` taken away, divided by `spread`."""
        return np.asarray(((features - self.centre) / self.spread).cpu().double().numpy())

    @torch.no_grad()
    def all_features(self, texts: Sequence[Text]) -> Tensor:
        """(N, 2 H + 1): `features` under the reward's adapter, for reading; few texts' tokens in memory at a time."""
        chunks = [texts[start : start + CHUNK] for start in range(0, max(len(texts), 1), CHUNK)]
        with self.trunk.adapters.using(self.adapter):
            return torch.cat([self.features(chunk) for chunk in chunks])

    @property
    def tokens_per_text(self) -> int:
        """Tokens read of a prompt and its completion: what is set, or what the base can take where that is less."""
        return min(self.settings.tokens_per_text, self.trunk.context or self.settings.tokens_per_text)

    def _tokens(self, texts: Sequence[Text]) -> tuple[list[list[int]], list[list[int]]]:
        """Prompts and completions as token ids, as much of each as is read."""
        both = [
            cut_to(
                self.trunk.tokens(text.prompt),
                self.trunk.completion_tokens(text.completion, text.finished is not False),
                self.tokens_per_text,
            )
            for text in texts
        ]
        return [prompt for prompt, _ in both], [completion for _, completion in both]

    def read_in_part(self, texts: Sequence[Text]) -> int:
        """How many texts are longer, with their prompts, than what is read of one."""
        return sum(prompt + completion > self.tokens_per_text for prompt, completion in map(self._lengths, texts))

    def _lengths(self, text: Text) -> tuple[int, int]:
        """Tokens of the prompt and of the completion, all of them."""
        completion = self.trunk.completion_tokens(text.completion, text.finished is not False)
        return len(self.trunk.tokens(text.prompt)), len(completion)

    def raw_scores(self, texts: Sequence[Text]) -> Tensor:
        """(N,) scores before normalisation."""
        with torch.no_grad():
            return self.raw(self.all_features(texts))

    def score(self, texts: Sequence[Text]) -> list[float]:
        """Normalised scores: mean 0 and standard deviation 1 on the reference samples of the training."""
        return self.score_features(self.all_features(texts)) if texts else []

    @torch.no_grad()
    def score_features(self, features: Tensor) -> list[float]:
        """Normalised scores of texts whose (N, 2 H + 1) features under the reward's adapter are known."""
        return ((self.raw(features) - self.mean) / self.sd).tolist()

    @torch.no_grad()
    def scores_and_parts(self, texts: Sequence[Text]) -> tuple[list[float], list[list[float]]]:
        """Normalised scores, and what three parts of the features add to each: which words it uses, what it says, how
        long it is. A score is the sum of its parts and a constant of the model."""
        if not texts:
            return [], []
        features = self.all_features(texts)
        weighed = (features - self.centre) / self.spread * self.head.linear.weight[0] / self.sd
        half = self.trunk.hidden_size
        parts = torch.stack([weighed[:, :half].sum(1), weighed[:, half:-1].sum(1), weighed[:, -1]], 1)
        return ((self.raw(features) - self.mean) / self.sd).tolist(), parts.tolist()

    def normalise_on(self, texts: Sequence[Text], precision: float = math.inf) -> bool:
        """Sets `mean` and `sd` from samples of the reference policy; fewer than two leave them as they are. `precision`
        is that of the head's prior. Where the scores vary next to nothing beside what it expects, `sd` stays 1; tells
        whether they vary. Raises NonFiniteLoss where training has left an adapter whose scores are no numbers."""
        if len(texts) < 2:
            return True
        features = self.all_features(texts)
        with torch.no_grad():
            raw = self.raw(features).cpu().double()
        if not bool(raw.isfinite().all()):
            raise NonFiniteLoss(
                "the trained reward gives scores that are not finite: its adapter went too far; try a lower "
                "learning rate, from the start and not from a checkpoint"
            )
        spread = float(raw.std())
        self.mean, self.sd = float(raw.mean()), unit_of(spread, expected_spread(self.standard(features), precision))
        return self.sd == spread

    def save(self, folder: Path) -> None:
        """Writes adapter, head, scales and card into an existing folder; `load` brings back the same scores, bit for
        bit."""
        (folder / ADAPTER).mkdir()
        self.trunk.adapters.save(self.adapter, folder / ADAPTER)
        self.head.save(folder / "head.safetensors")
        save_file({"centre": self.centre.cpu().contiguous(), "spread": self.spread.cpu().contiguous()}, folder / SCALES)
        card: dict[str, Any] = {
            "base_sha256": self.trunk.identity.sha256,
            "tokenizer_sha256": self.trunk.identity.tokenizer_sha256,
            "template_sha256": self.trunk.identity.template_sha256,
            "layers": self.trunk.layers,
            "log_nu": self.log_nu,
            "mean": self.mean,
            "sd": self.sd,
            "settings": self.settings.model_dump(),
        }
        (folder / CARD).write_text(json.dumps(card, indent=1, sort_keys=True))

    @classmethod
    def load(cls, base: LanguageModel, folder: Path) -> "RewardModel":
        """Raises WrongBase where the folder was made on another base."""
        card = json.loads((folder / CARD).read_text())
        if card["base_sha256"] != base.identity.sha256:
            raise WrongBase(f"{folder.name} was trained on another base than {base.identity.source}; train it again")
        trunk = base.trunk(card["layers"])
        trunk.adapters.load("reward", folder / ADAPTER)
        model = cls(trunk, "reward", RewardSettings(**card["settings"]))
        scales = load_file(folder / SCALES)
        model.centre.copy_(scales["centre"])
        model.spread.copy_(scales["spread"])
        model.head.load_state_dict(ScalarHead.load(folder / "head.safetensors").state_dict())
        model.log_nu, model.mean, model.sd = card["log_nu"], card["mean"], card["sd"]
        return model

    def standardise_on(self, features: Tensor) -> None:
        """Sets `centre` and `spread` from (N, 2 H + 1) features; a feature that hardly varies is not blown up."""
        self.centre.copy_(features.mean(0))
        spread = features.std(0, unbiased=False)
        floor = float(np.median(spread.cpu().numpy())) * 0.05 + 1e-8
        self.spread.copy_(spread.clamp(min=floor))
        self.spread[-1] = spread[-1].clamp(min=1e-3) / LENGTH_WEIGHT
