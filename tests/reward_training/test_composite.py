"""The weighted sum of reward functions: numbers by hand, what is no score, what a part does not know."""

import math

import numpy as np
import pytest

from reward_training.composite import Composite, Part
from reward_training.languages import identify
from reward_training.reward_function import RewardFunctionError

PROMPT = [{"role": "user", "content": "?"}]


def part(name, scores, weight=1.0, **more):
    return Part(name, weight, lambda prompts, completions: scores, **more)


def scored(*parts, texts=("a", "b", "c")):
    return Composite(parts, identify).scored([PROMPT] * len(texts), list(texts))


def test_one_part_alone_is_handed_on_bit_by_bit():
    scores = [0.1 + 0.2, -1e-17, 3.3333333333333335]
    assert scored(part("learned", scores)).totals == scores


def test_a_total_is_the_sum_of_what_its_parts_add():
    found = scored(part("one", [1.0, 2.0, 3.0], 2.0, mean=2.0, sd=0.5), part("two", [10.0, 0.0, 10.0], -0.1))
    assert found.parts == {"one": [-4.0, 0.0, 4.0], "two": [-1.0, -0.0, -1.0]}
    assert found.totals == [-5.0, 0.0, 3.0]
    assert found.constant == []


def test_parts_are_brought_to_mean_zero_and_sd_one_on_the_reference():
    texts = ["x" * length for length in (1, 4, 9, 16)]
    length = Part("length", 3.0, lambda prompts, completions: [1e6 + 1e3 * len(text) for text in completions])
    made = Composite([length], identify).normalised_on([PROMPT] * 4, texts)
    totals = made([PROMPT] * 4, texts)
    assert np.mean(totals) == pytest.approx(0, abs=1e-9)
    assert np.std(totals) == pytest.approx(3.0)
    assert made.parts[0].mean == 1e6 + 7500


def test_parts_that_are_on_that_scale_already_are_left():
    made = Composite([part("learned", [5.0, 7.0, 9.0])], identify).normalised_on([PROMPT] * 3, "abc", ["learned"])
    assert (made.parts[0].mean, made.parts[0].sd) == (0.0, 1.0)


def test_a_part_that_is_constant_on_the_reference_keeps_its_unit():
    same = Part("same", 1.0, lambda prompts, completions: [4.0 + (text == "z") for text in completions])
    made = Composite([same], identify).normalised_on([PROMPT] * 3, "abc")
    assert made([PROMPT] * 2, ["a", "z"]) == [0.0, 1.0]


def test_a_constant_part_is_named():
    found = scored(part("same", [2.0, 2.0, 2.0]), part("not", [1.0, 2.0, 2.0]), part("little", [None, 1.0, None]))
    assert found.constant == ["same"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([1.0, 2.0], "own:mine gave 2 scores for 3 completions"),
        ([], "own:mine gave 0 scores for 3 completions"),
        ([1.0, math.nan, 2.0], "own:mine gave nan for the completion 'b'"),
        ([1.0, 2.0, math.inf], "own:mine gave inf for the completion 'c'"),
        ([1.0, "2", 2.0], "own:mine gave '2' for the completion 'b'"),
        ([1.0, [2.0], 2.0], r"own:mine gave \[2.0\] for the completion 'b'"),
        (None, "own:mine gave None; it has to give a list"),
        (7.5, "own:mine gave 7.5; it has to give a list"),
    ],
)
def test_what_is_no_score_is_refused_with_name_and_value(answer, words):
    with pytest.raises(RewardFunctionError, match=words):
        scored(part("own:mine", answer))


def test_an_exception_is_told_with_the_name():
    def fails(prompts, completions):
        raise KeyError("score")

    with pytest.raises(RewardFunctionError, match="own:mine raised KeyError: 'score'"):
        Composite([Part("own:mine", 1.0, fails)], identify)([PROMPT], ["a"])


def test_arrays_are_taken_as_lists():
    assert scored(part("array", np.array([1.0, 2.0, 3.0]))).totals == [1.0, 2.0, 3.0]
    with pytest.raises(RewardFunctionError, match="gave 1 scores for 3"):
        scored(part("array", np.array(1.0).reshape(1)))


def test_a_language_that_a_function_does_not_know_is_neutral_and_counted():
    texts = ["This is an English sentence about the weather.", "今天天气很好，我们去公园吧。", "OK", ""]
    seen = []

    def function(prompts, completions):
        seen.extend(completions)
        return [5.0] * len(completions)

    english = Part("sentiment", 1.0, function, languages=("en",), mean=4.0, sd=2.0)
    found = Composite([english], identify).scored([PROMPT] * 4, texts)
    assert seen == [texts[0], "OK", ""]  # what is too short to tell is read
    assert found.totals == [0.5, 0.0, 0.5, 0.5]
    assert found.unscored == {"sentiment": 1}


def test_a_function_is_not_called_where_it_knows_no_text():
    def function(prompts, completions):
        raise AssertionError

    english = Part("sentiment", 1.0, function, languages=("en",))
    assert Composite([english], lambda text: "zh")([PROMPT], ["你好"]) == [0.0]


def test_names_tell_parts_apart():
    with pytest.raises(RewardFunctionError, match="names of their own"):
        Composite([part("a", []), part("a", [])], identify)
    with pytest.raises(RewardFunctionError, match="here: none"):
        Composite([], identify)
