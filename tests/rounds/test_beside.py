"""Heavy figures in a process of their own."""

import subprocess
from pathlib import Path

import pytest

import evaluation_studies
from feedback_store import evaluations
from rounds import beside


def test_every_computation_gives_json_with_the_time_it_is_of(tmp_path: Path) -> None:
    with evaluation_studies.make(tmp_path / "study") as db:
        evaluation = evaluation_studies.start(db, wanted=4, pairs=6)
        evaluation_studies.judge(db, 4)
        assert not evaluations.get(db, evaluation.id).sealed
        for name in beside.COMPUTATIONS:
            assert beside.in_a_process(name, db.folder)["as_of"]
        found = beside.in_a_process("policies", db.folder)
        assert found["evaluations"][str(evaluation.id)]["judgments"] == 4
        assert found["all"]["policies"] == ["base", "policy-1"]


def test_what_cannot_be_computed_is_an_error_of_the_process(tmp_path: Path) -> None:
    with pytest.raises(subprocess.SubprocessError):
        beside.in_a_process("policies", tmp_path / "no-study")
