"""Reward functions from the worker's folder: their shapes, their hash, and what is wrong with one in words."""

import hashlib

import pytest

from reward_training.composite import Composite, Part
from reward_training.reward_function import RewardFunctionError
from rounds import own_functions

PROMPTS = [[{"role": "user", "content": "Why?"}]]
PLAIN = "def reward(prompts, completions):\n    return [float(len(text)) for text in completions]\n"
CLASS = """
LANGUAGES = ("en",)

class Reward:
    def __init__(self, factor=1.0):
        self.factor = factor

    def __call__(self, prompts, completions):
        return [self.factor * len(prompts[0][0]["content"]) for _ in completions]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "short.py").write_text(PLAIN)
    (tmp_path / "sized.py").write_text(CLASS)
    (tmp_path / "_shared.py").write_text("")
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    (tmp_path / "empty.py").write_text("x = 1\n")
    return tmp_path


def test_a_function_and_a_class_are_both_rewards(folder):
    plain = own_functions.load(folder, "own:short", {})
    assert plain.function(PROMPTS, ["four"]) == [4.0]
    assert plain.sha256 == hashlib.sha256(PLAIN.encode()).hexdigest()
    assert plain.languages == ("any",)
    sized = own_functions.load(folder, "own:sized", {"factor": 2.0})
    assert sized.function(PROMPTS, ["a", "b"]) == [8.0, 8.0]
    assert sized.languages == ("en",)


def test_the_files_of_the_folder_are_listed(folder):
    assert own_functions.names(folder) == ["own:broken", "own:empty", "own:short", "own:sized"]


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("own:longest", {}, "no own:longest in the worker's folder. It has: own:broken, own:empty, own:short"),
        ("own:broken", {}, "own:broken cannot be loaded: ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("own:empty", {}, r"own:empty has no function reward\(prompts, completions\)"),
        ("own:short", {"a": 1}, "own:short takes no settings, for it has no class Reward; given: a"),
        ("own:sized", {"a": 1}, r"own:sized does not take these settings \(a = 1\): TypeError"),
    ],
)
def test_what_is_wrong_is_said(folder, name, settings, words):
    with pytest.raises(RewardFunctionError, match=words):
        own_functions.load(folder, name, settings)


def test_a_worker_without_a_folder_says_how_to_give_one():
    with pytest.raises(RewardFunctionError, match=r"started without any.* --functions DIR"):
        own_functions.load(None, "own:short", {})


def test_an_own_function_cannot_change_what_others_read(folder):
    (folder / "rude.py").write_text(
        "def reward(prompts, texts):\n    prompts[0][0]['content'] = 'x'\n    texts.clear()\n    return [1.0]\n"
    )
    texts, prompts = ["a"], [[{"role": "user", "content": "Why?"}]]
    own_functions.load(folder, "own:rude", {}).function(prompts, texts)
    assert (texts, prompts) == (["a"], [[{"role": "user", "content": "Why?"}]])


def test_a_class_may_be_a_dataclass_whose_annotations_are_strings(folder):
    (folder / "data.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n@dataclass\nclass Reward:\n"
        "    weight: float = 1.0\n    def __call__(self, prompts, texts):\n"
        "        return [self.weight for _ in texts]\n"
    )
    assert own_functions.load(folder, "own:data", {"weight": 2.0}).function(PROMPTS, ["a"]) == [2.0]


@pytest.mark.parametrize(
    ("languages", "words"),
    [
        ("'en'", r"LANGUAGES of own:told is 'en'; it has to be a tuple or list of language codes, such as \('en',\)"),
        ("None", "LANGUAGES of own:told is None; it has to be a tuple or list"),
        ("('en', 3)", r"is \('en', 3\); it has to be"),
        ("('english', 'zh')", "LANGUAGES of own:told has english; languages that are told apart are ace, af"),
        ("()", "LANGUAGES of own:told is empty"),
    ],
)
def test_languages_that_are_none_are_refused_before_every_text_counts_as_neutral(folder, languages, words):
    (folder / "told.py").write_text(f"LANGUAGES = {languages}\n{PLAIN}")
    with pytest.raises(RewardFunctionError, match=words):
        own_functions.load(folder, "own:told", {})


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("for text in texts:\n        yield 1 / 0", "own:odd raised ZeroDivisionError: division by zero"),
        ("raise SystemExit('no key')", "own:odd raised SystemExit: no key"),
        ("return [10 ** 400]", r"own:odd gave 1000+\.\.\. for the completion 'a'; a score has to be a finite number"),
        ("return [10 ** 5000]", "own:odd gave a value of type int that is too long to be shown for the completion 'a'"),
        ("return 3", "own:odd gave 3; it has to give a list, one number for each completion"),
    ],
)
def test_what_a_function_does_amiss_is_said_with_its_name(folder, code, words):
    (folder / "odd.py").write_text(f"def reward(prompts, texts):\n    {code}\n")
    function = own_functions.load(folder, "own:odd", {}).function
    with pytest.raises(RewardFunctionError, match=words):
        Composite([Part("own:odd", 1.0, function)], lambda _: None).scored(PROMPTS, ["a"])


def test_a_file_that_ends_the_process_is_said_to_do_so(folder):
    (folder / "exits.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(RewardFunctionError, match="own:exits cannot be loaded: SystemExit: 3"):
        own_functions.load(folder, "own:exits", {})
