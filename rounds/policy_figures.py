"""Automatic figures of one policy's texts: pure functions over plain records, no model, no database."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Protocol

from rounds.statistics import distinct_pairs, repetition


class Text(Protocol):
    """What the figures read of a completion."""

    @property
    def id(self) -> int: ...
    @property
    def prompt_id(self) -> int: ...
    @property
    def text(self) -> str: ...
    @property
    def token_count(self) -> int | None: ...
    @property
    def finish_reason(self) -> str | None: ...


@dataclass(frozen=True)
class Rewarded:
    """A reward, and what three parts of its features add to it: which words, what is said, how long. The parts add up
    to the reward but for a constant of the reward model, so that only their differences between policies say something.
    """

    score: float
    words: float
    content: float
    length: float


def figures(texts: Sequence[Text], first: Sequence[Text], rewards: Mapping[int, Rewarded]) -> dict[str, Any]:
    """Counts and means of one policy. Distinct-n is over as many words as the first policy's texts give.

    `best_of_reward`: the mean over prompts of the highest reward among a prompt's texts, `best_of` of how many.
    """
    words, of_first = [words_of(one.text) for one in texts], [words_of(one.text) for one in first]
    distinct = {n: distinct_pairs(words, of_first, n) for n in (1, 2, 3)}
    lengths = [one.token_count for one in texts if one.token_count is not None]
    return {
        "completions": len(texts),
        "cut_off": fmean(one.finish_reason == "length" for one in texts),
        "empty": fmean(not one.text.strip() for one in texts),
        "mean_tokens": fmean(lengths) if lengths else None,
        "distinct_1": distinct[1][0],
        "distinct_2": distinct[2][0],
        "distinct_3": distinct[3][0],
        "distinct_2_of_first": distinct[2][1],
        "repetition": repetition(words),
        **_of_rewards(texts, rewards),
    }


def words_of(text: str) -> list[str]:
    """Words between white space; in scripts that are written without it each character."""
    return _WORD.findall(text)


_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")


def _of_rewards(texts: Sequence[Text], rewards: Mapping[int, Rewarded]) -> dict[str, Any]:
    if not rewards:
        return {"mean_reward": None}
    by_prompt: dict[int, list[float]] = {}
    for one in texts:
        by_prompt.setdefault(one.prompt_id, []).append(rewards[one.id].score)
    samples = min(map(len, by_prompt.values()))
    parts = {f"reward_{name}": fmean(getattr(rewards[one.id], name) for one in texts) for name in PARTS}
    best = {"best_of": samples, "best_of_reward": fmean(max(scores) for scores in by_prompt.values())}
    return {"mean_reward": fmean(rewards[one.id].score for one in texts), **parts, **(best if samples > 1 else {})}


PARTS = ("words", "content", "length")
