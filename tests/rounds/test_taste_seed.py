"""What is drawn to show the reward's taste is drawn for nothing else."""

from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from rounds.prompts_looked_at import HELD_OUT, TASTE, TASTE_SEED, chosen_prompts
from rounds.settings import EvaluateSettings


def test_no_evaluation_can_have_the_seed_of_the_taste() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        EvaluateSettings(seed=TASTE_SEED)


def test_prompts_that_choose_or_show_are_not_those_of_an_evaluation_with_some_seed() -> None:
    known = [SimpleNamespace(id=place) for place in range(112)]
    drawn = [[one.id for one in chosen_prompts(known, 16, seed)] for seed in (0, 1, 2, TASTE, HELD_OUT)]
    assert len({tuple(ids) for ids in drawn}) == 5
    assert drawn[-1] == [one.id for one in chosen_prompts(known, 16, HELD_OUT)]
