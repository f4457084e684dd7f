"""A run before it starts: the command and the file say exactly what would run."""

import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback_store import policies, runs
from feedback_store.database import Database
from rounds import missing, run_plan, setting_fields, studies, verbs
from rounds.evaluating import CannotEvaluate
from rounds.resuming import CannotResume
from rounds.run_plan import Impossible, resolve
from rounds.setting_values import pairs
from rounds.settings import KIND_SETTINGS, SettingsError, parse, parse_all
from rounds.toml_text import toml_of
from tests.rounds.small_study import new_study


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with new_study(tmp_path / "study") as db:
        yield db


def sets_of(command: str) -> list[str]:
    words = shlex.split(command)
    return [words[place + 1] for place, word in enumerate(words) if word == "--set"]


def test_a_plan_names_only_what_differs_and_changes_nothing(db: Database):
    config = run_plan.resolve(db, "sample", {"pairs": 7, "prompts_per_batch": 8})
    made = run_plan.plan(db, "sample", config)
    assert made.changed == {"pairs": 7}
    assert made.command == "tastemaker run STUDY sample --set pairs=7"
    assert made.toml == "pairs = 7\n"
    assert runs.listing(db) == []


def test_command_and_file_lead_to_the_same_settings(db: Database, tmp_path: Path):
    asked = {"ppo.steps": 9, "ppo.lora.rank": 2, "ppo.learning_rate": 1e-5, "ppo.centre_scores": False, "seed": None}
    del asked["seed"]
    runs.enqueue(db, "train-reward", {})  # a policy run is possible behind it
    config = run_plan.resolve(db, "train-policy", asked, preset="thorough")
    made = run_plan.plan(db, "train-policy", config)
    assert made.changed["shown_times"] == 4
    assert run_plan.resolve(db, "train-policy", sets_of(made.command)) == config
    (tmp_path / "run.toml").write_text(made.toml, encoding="utf-8")
    assert run_plan.resolve(db, "train-policy", (), tmp_path / "run.toml") == config


def test_another_temperature_than_the_studys_is_refused(db: Database):
    runs.enqueue(db, "train-reward", {})
    studies.change_settings(db, by="test", **{"sampling.temperature": 0.8})
    assert (
        run_plan.resolve(db, "train-policy", {"ppo.sampling.temperature": 0.8})["ppo"]["sampling"]["temperature"] == 0.8
    )
    with pytest.raises(
        SettingsError, match=r"rloo.sampling.temperature = 1 is not allowed: .* the study draws at, 0.8"
    ):
        run_plan.resolve(db, "train-policy", {"algorithm": "rloo", "rloo.sampling.temperature": 1.0})


def test_values_that_a_shell_would_take_apart_are_quoted(db: Database):
    names = {"policies": ["base", "a 'b' $(c), d"]}
    text = run_plan.command("evaluate", names)
    assert parse("evaluate", sets_of(text))["policies"] == names["policies"]


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
                 st.text(st.characters(exclude_categories=["Cs"])), st.lists(st.floats(-5, 5))))  # fmt: skip
def test_any_value_comes_back_from_the_command_line(value: object):
    [text] = sets_of(run_plan.command("sample", {"policy": value}))
    read = pairs([text])["policy"]
    if isinstance(value, bool | int | float) or value is None:
        read = {"true": True, "false": False, "none": None}.get(str(read), read)
        assert read == value or type(value)(str(read)) == value
    else:
        assert read == value


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])), st.lists(st.text(st.characters(exclude_categories=["Cs"]))),
    st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.integers(0, 9)))))  # fmt: skip
def test_what_is_written_as_toml_is_read_as_the_same(settings: dict):
    assert tomllib.loads(toml_of(settings)) == settings


def test_what_is_none_is_left_out_of_a_file_and_said():
    assert toml_of({"policy": None, "ppo": {"steps": 3}}) == "# policy is none\n\n[ppo]\nsteps = 3\n"


def test_faults_stand_under_the_name_of_their_setting(db: Database):
    found = run_plan.faults(db, "train-policy", {"ppo.steps": 0, "ppo.lora.rank": "many", "ppo.clip": 0.1, "x": 1})
    assert set(found) == {"x"}
    found = run_plan.faults(db, "train-policy", {"ppo.steps": 0, "ppo.lora.rank": "many", "ppo.clip": 0.1})
    assert set(found) == {"ppo.steps", "ppo.lora.rank"}
    assert "greater than or equal to 1" in found["ppo.steps"].words
    assert found["ppo.steps"].key is None
    assert run_plan.faults(db, "train-reward", {"reward.head_l2": "[0.1, 0.2]"}) == {}
    assert set(run_plan.faults(db, "train-reward", {"reward.head_l2": "[]"})) == {"reward.head_l2"}


def test_what_has_nothing_to_work_on_is_impossible_unless_it_comes(db: Database):
    with pytest.raises(Impossible, match="no reward model"):
        run_plan.resolve(db, "train-policy")
    assert run_plan.resolve(db, "train-policy", expected=["train-reward"])["ppo"]["steps"] == 5


def test_infinity_and_no_number_are_refused(db: Database):
    for value in ("inf", "nan"):
        with pytest.raises(ValueError, match=r"inf|nan|finite|number"):
            run_plan.resolve(db, "train-policy", {"ppo.kl_target_nats": value}, expected=["train-reward"])


def test_a_run_that_never_got_to_a_checkpoint_cannot_be_gone_on_from(db: Database):
    old = runs.enqueue(db, "train-policy", parse("train-policy"))
    runs.cancel(db, old.id)
    with pytest.raises(CannotResume, match=f"Run {old.id} .*no checkpoint"):
        verbs.retry_run(db, old.id, from_checkpoint=True)
    with pytest.raises(CannotResume):
        run_plan.resolve(db, "train-policy", {"resume_from": old.id}, expected=["train-reward"])


def test_a_round_takes_settings_for_both_of_its_runs(db: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(missing.exclusions, "judgments_that_train", lambda _: 3)
    reward, policy = verbs.train_next_policy(db, {"reward.epochs": 2}, ["ppo.steps=3"], preset="quick")
    assert (reward.config["reward"]["epochs"], policy.config["ppo"]["steps"]) == (2, 3)
    assert policy.config["ppo"]["prompts_per_step"] == 4
    assert policy.needs == [reward.id]


@pytest.mark.parametrize("kind", sorted(KIND_SETTINGS))
def test_every_setting_of_a_kind_has_a_field(kind: str):
    fields = setting_fields.fields_of(KIND_SETTINGS[kind], kind)
    given = {name: "x" for name in ("file", "folder") if name in KIND_SETTINGS[kind].model_fields}
    config = parse_all(kind, given)
    assert [field.name for field in fields] == list(setting_fields.flat(config))
    assert all(field.about and field.kind for field in fields)


def test_a_field_says_where_its_range_is_open():
    fields = {field.name: field for field in setting_fields.fields_of(KIND_SETTINGS["train-reward"], "train-reward")}
    assert (fields["reward.depth"].open, fields["reward.depth"].least, fields["reward.depth"].most) == (True, 0, 1)
    assert fields["reward.head_l2"].kind == "numbers"
    assert fields["reward.lora.rank"].part == "reward.lora"
    assert (fields["reference_samples"].part, fields["reference_samples"].open) == ("train-reward", False)


def test_an_unknown_setting_is_answered_with_those_there_are(db: Database):
    with pytest.raises(SettingsError, match=r"nothing.*pairs"):
        run_plan.resolve(db, "sample", {"nothing": 1})


def test_a_setting_of_an_algorithm_that_is_not_chosen_is_refused(db):
    with pytest.raises(
        SettingsError, match=r"rloo.steps counts only with algorithm=rloo; this run's is ppo.*ppo.steps"
    ):
        run_plan.resolve(db, "train-policy", {"rloo.steps": 3}, expected=["train-reward"])
    settings = run_plan.resolve(db, "train-policy", ["algorithm=rloo", "rloo.steps=3"], expected=["train-reward"])
    assert settings["rloo"]["steps"] == 3
    assert "--set algorithm=rloo --set rloo.steps=3" in run_plan.plan(db, "train-policy", settings).command


def test_a_file_with_settings_of_an_algorithm_that_is_not_chosen_is_refused_as_well(db: Database, tmp_path: Path):
    file = tmp_path / "run.toml"
    file.write_text("[rloo]\nsteps = 3\n\n[rloo.guards]\nstop = false\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"rloo.steps counts only with algorithm=rloo; this run's is ppo"):
        run_plan.resolve(db, "train-policy", (), file, expected=["train-reward"])
    settings = run_plan.resolve(db, "train-policy", ["algorithm=rloo"], file, expected=["train-reward"])
    assert (settings["rloo"]["steps"], settings["rloo"]["guards"]["stop"]) == (3, False)


def test_a_policy_without_weights_is_refused_before_the_run(tmp_path):
    with studies.open_or_create(tmp_path / "study", base="tiny:", create=True) as db:
        policies.external(db, "somebody")
        for kind, name in (("sample", "policy"), ("train-policy", "start_policy")):
            with pytest.raises(CannotEvaluate, match="somebody wrote imported texts only"):
                resolve(db, kind, {name: "somebody"})


def test_what_a_preset_makes_possible_is_no_fault(db: Database):
    with pytest.raises(SettingsError, match="completions of an iteration"):
        resolve(db, "train-policy", ["rewards=length_window", "ppo.minibatches=64"])
    config = resolve(db, "train-policy", ["rewards=length_window", "ppo.minibatches=64"], preset="thorough")
    assert config["ppo"]["minibatches"] == 64


def test_lists_of_numbers_are_written_with_commas_as_the_documentation_has_them(db: Database):
    asked = ["reward.loss.margins=0, 0.5, 1", "reward.head_l2=0.01,0.1"]
    reward = parse("train-reward", pairs(asked))["reward"]
    assert (reward["loss"]["margins"], reward["head_l2"]) == ([0.0, 0.5, 1.0], [0.01, 0.1])
    for wrong in ("0", "-0.1", "[0.1, 0]"):
        with pytest.raises(SettingsError, match=r"reward\.head_l2"):
            parse("train-reward", pairs([f"reward.head_l2={wrong}"]))
    assert parse("evaluate", pairs(["policies=none"]))["policies"] == []
