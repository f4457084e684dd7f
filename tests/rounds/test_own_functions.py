"""Reward functions from the worker's folder: their shapes, their hash, and what is wrong with one in words."""

import hashlib

import pytest

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
