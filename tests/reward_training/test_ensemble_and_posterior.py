"""Heads on shared features and what they say together; how sure a trained head is, saved and read again."""

from pathlib import Path

import numpy as np
import pytest

from reward_training.bayesian_head import Answers, fit
from reward_training.ensemble import bootstrap_heads, combine
from reward_training.likelihood import outcome_probabilities
from reward_training.reward_posterior import NoPosterior, RewardPosterior, posterior_around

HEAD = np.array([1.0, 2.0])
MEMBERS = np.array([[1.0, 0.0], [3.0, 4.0]])


def judged(pairs: int, texts: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features of texts, pairs of them, and answers by a taste for the first feature."""
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(texts, width))
    first, second = draw.integers(texts, size=(2, pairs))
    second = np.where(first == second, (second + 1) % texts, second)
    chances = outcome_probabilities(2 * (features[first, 0] - features[second, 0]), -1.0)
    return features, first, second, np.array([draw.choice(3, p=row) for row in chances])


def test_the_combinations_by_hand() -> None:
    assert combine("head", HEAD, MEMBERS, 1.0).tolist() == [1, 2]
    assert combine("mean", HEAD, MEMBERS, 1.0).tolist() == [2, 2]
    assert combine("worst", HEAD, MEMBERS, 1.0).tolist() == [1, 0]
    # means 2 and 2, variances 1 and 4
    assert combine("mean-minus-variance", HEAD, MEMBERS, 0.5).tolist() == [1.5, 0]
    assert combine("mean-minus-variance", HEAD, MEMBERS, 0.0).tolist() == combine("mean", HEAD, MEMBERS, 9.0).tolist()


def test_an_ensemble_that_was_not_trained_is_asked_for_in_words() -> None:
    with pytest.raises(ValueError, match=r"without further heads; 'worst' needs some.*reward\.ensemble\.members=5"):
        combine("worst", HEAD, np.zeros((0, 2)), 0.0)


def test_heads_agree_where_the_judgments_tell_and_disagree_where_they_do_not() -> None:
    draw = np.random.default_rng(0)
    differences = draw.normal(size=(200, 4)) * np.array([1, 1, 1, 0.01])
    chances = outcome_probabilities(2 * differences[:, 0], -1.0)
    outcomes = np.array([draw.choice(3, p=row) for row in chances])
    answers, groups = Answers.of(differences, outcomes), [str(number // 2) for number in range(200)]
    heads = bootstrap_heads(answers, groups, 1.0, 12, seed=1)
    assert heads.shape == (12, 4)
    assert heads[:, 0].mean() == pytest.approx(fit(answers, 1.0).mean[0], abs=0.4)
    assert 0.05 < heads[:, 0].std() < 1
    assert (heads == bootstrap_heads(answers, groups, 1.0, 12, seed=1)).all()
    assert bootstrap_heads(answers, groups, 1.0, 0, seed=1).shape == (0, 4)


@pytest.mark.parametrize("prompts", [1, 2, 3])
def test_heads_of_few_prompts_differ_for_single_judgments_are_drawn(prompts: int) -> None:
    draw = np.random.default_rng(0)
    answers = Answers.of(draw.normal(size=(24, 2)), draw.choice([0, 2], size=24))
    heads = bootstrap_heads(answers, [str(number % prompts) for number in range(24)], 1.0, 5, seed=0)
    assert (heads.std(0) > 0.05).all() and len(np.unique(heads[:, 0])) == 5


def posterior(members: int = 3, pairs: int = 200) -> tuple[RewardPosterior, np.ndarray]:
    features, first, second, outcomes = judged(pairs, 40, 6, 3)
    groups = [str(number) for number in first]
    head = np.array([2.0, 0, 0, 0, 0, 0])
    found = posterior_around(
        head, -1.0, np.ones(6), features, (first, second, outcomes, np.ones(pairs), np.zeros(pairs)), groups,
        precision=1.0, sd=2.0, members=members, seed=0,
    )  # fmt: skip
    return found, features


def test_it_comes_back_from_its_folder(tmp_path: Path) -> None:
    found, features = posterior()
    found.save(tmp_path)
    back = RewardPosterior.load(tmp_path)
    assert back.deviations(features) == pytest.approx(found.deviations(features), rel=1e-4)
    assert back.member_scores(features) == pytest.approx(found.member_scores(features), abs=1e-4)
    none, _ = posterior(members=0)
    (tmp_path / "none").mkdir()
    none.save(tmp_path / "none")
    assert RewardPosterior.load(tmp_path / "none").member_scores(features).shape == (0, 40)


def test_a_reward_of_an_earlier_version_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "reward-1").mkdir()
    with pytest.raises(NoPosterior, match=r"reward-1 does not say how sure it is.*Train the reward again"):
        RewardPosterior.load(tmp_path / "reward-1")


def test_more_judgments_make_it_surer_and_a_strange_text_is_less_sure() -> None:
    few, features = posterior(pairs=20)
    many, _ = posterior(pairs=400)
    assert many.deviations(features).mean() < 0.7 * few.deviations(features).mean()
    assert many.deviations(5 * features).mean() > 3 * many.deviations(features).mean()


def test_scores_of_the_heads_are_near_those_of_the_reward_and_in_its_units() -> None:
    found, features = posterior(members=30, pairs=400)
    raw = 2.0 * (features[:, 0] - features[:, 0].mean())
    assert np.corrcoef(found.member_scores(features).mean(0), raw / 2.0)[0, 1] > 0.95
    assert found.member_scores(features).mean(0) == pytest.approx(raw / 2.0, abs=0.6)


def test_what_comes_from_the_side_of_the_first_is_no_taste() -> None:
    features = np.eye(2).repeat(20, axis=0)
    first, second = np.arange(20), np.arange(20, 40)  # the first has the first feature, and is shown on the left
    outcomes = np.array([0] * 18 + [2, 1])

    def heads(side_bias: float) -> RewardPosterior:
        answers = (first, second, outcomes, np.ones(20), np.full(20, side_bias))
        return posterior_around(
            np.zeros(2), -3.0, np.ones(2), features, answers, [str(row) for row in range(20)],
            precision=1.0, sd=1.0, members=8, seed=0,
        )  # fmt: skip

    def lead(found: RewardPosterior) -> np.ndarray:
        of_first, of_second = found.member_scores(np.eye(2)).T
        return of_first - of_second

    plain, known = heads(0.0), heads(2.2)  # of texts that are alike it makes nine in ten decided answers left
    assert lead(plain).mean() > 1.5 > 0.8 > lead(known).mean()
    assert known.deviations(np.eye(2)).mean() > plain.deviations(np.eye(2)).mean()  # such answers tell less
