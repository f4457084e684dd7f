"""A setting that would change nothing is refused before the run, with what it counts with."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from feedback_store import runs
from feedback_store.database import Database
from rounds import idle_settings, run_plan
from rounds.models_beside import UnknownModelFolder
from rounds.settings import SettingsError, parse
from tests.rounds.small_study import new_study
from ui.pages import site

LEARNED_FOR_NOTHING = json.dumps([{"function": "learned", "weight": 0}, "length_window"])
IDLE = [
    ("shaping_weight=2", "shaping", "none", ["shaping=length"]),
    ("shaping_every=4", "shaping", "none", ["shaping=reward"]),
    ("held_out_penalty=2", "held_out_prompts", "0", ["held_out_prompts=4"]),
    ("ppo.guards.held_out_every=1", "held_out_prompts", "0", ["held_out_prompts=4"]),
    ("ppo.imitation_batch=4", "ppo.imitation_coefficient", "0.0", ["ppo.imitation_coefficient=0.1"]),
    ("ppo.demonstrations=chosen", "ppo.imitation_coefficient", "0.0", ["ppo.imitation_coefficient=0.1"]),
    ("ppo.improved_weight=3", "ppo.imitation_coefficient", "0.0", ["ppo.imitation_coefficient=0.1"]),
    ("ppo.truncation_penalty=3", "ppo.truncated", "leave_out", ["ppo.truncated=penalty"]),
    ("ppo.kl_target_nats=2", "ppo.kl_coefficient", "0.0", ["ppo.kl_coefficient=0.1"]),
    ("ppo.kl_horizon=9", "ppo.kl_coefficient", "0.0", ["ppo.kl_coefficient=0.1"]),
]
OFF = ["held_out_prompts=0", "ppo.truncated=leave_out", "ppo.kl_coefficient=0"]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with new_study(tmp_path / "study") as db:
        runs.enqueue(db, "train-reward", {})  # a policy run is possible behind it
        yield db


@pytest.mark.parametrize(("setting", "other", "present", "mended"), IDLE)
def test_a_setting_that_counts_for_nothing_is_refused_with_what_it_counts_with(db, setting, other, present, mended):
    name, _, value = setting.partition("=")
    others = [one for one in OFF if not one.startswith(f"{name}=")]
    with pytest.raises(
        SettingsError, match=rf"^{name} = {value}(\.0)? counts only where {other} is .*; it is {present}"
    ):
        run_plan.resolve(db, "train-policy", [*others, setting])
    assert idle_settings.faults("train-policy", [name], parse("train-policy", [*others, setting, *mended])) == {}


@pytest.mark.parametrize(
    ("kind", "setting", "beside", "mended"),
    [
        ("train-policy", "held_out_penalty=2", "reward_combination=worst", "reward_combination=head"),
        (
            "train-policy", "reward_uncertainty_penalty=2", "reward_combination=mean",
            "reward_combination=mean-minus-variance",
        ),
        ("train-policy", "held_out_prompts=8", "ppo.guards.held_out_every=0", "ppo.guards.held_out_every=1"),
        ("train-policy", "shown_times=5", "shown_prompts=0", "shown_prompts=4"),
        ("sample", "choose_from=8", "choosing=random", "choosing=margin"),
    ],
)  # fmt: skip
def test_a_setting_that_another_way_of_doing_it_does_not_read_is_refused(db, kind, setting, beside, mended):
    name, (other, _, present) = setting.partition("=")[0], beside.partition("=")
    with pytest.raises(SettingsError, match=rf"^{name} = .* counts only where {other} is .*; it is {present}\."):
        run_plan.resolve(db, kind, [beside, setting])
    assert idle_settings.faults(kind, [name], parse(kind, [mended, setting])) == {}


def test_what_improved_ones_count_is_refused_where_only_chosen_ones_are_imitated():
    asked = {"algorithm": "imitation", "imitation.improved_weight": 3.0, "imitation.demonstrations": "chosen"}
    [fault] = idle_settings.faults("train-policy", asked, parse("train-policy", asked)).values()
    assert fault.words.startswith(
        "imitation.improved_weight = 3.0 counts only where imitation.demonstrations is improved or both; it is chosen."
    )


def test_a_form_is_told_the_field_and_the_words_of_its_language(db: Database):
    found = run_plan.faults(db, "train-policy", {"shaping_weight": 2.0, "held_out_prompts": 8})
    assert list(found) == ["shaping_weight"]
    assert found["shaping_weight"].key == "fault.idle"
    assert found["shaping_weight"].values == {
        "name": "shaping_weight", "value": 2.0, "other": "shaping", "needed": "potential", "present": None,
    }  # fmt: skip
    assert run_plan.faults(db, "train-policy", {"shaping_weight": 2.0, "shaping": "length"}) == {}
    [part] = run_plan.faults(db, "train-policy", {"rewards": LEARNED_FOR_NOTHING}).values()
    assert (part.key, part.values) == ("fault.zero_weight", {"function": "learned"})


def test_what_it_would_be_anyway_or_nothing_is_let_through(db: Database):
    run_plan.resolve(db, "train-policy", ["shaping_weight=1", "shaping_every=8", "ppo.imitation_batch=8"])
    run_plan.resolve(db, "train-policy", [*OFF, "ppo.truncation_penalty=0", "held_out_penalty=0"])


def test_a_part_of_no_weight_is_refused(db: Database):
    with pytest.raises(SettingsError, match="learned has the weight 0 in rewards"):
        run_plan.resolve(db, "train-policy", {"rewards": LEARNED_FOR_NOTHING})


def test_a_reward_of_no_weight_that_is_read_on_the_way_counts(db: Database):
    asked = {"rewards": LEARNED_FOR_NOTHING, "shaping": "reward"}
    assert run_plan.resolve(db, "train-policy", asked)["shaping"] == "reward"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_value_that_is_needed_has_its_words(language: str):
    words = json.loads((site.STATIC / "languages" / f"{language}.json").read_text(encoding="utf-8"))
    assert {f"fault.needed.{code}" for code in idle_settings.NEEDED} == {
        key for key in words if key.startswith("fault.needed.")
    }


def test_imitation_alone_has_its_demonstrations():
    config = parse("train-policy", ["algorithm=imitation", "imitation.demonstrations=chosen"])
    assert idle_settings.faults("train-policy", ["imitation.demonstrations"], config) == {}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["blind.stop_rule=sequential"], "blind.stop_rule = sequential counts only where blind.judgments is 1 or more"),
        (["blind.best_of=base"], "blind.best_of = .*base.* counts only where blind.judgments"),
        (["blind.judgments=9", "blind.error=0.1"], "blind.error = 0.1 counts only where blind.stop_rule is sequential"),
        (["blind.judgments=9", "blind.best_of_texts=8"], "blind.best_of_texts = 8 counts only where blind.best_of is"),
    ],
)
def test_settings_of_a_blind_evaluation_that_is_none_are_refused(db, settings, words):
    with pytest.raises(SettingsError, match=words):
        run_plan.resolve(db, "evaluate", settings)


def test_a_classifier_that_is_not_in_the_study_is_refused_before_the_run(db: Database):
    asked = {"rewards": [{"function": "classifier", "settings": {"name": "polite"}}]}
    with pytest.raises(UnknownModelFolder, match=r"no model 'polite' in the study's folder models.*none; put a folder"):
        run_plan.resolve(db, "train-policy", asked)
    folder = db.folder / "models" / "polite"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    assert run_plan.resolve(db, "train-policy", asked)["rewards"][0]["settings"]["name"] == "polite"


def test_a_language_that_is_not_told_apart_is_refused_before_the_run(db: Database):
    asked = {"rewards": [{"function": "language", "settings": {"wanted": "xx"}}]}
    with pytest.raises(
        SettingsError, match=r"wanted = 'xx' is not allowed: languages that are told apart are .*\bzh\b"
    ):
        run_plan.resolve(db, "train-policy", asked)
