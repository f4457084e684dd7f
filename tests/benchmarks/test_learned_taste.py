"""A taste that is learned from verdicts: it holds what they paid for, and flawed texts are worth least."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import policy_quality
from benchmarks.learned_taste import ASKED, learned_taste
from benchmarks.setting import Setting
from reward_training.model import RewardModel
from reward_training.records import Text
from reward_training.training import TrainedReward, train
from rounds.tastes import FLAWED

WORDS = ["river", "stone", "garden", "winter", "paper", "candle", "window", "bridge", "music", "kitchen"]


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    """Verdicts that pay for commas."""
    (tmp_path / "qa_feedback").mkdir()
    rows = []
    for place in range(12):
        plain, listed = (joint.join(WORDS[(place + step) % 10] for step in range(5)) for joint in (" ", ", "))
        first, second = (listed, plain) if place % 2 else (plain, listed)
        verdict = {"a": 0, "b": 1, "verdict": "a" if first == listed else "b"}
        rows.append({"question": "What?", "completions": [first, second], "comparisons": [verdict]})
    with gzip.open(tmp_path / "qa_feedback" / "questions.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return Setting("tiny:", data=tmp_path, short=True)


def test_it_is_worth_what_the_verdicts_paid_for_and_flawed_texts_are_worth_least(setting: Setting) -> None:
    worth = learned_taste(setting)
    listed, plain = "music, stone, paper, river, bridge", "music stone paper river bridge"
    scores = worth([(listed, False), (plain, False), (listed, True), ("", False)])
    assert 0 < scores[1] < scores[0] < 1
    assert scores[2:] == [FLAWED, FLAWED]
    assert learned_taste(Setting("tiny:", 5, setting.data, True))([(listed, False)]) != [scores[0]], "another half"


def test_it_goes_by_nothing_that_a_reward_of_other_layers_reads_too(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = list[RewardModel]()

    def noted(*given: Any, **more: Any) -> TrainedReward:
        found = train(*given, **more)
        models.append(found.model)
        return found

    monkeypatch.setattr("benchmarks.learned_taste.train", noted)
    learned_taste(setting)
    _, [[words, states, length]] = models[0].scores_and_parts([Text(ASKED, "music, stone, paper", True)])
    assert words == length == 0.0 != states


def test_a_policy_is_measured_by_it(setting: Setting) -> None:
    row = policy_quality.CELLS["ppo_learned_taste"](setting)
    assert row["taste"] == "learned"
    assert len({point["taste"] for point in row["curve"]}) > 1


def test_without_data_words_say_what_is_needed() -> None:
    with pytest.raises(ValueError, match=r"needs --data DIR with qa_feedback/questions\.jsonl\.gz"):
        learned_taste(Setting("tiny:", short=True))
