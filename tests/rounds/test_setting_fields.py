"""Fields of the settings' form come from the settings models alone; faults and differences go by dotted names."""

import pytest

from rounds import setting_fields
from rounds.settings import AskedSettings, QualificationSettings, StudySettings, TrainRewardSettings

BEFORE = StudySettings(base="tiny:").model_dump(mode="json")


def named(name: str) -> setting_fields.SettingField:
    return next(field for field in setting_fields.fields() if field.name == name)


def test_everything_that_is_asked_and_of_qualification_has_a_field():
    names = [field.name for field in setting_fields.fields()]
    assert len(names) == len(set(names))
    assert {f"asked.{name}" for name in AskedSettings.model_fields} <= set(names)
    assert {f"qualification.{name}" for name in QualificationSettings.model_fields} <= set(names)
    assert {"overlap", "check_share", "daily_quota", "lease_seconds"} <= set(names)
    assert not {"base", "seed", "paused", "closed"} & set(names)
    assert {field.part for field in setting_fields.fields()} == set(setting_fields.PARTS)


def test_a_field_says_its_kind_and_its_range():
    candidates = named("asked.candidates")
    assert (candidates.kind, candidates.least, candidates.most, candidates.default) == ("whole", 2, 5, 2)
    assert (named("asked.strength").kind, named("asked.strength").default) == ("switch", True)
    assert named("asked.mode").options == ["quick", "confirm"]
    question = named("asked.question")
    assert (question.kind, question.most) == ("text", 500)
    assert (named("check_share").kind, named("check_share").most) == ("number", 0.5)
    quota = named("daily_quota")
    assert (quota.kind, quota.optional, quota.least, quota.most) == ("whole", True, 0, None)
    assert all(field.about for field in setting_fields.fields())
    reward = {field.name: field for field in setting_fields.fields_of(TrainRewardSettings, "reward")}
    ends = {name: (reward[name].open, reward[name].below) for name in ("reward.learning_rate", "reward.loss.smoothing")}
    assert ends == {"reward.learning_rate": (True, True), "reward.loss.smoothing": (False, True)}


def test_values_of_an_older_version_are_filled_with_the_defaults():
    values = setting_fields.values_of({"base": "tiny:", "overlap": 5})
    assert (values["overlap"], values["asked.candidates"], values["daily_quota"]) == (5, 2, None)
    assert set(values) == {field.name for field in setting_fields.fields()}


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"asked.candidates": 4, "asked.mode": "confirm", "daily_quota": None}, []),
        ({"asked.candidates": 6}, ["asked.candidates"]),
        ({"asked.candidates": None, "check_share": 0.6}, ["asked.candidates", "check_share"]),
        ({"asked.mode": "slow"}, ["asked.mode"]),
        ({"seed": 3}, ["seed"]),
        ({"asked": "all"}, ["asked"]),
    ],
)
def test_faults_name_the_field(changes: dict, wrong: list[str]):
    found = setting_fields.faults(BEFORE, changes)
    assert sorted(found) == wrong
    assert all(fault.words.endswith(".") for fault in found.values())


def test_differences_go_by_dotted_names():
    after = {**BEFORE, "overlap": 4, "asked": {**BEFORE["asked"], "mode": "confirm"}}
    assert setting_fields.differences(BEFORE, after) == {"overlap": [3, 4], "asked.mode": ["quick", "confirm"]}
    assert setting_fields.differences({}, {"new": {"inner": 1}}) == {"new.inner": [None, 1]}
