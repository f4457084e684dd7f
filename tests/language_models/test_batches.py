from language_models.batches import collate, token_batches


def test_prompts_are_padded_left_and_completions_right_and_positions_follow_the_mask() -> None:
    batch = collate([[5], [6, 7]], [[8, 2], [9]], pad_id=2)
    assert batch.input_ids.tolist() == [[2, 5, 8, 2], [6, 7, 9, 2]]
    assert batch.attention_mask.tolist() == [[0, 1, 1, 1], [1, 1, 1, 0]]
    assert batch.position_ids.tolist() == [[0, 0, 1, 2], [0, 1, 2, 2]]


def test_the_mask_comes_from_lengths_so_an_eos_that_is_also_the_pad_token_counts() -> None:
    batch = collate([[5], [6, 7]], [[8, 2], [9]], pad_id=2)
    assert batch.completion_mask.tolist() == [[True, True], [True, False]]
    assert batch.completion_ids.tolist() == [[8, 2], [9, 2]]


def test_token_batches_hold_every_row_once_within_the_budget() -> None:
    lengths = [3, 50, 7, 20, 21, 22, 1]
    batches = token_batches(lengths, 60)
    assert sorted(row for rows in batches for row in rows) == list(range(7))
    assert all(len(rows) == 1 or len(rows) * max(lengths[row] for row in rows) <= 60 for rows in batches)
