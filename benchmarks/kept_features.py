"""Features of the real data's texts by a base, computed once and kept in a folder: minutes of reading, then none.

A folder for each base; its files `ukp-reward.npz` (one row an argument), `qa-reward.npz` and `qa-passages-reward.npz`
(four rows a question, without and with its passages) hold `ids` and `features` (N, 2 H + 1) as the reward's head reads
them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.setting import SYSTEM_PROMPT, Setting
from reward_training.likelihood import FIRST, SECOND, TIE, Floats

PASSAGE = 1500  # characters of a passage that are read
TEXTS_A_WRITE = 100
TOKENS_PER_BATCH = 2048  # a prompt with its passages and all four answers in one pass: the prompt is read once
VERDICTS = {"a": FIRST, "b": SECOND, "tie": TIE}


@dataclass(frozen=True)
class Judged:
    """Texts by feature and pairs of them: places `first`, `second`, what was said (`votes`: all that was), a group a
    pair."""

    features: Floats  # (M, D)
    first: np.ndarray  # (N,)
    second: np.ndarray  # (N,)
    votes: list[list[int]]
    gold: np.ndarray  # (N,) FIRST, TIE, SECOND; -1 where there is none
    groups: list[str]
    lengths: Floats  # (M,) characters


def ukp(setting: Setting, folder: Path) -> Judged:
    """UKPConvArg1: the comparisons of arguments, by debate."""
    arguments = setting.rows("ukpconvarg1/arguments.jsonl.gz")
    texts = [(one["title"], one["text"]) for one in arguments]
    features = _kept(setting, _path(setting, folder, "ukp-reward"), [one["id"] for one in arguments], texts)
    place = {one["id"]: number for number, one in enumerate(arguments)}
    pairs = setting.rows("ukpconvarg1/comparisons.jsonl.gz")
    return Judged(
        features,
        np.array([place[one["a"]] for one in pairs]),
        np.array([place[one["b"]] for one in pairs]),
        [[VERDICTS[vote] for _, vote in one["votes"]] for one in pairs],
        np.array([VERDICTS.get(one["gold"], -1) for one in pairs]),
        [one["debate"] for one in pairs],
        np.array([len(text) for _, text in texts], dtype=float),
    )


def qa(setting: Setting, folder: Path, *, passages: bool = False, most: int | None = None) -> Judged:
    """qa_feedback: all pairs of a question's four answers, by question, with the question's passages before it or
    without; of the first `most` questions."""
    questions = setting.questions()[:most]
    texts = [(_asked(one, passages), text) for one in questions for text in one["completions"]]
    ids = [f"{number}/{place}" for number, one in enumerate(questions) for place in range(len(one["completions"]))]
    features = _kept(setting, _path(setting, folder, "qa-passages-reward" if passages else "qa-reward"), ids, texts)
    place = {name: number for number, name in enumerate(ids)}
    pairs = [(number, pair) for number, one in enumerate(questions) for pair in one["comparisons"]]
    said = np.array([VERDICTS[pair["verdict"]] for _, pair in pairs])
    return Judged(
        features,
        np.array([place[f"{number}/{pair['a']}"] for number, pair in pairs]),
        np.array([place[f"{number}/{pair['b']}"] for number, pair in pairs]),
        [[int(one)] for one in said],
        said,
        [f"{number:04}" for number, _ in pairs],
        np.array([len(text) for _, text in texts], dtype=float),
    )


def _path(setting: Setting, folder: Path, name: str) -> Path:
    return folder / re.sub(r"[^\w.-]+", "-", setting.base) / f"{name}.npz"


def _asked(question: dict[str, Any], passages: bool) -> str:
    """The question; where asked for, below its passages, each cut to PASSAGE characters."""
    read = ["\n".join(parts)[:PASSAGE] for parts in question["passages"]] if passages else []
    return "\n\n".join([*read, question["question"]])


def _kept(setting: Setting, path: Path, ids: Sequence[str], texts: Sequence[tuple[str, str]]) -> Floats:
    """(N, 2 H + 1) features of texts; those a file has are not computed again, and new ones are written every
    TEXTS_A_WRITE, so that a cut run goes on where it was."""
    known = _read(path)
    missing = [row for row, name in enumerate(ids) if name not in known]
    if missing:
        from reward_training.model import RewardModel  # torch: where the features are kept none is needed
        from reward_training.records import Text
        from reward_training.settings import RewardSettings

        model = RewardModel.fresh(setting.model, RewardSettings(tokens_per_batch=TOKENS_PER_BATCH))
        for start in range(0, len(missing), TEXTS_A_WRITE):
            rows = missing[start : start + TEXTS_A_WRITE]
            records = [
                Text(({"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": prompt}), text, True)
                for prompt, text in (texts[row] for row in rows)
            ]
            found = model.all_features(records).cpu().numpy().astype(np.float32)
            known |= {ids[row]: features for row, features in zip(rows, found, strict=True)}
            _write(path, known)
    return np.array([known[name] for name in ids], dtype=np.float64)


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.exists():
        return {}
    with np.load(path) as kept:
        return dict(zip(kept["ids"].tolist(), kept["features"], strict=True))


def _write(path: Path, known: dict[str, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".part.npz")
    np.savez(half, ids=np.array(list(known)), features=np.array(list(known.values())))
    half.replace(path)
