"""What is drawn to show the reward's taste is drawn for nothing else."""

import pytest
from pydantic import ValidationError

from rounds.prompts_looked_at import TASTE_SEED
from rounds.settings import EvaluateSettings


def test_no_evaluation_can_have_the_seed_of_the_taste() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        EvaluateSettings(seed=TASTE_SEED)
