"""Where batches end, and which rows stand together in one."""

import pytest
import torch

from language_models.batches import collate, shared_prompt_batches, token_batches
from language_models.log_probs import completion_pass
from language_models.model import LanguageModel


def test_a_prompt_that_begins_with_the_pad_token_is_not_the_one_without_it() -> None:
    batch = collate([[2, 5], [5], [2, 5]], [[8], [8], [9]], pad_id=2)
    assert batch.prompts == ([0, 1], [0, 1, 0])


def test_an_empty_prompt_is_refused_also_beside_others() -> None:
    with pytest.raises(ValueError, match="an empty prompt has no state"):
        collate([[5], []], [[8], [8]], pad_id=0)


def test_rows_that_fill_a_budget_to_the_last_token_stay_together() -> None:
    assert token_batches([[1] * 6] * 4, [[2] * 4] * 4, 20) == [[0, 1], [2, 3]]
    assert shared_prompt_batches([[1] * 10, [2] * 10], [[3] * 5, [3] * 5], 30) == [[0, 1]]


def test_completions_may_fill_half_of_a_budget_that_their_prompt_has_used_up() -> None:
    prompts, completions = [[1] * 30] * 5, [[2] * 5] * 5
    assert shared_prompt_batches(prompts, completions, 40) == [[0, 1, 2, 3], [4]]  # 30 + 4 * 5 = 30 + 40 / 2


def test_rows_of_one_prompt_stand_together_however_many_they_are_and_wherever_they_come() -> None:
    prompts = [[1] * 20, [2] * 20] * 20
    completions = [[3] * (1 + place // 2 % 5) for place in range(40)]
    batches = shared_prompt_batches(prompts, completions, 20 + 20 * 5)
    assert [sorted(rows) for rows in batches] == [list(range(0, 40, 2)), list(range(1, 40, 2))]


def test_a_row_joins_others_only_where_its_padding_costs_no_more_than_a_pass() -> None:
    prompts, completions = [[1] * 100, [2] * 60], [[3], [3]]
    joined, apart = 2 * 100 + 2 * 1, (100 + 1) + (60 + 1)
    assert shared_prompt_batches(prompts, completions, 1000, waste=joined - apart) == [[0, 1]]
    assert shared_prompt_batches(prompts, completions, 1000, waste=joined - apart - 1) == [[0], [1]]


def test_entropies_lie_where_their_tokens_do_and_behind_an_end_there_is_none(tiny: LanguageModel) -> None:
    prompts, completions = [[5, 6], [7]], [[9], [10, 11, 2]]
    with torch.no_grad():
        together = completion_pass(tiny, collate(prompts, completions, tiny.pad_id), 0.7, with_entropy=True).entropy
        for row, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
            alone = completion_pass(tiny, collate([prompt], [completion], tiny.pad_id), 0.7, with_entropy=True).entropy
            assert together is not None and alone is not None
            torch.testing.assert_close(together[row, : len(completion)], alone[0], atol=1e-5, rtol=0)
            assert (together[row, len(completion) :] == 0).all()
