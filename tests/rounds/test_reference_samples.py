"""Texts of the reference on which scores get their zero and unit: each counts once, whenever a run was killed."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from rounds import reference_samples
from rounds.drawing import Wanted

PROMPTS = [SimpleNamespace(id=number) for number in (1, 2, 3)]
REFERENCE = SimpleNamespace(id=1)
PASSES = [Wanted(prompt, REFERENCE, 0, place) for place in range(4) for prompt in PROMPTS]


def drawn(one: Wanted) -> SimpleNamespace:
    return SimpleNamespace(prompt_id=one.prompt.id, seed=one.seed, sample_index=one.sample_index, text="so")


@pytest.fixture
def found_of(monkeypatch) -> Callable[..., list[tuple[int, int]]]:
    """Prompt and seed of what is found for a number where the first so many are stored."""

    def found(number: int, already: int, **more: int) -> list[tuple[int, int]]:
        there = [drawn(one) for one in PASSES[:already]]
        monkeypatch.setattr(reference_samples, "draw_seed", lambda db, study, seed: seed)
        monkeypatch.setattr(reference_samples, "drawn_as_now", lambda db, study: lambda one: True)
        monkeypatch.setattr(reference_samples.prompts, "listing", lambda db, split: PROMPTS)
        monkeypatch.setattr(reference_samples.completions, "listing", lambda db, policy_id: there)
        monkeypatch.setattr(reference_samples, "complete", lambda context, wanted, phase: list(map(drawn, wanted)))
        texts = reference_samples.reference_samples(SimpleNamespace(db=None, study=None), number, REFERENCE, **more)
        return [(one.prompt_id, one.seed) for _, one in texts]

    return found


@pytest.mark.parametrize("already", [0, 2, 5, 8])
def test_each_text_counts_once_and_a_killed_run_goes_on_to_the_same_ones(found_of, already):
    assert found_of(8, already) == [(one.prompt.id, one.seed) for one in PASSES[:8]]


@pytest.mark.parametrize(("already", "count"), [(0, 4), (6, 6), (12, 9)])
def test_more_are_taken_where_they_are_stored_and_none_is_drawn_for_it(found_of, already, count):
    assert len(found_of(4, already, stored=9)) == count
