"""The benchmarks of policy training, cut down on the tiny model: that they measure what they say."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import (
    growth,
    policy_quality,
    policy_scaling,
    policy_speed,
    ppo_ablations,
    ppo_iteration,
    sampling_speed,
)
from benchmarks.policy_scores import Scores
from benchmarks.setting import Setting
from benchmarks.simulated_taste import OUTCOMES, Judged, Task, wins
from benchmarks.turns import Side, compared, in_turns
from language_models.sampling import Sampled
from policy_training import algorithm_registry
from policy_training.records import Demonstration, Preference, PromptItem

SIDE = """
from benchmarks.turns import Turns
import json, sys
task, turns = json.loads(sys.stdin.readline()), Turns()
print("{'a': 'library that talks'}")
turns.ready()
while True:
    turns.await_turn()
    turns.tell(own=task["own"], shared=task["shared"])
"""


@pytest.fixture
def short() -> Setting:
    return Setting("tiny:", short=True)


def test_sides_step_in_turns_and_each_has_its_own_of_the_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "talking_side.py").write_text(SIDE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    sides = {name: Side(sys.executable, "talking_side", name, {"own": name}) for name in ("ours", "theirs")}
    steps = in_turns(sides, {"shared": 3}, 3)
    assert [(step["own"], step["shared"]) for step in steps["theirs"]] == [("theirs", 3)] * 2  # the first is left out
    with pytest.raises(RuntimeError, match="the side 'ours' of the benchmark ended with exit code 1"):
        in_turns({"ours": Side(sys.executable, "no_such_side", "ours")}, {}, 1)


def test_who_trains_is_told_the_taste_in_its_unit_and_the_row_is_in_the_taste_s_own() -> None:
    scores = Scores({"taste": None, "taste_zero": 1.0, "taste_unit": 0.5, "truncation_penalty": 2.0})
    assert scores.of(["a, b, c", "a"], [True, False], [5, 3]) == [2.0, -2.0]
    assert scores.told() == {"score": 1.0, "tokens": 8}
    assert scores.penalised(["a, b, c", "a"], [True, False], [5, 3]) == [2.0, -4.0]


def test_a_ratio_is_taken_within_its_turn() -> None:
    steps = {
        "ours": [{"seconds": 1.0, "processor_seconds": 2.0, "peak_gb": 1.0}] * 3,
        "trl": [{"seconds": s, "processor_seconds": 2 * s, "peak_gb": 4.0} for s in (3.0, 9.0, 4.0)],
    }
    row = compared(steps, "trl")
    assert (row["ours_is_times_as_fast"], row["lowest_and_highest"]) == (4.0, [3.0, 9.0])
    assert (row["ours_is_times_as_fast_by_processor_time"], row["our_share_of_memory"]) == (4.0, 0.25)
    assert "ours_is_times_as_fast" not in compared(steps, "ours")


@pytest.mark.parametrize(
    ("scores", "kl", "risen"),
    [
        ([0, 0.1, 0.4, 0.5], [0, 0.1, 0.2, 0.3], 4),  # a single lucky batch does not count
        ([0, 0.3, 0.3], [0, 1.0, 2.0], 3),
        ([0, 0.1, 0.2], [0, 0.1, 0.2], None),
        ([0, 0.3, 0.6], [0, 9.0, 9.0], None),  # past the budget
    ],
)
def test_a_taste_has_risen_where_two_batches_say_so_within_the_budget(
    scores: list[float], kl: list[float], risen: int | None
) -> None:
    steps = [{"score": score, "kl_nats": nats} for score, nats in zip(scores, kl, strict=True)]
    assert policy_speed._risen(steps, 0.3) == risen


def test_cells_of_speed_measure_ours_where_there_is_no_peer(short: Setting) -> None:
    row = policy_speed.CELLS["ppo_iteration"](short)
    assert row["ours"]["tokens"] == [16 * 8]  # no token ends a completion: all sides learn from equally many
    assert row["ours"]["phases"].keys() == {"seconds_sample", "seconds_collect", "seconds_update"}
    assert row["ours"]["tokens_a_second"].keys() == {"drawn", "trained"}
    assert "--peer" in row["peer"]


@pytest.mark.accept
def test_the_preset_fast_is_measured_beside_all_layers_on_the_same_work(short: Setting) -> None:
    row = policy_speed.CELLS["fast_preset"](short)
    assert row["ours"]["tokens"] == row["all_layers"]["tokens"]
    assert (row["rows"], row["frozen_share"]) == (4, 0.5)
    assert row["all_layers"]["ours_is_times_as_fast"] > 0
    assert policy_speed.fast_settings("rloo") == {"frozen_share": 0.5, "learning_rate": pytest.approx(7e-4)}


def test_sampling_is_measured_beside_generate_with_and_without_ends(short: Setting) -> None:
    whole = sampling_speed.CELLS["full_length"](short)
    assert (whole["tokens"], whole["generate_tokens"]) == ([4 * 8], [4 * 8])
    natural = sampling_speed.CELLS["natural"](short)
    assert natural["lowest_and_highest"] == [natural["ratio"], natural["ratio"]]  # one turn beside the warm-up
    assert short.model.stop_ids


def test_an_iteration_of_ppo_is_measured_after_one_that_warms_up(short: Setting) -> None:
    row = ppo_iteration.measure(short)
    assert len(row["seconds"]) == len(row["processor_seconds_update"]) == len(row["tokens"]) == 1
    assert 0 < row["share_of_matmul_rate"] < 1 and not short.model.adapters.names


def test_scaling_counts_real_tokens(short: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "alone", lambda module, task: policy_scaling.child(task))
    row = policy_scaling.measure(short)
    assert [row[f"rows_{size}x"]["rows"] for size in (1, 4, 16)] == [2, 8, 32]
    assert (row["prompts_16x"]["rows"], row["prompts_16x"]["prompts"]) == (2, 32)
    assert row["rows_16x"]["tokens"] > 10 * row["rows_1x"]["tokens"]


def test_what_grows_is_told_round_by_round() -> None:
    small = [{"tokens": 10, "seconds": seconds, "peak_gb": 1.0} for seconds in (1.0, 2.0, 1.0)]
    large = [{"tokens": 100, "seconds": seconds, "peak_gb": peak} for seconds, peak in ((20, 1.1), (20, 1.2), (5, 1))]
    assert growth.time_a_token_times(small, large) == {"value": 1.0, "lowest_and_highest": [0.5, 2.0]}
    assert growth.memory_times(small, large) == 1.2


@pytest.mark.parametrize("cell", ["dpo", "ppo_permuted", "ppo_true_taste", "guards_off"])
def test_cells_of_quality_tell_the_taste_over_time(short: Setting, cell: str) -> None:
    row = policy_quality.CELLS[cell](short)
    assert row["curve"][0]["kl_nats"] == pytest.approx(0, abs=1e-4)
    assert len(row["curve"]) == 3 and row["held_out_prompts"] == 4
    for name, least, most in (("gain", -2, 2), ("preferred_to_base", 0, 1)):
        low, high = row[name]["interval"]
        assert least <= low <= row[name]["value"] <= high <= most
    assert not short.model.adapters.names


def test_best_of_one_is_the_base_and_costs_no_kl(short: Setting) -> None:
    row = policy_quality.CELLS["best_of_n"](short)
    assert row["best_of_1"]["kl_nats_at_most"] == 0 and row["best_of_8"]["kl_nats_at_most"] == pytest.approx(1.204)


def test_what_length_explains_is_taken_off_a_reward(short: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def longer_is_better(items: Sequence[PromptItem], sampled: Sequence[Sampled]) -> list[float]:
        return [math.log1p(len(one.text)) for one in sampled]

    def of_many_lengths(_: Task, items: Sequence[PromptItem], adapter: str | None, index: int) -> list[Sampled]:
        return [Sampled([5, 2], "a" * (1 + place + 5 * index), "stop") for place, _ in enumerate(items)]

    monkeypatch.setattr(Task, "learned", lambda *_: longer_is_better)
    monkeypatch.setattr(Task, "drawn", of_many_lengths)
    row = policy_quality.CELLS["length_corrected"](short)
    assert (row["judgments"], row["texts"], row["slope"], row["before"]) == (12, 16, 1, 1)
    assert row["after"] < 1 and -1 <= row["taste"] <= 1


def test_every_algorithm_has_a_cell() -> None:
    assert set(algorithm_registry.names()) <= policy_quality.CELLS.keys()


def test_judgments_are_what_dpo_and_imitation_learn_from() -> None:
    item = PromptItem(0, [5], ())
    first, second = (Sampled([place, 2], "text", "stop") for place in (7, 8))
    found = {outcome: Judged(item, first, second, outcome, "a") for outcome in OUTCOMES.values()}
    assert found["second"].preference() == Preference([5], [8, 2], [7, 2])
    assert found["second"].demonstration() == Demonstration([5], [8, 2])
    assert found["first"].demonstration() == Demonstration([5], [7, 2])
    assert found["tie"].preference().tie and found["tie"].demonstration() is None


def test_a_share_counts_ties_half() -> None:
    assert wins([1.0, 0.5, 0.0, 1.0], [0.0, 0.5, 1.0, 0.0]).tolist() == [1, 0.5, 0, 1]


def test_a_side_that_did_not_rise_bounds_the_ratio_from_its_side():
    rose, slower = ({"rose": {"seconds": seconds}, "seconds": 90.0} for seconds in (20.0, 50.0))
    never = {"rose": None, "seconds": 540.0}
    assert policy_speed.times_as_fast(rose, slower) == {"times": 2.5, "at": None}
    assert policy_speed.times_as_fast(rose, never) == {"times": 27.0, "at": "least"}
    assert policy_speed.times_as_fast(never, slower) == {"times": 0.09, "at": "most"}
    assert policy_speed.times_as_fast(never, never) == {"times": None, "at": None}


@pytest.mark.accept
@pytest.mark.parametrize("cell", sorted(ppo_ablations.CELLS))
def test_what_a_trick_is_worth_is_measured_with_it_and_without(cell: str, short: Setting) -> None:
    """What a cell takes away it names in the code, where it may be called otherwise by now."""
    row = ppo_ablations.CELLS[cell](short)
    assert row["processor_seconds"] > 0 and row["processor_seconds_without"] > 0
