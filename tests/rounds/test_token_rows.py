"""Rollouts of a run, token by token: a file that a kill may cut off anywhere, and whose size is bounded."""

from pathlib import Path
from typing import Any

from rounds import token_rows
from rounds.token_rows import add, is_kept, read, take_over


def rollout(*tokens: str, score: float = 0.0) -> dict[str, Any]:
    return {"prompt_id": 1, "score": score, "tokens": list(tokens), "figures": {"kl": [0.25] * len(tokens)}}


def told(folder: Path, **which: Any) -> list[tuple[int, int, float]]:
    _, _, rows = read(folder, **{"step": None, "first": 0, "count": 99, **which})
    return [(row["step"], row["rollout"], row["score"]) for row in rows]


def test_they_are_read_by_iteration_and_place_and_the_last_line_counts(tmp_path: Path) -> None:
    add(tmp_path, 1, [rollout("a", "}", score=1), rollout("b", score=2)])
    add(tmp_path, 0, [rollout("c", score=3)])
    add(tmp_path, 1, [rollout("d", score=4)])
    assert told(tmp_path) == [(0, 0, 3), (1, 0, 4), (1, 1, 2)]
    assert told(tmp_path, step=1) == [(1, 0, 4), (1, 1, 2)]
    assert told(tmp_path, first=1, count=1) == [(1, 0, 4)]
    assert read(tmp_path, step=0, first=0, count=9)[:2] == (1, [0, 1])


def test_a_line_that_was_cut_off_costs_nothing_but_itself(tmp_path: Path) -> None:
    add(tmp_path, 0, [rollout("whole")])
    add(tmp_path, 1, [rollout("cut")])
    path = tmp_path / token_rows.FILE
    path.write_bytes(path.read_bytes()[:-3])
    add(tmp_path, 2, [rollout("after")])
    assert [step for step, _, _ in told(tmp_path)] == [0, 2]


def test_a_long_run_keeps_some_iterations_and_a_long_rollout_its_first_tokens(tmp_path: Path) -> None:
    assert all(is_kept(step, 99) for step in range(99))
    assert 50 <= sum(is_kept(step, 12345) for step in range(12345)) <= token_rows.MOST_STEPS
    add(tmp_path, 0, [rollout(*"a" * 3000)])
    (row,) = read(tmp_path, step=0, first=0, count=1)[2]
    assert row["length"] == 3000
    assert len(row["tokens"]) == len(row["figures"]["kl"]) == token_rows.MOST_TOKENS


def test_a_run_that_goes_on_from_another_takes_what_that_one_had_before(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir(), new.mkdir()
    for step in range(3):
        add(old, step, [rollout("a", score=step)])
    add(new, 7, [rollout("left over")])
    take_over(old, new, below=2)
    assert told(new) == [(0, 0, 0), (1, 0, 1)]
    take_over(tmp_path / "nothing", new, below=2)
    assert told(new) == []
