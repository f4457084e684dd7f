"""The benchmark of a reward's quality, on texts whose quality is known: what it reports is of what was left out."""

import numpy as np
import pytest

from benchmarks import kept_features, reward_quality
from benchmarks.kept_features import Judged
from benchmarks.setting import Setting
from reward_training.likelihood import FIRST, SECOND


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
