"""`run STUDY evaluate --wait --fail-below`: a gate for scripts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import evaluation_studies
import web_studies
from feedback_store import runs
from feedback_store.database import Database


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with evaluation_studies.make(tmp_path / "study") as study:
        web_studies.reward_model(study)
        yield study


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch, db: Database):
    """A run that is waited for ends with these rewards by policy."""

    def with_rewards(**rewards: float) -> None:
        by_name = {name.replace("_", "-"): reward for name, reward in rewards.items()}

        def see_through(*_: object, **__: object) -> object:
            db.execute("UPDATE runs SET priority = -1 WHERE status = 'queued'")
            db.execute("UPDATE runs SET status = 'cancelled', ended_at = 'now' WHERE status = 'queued'")
            return evaluation_studies.evaluated(db, by_name)

        monkeypatch.setattr("ui.commands.waiting.see_through", see_through)

    return with_rewards


def test_a_policy_that_does_better_passes_and_one_that_does_worse_ends_with_1(tastemaker, db: Database, ends) -> None:
    ends(policy_1=1.0, base=0.5)
    passed = tastemaker("run", db.folder, "evaluate", "--wait", "--fail-below", 0.5)
    assert passed.code == 0
    assert "policy-1 is preferred to base in 1.00" in passed.err and "by the reward reward-1" in passed.err
    assert "Not below 0.5." in passed.err
    ends(policy_1=0.5, base=1.0)
    failed = tastemaker("run", db.folder, "evaluate", "--wait", "--fail-below", 0.5)
    assert failed.code == 1 and failed.err.rstrip().endswith("Below 0.5.")


def test_for_programs_the_gate_stands_in_the_json(tastemaker, db: Database, ends) -> None:
    ends(policy_1=0.5, base=1.0)
    outcome = tastemaker("run", db.folder, "evaluate", "--wait", "--fail-below", 0.5, "--json")
    gate = outcome.json["gate"]
    assert (outcome.code, gate["basis"], gate["share"], gate["newer"]) == (1, "reward", 0.0, "policy-1")


def test_own_functions_are_handed_on_to_the_worker_that_starts(tastemaker, db: Database, monkeypatch, tmp_path) -> None:
    given: list[Path | None] = []

    class Watched:
        state, restarts = "running", 0

        def __enter__(self) -> "Watched":
            return self

        def __exit__(self, *trace: object) -> None:
            pass

    def start(folder: Path, *, functions: Path | None) -> Watched:
        given.append(functions)
        db.execute("UPDATE runs SET status = 'cancelled', ended_at = 'now' WHERE status = 'queued'")
        return Watched()

    monkeypatch.setattr("rounds.supervisor.start_worker_if_none", start)
    assert tastemaker("run", db.folder, "sample", "--wait", "--functions", tmp_path).code == 1
    assert tastemaker("run", db.folder, "sample", "--wait").code == 1
    assert given == [tmp_path, None]


def test_a_gate_goes_with_an_evaluation_that_is_waited_for(refused, db: Database) -> None:
    for words in (["evaluate"], ["sample", "--wait"]):
        assert "--fail-below goes with the kind evaluate and --wait" in refused(
            "run", db.folder, *words, "--fail-below", 0.5
        )


def test_what_the_gate_cannot_tell_is_said_before_the_evaluation(refused, db: Database) -> None:
    before = len(runs.listing(db))
    how = ("run", db.folder, "evaluate", "--wait", "--fail-below", 0.5)
    assert "base is not among the policies" in refused(*how, "--set", "policies=policy-1")
    assert len(runs.listing(db)) == before
