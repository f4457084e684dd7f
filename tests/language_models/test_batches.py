import random

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
    lengths = [(3, 1), (50, 5), (7, 40), (20, 2), (21, 30), (22, 2), (1, 1), (2, 60)]
    prompts, completions = [[5] * own for own, _ in lengths], [[6] * own for _, own in lengths]
    batches = token_batches(prompts, completions, 60)
    assert sorted(row for rows in batches for row in rows) == list(range(8))
    sizes = [
        collate([prompts[row] for row in rows], [completions[row] for row in rows], pad_id=2).input_ids.numel()
        for rows in batches
    ]
    assert all(size <= 60 or len(rows) == 1 for rows, size in zip(batches, sizes, strict=True))
    assert len(batches) < 8


def test_a_long_prompt_and_a_long_completion_do_not_share_a_batch_of_their_sum() -> None:
    # Laid out together they are 2 * (300 + 300), not 2 * (300 + 10).
    assert token_batches([[5] * 300, [5] * 10], [[6] * 10, [6] * 300], 650) == [[0], [1]]


def test_little_of_a_batch_is_padding() -> None:
    draw = random.Random(0)
    rows = [([5] * draw.randint(20, 150), [6] * draw.randint(5, 64)) for _ in range(200)]
    batches = token_batches([prompt for prompt, _ in rows], [said for _, said in rows], 650)
    padded = sum(
        len(own) * (max(len(rows[row][0]) for row in own) + max(len(rows[row][1]) for row in own)) for own in batches
    )
    assert padded < 1.15 * sum(len(prompt) + len(said) for prompt, said in rows)
