"""What the card of an exported reward says of its quality, with little to say it of."""

import pytest
import torch

from reward_training.model import RewardModel
from reward_training.settings import RewardSettings
from rounds.reward_card import _quality, exactness
from tiny_models import fresh_tiny


def test_an_accuracy_of_one_prompt_alone_has_no_interval() -> None:
    holdout = {"decided": 3, "accuracy": 2 / 3, "accuracy_low": None, "accuracy_high": None, "length_baseline": 0.5}
    assert "accuracy is 0.667 (too few prompts for an interval)" in _quality({"holdout": holdout})
    ends = {"accuracy_low": 0.25, "accuracy_high": 1.0}
    assert "0.667 (95 % interval 0.250 to 1.000)" in _quality({"holdout": {**holdout, **ends}})
    assert _quality({"holdout": {**holdout, "accuracy": None}}).startswith("Not measured")


@pytest.mark.parametrize(
    ("numbers", "words"), [(torch.float32, "those of the study to rounding"), (torch.bfloat16, "the base in bfloat16")]
)
def test_a_module_of_a_base_in_16_bits_is_not_called_equal(numbers: torch.dtype, words: str) -> None:
    assert words in exactness(RewardModel.fresh(fresh_tiny(numbers=numbers), RewardSettings()))
