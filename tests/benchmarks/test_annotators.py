"""The benchmark of people, on votes whose authors are known: it sees who helps, and has the figures promised."""

import gzip
import json
import math

import numpy as np
import pytest

from benchmarks import annotators
from benchmarks.setting import Setting


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    """Five debates of eight arguments, the longer the better; five votes a pair by twelve people, two throw coins."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "ukpconvarg1").mkdir()
    draw = np.random.default_rng(0)
    arguments, comparisons = [], []
    for debate in range(5):
        sizes = draw.permutation(8)
        arguments += [
            {"id": f"{debate}-{row}", "debate": f"debate-{debate}", "text": "so, people, say, " * int(1 + sizes[row])}
            for row in range(8)
        ]
        for a in range(8):
            for b in range(a):
                chance = 1 / (1 + math.exp(-(sizes[a] - sizes[b])))
                people = draw.choice(12, size=5, replace=False)
                votes = [[f"p{one}", "a" if draw.random() < (0.5 if one >= 10 else chance) else "b"] for one in people]
                comparisons.append({"debate": f"debate-{debate}", "a": f"{debate}-{a}", "b": f"{debate}-{b}",
                                    "votes": votes, "gold": "a" if sizes[a] > sizes[b] else "b"})  # fmt: skip
    for name, rows in (("arguments", arguments), ("comparisons", comparisons)):
        with gzip.open(folder / "ukpconvarg1" / f"{name}.jsonl.gz", "wt", encoding="utf-8") as lines:
            lines.writelines(json.dumps(row) + "\n" for row in rows)
    return Setting(data=folder, short=True)


def test_knowing_who_votes_helps_where_two_of_twelve_throw_coins(setting: Setting) -> None:
    row = annotators.CELLS["real_votes"](setting)
    assert row["votes"] + row["held_out_votes"] == 5 * 28 * 5 and row["people"] == 12
    assert row["vote_with_its_author_gain_all"]["value"] > 0.02
    low, high = row["vote_with_its_author_gain_all"]["interval"]
    assert low <= row["vote_with_its_author_gain_all"]["value"] <= high
    assert {"anybodys_vote_gain_kept_out", "vote_with_its_author_gain_others"} <= row.keys()
    assert row["people_with_50_votes"] > 6
    assert row["spearman_all"] > 0.3 and 0 < row["spearman_all_ceiling"] <= 1


def test_ties_that_nobody_gives_are_no_gain(setting: Setting) -> None:
    row = annotators.CELLS["ties"](setting)
    assert row["tie_rate"] == 0 and abs(row["gain"]["value"]) < 0.02


def test_few_judgments_are_measured_each_way_on_the_same_answers(setting: Setting) -> None:
    row = annotators.CELLS["few_judgments"](setting)
    assert (row["trials"], row["answers"]) == (2, 96)
    for way in ("margins", "people", "both"):
        gain = row[f"{way}_less_plain"]["value"]
        assert gain == pytest.approx(row[way]["value"] - row["plain"]["value"], abs=2e-4)
        assert row[way]["value"] > 0.55
