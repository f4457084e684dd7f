"""Presets are settings that exist, and each says what it is for."""

import pytest

from rounds import presets
from rounds.settings import SettingsError, parse

ALL = [(kind, preset) for kind, found in presets.PRESETS.items() for preset in found]


@pytest.mark.parametrize(("kind", "preset"), ALL, ids=lambda each: getattr(each, "name", each))
def test_a_preset_is_valid_and_says_in_a_sentence_what_it_is_for(kind: str, preset: presets.Preset):
    config = parse(kind, preset.settings)
    assert (config != parse(kind)) == bool(preset.settings)
    assert preset.about.endswith(".")
    assert 20 < len(preset.about) < 120


def test_every_kind_has_the_same_names_and_its_normal_is_the_defaults():
    for found in presets.PRESETS.values():
        assert [preset.name for preset in found] == ["quick", "normal", "thorough"]
    assert all(presets.settings_of(kind, "normal") == {} for kind in presets.PRESETS)


def test_an_unknown_preset_is_answered_with_those_there_are():
    with pytest.raises(SettingsError, match="quick, normal, thorough"):
        presets.settings_of("sample", "huge")
    with pytest.raises(SettingsError, match="none"):
        presets.settings_of("score", "quick")
