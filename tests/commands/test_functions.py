"""`functions`: the list, one of them, own ones by their files' names; no such folder."""


def test_every_function_is_listed_with_its_settings(tastemaker):
    functions = {one["name"]: one for one in tastemaker("functions", "--json").json["functions"]}
    assert {"learned", "language_model", "classifier", "length_window"} <= set(functions)
    window = functions["length_window"]
    assert [field["name"] for field in window["settings"]] == ["unit", "shortest", "longest"]
    assert functions["sentiment"]["languages"] == ["en"]
    assert "what it measures" in tastemaker("functions").out


def test_one_function_is_told_wholly_and_a_wrong_name_in_words(tastemaker):
    assert "Kincaid" in tastemaker("functions", "reading_grade").out
    wrong = tastemaker("functions", "reading")
    assert wrong.code == 2
    assert "Valid: bleu, chrf" in wrong.err


def test_own_functions_are_listed_without_being_run(tastemaker, tmp_path):
    (tmp_path / "mine.py").write_text("raise SystemExit('run')\n")
    listed = tastemaker("functions", "--functions", str(tmp_path), "--json").json["functions"]
    assert listed[-1]["name"] == "own:mine"
    for command in (["functions"], ["serve", str(tmp_path / "study")]):
        missing = tastemaker(*command, "--functions", str(tmp_path / "nowhere"))
        assert missing.code == 2
        assert "there is no folder" in missing.err
        assert not (tmp_path / "study").exists()
