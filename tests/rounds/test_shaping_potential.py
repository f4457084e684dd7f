"""Which potential a run asks for, and where there can be none."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from language_models.sampling import Sampled
from policy_training.records import PromptItem
from rounds.policy_reward import PolicyReward
from rounds.policy_settings import TrainPolicySettings
from rounds.settings import SettingsError, parse
from rounds.shaping_potential import potential_of
from tiny_models import tiny_with_adapters

ITEMS = [PromptItem(1, [5, 6], "what the reward reads")]
SAMPLED = [Sampled([10, 11, 12], "abc", "stop")]


def rows(**settings: Any) -> list[list[float]] | None:
    asked = TrainPolicySettings(**settings)
    read = SimpleNamespace(learned=lambda items, sampled: [float(len(one.token_ids)) for one in sampled])
    potential = potential_of(asked, asked.training, tiny_with_adapters(), cast(PolicyReward, read))
    return None if potential is None else [list(row) for row in potential(ITEMS, SAMPLED)]


def test_a_run_that_asks_for_none_has_none() -> None:
    assert rows() is None
    assert parse("train-policy", ["shaping=none"])["shaping"] is None


def test_each_potential_is_that_of_its_name_times_the_weight() -> None:
    longest = TrainPolicySettings().ppo.sampling.max_new_tokens
    assert rows(shaping="length", shaping_weight=-2) == [pytest.approx([-2 * t / longest for t in range(4)])]
    assert rows(shaping="reward", shaping_weight=0.5, shaping_every=2) == [[0, 0, 1, 1]]
    one, three = rows(shaping="language_model"), rows(shaping="language_model", shaping_weight=3.0)
    assert one is not None and three is not None
    assert one[0][0] == 0.0 and max(one[0][1:]) < 0
    assert three[0] == pytest.approx([3 * value for value in one[0]])


def test_the_reward_so_far_reads_what_a_cut_would_have_left() -> None:
    model = tiny_with_adapters()
    whole = model.completion_tokens("ab\u00e9", False)  # of two bytes, each a token of its own
    assert len(whole) == 4
    heard: list[str] = []

    def learned(_: object, sampled: list[Sampled]) -> list[float]:
        heard.extend(one.text for one in sampled)
        return [0.0] * len(sampled)

    asked = TrainPolicySettings(shaping="reward", shaping_every=1)
    potential = potential_of(asked, asked.training, model, cast(PolicyReward, SimpleNamespace(learned=learned)))
    assert potential is not None
    potential(ITEMS, [Sampled(whole, "ab\u00e9", "length")])
    assert heard == ["", "a", "ab", "ab", "ab\u00e9"]


def test_the_reward_so_far_needs_a_learned_reward() -> None:
    with pytest.raises(SettingsError, match="shaping: the potential 'reward' is the learned reward of what is written"):
        parse("train-policy", ["shaping=reward", "rewards=length_window"])
    assert parse("train-policy", ["shaping=length", "rewards=length_window"])["shaping"] == "length"


def test_an_algorithm_that_sees_no_rewards_on_the_way_takes_none() -> None:
    for algorithm in ("rloo", "grpo"):
        with pytest.raises(SettingsError, match=f"shaping: {algorithm} sees no rewards on the way"):
            parse("train-policy", [f"algorithm={algorithm}", "shaping=length"])
    for algorithm in ("ppo", "policy_gradient", "actor_critic"):
        assert parse("train-policy", [f"algorithm={algorithm}", "shaping=length"])["shaping"] == "length"


def test_bootstrapping_is_for_those_with_a_value_head() -> None:
    for algorithm in ("ppo", "actor_critic"):
        asked = parse("train-policy", [f"algorithm={algorithm}", f"{algorithm}.truncated=bootstrap"])
        assert asked[algorithm]["truncated"] == "bootstrap"
    with pytest.raises(SettingsError, match=r"rloo.truncated: 'bootstrap' puts the value head's word"):
        parse("train-policy", ["algorithm=rloo", "rloo.truncated=bootstrap"])
