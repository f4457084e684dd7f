"""The seed of a completion: what runs of before were drawn with, apart for all that tells two completions apart."""

from language_models.seeds import completion_seed


def test_a_seed_is_the_one_that_it_always_was() -> None:
    assert completion_seed(0, 0, 0) == 3051931488724851722
    assert completion_seed(3, 14, 2) == 5825254555647301327


def test_run_prompt_and_sample_each_count_at_their_own_place() -> None:
    told = [(0, 1, 1), (1, 1, 1), (1, 1, 2), (1, 2, 1), (1, 11, 1), (11, 1, 1), (1, 1, 11)]
    assert len({completion_seed(*numbers) for numbers in told}) == len(told)


def test_a_seed_is_a_number_that_sqlite_holds() -> None:
    seeds = [completion_seed(0, prompt, 0) for prompt in range(100)]
    assert min(seeds) >= 0
    assert 2**62 < max(seeds) < 2**63
