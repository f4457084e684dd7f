"""What each reward function measures, against numbers worked by hand."""

import json
import math

import pytest
import torch

from language_models.batches import collate
from reward_training import function_registry, languages
from reward_training.functions import json_schema
from reward_training.functions.reading_grade import grade, syllables
from reward_training.functions.relevance import without_echo
from reward_training.functions.spelling import checkable
from reward_training.languages import KNOWN
from reward_training.reward_function import Completion, RewardFunctionError
from tests.reward_training.functions.given import asked, everything, tiny

PROMPT = asked("What is the capital of France?")


def scores(name, texts, prompts=None, **settings):
    function = function_registry.build(name, function_registry.parse_settings(name, settings), everything())
    return function(prompts or [PROMPT] * len(texts), texts)


def test_the_learned_reward_is_handed_on_as_it_is():
    assert scores("learned", ["abc", "a"]) == [3.0, 1.0]


def test_the_language_model_score_is_the_mean_log_probability_of_the_tokens():
    model = tiny()
    for text, finished in (("the cat", True), ("the cat sat", False)):
        prompt, written = model.tokens(PROMPT), model.completion_tokens(text, finished)
        batch = collate([prompt], [written], model.pad_id)
        with torch.no_grad():
            logits = model.network(input_ids=batch.input_ids).logits[0].double()
        steps = [
            float(torch.log_softmax(logits[len(prompt) - 1 + place], -1)[token]) for place, token in enumerate(written)
        ]
        mean = sum(steps) / len(steps)
        assert scores("language_model", [Completion(text, finished)]) == pytest.approx([mean], abs=1e-5)
        [perplexity] = scores("language_model", [Completion(text, finished)], measure="perplexity", most_perplexity=1e6)
        assert perplexity == pytest.approx(-math.exp(-mean), rel=1e-4)
        assert scores("language_model", [Completion(text, finished)], measure="perplexity", most_perplexity=5) == [
            pytest.approx(-5)
        ]


def test_the_base_scores_without_the_adapter_in_use():
    model = tiny()
    before = scores("language_model", ["the cat"])
    from language_models.settings import LoraSettings
    from tiny_models import randomise

    model.adapters.add("elsewhere", LoraSettings(rank=4, alpha=8), 0)
    randomise(model, "elsewhere", 1)
    with model.adapters.using("elsewhere"):
        assert scores("language_model", ["the cat"]) == pytest.approx(before, abs=1e-5)
    model.adapters.remove("elsewhere")


def test_rouge_l_is_the_f_measure_of_the_longest_common_subsequence():
    # Against "The capital is Paris.": paris (1 of 1, 1 of 4): F = 0.4. Against the other: 1 of 1, 1 of 6: F = 2/7.
    assert scores("rouge_l", ["Paris", "The capital is Paris!", "Rome"]) == pytest.approx([0.4, 1.0, 0.0])


def test_rouge_l_reads_chinese_by_characters():
    given = type(everything())(references=lambda prompt: ["今天天气很好"])
    function = function_registry.build("rouge_l", function_registry.parse_settings("rouge_l", {}), given)
    assert function([PROMPT] * 3, ["今天天气很好", "今天下雨", "the weather"]) == pytest.approx(
        [1.0, 2 * (2 / 4) * (2 / 6) / (2 / 4 + 2 / 6), 0.0]
    )


def test_bleu_of_a_reference_itself_is_one_in_both_scripts():
    assert scores("bleu", ["The capital is Paris.", "zzz qqq"]) == pytest.approx([1.0, 0.0], abs=1e-6)
    given = type(everything())(references=lambda prompt: ["今天天气很好"])
    function = function_registry.build("bleu", function_registry.parse_settings("bleu", {}), given)
    same, near, far = function([PROMPT] * 3, ["今天天气很好", "今天天气不好", "完全是别的"])
    assert same == pytest.approx(1.0)
    assert 0.2 < near < 0.9
    assert far < near


def test_bleu_by_hand():
    # "a b c d e" against "a b c x y", 13a: precisions 3/5, 2/4, 1/3, and for four words 1 in 2 * 2 by smoothing "exp".
    given = type(everything())(references=lambda prompt: ["a b c x y"])
    function = function_registry.build("bleu", function_registry.parse_settings("bleu", {}), given)
    assert function([PROMPT], ["a b c d e"]) == pytest.approx([(3 / 5 * 2 / 4 * 1 / 3 * 1 / 4) ** 0.25], abs=1e-6)


def test_chrf_is_one_for_the_reference_and_less_for_what_is_like_it():
    same, near, far = scores("chrf", ["The capital is Paris.", "A capital was Paris", "zzz"])
    assert same == pytest.approx(1.0)
    assert 0 < far + 0.05 < near < 1


def test_prompts_without_a_reference_say_nothing():
    given = type(everything())(references=lambda prompt: [], embed=everything().embed)
    for name in ("rouge_l", "bleu", "chrf", "reference_similarity"):
        function = function_registry.build(name, function_registry.parse_settings(name, {}), given)
        assert function([PROMPT, PROMPT], ["a", "b"]) == [None, None]


def test_similarity_is_the_best_cosine_over_the_references():
    given = type(everything())(references=lambda prompt: ["ab", "cc"], embed=everything().embed)
    function = function_registry.build(
        "reference_similarity", function_registry.parse_settings("reference_similarity", {}), given
    )
    assert function([PROMPT] * 3, ["a", "c", ""]) == pytest.approx([1 / math.sqrt(2), 1.0, 0.0])


def test_relevance_is_the_cosine_of_request_and_answer_without_what_is_copied():
    assert scores("relevance", ["aab"], [asked("ab")]) == pytest.approx([3 / math.sqrt(2 * 5)])
    assert without_echo("What is the capital of France?", "The capital of France is Paris") == "is paris"
    assert without_echo("Why so?", "Because it is.") == "Because it is."
    copied = [asked("what is the capital of france")]
    assert scores("relevance", ["what is the capital of france"], copied) == [0.0]
    assert scores("relevance", ["what is the capital of france"], copied, echo_free=False) == pytest.approx([1.0])


def test_entropy_by_hand():
    even, half, none, one = scores("entropy", ["a b c d", "a a b b", "a a a a", "a"])
    assert (even, none, one) == (1.0, 0.0, 0.0)
    assert half == pytest.approx(math.log(2) / math.log(4))


def test_distinct_n_by_hand():
    assert scores("distinct_n", ["a b a b", "a b c", "a"]) == pytest.approx([2 / 3, 1.0, 0.0])
    assert scores("distinct_n", ["a b a b"], n=1) == [0.5]


def test_self_bleu_is_within_the_group_of_a_prompt():
    one, other = asked("one"), asked("two")
    found = scores("self_bleu", ["the cat sat here", "the cat sat here", "alone", "x y z w"], [one, one, other, one])
    assert found[0] == pytest.approx(0.0, abs=1e-6)
    assert found[1] == pytest.approx(0.0, abs=1e-6)
    assert found[2] is None
    assert found[3] == pytest.approx(1.0, abs=1e-6)


def test_novelty_is_the_share_of_runs_that_nobody_wrote_before():
    assert scores("novelty", ["one two three", "one two three five", "x y z", "", "x"]) == [0.0, 0.5, 1.0, 0.0, 0.0]


def test_grammar_counts_mistakes_a_hundred_words():
    clean, wrong, empty = scores("grammar", ["The cat sat on the mat.", "This are an mistake in a sentense.", "..."])
    assert clean == 0.0
    assert wrong < -10
    assert empty is None
    assert scores("grammar", ["sentense"], most=5) == [-5.0]
    assert scores("grammar", ["The sentense is short."], spelling=False) == [0.0]


def test_spelling_is_the_share_of_known_words():
    assert scores("spelling", ["the cat sat", "the caat satt", "Ask Zbigniew at 7pm", "42"]) == pytest.approx(
        [1.0, 1 / 3, 1.0, None]
    )
    assert scores("spelling", ["Das Haus ist schön", "Das Hauus"], language="de") == pytest.approx([1.0, 0.5])
    assert checkable("Well, it’s McDonald. Then 3rd") == ["well", "it's", "then"]


def test_sentiment_by_what_is_wanted():
    bright, dark = scores("sentiment", ["What a wonderful, lovely day!", "This is terrible and sad."])
    assert bright > 0.5 > 0 > dark
    assert scores("sentiment", ["This is terrible and sad."], wanted="dark") == [-dark]
    assert scores("sentiment", ["This is terrible and sad."], wanted="neutral") == [dark]


def test_the_reading_grade_is_that_of_kincaid():
    # 6 words, 1 sentence, 6 syllables: 0.39 * 6 + 11.8 - 15.59
    assert grade("The cat sat on the mat.") == pytest.approx(-1.45)
    assert [syllables(word) for word in ("cat", "make", "table", "banana", "tree", "beautiful")] == [1, 1, 2, 3, 1, 3]
    assert scores("reading_grade", ["The cat sat on the mat."], lowest=-2, highest=0) == [0.0]
    assert scores("reading_grade", ["The cat sat on the mat."], lowest=1, highest=5) == pytest.approx([-2.45])
    assert scores("reading_grade", ["Extraordinary institutional internationalisation."], most=3) == [-3.0]
    with pytest.raises(RewardFunctionError, match="lowest = 9 lies above highest = 3"):
        function_registry.parse_settings("reading_grade", {"lowest": 9, "highest": 3})


def test_the_length_window_counts_words_of_every_language():
    texts = ["one two", "one two three four", "one two three four five six", "", "今天天气很好"]
    found = scores("length_window", texts, shortest=4, longest=5)
    assert found == pytest.approx([-0.5, 0.0, -0.2, -1.0, -0.2])
    assert scores("length_window", ["x" * 50_000], unit="characters", longest=10) == [-1.0]


def test_patterns_that_hold():
    rules = {"must": [r"\bParis\b", "capital"], "must_not": ["sorry"]}
    assert scores("match", ["Paris, capital", "paris", "sorry"], **rules) == pytest.approx([1.0, 2 / 3, 0.0])
    assert scores("match", ["paris"], must=["Paris"], ignore_case=False) == [0.0]


def test_a_pattern_that_never_ends_says_nothing():
    assert scores("match", ["a" * 5000 + "!", "b"], must=["(a|aa)+$"], most_seconds=0.05)[0] is None


def test_json_against_a_schema():
    schema = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    texts = ['{"name": "x"}', '```json\n{"name": "x"}\n```', '{"name": 3}', "name: x", '{"name": NaN}', "[" * 10_000]
    assert scores("json_schema", texts, fits=schema) == [1.0, 1.0, 0.5, 0.0, 0.0, 0.0]
    assert scores("json_schema", texts[1:2], fits=schema, fenced=False) == [0.0]
    with pytest.raises(RewardFunctionError, match="this is no JSON Schema"):
        function_registry.parse_settings("json_schema", {"fits": {"type": "nonsense"}})


def test_a_schema_that_leads_elsewhere_is_never_fetched(monkeypatch):
    import urllib.request

    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: pytest.fail("the network was asked"))
    with pytest.raises(Exception, match=r"example\.org"):
        scores("json_schema", ["{}"], fits={"$ref": "https://example.org/schema.json"})


def test_the_languages_that_are_told_apart_are_those_of_the_identifier():
    assert sorted(KNOWN) == sorted(languages._identifier().labels)


def test_the_language_wanted():
    texts = ["This is a plain sentence in English.", "今天天气很好，我们去公园吧。", "OK"]
    english, chinese, short = scores("language", texts)
    assert english > 0.7
    assert chinese < 0.1
    assert scores("language", texts[1:2], wanted="zh")[0] > 0.7
    assert short is None
    with pytest.raises(
        RewardFunctionError, match=r"wanted = 'xxx' is not allowed: languages that are told apart are .* zh"
    ):
        scores("language", ["a"], wanted="xxx")


def test_json_scores_are_plain_numbers():
    for name in ("rouge_l", "chrf", "relevance", "entropy"):
        json.dumps(scores(name, ["Paris is it."]))


def test_nothing_is_neither_unlike_others_nor_neutral():
    group = [PROMPT] * 3
    assert scores("self_bleu", ["", "  ", "Paris is the capital."], group)[:2] == [0.0, 0.0]
    assert scores("sentiment", ["", "!?", "A table."], wanted="neutral") == [None, None, 0.0]


def test_french_elisions_are_words_and_every_mistake_counts():
    right, wrong = scores("spelling", ["C'est l'homme qu'elle aime, et j'ai d'autres amis.", "c'esst"], language="fr")
    assert (right, wrong) == (1.0, 0.0)
    assert scores("spelling", ["misspeltt misspeltt misspeltt cat"]) == [0.25]


def test_json_that_no_float_holds_or_that_keeps_a_pattern_busy_does_not_end_a_run(monkeypatch):
    number = {"type": "number", "multipleOf": 0.01}
    assert scores("json_schema", ["1e400", "9" * 401, "0.5"], fits=number)[:2] == [0.5, 0.5]
    busy = {"type": "string", "pattern": "^(a+)+$"}
    assert scores("json_schema", [json.dumps("a" * 40 + "b"), '"aaa"', '"b"'], fits=busy) == [0.5, 1.0, 0.5]
    with monkeypatch.context() as patch:
        patch.setattr(json_schema, "MOST_SECONDS", 1e-9)
        assert scores("json_schema", [json.dumps("ab" * 9000)], fits={"pattern": "(a|b|ab)*c"}) == [None]
    named = {"patternProperties": {"^x": {"type": "integer"}}, "properties": {"y": {}}, "additionalProperties": False}
    texts = ['{"x1": 1, "y": "any"}', '{"x1": "no"}', '{"z": 1}', "[]"]
    assert scores("json_schema", texts, fits=named) == [1.0, 0.5, 0.5, 1.0]
    rest = {"properties": {"y": {}}, "additionalProperties": {"type": "integer"}}
    assert scores("json_schema", ['{"y": "a", "z": 1}', '{"z": "a"}'], fits=rest) == [1.0, 0.5]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "#/$defs/nothing"}, r"\$ref '#/\$defs/nothing' leads to nothing"),
        ({"items": {"$ref": "https://example.org/other"}}, "leads to nothing"),
        ({"pattern": "("}, "is not a 'regex'"),
    ],
)
def test_a_schema_that_leads_nowhere_is_refused_before_the_run(schema, words):
    with pytest.raises(RewardFunctionError, match=words):
        function_registry.parse_settings("json_schema", {"fits": schema})
    good = {"$defs": {"one": {"type": "integer"}}, "items": {"$ref": "#/$defs/one"}}
    assert scores("json_schema", ["[1]", '["a"]'], fits=good) == [1.0, 0.5]
