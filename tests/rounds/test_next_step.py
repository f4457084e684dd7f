"""The advice of the console: one step and its reason for every state of the loop, and warnings that never block."""

import numpy as np
import pytest

from reward_training.metrics import Readings, evaluate
from rounds.next_step import Facts, RewardView, _of_reward, actions, advise, told_apart


def facts(**given):
    return Facts(**{"prompts": 300, "policy": "base", "ready": 20, "judgments": 0, "since_reward": 0, **given})


def reward(**given):
    known = {"accuracy": 0.8, "low": 0.7, "high": 0.9, "decided": 60, "length_baseline": 0.6}
    return RewardView(
        **{"name": "reward-1", "judgments": 60, "cannot_tell": False, "more_judgments": 0, **known, **given}
    )


WEAK = reward(
    accuracy=0.68, low=0.59, high=0.77, decided=96, length_baseline=0.64, cannot_tell=True, more_judgments=220
)

UNPROVEN = reward(judgments=56, accuracy=0.8, low=0.4, high=1.0, decided=5, cannot_tell=True, unproven=True)


@pytest.mark.parametrize(
    ("given", "kind", "code"),
    [
        ({"prompts": 0}, "wait", "no_prompts"),
        ({"policy": None, "ready": 0}, "wait", "loading"),
        ({"ready": 0, "active": {"sample": 3}}, "wait", "sampling"),
        ({"ready": 0}, "sample", "no_pairs"),
        ({"judgments": 5, "since_reward": 5}, "judge", "begin"),
        ({"judgments": 12, "since_reward": 12}, "next-policy", "first_training"),
        ({"judgments": 60, "since_reward": 60}, "next-policy", "enough"),
        ({"active": {"train-reward": 7, "train-policy": 8}}, "judge", "training"),
        ({"active": {"train-policy": 8}, "ready": 0}, "wait", "training"),
        ({"judgments": 60, "reward": reward()}, "train-policy", "reward_good"),
        ({"judgments": 60, "reward": WEAK}, "train-policy", "reward_weak"),
        ({"judgments": 56, "reward": UNPROVEN}, "judge", "reward_unproven"),
        ({"judgments": 56, "reward": UNPROVEN, "ready": 0}, "train-policy", "reward_unproven"),
        (
            {"judgments": 60, "reward": reward(), "reward_was_used": True, "is_base": False, "policy": "policy-1"},
            "judge",
            "new_policy",
        ),
        (
            {"judgments": 80, "since_reward": 20, "reward": reward(), "reward_was_used": True},
            "next-policy",
            "new_judgments",
        ),
        ({"failed": ("train-reward", 4, "no {memory} left")}, "next-policy", "failed"),
    ],
)
def test_each_state_of_the_loop_has_its_next_step(given, kind, code):
    step = advise(facts(**given))
    assert (step.kind, step.code) == (kind, code)
    assert "{" not in step.reason or code == "failed"


def test_the_first_training_says_what_more_judgments_would_do():
    step = advise(facts(judgments=12, since_reward=12))
    assert step.reason == "12 judgments: training can start; about 36 more would make the reward steadier."
    assert step.numbers == {"n": 12, "more": 36}


def test_a_weak_reward_is_said_with_its_numbers():
    step = advise(facts(judgments=60, reward=WEAK))
    assert step.reason == (
        "reward-1 is right on 0.68 ± 0.09 of 96 held-out pairs; 'longer wins' on 0.64. The two cannot be told apart "
        "yet: expect little gain. About 220 more judgments would tell."
    )


def test_a_failure_is_said_in_the_runs_own_words():
    step = advise(facts(failed=("train-policy", 4, "no {memory} left")))
    assert step.kind == "train-policy"
    assert step.reason == "Run 4 (train-policy) failed: no {memory} left"


def possible(**given):
    return {action.kind: action for action in actions(facts(**given))}


def test_few_judgments_warn_but_do_not_block():
    action = possible(judgments=3, since_reward=3)["train-reward"]
    assert action.possible
    assert action.warning is not None
    assert "Only 3 judgments" in action.warning.reason


def test_what_has_nothing_to_work_on_is_impossible_and_says_why():
    now = possible(judgments=1)
    assert [kind for kind, action in now.items() if action.possible] == ["sample"]
    assert now["train-reward"].reason == "1 judgments: at least 2 are needed."
    assert now["train-policy"].code == "no_reward"
    assert now["evaluate"].code == "only_base"


def test_with_the_base_current_beside_others_it_is_said_what_to_do():
    now = possible(judgments=60, others=True)
    assert (now["evaluate"].code, now["policy-export"].code) == ("base_is_current", "base_is_current")
    imported = possible(judgments=60, has_parent=True, has_weights=True)
    assert imported["evaluate"].possible and imported["policy-export"].possible


def test_a_policy_can_be_queued_behind_a_reward_that_is_being_trained():
    assert possible(judgments=20, active={"train-reward": 5})["train-policy"].possible


def test_what_is_being_done_is_not_offered_again():
    now = possible(judgments=20, active={"train-reward": 5})
    assert now["train-reward"].reason == "Run 5 (train-reward) does this already."
    assert not now["next-policy"].possible


def test_a_weak_reward_warns_before_a_policy_run():
    warning = possible(judgments=60, reward=WEAK)["train-policy"].warning
    assert warning is not None
    assert warning.code == "reward_weak"


def test_an_unproven_reward_warns_and_a_word_on_enough_held_out_pairs_goes_before_it():
    action = possible(judgments=56, reward=UNPROVEN)["train-policy"]
    assert action.possible
    assert action.warning is not None
    assert action.warning.reason == (
        "reward-1 is trained, but 56 judgments cannot tell it from chance on pairs that it was not trained on: a "
        "policy may gain nothing by it, or get worse. Judge more pairs first."
    )
    told = possible(judgments=60, reward=WEAK.model_copy(update={"unproven": True}))["train-policy"].warning
    assert told is not None
    assert told.code == "reward_weak"


def test_a_reward_is_held_against_chance_where_longer_wins_is_worse_than_that():
    less = {"length_baseline": 0.1, "rival": "chance", "accuracy": 0.62, "low": 0.48, "high": 0.76, "cannot_tell": True}
    weak = possible(judgments=60, reward=WEAK.model_copy(update={**less, "more_judgments": 9}))["train-policy"].warning
    none = possible(judgments=60, reward=WEAK.model_copy(update={**less, "more_judgments": None}))[
        "train-policy"
    ].warning
    assert (weak.code, none.code) == ("reward_weak_chance", "reward_no_better_chance")
    for told in (weak, none):
        assert "is right on 0.62 ± 0.14" in told.reason and "a coin on 0.50" in told.reason
        assert "longer wins" not in told.reason
    assert told_apart(0.62, 0.48, 0.10, None, 40, 0.15)[:2] == told_apart(0.62, 0.48, 0.5, None, 40, 0.15)[:2]


def test_a_reward_can_be_told_apart_where_its_interval_lies_above_the_baseline():
    assert told_apart(0.8, 0.7, 0.6, None, 60, 0.15)[:2] == (False, 0)
    assert told_apart(0.8, 0.7, 0.6, 0.02, 60, 0.15)[:2] == (False, 0)
    assert told_apart(0.8, 0.7, 0.6, -0.02, 60, 0.15)[::2] == (True, "length"), "the lead itself is not sure"
    assert told_apart(0.6, 0.45, 0.2, 0.1, 60, 0.15)[::2] == (True, "chance"), "ahead of a bad rule, not of chance"
    assert told_apart(0.8, 0.55, 0.6, None, 60, 0.15)[0]


def test_how_many_more_it_takes_follows_the_root_of_the_pairs():
    # half-width 0.09 on 96 pairs, 0.06 ahead: (0.09/0.06)^2 = 2.25 times the pairs, 120 more; at 15 % of judgments, 800
    assert told_apart(0.70, 0.61, 0.64, None, 96, 0.15) == (True, pytest.approx(800, abs=1), "length")
    assert told_apart(0.70, 0.61, 0.64, -0.03, 96, 0.15) == (True, pytest.approx(800, abs=1), "length")


def test_no_number_is_promised_where_the_reward_is_not_better_or_unknown():
    assert told_apart(0.60, 0.50, 0.64, -0.1, 96, 0.15) == (True, None, "length")
    assert told_apart(None, None, None, None, 0, 0.15)[:2] == (True, None)


def test_a_reward_that_is_as_good_as_longer_wins_is_called_better_one_time_in_forty():
    draw, told, studies = np.random.default_rng(3), 0, 200
    for _ in range(studies):
        own, longer = (np.where(draw.random(100) < 0.65, 1.0, -1.0) for _ in range(2))
        lengths = np.stack([np.where(longer > 0, 90.0, 50.0), np.where(longer > 0, 50.0, 90.0)], axis=1)
        readings = Readings(own, lengths, np.zeros(100, dtype=np.int64), [str(place) for place in range(100)])
        found = evaluate(readings, 0.0)
        figures = [found[name] for name in ("accuracy", "accuracy_low", "length_baseline", "lead_low")]
        told += not told_apart(*figures, 100, 0.15)[0]
    assert told / studies <= 0.05, "by its interval against the baseline's own value it was one in twelve"


def test_what_differs_from_longer_wins_on_a_handful_of_pairs_is_not_told_from_it():
    own, longer = np.ones(60), np.ones(60)
    own[50:] = -1.0  # both are wrong on five of these, and the reward right on the other five
    own[55:] = 1.0
    longer[50:] = -1.0
    lengths = np.stack([np.where(longer > 0, 90.0, 50.0), np.where(longer > 0, 50.0, 90.0)], axis=1)

    def lead_low(kept: int) -> float:
        rows = slice(0, kept)
        readings = Readings(own[rows], lengths[rows], np.zeros(kept, dtype=np.int64), [str(n) for n in range(kept)])
        return evaluate(readings, 0.0)["lead_low"]

    assert lead_low(60) < 0.0
    own[54] = 1.0
    assert lead_low(60) > 0.0, "six of one mind"


def test_what_is_said_names_the_rival_that_it_is_nearer_to():
    known = {"accuracy": 0.65, "low": 0.55, "high": 0.75, "decided": 60, "length_baseline": 0.48}
    told = _of_reward(
        RewardView(name="reward-1", judgments=99, cannot_tell=True, rival="length", more_judgments=90, **known)
    )
    assert told.code == "reward_weak" and "longer wins" in told.reason and "coin" not in told.reason
