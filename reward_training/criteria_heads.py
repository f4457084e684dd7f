"""One linear head more for each criterion that people answered, on the main reward's features. Free of torch.

They never change the main reward. They are reported beside it (how well a criterion can be told from a text, and how
far it goes along with what people prefer as a whole), are kept with it, and score texts by each criterion.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from reward_training.head import LinearHead, fit_head
from reward_training.likelihood import OUTCOMES, TIE, Floats
from reward_training.metrics import Readings, evaluate
from reward_training.pair_arrays import unique_texts
from reward_training.records import Pair, Text
from reward_training.score_unit import expected_spread, unit_of

FEWEST_DECIDED = 2
FILE = "criteria.safetensors"

FeaturesOf = Callable[[Sequence[Text]], Floats]
"""Texts -> (N, H) standardised features."""


@dataclass(frozen=True)
class CriteriaHeads:
    """C heads by the names of their criteria. `mean` and `sd` (C,): of what each says of the reference samples."""

    heads: dict[str, LinearHead]
    mean: Floats
    sd: Floats

    def scores(self, features: Floats) -> dict[str, list[float]]:
        """(N, H) standardised features -> N scores by each criterion, of mean 0 and standard deviation 1 on the
        reference samples."""
        return {
            name: ((features @ head.weights - mean) / sd).tolist()
            for (name, head), mean, sd in zip(self.heads.items(), self.mean, self.sd, strict=True)
        }

    def save(self, folder: Path) -> None:
        """Writes criteria.safetensors into an existing folder; `load` brings back the same scores, bit for bit."""
        tensors = {"mean": self.mean, "sd": self.sd}
        if self.heads:
            tensors |= {
                "weights": np.stack([head.weights for head in self.heads.values()]),
                "log_nu": np.array([head.log_nu for head in self.heads.values()]),
            }
        save_file(tensors, folder / FILE, metadata={"names": json.dumps(list(self.heads))})

    @classmethod
    def load(cls, folder: Path) -> CriteriaHeads:
        """Without heads where an earlier version wrote the reward model."""
        if not (folder / FILE).is_file():
            return cls({}, np.zeros(0), np.zeros(0))
        with safe_open(folder / FILE, framework="numpy") as kept:
            names = json.loads(kept.metadata()["names"])
            heads = [
                LinearHead(weights, float(log_nu))
                for weights, log_nu in zip(kept.get_tensor("weights"), kept.get_tensor("log_nu"), strict=True)
            ] if names else []  # fmt: skip
            return cls(dict(zip(names, heads, strict=True)), kept.get_tensor("mean"), kept.get_tensor("sd"))


def fit(features_of: FeaturesOf, training: Sequence[Pair], reference: Sequence[Text], l2: float) -> CriteriaHeads:
    """A head for each criterion with at least FEWEST_DECIDED decided answers on the training pairs. Fewer than two
    reference texts leave the scores as they come, and so does a head that gives them all about the same."""
    heads: dict[str, LinearHead] = {}
    precisions: list[float] = []
    for name in sorted({name for pair in training for name in pair.criteria}):
        answered, outcomes = _answered(training, name)
        if (outcomes != TIE).sum() >= FEWEST_DECIDED:
            weights = np.array([pair.weight for pair in answered], dtype=np.float64)
            differences = _differences(features_of, answered)
            heads[name] = fit_head(differences, outcomes, weights, l2)
            precisions.append(float(weights.sum()) * l2 * differences.shape[1])
    mean, sd = np.zeros(len(heads)), np.ones(len(heads))
    if heads and len(reference) >= 2:
        features = features_of(reference)
        said = features @ np.stack([head.weights for head in heads.values()]).T
        expected = [expected_spread(features, precision) for precision in precisions]
        mean, sd = said.mean(0), np.array(list(map(unit_of, said.std(0, ddof=1), expected)))
    return CriteriaHeads(heads, mean, sd)


def report(
    found: CriteriaHeads, features_of: FeaturesOf, training: Sequence[Pair], held_out: Sequence[Pair], main: Floats
) -> dict[str, Any]:
    """By criterion: answers and decided ones that trained, the correlation of its reward differences with those of the
    `main` weights (H,), and figures on the held-out pairs."""
    told = {}
    for name, head in found.heads.items():
        answered, outcomes = _answered(training, name)
        differences = _differences(features_of, answered)
        told[name] = {
            "pairs": len(answered),
            "decided": int((outcomes != TIE).sum()),
            "correlation": _correlation(differences @ head.weights, differences @ main),
            "holdout": _held_out(features_of, held_out, name, head),
        }
    return told


def _answered(pairs: Sequence[Pair], name: str) -> tuple[list[Pair], Any]:
    """Pairs that were judged by a criterion, and what was said of each."""
    found = [pair for pair in pairs if name in pair.criteria]
    return found, np.array([OUTCOMES[pair.criteria[name]] for pair in found], dtype=np.int64)


def _differences(features_of: FeaturesOf, pairs: Sequence[Pair]) -> Floats:
    texts, first, second = unique_texts(pairs)
    features = features_of(texts)
    return features[first] - features[second]


def _correlation(one: Floats, other: Floats) -> float | None:
    """None where either is the same for all."""
    if len(one) < 2 or one.std() == 0 or other.std() == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def _held_out(features_of: FeaturesOf, held_out: Sequence[Pair], name: str, head: LinearHead) -> dict[str, Any]:
    pairs, outcomes = _answered(held_out, name)
    read = _differences(features_of, pairs) @ head.weights if pairs else np.zeros(0)
    lengths = np.array([[len(text.completion) for text in (pair.first, pair.second)] for pair in pairs])
    return evaluate(
        Readings(read, lengths.reshape(-1, 2).astype(float), outcomes, [pair.group for pair in pairs]), head.log_nu
    )
