"""`settings`: shown, changed with what was and is, made before the first prompt, refused in words."""

from feedback_store import audit
from rounds import studies


def test_a_study_is_made_with_what_is_said_and_holds_it_from_the_start(tastemaker, tmp_path):
    study = tmp_path / "study"
    made = tastemaker(
        "settings", study, "--base", "tiny:", "--set", "sampling.max_new_tokens=24", "--set", "holdout_share=0.5"
    )
    assert made.code == 0, made.err
    with studies.open_or_create(study) as db:
        held = studies.settings(db)
    assert (held.base, held.sampling.max_new_tokens, held.sampling.temperature) == ("tiny:", 24, 0.7)
    assert (held.holdout_share, held.lora.rank) == (0.5, 4)


def test_a_change_tells_what_was_and_is_and_stands_in_the_audit_trail(tastemaker, tmp_path):
    study = tmp_path / "study"
    studies.open_or_create(study, base="tiny:", create=True).close()
    words = ("settings", study, "--set", "system_prompt=Answer in one line.", "--set", "sampling.max_new_tokens=32")
    done = tastemaker(*words)
    assert done.code == 0, done.err
    assert done.out.splitlines() == [
        "system_prompt: Reply to the request. -> Answer in one line.",
        "sampling.max_new_tokens: 16 -> 32",
    ]
    assert "says so already" in tastemaker(*words).err
    shown = tastemaker("settings", study, "--json").json
    assert (shown["settings"]["sampling.max_new_tokens"], shown["changed"]) == (32, {})
    assert "sampling.max_new_tokens" in tastemaker("settings", study).out
    with studies.open_or_create(study) as db:
        (noted,) = [entry for entry in audit.listing(db) if entry.action == "change settings"]
    assert noted.actor == "tastemaker settings"
    assert noted.detail["changes"]["sampling.max_new_tokens"] == [16, 32]


def test_what_cannot_be_is_refused_and_changes_and_makes_nothing(tastemaker, tmp_path):
    study = tmp_path / "study"
    assert tastemaker("settings", study).code == 2, "there is nothing to show"
    for wrong, words in (("sampling.max_new_tokens=0", "from 1 to 4096"), ("smpling=1", "smpling")):
        refused = tastemaker("settings", study, "--base", "tiny:", "--set", wrong)
        assert refused.code == 2 and words in refused.err, refused.err
        assert not study.exists()
    studies.open_or_create(study, base="tiny:", create=True).close()
    for wrong, words in (
        ("sampling.max_new_tokens=9999", "from 1 to 4096"),
        ("base=tiny:", "chosen when the study is made"),
        ("precision=bf16", "was made with --precision auto"),
    ):
        refused = tastemaker("settings", study, "--set", wrong)
        assert refused.code == 2 and words in refused.err, refused.err
    with studies.open_or_create(study) as db:
        assert studies.settings(db).sampling.max_new_tokens == 16


def test_what_is_no_setting_of_a_study_is_named_and_nothing_is_made(refused, tmp_path):
    for name in ("folder", "create", "demo", "nonsense.deep"):
        words = refused("settings", tmp_path / "study", "--set", f"{name}=true")
        assert f"{name!r} is not a setting of a study" in words and "queue_target" in words
    assert not (tmp_path / "study").exists()
