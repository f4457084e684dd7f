"""The best accuracy that can be shown where people disagree: by hand, by simulation, and with nobody agreeing."""

import json

import numpy as np
import pytest

from reward_training.human_ceiling import Said, best_accuracy, human_ceiling, most_accuracy, said_of
from reward_training.records import Pair, Text


def test_the_ceiling_of_known_beta_distributions() -> None:
    assert best_accuracy(1.0) == 1.0
    assert best_accuracy(0.5) == best_accuracy(0.3) == 0.5
    assert best_accuracy(2 / 3) == pytest.approx(3 / 4)  # p uniform: the mean of max(p, 1 - p)
    assert best_accuracy(3 / 5) == pytest.approx(0.5 + 3 / 16)  # p ~ Beta(2, 2): E|p - 1/2| = 3/16
    assert np.isnan(best_accuracy(float("nan")))


def test_the_ceiling_rises_with_agreement_and_stays_within_its_bounds() -> None:
    shares = np.linspace(0.501, 0.999, 100)
    found = np.array([best_accuracy(share) for share in shares])
    assert (np.diff(found) > 0).all()
    assert (found >= shares).all()
    assert (found <= [most_accuracy(share) for share in shares]).all()


@pytest.mark.parametrize("a", [0.3, 1.0, 4.0])
def test_simulated_people_bring_back_the_ceiling_with_its_interval(a: float) -> None:
    draw = np.random.default_rng(7)
    p = draw.beta(a, a, 1500)
    said = [
        Said(str(pair), str(pair), person, bool(draw.random() < chance))
        for pair, chance in enumerate(p)
        for person in ("x", "y", "z")
    ]
    report = human_ceiling(said)
    truth = float(np.maximum(p, 1 - p).mean())
    assert report["ceiling"] == pytest.approx(truth, abs=0.02)
    assert report["ceiling_low"] < truth < report["ceiling_high"]
    assert report["least"] <= report["ceiling"] <= report["most"]
    assert (report["pairs"], report["judgments"], report["people"]) == (1500, 4500, 3)


def test_agreement_by_hand_and_a_persons_last_judgment_counts() -> None:
    said = [
        Said("1", "g", "a", False), Said("1", "g", "a", True), Said("1", "g", "b", True), Said("1", "g", "c", False),
        Said("2", "h", "a", True), Said("2", "h", "b", True),
        Said("3", "h", "a", True),
    ]  # fmt: skip
    report = human_ceiling(said)
    assert report["agreement"] == pytest.approx((1 / 3 + 1) / 2)
    assert (report["pairs"], report["judgments"]) == (2, 5)


@pytest.mark.parametrize("votes", [[], [("1", "a", True)], [("1", "a", True), ("2", "b", False)]])
def test_without_a_pair_that_two_people_judged_there_is_no_ceiling(votes) -> None:
    report = human_ceiling([Said(pair, pair, person, won) for pair, person, won in votes])
    assert report["ceiling"] is None and report["ceiling_low"] is None and report["pairs"] == 0
    json.dumps(report, allow_nan=False)


def test_people_who_always_contradict_one_another_leave_a_coin() -> None:
    report = human_ceiling([Said(str(p), str(p), who, who == "a") for p in range(5) for who in "ab"])
    assert (report["agreement"], report["ceiling"], report["least"], report["most"]) == (0.0, 0.5, 0.5, 0.5)


def test_a_pair_is_the_same_whichever_way_round_it_was_asked() -> None:
    """Ann was asked (a, b) and took a; bo was asked (b, a): he took a of some pairs and b of the others."""
    pairs = []
    for number in range(20):
        one, other = Text([], f"{number} a"), Text([], f"{number} b")
        pairs.append(Pair(one, other, "first", str(number), False, annotator="ann"))
        pairs.append(Pair(other, one, "second" if number < 15 else "first", str(number), False, annotator="bo"))
    report = human_ceiling(said_of(pairs))
    assert (report["pairs"], report["agreement"]) == (20, 0.75)
