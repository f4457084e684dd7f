"""What every reward function has and does, found by its file: a new one is tested by itself."""

import ast
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reward_training import function_registry
from reward_training.reward_function import ANY, Completion, FunctionSettings, Given, RewardFunctionError
from tests.reward_training.functions.given import asked, everything

REPOSITORY = Path(__file__).resolve().parents[3]
NEEDED = {"match": {"must": ["a"]}, "json_schema": {"fits": {"type": "object"}}, "classifier": {"name": "toy"}}
NAMES = function_registry.names()
APART = [name for name in NAMES if name != "classifier"]  # it has a file of its own, with a network
HOSTILE = [
    Completion("", True),
    "   \n\t ",
    "👩‍👩‍👧 🎉",
    "word " * 50_000,
    "今天天气很好，我们去公园吧。",
    "مرحبا بالعالم",
    "\u202ea\u0301\u0300\ufeff",
    "a" * 50_000,
    "[" * 5_000,
    '{"a": 1e999999}',
    Completion("The cat sat on the mat.", False),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_function_says_what_it_is(name):
    described = function_registry.describe(name)
    assert len(described.about) > 80
    assert re.match(r"(?s)\w.+\.", described.about)
    assert described.languages
    assert all(language == ANY or re.fullmatch("[a-z]{2,3}", language) for language in described.languages)
    assert set(described.needs) <= set(Given.__dataclass_fields__)
    settings = function_registry.settings_class(name)
    assert issubclass(settings, FunctionSettings)
    assert all(field.description for field in settings.model_fields.values())


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_frozen_and_refuse_what_they_do_not_know(name):
    settings = function_registry.parse_settings(name, NEEDED.get(name, {}))
    with pytest.raises(ValueError, match="frozen"):
        settings.anything = 1
    with pytest.raises(RewardFunctionError, match=f"{name} has no setting 'wieght'"):
        function_registry.parse_settings(name, {**NEEDED.get(name, {}), "wieght": 1})


@pytest.mark.parametrize("name", APART)
def test_one_finite_number_or_none_for_each_of_the_worst_texts(name):
    function = function_registry.build(name, function_registry.parse_settings(name, NEEDED.get(name, {})), everything())
    scores = function([asked("What is the capital of France?")] * len(HOSTILE), HOSTILE)
    assert len(scores) == len(HOSTILE)
    assert all(score is None or math.isfinite(score) for score in scores)
    assert any(score is not None for score in scores)
    assert function([], []) == []


@pytest.mark.parametrize("name", [name for name in APART if name != "self_bleu"])  # that one is about its group
def test_a_score_does_not_depend_on_what_it_is_batched_with(name):
    function = function_registry.build(name, function_registry.parse_settings(name, NEEDED.get(name, {})), everything())
    texts = ["Paris is the capital.", "I really do not know, sorry about that!", "Well, well, well, a long one. " * 4]
    prompts = [asked("Capital of France?"), asked("Why?"), asked("What else is there to say about this, please?")]
    together = function(prompts, texts)
    alone = [function([prompt], [text])[0] for prompt, text in zip(prompts, texts, strict=True)]
    assert together == pytest.approx(alone, abs=1e-5)
    assert function(prompts[::-1], texts[::-1]) == pytest.approx(together[::-1], abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_function_needs_and_does_not_get_is_said(name):
    described = function_registry.describe(name)
    settings = function_registry.parse_settings(name, NEEDED.get(name, {}))
    if described.needs:
        with pytest.raises(RewardFunctionError, match=f"The reward function {name} needs .+ there is none here"):
            function_registry.build(name, settings, Given())
    else:
        assert callable(function_registry.build(name, settings, Given()))


def test_a_wrong_name_is_answered_with_the_valid_ones():
    with pytest.raises(RewardFunctionError, match=r"no reward function 'lenght'. Valid: bleu, chrf, .*spelling"):
        function_registry.describe("lenght")
    with pytest.raises(RewardFunctionError, match="Valid: bleu"):
        function_registry.parse_settings("../learned", {})


def test_the_list_is_made_without_importing_and_settings_load_no_torch():
    code = (
        "import sys\n"
        "from reward_training import function_registry as r\n"
        "names = r.names(); [r.describe(n) for n in names]\n"
        "assert not [m for m in sys.modules if m.startswith('reward_training.functions.')]\n"
        "[r.settings_class(n) for n in names]\n"
        "print(sorted({'torch', 'transformers', 'sacrebleu', 'nltk', 'harper'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_functions_import_no_other_function():
    for path in (REPOSITORY / "reward_training" / "functions").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reward_training.functions"):
                assert node.module == f"reward_training.functions.settings.{path.stem}"
