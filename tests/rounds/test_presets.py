"""Presets are settings that exist, each says what it is for, and a policy's are sized to the machine and the base."""

from dataclasses import replace

import pytest

from rounds import presets
from rounds.estimates import rough_memory_gb
from rounds.settings import KIND_SETTINGS, SettingsError, parse
from rounds.work import Facts

USUAL = Facts(parameters=135e6, total_memory_gb=24.0)
ALL = [(kind, preset) for kind in KIND_SETTINGS for preset in presets.of(kind, USUAL)]


@pytest.mark.parametrize(("kind", "preset"), ALL, ids=lambda each: getattr(each, "name", each))
def test_a_preset_is_valid_and_says_in_a_sentence_what_it_is_for(kind: str, preset: presets.Preset):
    config = parse(kind, preset.settings)
    assert (config != parse(kind)) == (preset.name != "normal")
    assert preset.about.endswith(".")
    assert 20 < len(preset.about) < 120


def test_every_kind_has_the_same_names_and_its_normal_is_the_defaults_on_the_usual_machine():
    with_presets = {kind for kind, _ in ALL}
    assert with_presets == {"sample", "train-reward", "train-policy", "evaluate"}
    for kind in with_presets:
        names = [preset.name for preset in presets.of(kind, USUAL) if preset.name != presets.FAST]
        assert names == ["quick", "normal", "thorough"]
        assert parse(kind, presets.settings_of(kind, "normal", USUAL)) == parse(kind)


def policy(name: str, facts: Facts) -> dict:
    return parse("train-policy", presets.settings_of("train-policy", name, facts))["ppo"]


def test_a_faster_machine_takes_more_prompts_a_step_and_a_larger_base_fewer():
    prompts = {
        "usual": policy("normal", USUAL)["prompts_per_step"],
        "16 cores": policy("normal", replace(USUAL, cores=16))["prompts_per_step"],
        "GPU": policy("normal", replace(USUAL, gpu=True))["prompts_per_step"],
        "larger": policy("normal", replace(USUAL, parameters=1.7e9))["prompts_per_step"],
        "larger on a GPU": policy("normal", replace(USUAL, parameters=1.7e9, gpu=True))["prompts_per_step"],
    }
    # Eight times the cores are 8^0.8 = 5.3 times as fast: 32 prompts take a step less time than 8 do on two cores.
    assert prompts == {"usual": 8, "16 cores": 32, "GPU": 64, "larger": 4, "larger on a GPU": 16}
    assert policy("thorough", USUAL)["prompts_per_step"] == 16
    assert [policy(name, USUAL)["steps"] for name in ("quick", "normal", "thorough")] == [2, 5, 20]


def test_fast_is_normal_with_the_upper_layers_alone_and_a_round_s_reward_is_normal_then():
    fast, normal = policy("fast", USUAL), policy("normal", USUAL)
    changed = {"frozen_share": 0.5, "learning_rate": pytest.approx(1.4 * normal["learning_rate"])}
    assert fast == {**normal, **changed}
    assert [presets.of_the_reward(name) for name in ("fast", "quick", None)] == ["normal", "quick", None]
    with pytest.raises(SettingsError, match="quick, normal, thorough"):
        presets.settings_of("train-reward", "fast", USUAL)


@pytest.mark.parametrize("total", [2.5, 4.0, 24.0])
def test_a_micro_batch_leaves_memory_for_others(total: float):
    facts = replace(USUAL, total_memory_gb=total)
    tokens = policy("normal", facts)["tokens_per_batch"]
    config = parse("train-policy", {"ppo.tokens_per_batch": tokens})
    assert tokens == 160 or rough_memory_gb("train-policy", config, facts) <= 0.6 * total
    assert tokens < 650 or total == 24.0
    assert policy("normal", replace(facts, gpu=True))["tokens_per_batch"] == 8192


def test_an_unknown_preset_is_answered_with_those_there_are():
    with pytest.raises(SettingsError, match="quick, normal, thorough"):
        presets.settings_of("sample", "huge", USUAL)
    with pytest.raises(SettingsError, match="none"):
        presets.settings_of("score", "quick", USUAL)
