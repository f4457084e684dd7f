"""What `tastemaker score` prints of judged pairs."""

import numpy as np
import pytest

from reward_training.human_ceiling import Said, human_ceiling
from reward_training.likelihood import FIRST, TIE
from reward_training.metrics import Readings, evaluate
from ui.commands.output import print_table
from ui.commands.scoring import NO_JUDGMENTS, judged_rows

COLUMNS = ["on the judgments", "value", "95 %", "n"]


def judged(outcomes: list[int], said: list[Said]) -> dict:
    number = len(outcomes)
    read = Readings(np.ones(number), np.ones((number, 2)), np.array(outcomes), [str(one) for one in range(number)])
    return {**evaluate(read, 0.0), "ceiling": human_ceiling(said)}


def test_every_figure_has_a_row_with_its_interval_and_count(capsys: pytest.CaptureFixture[str]) -> None:
    rows = judged_rows(judged([FIRST] * 4, [Said("p", "g", who, True) for who in "ab"]))
    assert [row[0] for row in rows][:3] == ["accuracy", "best accuracy where people disagree", "'the longer one wins'"]
    assert rows[0][1:] == [1.0, "0.398 to 1.000", 4]
    assert len(rows) == 9
    print_table(COLUMNS, rows, empty=NO_JUDGMENTS)
    assert "calibration error (ECE)" in capsys.readouterr().out


def test_ties_alone_tell_what_can_be_told(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {row[0]: row[1:] for row in judged_rows(judged([TIE, TIE], []))}
    assert rows["accuracy"] == [None, None, 0]
    assert rows["log-loss of first, tie or second"][0] > 0


def test_a_file_without_judgments_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(COLUMNS, judged_rows(None), empty=NO_JUDGMENTS)
    assert capsys.readouterr().out.strip() == NO_JUDGMENTS
