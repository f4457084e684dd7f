"""Texts of the reference on which scores get their zero and unit: each counts once, whenever a run was killed."""

from types import SimpleNamespace

import pytest

from rounds import reference_samples
from rounds.drawing import Wanted

PROMPTS = [SimpleNamespace(id=number) for number in (1, 2, 3)]
REFERENCE = SimpleNamespace(id=1)


def drawn(one: Wanted) -> SimpleNamespace:
    return SimpleNamespace(prompt_id=one.prompt.id, seed=one.seed, sample_index=one.sample_index, text="so")


@pytest.mark.parametrize("stored", [0, 2, 5, 8])
def test_each_text_counts_once_and_a_killed_run_goes_on_to_the_same_ones(monkeypatch, stored):
    passes = [Wanted(prompt, REFERENCE, 0, place) for place in range(4) for prompt in PROMPTS]
    there = [drawn(one) for one in passes[:stored]]
    monkeypatch.setattr(reference_samples.prompts, "listing", lambda db, split: PROMPTS)
    monkeypatch.setattr(reference_samples.completions, "listing", lambda db, policy_id: there)
    monkeypatch.setattr(reference_samples, "complete", lambda context, wanted, phase: list(map(drawn, wanted)))
    found = reference_samples.reference_samples(SimpleNamespace(db=None), 8, REFERENCE)
    assert [(one.prompt_id, one.seed) for _, one in found] == [(one.prompt.id, one.seed) for one in passes[:8]]
