"""Potential-based shaping: it telescopes, and the optimal policy of a small MDP, solved exactly, stays what it is."""

from collections.abc import Callable
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from language_models.sampling import Sampled
from policy_training.shaping import BadPotential, checked_potentials, shaping_rewards

TOKENS, LENGTH, STOP = (0, 1, 2), 3, 2  # two letters and a stop; an episode also ends at three tokens
State = tuple[int, ...]
Reward = Callable[[State, int], float]


def ragged(lengths: list[int], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    return torch.randn(len(lengths), max(lengths) + 1, generator=generator, dtype=torch.float64), mask


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=5),
    st.floats(0, 1),
)
def test_the_discounted_sum_telescopes(seed: int, episodes: list[tuple[int, bool]], discount: float) -> None:
    lengths = [length for length, _ in episodes]
    potentials, mask = ragged(lengths, seed)
    shaped = shaping_rewards(potentials, mask, discount, torch.tensor([goes_on for _, goes_on in episodes]))
    for row, (length, goes_on) in enumerate(episodes):
        total = sum(discount**t * float(shaped[row, t]) for t in range(length))
        left = discount**length * float(potentials[row, length]) if goes_on else 0.0
        assert total == pytest.approx(left - float(potentials[row, 0]), abs=1e-9)
        assert (shaped[row, length:] == 0).all()


def test_shaping_worked_by_hand() -> None:
    potentials = torch.tensor([[1.0, 3.0, 5.0], [2.0, 4.0, 99.0]])
    mask = torch.tensor([[True, True], [True, False]])
    goes_on = torch.tensor([True, False])
    assert shaping_rewards(potentials, mask, 0.5, goes_on).tolist() == [[0.5 * 3 - 1, 0.5 * 5 - 3], [0.0 - 2, 0.0]]


# A small MDP, solved exactly. States are the prefixes; the reward is given at the end.


def is_terminal(state: State) -> bool:
    return len(state) == LENGTH or state[-1:] == (STOP,)


def ending(state: State) -> float:
    """What a whole completion is worth: an early stop is worth a little, two ones in a row a lot."""
    return {(STOP,): 0.3, (1, 1, 0): 1.0, (1, 1, STOP): 0.9, (0, 1, 1): 0.8}.get(state, 0.0)


def base_reward(state: State, token: int) -> float:
    following = (*state, token)
    return ending(following) if is_terminal(following) else -0.01


def greedy(reward: Reward, discount: float) -> tuple[dict[State, frozenset[int]], dict[State, float]]:
    """Value iteration, backwards in length: the best actions of every state, and its value."""
    values: dict[State, float] = {}
    best: dict[State, frozenset[int]] = {}
    for length in reversed(range(LENGTH)):
        for state in product(TOKENS, repeat=length):
            if is_terminal(state):
                continue
            worth = {a: reward(state, a) + discount * values.get((*state, a), 0.0) for a in TOKENS}
            values[state] = max(worth.values())
            best[state] = frozenset(a for a, q in worth.items() if q > values[state] - 1e-9)
    return best, values


def shaped(potential: Callable[[State], float], discount: float, terminal_too: bool = False) -> Reward:
    """The reward with the F of shaping_rewards; `terminal_too` keeps Phi(terminal), which is wrong."""

    def reward(state: State, token: int) -> float:
        path = [state, (*state, token)]
        phi = torch.tensor([[potential(one) for one in path]], dtype=torch.float64)
        goes_on = torch.tensor([terminal_too or not is_terminal(path[1])])
        return base_reward(state, token) + float(shaping_rewards(phi, torch.tensor([[True]]), discount, goes_on))

    return reward


def drawn_potential(seed: int) -> Callable[[State], float]:
    generator = torch.Generator().manual_seed(seed)
    states = [state for length in range(LENGTH + 1) for state in product(TOKENS, repeat=length)]
    table = dict(zip(states, (2 * torch.randn(len(states), generator=generator)).tolist(), strict=True))
    return table.__getitem__


@pytest.mark.parametrize("discount", [1.0, 0.8])
@pytest.mark.parametrize("seed", range(5))
def test_the_optimal_policy_is_the_same_with_and_without(seed: int, discount: float) -> None:
    potential = drawn_potential(seed)
    plain, values = greedy(base_reward, discount)
    with_shaping, shaped_values = greedy(shaped(potential, discount), discount)
    assert with_shaping == plain
    for state, value in values.items():  # V'(s) = V(s) - Phi(s)
        assert shaped_values[state] == pytest.approx(value - potential(state))


def test_a_potential_that_is_not_zero_at_the_end_changes_the_optimum() -> None:
    plain, _ = greedy(base_reward, 1.0)
    assert any(greedy(shaped(drawn_potential(seed), 1.0, terminal_too=True), 1.0)[0] != plain for seed in range(5))


def completion(length: int) -> Sampled:
    return Sampled([1] * length, "a" * length, "stop")


def test_potentials_are_padded_and_what_is_not_one_number_a_state_is_refused_in_words() -> None:
    sampled = [completion(2), completion(1)]
    assert checked_potentials([[1, 2, 3], [4, 5]], sampled).tolist() == [[1, 2, 3], [4, 5, 0]]
    with pytest.raises(BadPotential, match="1 rows for 2 completions"):
        checked_potentials([[1, 2, 3]], sampled)
    with pytest.raises(BadPotential, match="2 values for completion 0 of 2 tokens: 3 are needed"):
        checked_potentials([[1, 2], [4, 5]], sampled)
    with pytest.raises(BadPotential, match="nan for completion 1"):
        checked_potentials([[1, 2, 3], [4, float("nan")]], sampled)
    with pytest.raises(BadPotential, match=r"1e\+39 for completion 0: potentials must be finite in 32 bits"):
        checked_potentials([[1, 1e39, 3], [4, 5]], sampled)
