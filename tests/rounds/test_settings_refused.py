"""Every setting of policy training refuses what is out of its range, and what contradicts another, and says what is
allowed.
"""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from rounds import run_plan, setting_fields
from rounds.policy_settings import TrainPolicySettings
from rounds.setting_fields import SettingField
from rounds.settings import KIND_SETTINGS, SettingsError, parse

FIELDS = [field for kind, model in KIND_SETTINGS.items() if kind.startswith("train-")
          for field in setting_fields.fields_of(model, kind)]  # fmt: skip
RANGED = [field for field in FIELDS if field.kind in ("whole", "number")]
CHOICES = [field for field in FIELDS if field.options is not None]
SWITCHES = [field for field in FIELDS if field.kind == "switch"]
WORDS = [json.loads(path.read_text("utf-8"))
         for path in (Path(__file__).parents[2] / "ui" / "static" / "languages").glob("*.json")]  # fmt: skip


def refused(field: SettingField, value: Any) -> str:
    kind = "train-reward" if field.name.startswith(("reward.", "taste")) else "train-policy"
    with pytest.raises(SettingsError) as raised:
        parse(kind, {field.name: value})
    words = str(raised.value)
    assert f"{field.name} = {value!r} is not allowed" in words or f"{field.name}: " in words
    return words


def named(fields: list[SettingField]) -> Any:
    return pytest.mark.parametrize("field", fields, ids=[field.name for field in fields])


@named(RANGED)
def test_a_number_below_above_or_that_is_none_is_refused_with_the_range(field: SettingField):
    assert field.least is not None, "a range has a lower end"
    below = field.least if field.open else field.least - 1
    for value in (below, math.nan, math.inf, "many", [1], "" if not field.optional else "x"):
        words = refused(field, value)
        assert f"{'above' if field.open else 'from'} {field.least:g}" in words
        if field.most is not None:
            assert f"{field.most:g}" in words.replace(".0", "")
    if field.most is not None:
        refused(field, field.most + 1)


@named([field for field in RANGED if field.kind == "whole"])
def test_a_whole_number_takes_no_half(field: SettingField):
    assert "whole numbers" in refused(field, (field.least or 0) + 0.5)


@named(CHOICES)
def test_a_choice_takes_no_other_word_and_lists_its_own(field: SettingField):
    words = refused(field, "something else")
    assert all(option in words for option in field.options or [])


@named(SWITCHES)
def test_a_switch_is_true_or_false(field: SettingField):
    assert "allowed: true or false" in refused(field, 7)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ppo.minibatches": 9, "ppo.prompts_per_step": 4, "ppo.samples_per_prompt": 2},
         r"minibatches = 9 is more than the completions of an iteration, 4 prompts x 2 samples: use 1 to 8"),
        ({"ppo.prompts_per_step": 1, "ppo.samples_per_prompt": 1}, "minibatches = 2 is more than"),
        ({"ppo.kl_target_nats": 6.0}, "kl_target_nats = 6 is above kl_budget_nats = 5.*at most 5, or a larger budget"),
        ({"ppo.kl_budget_nats": 2.0}, "kl_target_nats = 3 is above kl_budget_nats = 2"),
        ({"rewards": "length_window", "reward_model": "reward-1"}, "reward_model = reward-1 is about the learned"),
        ({"rewards": "length_window", "reward_uncertainty_penalty": 0.5}, "'learned' is not among the rewards"),
        ({"rewards": "length_window", "length_correction": 1.0}, "'learned' is not among the rewards"),
        ({"rewards": "length_window", "length_correction": 0.5}, "length_correction = 0.5 is about the learned reward"),
        ({"rewards": "length_window", "reward_combination": "mean"}, "reward_combination = mean is about the learned"),
        ({"rewards": "length_window", "shaping": "reward"}, "'learned' is not among the rewards"),
        ({"algorithm": "rloo", "shaping": "length"}, "rloo sees no rewards on the way"),
        ({"algorithm": "grpo", "grpo.truncated": "bootstrap"}, "this algorithm has no value head"),
        ({"rewards": "[]"}, "at least one reward function is needed"),
        ({"rewards": "[learned"}, "no list in JSON that can be read"),
        ({"rewards": '{"function": "learned"}'}, "no list in JSON that can be read"),
        ({"rewards": "lerned"}, "no reward function 'lerned'"),
        ({"rewards": '[{"function": "own:../x"}]'}, "names no own function"),
    ],
)  # fmt: skip
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], words: str):
    with pytest.raises(SettingsError, match=words):
        parse("train-policy", settings)
    # A form shows it beside one of the fields, in its language.
    faults = setting_fields.faults_of(TrainPolicySettings, parse("train-policy"), run_plan.pairs(settings))
    assert faults
    assert set(faults) <= {field.name for field in FIELDS}
    for fault in faults.values():
        for words_of in WORDS:
            said = words_of[fault.key].format(**(fault.values or {}))
            assert all(str(value) in said for value in (fault.values or {}).values())


def test_an_algorithm_that_trains_on_no_rollouts_may_draw_fewer_than_it_takes_steps():
    few = {"dpo.prompts_per_step": 1, "dpo.samples_per_prompt": 1, "dpo.minibatches": 4}
    assert parse("train-policy", {"algorithm": "dpo", **few})["dpo"]["minibatches"] == 4


def test_what_is_resolved_is_accepted_again():
    for kind in ("train-policy", "train-reward"):
        assert parse(kind, parse(kind)) == parse(kind)


def test_what_takes_nothing_off_is_accepted_without_the_learned_reward_too():
    """Runs of versions whose default was 0 say so in full; they are retried with what they say."""
    assert parse("train-policy", {"rewards": "length_window", "reward_uncertainty_penalty": 0})["rewards"]


@pytest.mark.parametrize(
    "beside", [{"algorithm": "dpo"}, {"algorithm": "imitation"}, {"ppo.imitation_coefficient": 0.1}]
)
def test_a_reward_model_may_be_named_where_it_weighs_the_people_who_judged(beside: dict[str, Any]):
    config = parse("train-policy", {"rewards": "length_window", "reward_model": "reward-1", **beside})
    assert config["reward_model"] == "reward-1"
