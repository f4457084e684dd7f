"""A hidden taste that nobody wrote down: a reward on other features than those that learn from it, fitted to half of
qa_feedback's human answers.

It reads the states of the lower third of the layers alone, without a prompt, where the rewards that are to find it out
read two thirds with the prompt, the words and the length; which half it knows is drawn by the seed. An empty, repeating
or cut-off text is worth less than any other, as in rounds/tastes.py.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit

from benchmarks.setting import Setting
from reward_training.records import Outcome, Pair, Text
from reward_training.settings import RewardSettings
from reward_training.training import train
from rounds.tastes import FLAWED, is_flawed

QUESTIONS = 800  # of which half are fitted to
DEPTH = 1 / 3
OUTCOMES: dict[str, Outcome] = {"a": "first", "tie": "tie", "b": "second"}
ASKED = ({"role": "user", "content": "Reply."},)  # before every text: the taste is for texts, whatever was asked


def learned_taste(setting: Setting) -> Callable[[Sequence[tuple[str, bool]]], list[float]]:
    """What it says of texts, each with whether it was cut off: between 0 and 1, or FLAWED. Raises ValueError without
    --data."""
    questions = setting.questions()[: setting.trials(QUESTIONS, 12)]
    half = np.random.default_rng([setting.seed, 7]).permutation(len(questions))[: len(questions) // 2]
    pairs = [
        Pair(texts[pair["a"]], texts[pair["b"]], OUTCOMES[pair["verdict"]], str(place), False)
        for place in half.tolist()
        for texts in [[Text(ASKED, text, True) for text in questions[place]["completions"]]]
        for pair in questions[place]["comparisons"]
    ]
    reference = [text for pair in pairs for text in (pair.first, pair.second)]
    settings = RewardSettings(depth=DEPTH, epochs=0, seed=setting.seed + 1000)
    with tempfile.TemporaryDirectory() as folder:
        model = train(
            setting.model, pairs, reference, settings, checkpoint_folder=Path(folder), on_step=lambda _: None
        ).model  # fmt: skip
    # A reward reads the words and the length of a text whatever its depth: those who are to learn the taste read them
    # too, so the taste goes by the states of its own layers alone.
    with torch.no_grad():
        model.head.linear.weight[:, : model.trunk.hidden_size] = 0.0
        model.head.linear.weight[:, -1] = 0.0
    model.normalise_on(reference)

    def worth(texts: Sequence[tuple[str, bool]]) -> list[float]:
        scores = expit(model.score([Text(ASKED, text, not cut_off) for text, cut_off in texts]))
        return [
            FLAWED if is_flawed(text, cut_off) else float(score)
            for (text, cut_off), score in zip(texts, scores, strict=True)
        ]

    return worth
