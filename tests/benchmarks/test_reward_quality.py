"""The benchmark of a reward's quality, on texts whose quality is known: what it reports is of what was left out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from benchmarks import kept_features, reward_quality
from benchmarks.kept_features import Judged
from benchmarks.setting import Setting
from reward_training.likelihood import FIRST, SECOND
from reward_training.model import RewardModel
from reward_training.records import Text


def judged(debates: int, *, signal: float) -> Judged:
    """Twelve texts a debate; the first feature is their quality, the last their log length, which tells nothing."""
    draw = np.random.default_rng(0)
    features = draw.normal(size=(12 * debates, 7))
    pairs = np.array([(12 * d + i, 12 * d + j) for d in range(debates) for i in range(12) for j in range(i)])
    quality = signal * (features[pairs[:, 0], 0] - features[pairs[:, 1], 0])
    gold = np.where(draw.random(len(pairs)) < 1 / (1 + np.exp(-quality)), FIRST, SECOND)
    groups = [f"debate-{pair // 12}" for pair in pairs[:, 0]]
    return Judged(features, pairs[:, 0], pairs[:, 1], [], gold, groups, np.exp(4 + features[:, -1]))


@pytest.mark.parametrize(("signal", "least", "most"), [(4.0, 0.8, 1.0), (0.0, 0.4, 0.6)])
def test_quality_is_found_on_debates_left_out_and_noise_is_not(
    monkeypatch: pytest.MonkeyPatch, signal: float, least: float, most: float
) -> None:
    monkeypatch.setattr(kept_features, "ukp", lambda setting, folder: judged(6, signal=signal))
    row = reward_quality.ukpconvarg1(Setting(short=True))
    assert row["kept_out_debates"] == ["debate-0", "debate-1", "debate-2"]
    assert (row["all"]["groups"], row["kept_out"]["groups"], row["all"]["decided"]) == (6, 3, 6 * 66)
    value, low, high = row["all"]["accuracy"]
    assert least <= low <= value <= high <= most
    assert 0.35 < row["all"]["longer_wins"][0] < 0.65
    assert row["all"]["lead"][0] == pytest.approx(value - row["all"]["longer_wins"][0], abs=2e-4)
    assert row["all"]["ece"] < 0.15


def test_a_passage_stands_before_its_question_and_is_cut() -> None:
    question = {"question": "Who?", "passages": [["Title", "x" * 5000], ["Other", "short"]]}
    text = kept_features._asked(question, True)
    assert text.endswith("Other\nshort\n\nWho?") and len(text) < 1600
    assert kept_features._asked(question, False) == "Who?"


def test_a_cut_reading_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kept_features, "TEXTS_A_WRITE", 2)
    setting, path = Setting("tiny:"), tmp_path / "features" / "kept.npz"
    ids, texts = [str(place) for place in range(5)], [("Why?", "x" * place) for place in range(5)]
    read: list[str] = []
    real = RewardModel.all_features

    def counted(model: RewardModel, asked: Sequence[Text]) -> Tensor:
        if len(read) == 2:
            read.clear()
            raise KeyboardInterrupt
        read.extend(text.completion for text in asked)
        return real(model, asked)

    monkeypatch.setattr(RewardModel, "all_features", counted)
    with pytest.raises(KeyboardInterrupt):
        kept_features._kept(setting, path, ids, texts)
    monkeypatch.setattr(RewardModel, "all_features", lambda model, asked: read.extend(asked) or real(model, asked))
    found = kept_features._kept(setting, path, ids, texts)
    assert [text.completion for text in read] == ["xx", "xxx", "xxxx"]
    assert (kept_features._kept(setting, path, ids[::-1], texts[::-1]) == found[::-1]).all() and len(read) == 3


def test_features_of_one_base_are_never_taken_for_those_of_another(tmp_path: Path) -> None:
    paths = {kept_features._path(Setting(base), tmp_path, "ukp") for base in ("tiny:", "bundled:a", "hub:b/a", "/b/a")}
    assert len(paths) == 4 and all(path.parent.parent == tmp_path for path in paths)
