"""What the rules ask for, on rewards whose answer is known, and that every choice is a draw with its probability."""

import numpy as np
import pytest

from reward_training.bayesian_head import Answers, Posterior, expected_precision, fit_by_evidence
from reward_training.likelihood import outcome_probabilities
from rounds.choosing import POWER, RANDOM_SHARE, choose, information, random_share, scores


def test_the_information_is_that_of_a_slow_average_over_drawn_rewards() -> None:
    draw = np.random.default_rng(0)
    for mean, deviation, log_nu in ((0.0, 1.0, -1.0), (1.5, 0.7, 0.5), (-3.0, 2.0, -2.0)):
        chances = outcome_probabilities(draw.normal(mean, deviation, 200_000), log_nu)
        marginal = chances.mean(0)
        expected = -(marginal * np.log(marginal)).sum() + (chances * np.log(chances)).sum(1).mean()
        found = information(np.array([mean]), np.array([deviation]), log_nu)[0]
        assert found == pytest.approx(expected, abs=2e-3)


def test_a_known_reward_has_nothing_to_tell_and_an_unknown_one_at_most_the_entropy_of_the_answer() -> None:
    assert information(np.array([0.0, 3.0]), np.zeros(2), 0.0) == pytest.approx([0, 0], abs=1e-12)
    told = information(np.zeros(4), np.array([0.1, 1.0, 10.0, 1000.0]), -20.0)
    assert (np.diff(told) > 0).all() and told[-1] <= np.log(2) + 1e-9


def test_margin_asks_what_is_close_and_information_what_is_close_because_it_is_not_known() -> None:
    means, deviations = np.array([0.0, 0.1, 3.0]), np.array([0.01, 1.0, 1.0])
    assert np.argmax(scores("margin", means, deviations, -1.0)) == 0
    assert np.argmax(scores("information", means, deviations, -1.0)) == 1


def test_pairs_chosen_together_do_not_ask_the_same() -> None:
    posterior = Posterior(np.zeros(2), np.diag([2.0, 1.0]), -1.0, 1.0)
    along, across = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    thrice = posterior.asked(along).asked(along).asked(along)
    assert thrice.deviations(across[None])[0] > thrice.deviations(along[None])[0]
    pairs = {prompt: np.array([along, across]) for prompt in range(4)}
    picked = [choose("information", posterior, pairs, np.random.default_rng(seed)) for seed in range(300)]
    first = np.mean([found[0].place == 0 for found in picked])
    assert first == pytest.approx(1 / (1 + 2.0**-POWER), abs=0.05)
    asked_across = np.mean([sum(one.place for one in found.values()) for found in picked])
    assert asked_across > 0.8, "the fourth asks something else; alike, each would with probability 1/9"


def test_the_probability_stored_is_that_of_the_draw() -> None:
    posterior = Posterior(np.array([1.0]), np.eye(1), -1.0, 1.0)
    pairs = {7: np.array([[0.1], [1.0], [3.0]])}
    drawn = [choose("margin", posterior, pairs, np.random.default_rng(seed))[7] for seed in range(3000)]
    for place in range(3):
        own = [one for one in drawn if one.place == place]
        assert len(own) / 3000 == pytest.approx(own[0].probability, abs=0.03)
    assert sum({one.place: one.probability for one in drawn}.values()) == pytest.approx(1)
    evenly = choose("random", posterior, pairs, np.random.default_rng(0))[7]
    assert evenly.probability == pytest.approx(1 / 3)


@pytest.mark.parametrize(("holdout", "expected"), [(0.15, 0.05 / 0.85), (0.0, 0.2), (0.5, 0.05)])
def test_a_fifth_of_all_questions_is_left_to_chance(holdout: float, expected: float) -> None:
    share = random_share(holdout)
    assert share == pytest.approx(expected)
    assert holdout + (1 - holdout) * share >= RANDOM_SHARE - 1e-12


def test_on_noisy_answers_the_information_rule_learns_more_than_chance() -> None:
    """A taste along one of 30 directions: in most pairs the texts differ little in what matters."""
    gains = []
    for seed in range(6):
        draw = np.random.default_rng(seed)
        truth = np.zeros(30)
        truth[:3] = 1.5
        texts = draw.normal(size=(400, 30)) * np.geomspace(2, 0.3, 30)
        test = draw.normal(size=(500, 30)) * np.geomspace(2, 0.3, 30)
        right = []
        for rule in ("random", "information"):
            chance = np.random.default_rng(seed)
            x, y = np.zeros((0, 30)), np.zeros(0, dtype=np.int64)
            posterior = fit_by_evidence(Answers.of(x, y), expected_precision(texts))
            for _ in range(12):
                four = chance.integers(400, size=(8, 4))
                pairs = {
                    slot: np.array([texts[a] - texts[b] for i, a in enumerate(own) for b in own[i + 1 :]])
                    for slot, own in enumerate(four)
                }
                found = choose(rule, posterior, pairs, chance)  # type: ignore[arg-type]
                new = np.array([pairs[slot][one.place] for slot, one in found.items()])
                chances = outcome_probabilities(new @ truth, -1.0)
                answers = np.array([chance.choice(3, p=row) for row in chances])
                x, y = np.vstack([x, new]), np.append(y, answers)
                posterior = fit_by_evidence(Answers.of(x, y), expected_precision(texts), posterior)
            signs = np.sign(test[:250] @ truth - test[250:] @ truth)
            right.append(np.mean(signs == np.sign((test[:250] - test[250:]) @ posterior.mean)))
        gains.append(right[1] - right[0])
    assert np.mean(gains) > 0.0
