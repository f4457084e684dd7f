"""What people get wrong is answered in one line, with exit code 2, and nothing is lost or made."""

import socket

import pytest

ON_A_STUDY = [
    ("worker",),
    ("run", "STUDY", "sample"),
    ("runs",),
    ("cancel", "STUDY", "1"),
    ("export", "STUDY", "--format", "trl", "--to", "there"),
    ("score", "STUDY", "file.jsonl"),
    ("policy", "list"),
    ("policy", "export", "STUDY", "policy-1"),
    ("policy", "verify"),
    ("policy", "use", "STUDY", "policy-1"),
    ("reward", "list"),
]


@pytest.mark.parametrize("words", ON_A_STUDY, ids=lambda words: " ".join(word for word in words if word != "STUDY"))
def test_missing_study(refused, tmp_path, words):
    folder = tmp_path / "nowhere"
    line = [str(folder) if word == "STUDY" else word for word in words]
    if "STUDY" not in words:
        line.append(str(folder))
    assert "study" in refused(*line)
    assert not folder.exists()


@pytest.mark.parametrize("words", [("runs",), ("policy", "list"), ("worker",)], ids=" ".join)
def test_corrupt_study_is_named_and_left_alone(refused, tmp_path, words):
    folder = tmp_path / "study"
    folder.mkdir()
    garbage = b"this is not a database" * 500
    (folder / "study.db").write_bytes(garbage)
    assert "study.db" in refused(*words, folder)
    assert (folder / "study.db").read_bytes() == garbage


def test_unknown_command_option_and_missing_argument(refused):
    assert "nonsense" in refused("nonsense")
    assert "--nonsense" in refused("doctor", "--nonsense")
    assert "STUDY" in refused("runs")
    assert "RUN" in refused("cancel", "study", "many")


def test_unknown_model(refused, tmp_path):
    folder = tmp_path / "study"
    for model in ("bundled:nonsense", "nonsense:x", "hub:nonsense", "there/is/no/folder"):
        assert model.rpartition(":")[2] in refused("serve", folder, "--port", 0, "--base", model)
        assert model.rpartition(":")[2] in refused("simulate", folder, "--base", model)
        assert model.rpartition(":")[2] in refused("model", "fetch", model)
    assert not folder.exists()


def test_unknown_kind_lists_the_valid_ones(refused, study):
    words = refused("run", study, "nonsense")
    assert "nonsense" in words
    assert "train-reward" in words


@pytest.mark.parametrize("setting", ["nonsense=1", "pairs=0", "pairs=many", "pairs"])
def test_wrong_setting_names_it(refused, study, setting):
    assert setting.partition("=")[0] in refused("run", study, "sample", "--set", setting)


def test_wrong_settings_file(refused, study, tmp_path):
    file = tmp_path / "settings.toml"
    assert "settings.toml" in refused("run", study, "sample", "--config", file)
    file.write_text("pairs = = 3")
    assert "settings.toml" in refused("run", study, "sample", "--config", file)
    file.write_text("nonsense = 3")
    assert "nonsense" in refused("run", study, "sample", "--config", file)


def test_unknown_format_lists_the_valid_ones(refused, study, tmp_path):
    file = tmp_path / "prompts.txt"
    file.write_text("Hello?\n")
    assert "comparisons" in refused("import", study, file, "--format", "nonsense")
    assert "comparisons" in refused("export", study, "--format", "nonsense", "--to", tmp_path / "out")
    assert "comparisons" in refused("import", tmp_path / "new", file, "--format", "nonsense")
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "out").exists()


def test_unknown_taste_and_annotators_are_refused_before_anything_is_made(refused, tmp_path):
    folder = tmp_path / "study"
    assert "concise" in refused("simulate", folder, "--base", "tiny:", "--taste", "nonsense")
    assert "careful" in refused("simulate", folder, "--base", "tiny:", "--annotators", "nonsense:3")
    assert not folder.exists()


def test_own_functions_need_a_folder_and_a_worker_that_starts(refused, study, tmp_path):
    nowhere = tmp_path / "nowhere"
    assert str(nowhere) in refused("simulate", tmp_path / "new", "--base", "tiny:", "--functions", nowhere)
    assert str(nowhere) in refused("run", study, "sample", "--wait", "--functions", nowhere)
    assert "--functions goes with --wait" in refused("run", study, "sample", "--functions", tmp_path)
    assert not (tmp_path / "new").exists()


def test_a_missing_import_file_is_named(refused, study, tmp_path):
    assert "nothing-here.jsonl" in refused("import", study, tmp_path / "nothing-here.jsonl", "--format", "prompts")


@pytest.mark.parametrize(
    ("name", "content", "format", "words"),
    [
        ("garbage.jsonl", b"\xff\xfe\x00garbage" * 100, "comparisons", "Not UTF-8"),
        ("cut.json", b'[{"prompt":', "prompts", "broken or cut short"),
        ("cut.jsonl", b'{"prompt":\n', "trl", "Not valid JSON"),
        ("cut.parquet", b"PAR1garbagePAR1", "prompts", "cannot be read"),
        ("empty.jsonl", b"", "prompts", "no rows"),
    ],
)
def test_a_file_of_which_nothing_can_be_taken_says_why_and_ends_with_2(
    tastemaker, study, tmp_path, name, content, format, words
):
    file = tmp_path / name
    file.write_bytes(content)
    for dry in (("--dry-run",), ()):
        outcome = tastemaker("import", study, file, "--format", format, *dry)
        assert outcome.code == 2
        assert words in outcome.err
        assert f"Nothing in {name} could be taken as {format}" in outcome.err
        assert "Traceback" not in outcome.err


def test_taking_an_import_back_is_tried_first_and_named_by_its_number(refused, tastemaker, study, tmp_path):
    file = tmp_path / "prompts.txt"
    file.write_text("Hello?\n")
    made = tastemaker("import", study, file, "--format", "prompts", "--json").json
    tried = tastemaker("import", study, file, "--format", "prompts", "--undo", "--dry-run", "--json").json
    assert (tried["goes"], tried["answers_here"]) == ({"prompt": 1}, 0)
    assert tastemaker("import", study, file, "--format", "prompts", "--json").json["known"] == 1, "nothing was changed"
    assert "--report" in refused("import", study, file, "--format", "prompts", "--undo", "--report", tmp_path / "x.csv")
    undone = tastemaker("import", study, made["import_id"], "--format", "prompts", "--undo", "--json").json
    assert undone["import_id"] == made["import_id"]
    assert "taken back already" in refused("import", study, made["import_id"], "--format", "prompts", "--undo")


def test_a_report_says_what_became_of_each_line(tastemaker, study, tmp_path):
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "New?"}\n{oops\n')
    for words in (("--dry-run",), ()):
        tastemaker("import", study, file, "--format", "prompts", "--report", tmp_path / "report.csv", *words)
        lines = (tmp_path / "report.csv").read_text().splitlines()
        assert [line.split(",")[:2] for line in lines[1:]] == [["1", "added"], ["2", "left_out"]]


def test_export_never_writes_over_something(refused, study, tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    (there / "mine.txt").write_text("mine")
    assert "there" in refused("export", study, "--format", "trl", "--to", there)
    assert [path.name for path in there.iterdir()] == ["mine.txt"]


def test_unknown_run_policy_and_reward(refused, study, tmp_path):
    assert "99" in refused("cancel", study, 99)
    for words in (("policy", "use"), ("policy", "verify"), ("policy", "export")):
        assert "policy-9" in refused(*words, study, "policy-9")
    assert "--base goes with the folder of an export" in refused("policy", "verify", study, "base", "--base", "tiny:")
    assert "it has no adapter_config.json" in refused("policy", "import", study, tmp_path)
    assert "give one of them" in refused("policy", "export", study, "policy-1", "--with-base", "--merged")
    file = tmp_path / "rows.jsonl"
    file.write_text('{"prompt": "a", "completions": [{"text": "b"}, {"text": "c"}]}\n')
    assert "reward" in refused("score", study, file)
    assert "nothing.jsonl" in refused("score", study, tmp_path / "nothing.jsonl")


def test_port_in_use(refused, study):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        words = refused("serve", study, "--port", port)
    assert str(port) in words
    assert "--port" in words


def test_a_host_that_others_can_reach_is_refused(refused, study):
    assert "0.0.0.0" in refused("serve", study, "--host", "0.0.0.0", "--port", 0)


def test_a_strict_import_that_takes_nothing_says_so_and_ends_with_2(tastemaker, study, tmp_path):
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "Why?"}\n{"no": "prompt"}\n')
    outcome = tastemaker("import", study, file, "--format", "prompts", "--strict")
    assert outcome.code == 2
    assert "Nothing is taken with --strict" in outcome.err
    assert tastemaker("import", study, file, "--format", "prompts").code == 0


def test_a_dry_run_makes_no_study(tastemaker, tmp_path):
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "Why?"}\n')
    report = tastemaker(
        "import", tmp_path / "new", file, "--format", "prompts", "--dry-run", "--base", "tiny:", "--json"
    )
    assert report.json["added"] == 1
    assert not (tmp_path / "new").exists()


HUGE = 10**20


@pytest.mark.parametrize(
    "words",
    [
        ("cancel", "STUDY", HUGE),
        ("retry", "STUDY", HUGE),
        ("runs", "STUDY", "--limit", HUGE),
        ("token", "revoke", "STUDY", HUGE),
        ("token", "add", "STUDY", "x", "--scope", "read", "--days", HUGE),
        ("export", "STUDY", "--format", "trl", "--dry-run", "--snapshot", HUGE),
        ("export", "STUDY", "--format", "trl", "--dry-run", "--round", HUGE),
        ("import", "STUDY", HUGE, "--format", "trl", "--undo"),
        ("plan", "STUDY", "--people", 1, "--judgments", HUGE),
        ("run", "STUDY", "evaluate", "--set", f"policies=base,{HUGE}"),
        ("run", "STUDY", "evaluate", "--set", "policies=base,²"),
        ("run", "STUDY", "sample", "--set", f"policy={HUGE}"),
        ("user", "invite", "STUDY", "--quota", HUGE),
    ],
    ids=lambda words: " ".join(map(str, words)),
)
def test_numbers_that_no_row_has_are_refused_in_words(refused, study, words):
    assert refused(*[study if word == "STUDY" else word for word in words])


def test_a_name_that_is_no_text_is_said_and_stops_no_import(tastemaker, refused, study, tmp_path):
    file = tmp_path / "pairs-\udcff.jsonl"
    assert r"pairs-\udcff.jsonl" in refused("import", study, file, "--format", "trl")
    file.write_text('{"prompt": "a", "chosen": "b", "rejected": "c"}\n{}\n')
    assert "1 added" in tastemaker("import", study, file, "--format", "trl").out
    back = tastemaker("import", study, file, "--undo").out
    assert "The import of pairs-\N{REPLACEMENT CHARACTER}.jsonl was taken back" in back


def test_own_functions_go_with_a_retry_that_waits(refused, study, tmp_path):
    assert "--functions goes with --wait" in refused("retry", study, 1, "--functions", tmp_path)
    assert "no folder" in refused("retry", study, 1, "--wait", "--functions", tmp_path / "nowhere")


def test_an_import_that_makes_a_study_says_what_its_base_is_held_in(tastemaker, refused, tmp_path):
    from rounds import studies

    file = tmp_path / "prompts.txt"
    file.write_text("Why?\n")
    words = ("import", tmp_path / "new", file, "--format", "prompts", "--base", "tiny:", "--precision")
    assert "one of auto, fp32, bf16, 4bit" in refused(*words, "8bit")
    assert not (tmp_path / "new").exists()
    assert tastemaker(*words, "bf16").code == 0
    assert studies.settings(studies.open_or_create(tmp_path / "new")).precision == "bf16"
    assert "was made with --precision bf16" in refused(*words, "fp32")


def test_a_dry_run_looks_at_the_file_that_a_run_reads(refused, study, tmp_path):
    missing = f"folder={tmp_path / 'nowhere'}"
    for more in ((), ("--dry-run",)):
        assert "there is no such folder" in refused("run", study, "policy-import", "--set", missing, *more)
        assert "has no adapter_config.json" in refused(
            "run", study, "policy-import", "--set", f"folder={tmp_path}", *more
        )


def test_what_is_neither_a_policy_nor_a_folder_cannot_be_verified(refused, study, tmp_path):
    assert "is no folder, and no policy of this study (none yet)" in refused("policy", "verify", study, "policy-1")
    assert "--base goes with the folder" in refused("policy", "verify", study, tmp_path / "x", "--base", "tiny:")


def test_where_a_file_is_to_be_written_is_looked_at_before_anything_is_done(refused, tastemaker, study, tmp_path):
    file = tmp_path / "prompts.txt"
    file.write_text("Why?\n")
    words = ("import", study, file, "--format", "prompts", "--report")
    assert "That is a folder" in refused(*words, tmp_path)
    assert "There is no such folder" in refused(*words, tmp_path / "nowhere" / "report.csv")
    assert tastemaker(*words, tmp_path / "report.csv", "--json").json["added"] == 1, "nothing was taken before"
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"prompt": "a", "completions": [{"text": "b"}, {"text": "c"}]}\n')
    assert "That is a folder" in refused("score", study, rows, "--to", tmp_path)
