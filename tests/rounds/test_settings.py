"""Settings: what is said about a wrong key or value, and which layer wins."""

import pytest

from rounds.policy_settings import ALGORITHMS, training_of
from rounds.settings import KIND_SETTINGS, SettingsError, parse, parse_all, settings_model
from rounds.toml_text import toml_of


def test_an_override_on_the_command_line_reaches_a_nested_field():
    settings = parse("train-policy", ["ppo.steps=3", "start_policy=base"])
    assert settings["ppo"]["steps"] == 3
    assert settings["start_policy"] == "base"


def test_all_settings_are_resolved_so_that_the_run_stores_every_value():
    assert set(parse("sample")) == set(KIND_SETTINGS["sample"].model_fields)


def test_the_command_line_wins_over_the_file_and_the_file_over_the_study(tmp_path):
    file = tmp_path / "policy.toml"
    file.write_text("[ppo]\nsteps = 5\nepochs = 3\n")
    settings = parse("train-policy", {"ppo": {"steps": 7}}, file, defaults={"ppo.epochs": 1, "ppo.minibatches": 4})
    assert (settings["ppo"]["steps"], settings["ppo"]["epochs"], settings["ppo"]["minibatches"]) == (7, 3, 4)


def test_names_may_be_a_comma_list_a_json_list_or_a_list():
    for value in ("base,policy-1", '["base", "policy-1"]', ["base", "policy-1"]):
        assert parse("evaluate", {"policies": value})["policies"] == ["base", "policy-1"]


def test_none_on_the_command_line_is_nothing():
    assert parse("train-policy", ["reward_model=none"])["reward_model"] is None


def test_parsed_settings_are_read_back_unchanged():
    for kind, model in KIND_SETTINGS.items():
        settings = parse(kind, {name: "x" for name in ("file", "folder") if name in model.model_fields})
        assert parse(kind, settings) == settings
        whole = parse_all(kind, settings)
        assert model.model_validate(whole).model_dump(mode="json") == whole


def test_of_the_algorithms_only_the_chosen_one_has_its_settings_in_a_run():
    settings = parse("train-policy", {"algorithm": "rloo", "rloo.steps": 3})
    assert {name for name in ALGORITHMS if name in settings} == {"rloo"}
    assert training_of(settings)["steps"] == 3


def test_an_unknown_key_is_answered_with_the_keys_that_stand_beside_it():
    with pytest.raises(SettingsError, match=r"'ppo\.step' is not a setting\. Valid here: ppo\.steps, "):
        parse("train-policy", ["ppo.step=3"])
    with pytest.raises(SettingsError, match=r"'pair' is not a setting\. Valid here: pairs, "):
        parse("sample", ["pair=3"])


def test_a_wrong_value_is_named_with_what_is_allowed():
    with pytest.raises(SettingsError, match="pairs = '0' is not allowed: input should be greater than or equal to 1"):
        parse("sample", ["pairs=0"])


def test_a_missing_value_and_a_missing_equals_sign_are_said_in_words():
    with pytest.raises(SettingsError, match="'file' is missing and has no default"):
        parse("score")
    with pytest.raises(SettingsError, match="'pairs' is not a setting: write KEY=VALUE"):
        parse("sample", ["pairs"])


def test_a_part_of_something_that_has_no_parts_is_refused():
    with pytest.raises(SettingsError, match="'pairs' is one value, 3, and has no parts"):
        parse("sample", {"pairs": 3, "pairs.more": 1})


def test_an_unknown_kind_is_answered_with_the_valid_ones():
    with pytest.raises(
        SettingsError, match=r"no kind of run 'dream'\. Valid kinds: sample, train-reward, train-policy"
    ):
        settings_model("dream")


def test_a_missing_or_broken_settings_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"no settings file .*nowhere\.toml"):
        parse("sample", config_file=tmp_path / "nowhere.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("pairs = = 3")
    with pytest.raises(SettingsError, match="cannot be read as TOML"):
        parse("sample", config_file=broken)


def test_every_setting_says_what_it_is():
    for kind, model in KIND_SETTINGS.items():
        for name, field in model.model_fields.items():
            assert field.description, f"{kind}: {name} has no description"


def test_parts_of_a_reward_survive_the_file_with_none_inside_and_out(tmp_path):
    schema = {"type": ["object", "null"], "properties": {"a b": {"enum": [None, 1, "x\u007f"]}}, "default": None}
    for fits in (schema, {"type": "object", "required": ["a.b"]}):
        rewards = ["learned", {"function": "json_schema", "weight": 0.25, "settings": {"fits": fits}}]
        config = parse("train-policy", {"rewards": rewards})
        file = tmp_path / "run.toml"
        file.write_text(toml_of(config), encoding="utf-8")
        again = parse("train-policy", config_file=file)
        assert again["rewards"] == config["rewards"]
        assert again["rewards"][1]["settings"]["fits"] == fits


@pytest.mark.parametrize("text", ["learned, length-window", '["learned", "length_window"]'])
def test_names_alone_are_functions_as_they_come(text):
    rewards = parse("train-policy", [f"rewards={text}"])["rewards"]
    assert [(one["function"], one["weight"]) for one in rewards] == [("learned", 1.0), ("length_window", 1.0)]
    assert rewards[1]["settings"] == {"unit": "words", "shortest": 5, "longest": 60}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lerned", "There is no reward function 'lerned'. Valid: bleu, chrf"),
        ('[{"function": "length_window", "settings": {"a": 1}}]', "length_window has no setting 'a'. Valid: unit"),
        (
            '[{"function": "learned", "wieght": 1}]',
            "'rewards.0.wieght' is not a setting",
        ),
        ('[{"function": "learned", "weight": 1e999}]', "finite"),
        ("[]", "at least one reward function is needed"),
        ("[learned", "no list in JSON that can be read"),
        ("[" + "1" * 5000 + "]", "no list in JSON that can be read"),
        ("[" * 100_000, "no list in JSON that can be read"),
    ],
)
def test_what_is_wrong_with_a_part_is_said(text, words):
    with pytest.raises(SettingsError, match=words):
        parse("train-policy", [f"rewards={text}"])
