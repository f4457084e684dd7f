"""UKPConvArg1 as arrays: arguments with cheap features of their texts, and every vote of every person.

I. Habernal and I. Gurevych, "Which argument is more convincing?", ACL 2016 (CC-BY 4.0). No language model: the features
are length, punctuation and how often common words occur.
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.setting import KEPT_OUT, Setting
from reward_training.likelihood import FIRST, SECOND, TIE

COMMON_WORDS = 100
SAID = {"a": FIRST, "tie": TIE, "b": SECOND}


@dataclass(frozen=True)
class Arguments:
    """N arguments: text, debate (number in sorted order) and standardised features (N, H)."""

    texts: list[str]
    debates: NDArray[np.int64]
    features: NDArray[np.float64]

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Which arguments are of the debates that nothing is tuned on."""
        return self.debates < KEPT_OUT


@dataclass(frozen=True)
class Votes:
    """M votes: rows of the two arguments, what was said, who said it, and which comparison it was about."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    outcomes: NDArray[np.int64]
    people: list[str]
    comparisons: NDArray[np.int64]


@cache
def read(setting: Setting) -> tuple[Arguments, Votes]:
    """All arguments and votes. Raises ValueError without --data."""
    rows = setting.rows("ukpconvarg1/arguments.jsonl.gz")
    place = {row["id"]: number for number, row in enumerate(rows)}
    names = sorted({row["debate"] for row in rows})
    texts = [str(row["text"]) for row in rows]
    arguments = Arguments(texts, np.array([names.index(row["debate"]) for row in rows]), _features(texts))
    said = [
        (place[row["a"]], place[row["b"]], SAID[vote], str(person), number)
        for number, row in enumerate(setting.rows("ukpconvarg1/comparisons.jsonl.gz"))
        for person, vote in row["votes"]
    ]
    first, second, outcomes, people, comparisons = zip(*said, strict=True)
    return arguments, Votes(np.array(first), np.array(second), np.array(outcomes), list(people), np.array(comparisons))


def _features(texts: list[str]) -> NDArray[np.float64]:
    split = [re.findall(r"\w+", text.lower()) for text in texts]
    common = [word for word, _ in Counter(word for words in split for word in set(words)).most_common(COMMON_WORDS)]
    counts = [Counter(words) for words in split]
    columns = [
        *([np.log1p(count[word]) for count in counts] for word in common),
        *([np.log1p(text.count(sign)) for text in texts] for sign in ",.!?'\"\n"),
        [np.log1p(len(words)) for words in split],
        [len(text) / (1 + len(words)) for text, words in zip(texts, split, strict=True)],
        [len(set(words)) / (1 + len(words)) for words in split],
    ]
    features = np.array(columns, dtype=np.float64).T
    return np.asarray((features - features.mean(0)) / (features.std(0) + 1e-9))
