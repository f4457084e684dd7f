"""The benchmark of a reward's accuracy beside TRL's: a split by debate, the same pairs for both, paired figures."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import reward_accuracy
from benchmarks.intervals import mean_of_pairs
from benchmarks.reward_accuracy import compared, divided
from benchmarks.setting import Setting

DEBATES, TEXTS = 6, 5


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    """Six debates of five arguments, the longer the better, but for the first and the last: a tie."""
    (tmp_path / "ukpconvarg1").mkdir()
    arguments = [
        {"id": f"{debate}-{row}", "debate": f"d{debate}", "title": f"Debate {debate}?", "text": "so, " * (1 + row)}
        for debate in range(DEBATES)
        for row in range(TEXTS)
    ]
    comparisons = [
        {"debate": f"d{debate}", "a": f"{debate}-{a}", "b": f"{debate}-{b}",
         "gold": "a" if a > b else "b"}
        for debate in range(DEBATES)
        for a in range(TEXTS)
        for b in range(TEXTS)
        if (a + b) % 2
    ] + [
        {"debate": f"d{debate}", "a": f"{debate}-0", "b": f"{debate}-{TEXTS - 1}", "gold": "tie"}
        for debate in range(DEBATES)
    ]  # fmt: skip
    for name, rows in (("arguments", arguments), ("comparisons", comparisons)):
        with gzip.open(tmp_path / "ukpconvarg1" / f"{name}.jsonl.gz", "wt", encoding="utf-8") as lines:
            lines.writelines(json.dumps(row) + "\n" for row in rows)
    return Setting("tiny:", data=tmp_path, short=True)


def test_no_debate_trains_and_is_asked_and_a_seed_changes_what_trains_alone(setting: Setting) -> None:
    split, other = divided(setting, 12), divided(Setting("tiny:", seed=1, data=setting.data, short=True), 12)
    assert split.debates == ["d0", "d1", "d2"]
    assert {pair["group"] for pair in split.pairs} <= {"d3", "d4", "d5"}
    assert {text["prompt"][-1]["content"] for text in split.texts} == {"Debate 0?", "Debate 1?", "Debate 2?"}
    assert all(len(pair["chosen"]) > len(pair["rejected"]) for pair in split.pairs)
    assert len(split.pairs) == 12 and split.pairs != other.pairs
    assert (split.texts, split.better.tolist()) == (other.texts, other.better.tolist())
    lengths = np.array([len(text["completion"]) for text in split.texts])
    assert (lengths[split.better] > lengths[split.worse]).all()  # the longer was said to be better; ties are not asked
    with pytest.raises(ValueError, match=r"36 decided pairs outside of d0, d1, d2: 200 are needed"):
        divided(setting, 200)


def test_both_are_told_on_the_same_pairs_with_their_difference(setting: Setting) -> None:
    split = divided(setting, 12)
    lengths = np.array([len(text["completion"]) for text in split.texts], dtype=float)
    by_chance = np.random.default_rng(0).normal(size=len(lengths))
    row = compared(split, {"ours": [{"scores": lengths}], "trl": [{"scores": by_chance}]})
    assert row["accuracy"]["ours"] == {"value": 1.0, "interval": [1.0, 1.0]}
    assert row["ours_less"]["longer_wins"] == {"value": 0.0, "interval": [0.0, 0.0]}
    assert row["ours_less"]["trl"]["value"] == pytest.approx(1 - row["accuracy"]["trl"]["value"], abs=2e-4)
    low, high = row["ours_less"]["trl"]["interval"]
    assert 0 < low < row["ours_less"]["trl"]["value"] < high <= 1
    assert compared(split, {"ours": [{"scores": 0 * lengths}]})["accuracy"]["ours"]["value"] == 0.5


def test_pairs_that_share_a_text_are_not_counted_as_independent() -> None:
    """One text loses all of its 40 pairs and the others win all of theirs: drawing pairs would see 80 of them."""
    first = np.array([0] * 40 + [*range(1, 41)])
    second = np.array([*range(1, 41), *range(2, 41), 1])
    values = np.array([0.0] * 40 + [1.0] * 40)
    low, high = mean_of_pairs(values, first, second)["interval"]
    of_pairs = [values[np.random.default_rng(seed).integers(80, size=80)].mean() for seed in range(500)]
    assert high - low > 2 * (np.quantile(of_pairs, 0.975) - np.quantile(of_pairs, 0.025))


def test_ours_trains_and_reads_where_there_is_no_peer(setting: Setting) -> None:
    row = reward_accuracy.CELLS["accuracy"](setting)
    assert (row["pairs"], row["test_pairs"]) == (16, 36)
    assert 0 <= row["accuracy"]["ours"]["value"] <= 1 and "trl" not in row["accuracy"] and "--peer" in row["peer"]
