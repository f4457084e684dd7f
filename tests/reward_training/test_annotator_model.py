"""Who can be relied on: people whose habits are known, drawn by hand; few answers stay near the prior."""

from dataclasses import replace

import numpy as np
import pytest

from reward_training.annotator_model import NO_EVIDENCE, AnnotatorModel, Answers, Evidence, cross_fitted, learn
from reward_training.annotator_settings import AnnotatorSettings
from reward_training.head import choose_l2, fit_head
from reward_training.likelihood import FIRST, SECOND, TIE, outcome_probabilities
from reward_training.person_posterior import FINE, Prior, Rows, described, look
from reward_training.settings import RewardSettings

WIDTH, EACH, L2 = 12, 100, 0.001
PRIOR = Prior(8, 2, 0.5)
SETTINGS = AnnotatorSettings()
# How sharply each follows quality, the lean to the left (logits), and own chances of left, tie, right instead.
PEOPLE: dict[str, tuple[float, float, tuple[float, float, float] | None]] = {
    "careful-1": (2.0, 0.0, None), "careful-2": (2.0, 0.0, None), "careful-3": (2.0, 0.0, None),
    "hasty-1": (1.2, 0.4, None), "hasty-2": (1.2, 0.4, None), "hasty-3": (1.2, 0.4, None),
    "left_clicker": (0, 0, (0.9, 0.05, 0.05)), "random": (0, 0, (1 / 3, 1 / 3, 1 / 3)),
    "always_tie": (0, 0, (0.01, 0.98, 0.01)), "inverted": (-2.0, 0.0, None),
}  # fmt: skip
BAD = ("left_clicker", "random", "always_tie", "inverted", "length_lover")


class Group:
    """EACH answers of everybody in PEOPLE, and of one who looks at one feature only, on a taste that is known."""

    def __init__(self, seed: int, each: int = EACH) -> None:
        draw = np.random.default_rng(seed)
        self.truth = draw.normal(size=WIDTH)
        self.truth *= 2 / np.linalg.norm(self.truth)
        names = [*PEOPLE, "length_lover"]
        self.differences = draw.normal(size=(each * len(names), WIDTH))
        side = draw.choice([1.0, -1.0], size=len(self.differences))
        chances = []
        for row, name in enumerate(np.repeat(names, each)):
            sharpness, bias, own = PEOPLE.get(name, (0, 0, None))
            difference = sharpness * self.differences[row] @ self.truth
            if name == "length_lover":
                difference = 4 * self.differences[row, 0] * -np.sign(self.truth[0])
            looked = outcome_probabilities(np.array([difference]), -1.0, bias * side[row])[0]
            chances.append(looked if own is None else own[:: int(side[row])])
        outcomes = np.array([draw.choice(3, p=np.array(row) / sum(row)) for row in chances])
        self.answers = Answers(list(np.repeat(names, each)), outcomes, side, np.ones(len(side)))
        self.groups = [str(row) for row in range(len(side))]
        self.unseen = draw.normal(size=(2000, WIDTH))

    def learn(self, evidence: Evidence = NO_EVIDENCE) -> AnnotatorModel:
        turn = cross_fitted(self.differences, self.answers.outcomes, self.groups, L2)
        assert turn is not None
        return learn(self.answers, turn, SETTINGS, evidence)

    def accuracy(self, weights: np.ndarray, side_bias: np.ndarray | float = 0.0) -> float:
        head = fit_head(self.differences, self.answers.outcomes, weights, L2, side_bias=side_bias)
        return float((np.sign(self.unseen @ head.weights) == np.sign(self.unseen @ self.truth)).mean())


@pytest.fixture(scope="module")
def group() -> Group:
    return Group(0)


@pytest.fixture(scope="module")
def found(group: Group) -> AnnotatorModel:
    return group.learn()


def test_every_kind_of_bad_annotator_is_told_from_the_good_ones(found: AnnotatorModel) -> None:
    reliability = {name: person.reliability.value for name, person in found.people.items()}
    worst_good = min(value for name, value in reliability.items() if name not in BAD)
    assert worst_good > 0.7
    assert max(reliability[name] for name in BAD) < 0.5
    assert found.people["inverted"].inverted > 0.95
    assert found.settled and found.turns <= 8


def test_answers_of_inverted_people_lose_their_weight(group: Group, found: AnnotatorModel) -> None:
    of_them = np.array([name == "inverted" for name in group.answers.annotators])
    of_good = np.array([name not in BAD for name in group.answers.annotators])
    assert found.responsibilities[of_them].mean() < 0.05 < 0.6 < found.responsibilities[of_good].mean()


def test_the_reward_is_as_good_as_if_it_had_seen_clean_answers_only(group: Group, found: AnnotatorModel) -> None:
    everybody = group.answers.weights
    clean = everybody * np.array([name not in BAD for name in group.answers.annotators])
    weighed = group.accuracy(everybody * found.responsibilities, found.side_bias)
    assert weighed > group.accuracy(everybody) + 0.02
    assert weighed > group.accuracy(clean + 1e-9) - 0.02


def test_intervals_hold_the_truth_and_shares_are_those_given(found: AnnotatorModel) -> None:
    for name, (_, bias, own) in PEOPLE.items():
        if own is None:
            person = found.people[name]
            assert person.side_bias.low < bias < person.side_bias.high
    clicker = found.people["left_clicker"]
    assert clicker.first_shown_wins.value > 0.8 and clicker.lefts > 0.8
    assert found.people["always_tie"].ties > 0.9


def test_few_answers_stay_near_the_prior_and_change_the_reward_hardly() -> None:
    few = Group(1, each=2)
    answers, candidates = few.answers, RewardSettings().head_l2
    l2, _ = choose_l2(few.differences, answers.outcomes, answers.weights, few.groups, candidates)
    turn = cross_fitted(few.differences, answers.outcomes, few.groups, l2)
    assert turn is not None
    model = learn(answers, turn, SETTINGS)
    assert all(0.6 < person.reliability.value < 0.95 for person in model.people.values())
    assert all(person.reliability.high - person.reliability.low > 0.3 for person in model.people.values())
    weights = model.responsibilities
    assert weights.std() / weights.mean() < 0.2


def test_one_person_alone_changes_the_reward_hardly() -> None:
    group = Group(2)
    mine = np.array([name == "hasty-1" for name in group.answers.annotators])
    differences, outcomes = group.differences[mine], group.answers.outcomes[mine]
    turn = cross_fitted(differences, outcomes, [str(row) for row in range(EACH)], 0.01)
    assert turn is not None
    model = learn(Answers(["me"] * EACH, outcomes, group.answers.side[mine], np.ones(EACH)), turn, SETTINGS)
    with_it, without = (
        group.unseen @ fit_head(differences, outcomes, weights, 0.01).weights
        for weights in (model.responsibilities, np.ones(EACH))
    )
    assert np.corrcoef(with_it, without)[0, 1] > 0.98


def test_nobody_known_by_name_leaves_every_answer_alike() -> None:
    group = Group(3, each=4)
    turn = cross_fitted(group.differences, group.answers.outcomes, group.groups, L2)
    assert turn is not None
    model = learn(replace(group.answers, annotators=[None] * len(group.groups)), turn, SETTINGS)
    assert model.people == {} and len(set(model.responsibilities)) == 1 and not model.side_bias.any()


def test_too_few_prompts_to_hold_any_out_teach_nothing_about_people() -> None:
    group = Group(3, each=2)
    assert cross_fitted(group.differences, group.answers.outcomes, ["a", "b"] * 11, L2) is None


def test_check_questions_tell_who_looks_where_nothing_else_does() -> None:
    """Two people with four answers each: one is with the expert ten times, the other against."""
    answers = Answers(["with"] * 4 + ["against"] * 4, np.array([FIRST, SECOND] * 4), np.ones(8), np.ones(8))
    outcomes = np.array([FIRST, SECOND] * 10)
    evidence = Evidence(
        annotators=["with"] * 10 + ["against"] * 10, outcomes=outcomes, side=np.ones(20),
        expert=np.concatenate([outcomes[:10], SECOND - outcomes[10:]]), repeats=np.full(20, -1),
    )  # fmt: skip
    people = learn(answers, lambda *_: (np.zeros(8), -1.0), SETTINGS, evidence).people
    assert people["with"].reliability.low > people["against"].reliability.high
    assert (people["with"].answers, people["with"].checks, people["with"].repeats) == (4, 10, 0)


def test_the_same_answer_again_speaks_for_a_person_and_another_one_against() -> None:
    said = np.array([FIRST, SECOND] * 10)
    answers = Answers(["same"] * 20 + ["other"] * 20, np.tile(said, 2), np.ones(40), np.ones(40))
    evidence = Evidence(
        annotators=["same"] * 20 + ["other"] * 20, outcomes=np.concatenate([said, SECOND - said]), side=-np.ones(40),
        expert=np.full(40, -1), repeats=np.arange(40),
    )  # fmt: skip
    people = learn(answers, lambda *_: (np.zeros(40), -1.0), SETTINGS, evidence).people
    assert people["same"].reliability.value > people["other"].reliability.value + 0.02
    assert people["same"].repeats == 20


def test_only_ties_and_contradicting_people_end_in_finite_weights() -> None:
    group = Group(4, each=6)
    for outcomes in (np.full(66, TIE), np.tile([FIRST, SECOND], 33)):
        turn = cross_fitted(group.differences, outcomes, group.groups, L2)
        assert turn is not None
        model = learn(replace(group.answers, outcomes=outcomes), turn, SETTINGS)
        assert np.isfinite(model.responsibilities).all() and (model.responsibilities > 0).all()


def test_the_grid_gives_the_beta_posterior_where_it_is_known() -> None:
    """At d far from 0 a follower always says `first`, own rates say it with chance 1/2: eta's posterior after n hits
    is Beta(8, 2) times ((1 + eta) / 2)^n, whose mean an own sum gives."""
    rows = 40
    hits = Rows(np.full(rows, 60.0), np.full(rows, FIRST), np.zeros(rows), np.ones(rows), np.zeros(rows),
                np.full(rows, 0.5))  # fmt: skip
    eta = (np.arange(20_000) + 0.5) / 20_000
    density = eta**7 * (1 - eta) * ((1 + eta) / 2) ** rows
    cumulated = np.cumsum(density) / density.sum()
    found = described(look(hits, -60.0, PRIOR, FINE), -60.0, (0.5, 0.5)).reliability
    assert found.value == pytest.approx((eta * density).sum() / density.sum(), abs=0.003)
    assert (found.low, found.high) == pytest.approx(np.interp((0.025, 0.975), cumulated, eta), abs=0.01)


def test_a_lean_to_ties_is_told_from_answers_that_follow_nothing() -> None:
    """Two people see the same 400 pairs; one calls a tie where the other still decides, both as quality says."""
    draw = np.random.default_rng(5)
    differences = np.tile(draw.normal(scale=2.5, size=400), 2)
    names = ["decides"] * 400 + ["ties"] * 400
    leans = {"decides": -0.5, "ties": 1.0}
    chances = outcome_probabilities(differences, np.array([leans[name] for name in names]))
    outcomes = (draw.random(800)[:, None] > chances.cumsum(1)).sum(1).clip(0, 2)
    answers = Answers(names, outcomes, np.zeros(800), np.ones(800))
    people = learn(answers, lambda *_: (differences, 0.0), SETTINGS).people
    for name, lean in leans.items():
        assert people[name].tie_lean.low < lean < people[name].tie_lean.high
        assert people[name].reliability.value > 0.7
    assert people["ties"].ties > people["decides"].ties + 0.2
