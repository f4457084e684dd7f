"""Checks on the demo prompt set: size, variety, spelling and form."""

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from spellchecker import SpellChecker

PROMPTS_PATH = Path(__file__).resolve().parents[2] / "rounds/demo/prompts.jsonl"

ENDING = "Answer in one short sentence."
MIN_PROMPTS = 300
MIN_TAGS = 12
MIN_PROMPTS_PER_TAG = 12
MAX_OPENING_SHARE = 0.04
MAX_JACCARD = 0.6
WORD_RANGE = (8, 35)

# Correct words that the spelling dictionary does not hold.
ALLOWED_WORDS: set[str] = set()


def words(text):
    """Lower-cased words; a hyphen parts words, an apostrophe does not."""
    return re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower())


def body(prompt):
    """The prompt without the ending."""
    return prompt.removesuffix(ENDING).strip()


@pytest.fixture(scope="module")
def rows():
    lines = PROMPTS_PATH.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def prompts(rows):
    return [row["prompt"] for row in rows]


def test_keys_and_types(rows):
    for row in rows:
        assert set(row) == {"prompt", "tags"}, row
        assert isinstance(row["prompt"], str), row
        assert isinstance(row["tags"], list), row
        assert 1 <= len(row["tags"]) <= 2, row
        assert len(set(row["tags"])) == len(row["tags"]), row
        for tag in row["tags"]:
            assert isinstance(tag, str), row
            assert re.fullmatch(r"[a-z]+", tag), row


def test_enough_prompts(prompts):
    assert len(prompts) >= MIN_PROMPTS


def test_enough_tags_and_prompts_per_tag(rows):
    counts = Counter(tag for row in rows for tag in row["tags"])
    assert len(counts) >= MIN_TAGS
    assert {t: n for t, n in counts.items() if n < MIN_PROMPTS_PER_TAG} == {}


def test_every_prompt_has_the_ending_once(prompts):
    for prompt in prompts:
        assert prompt.endswith((". " + ENDING, "? " + ENDING)), prompt
        assert prompt.count(ENDING) == 1, prompt


def test_plain_text_without_stray_spaces(prompts):
    for prompt in prompts:
        assert prompt.isascii(), prompt
        assert prompt.isprintable(), prompt
        assert prompt == " ".join(prompt.split()), prompt
        assert prompt[0].isupper(), prompt


def test_length_in_words(prompts):
    low, high = WORD_RANGE
    for prompt in prompts:
        assert low <= len(prompt.split()) <= high, prompt


def test_openings_vary(prompts):
    openings = Counter(" ".join(prompt.lower().split()[:3]) for prompt in prompts)
    opening, count = openings.most_common(1)[0]
    assert count <= MAX_OPENING_SHARE * len(prompts), (opening, count)


def test_no_two_prompts_are_equal(prompts):
    counts = Counter(" ".join(words(body(prompt))) for prompt in prompts)
    assert [text for text, n in counts.items() if n > 1] == []


def test_no_two_prompts_are_near_duplicates(prompts):
    token_sets = [set(words(body(prompt))) for prompt in prompts]
    close = []
    for (i, a), (j, b) in combinations(enumerate(token_sets), 2):
        if len(a & b) >= MAX_JACCARD * len(a | b):
            close.append((prompts[i], prompts[j]))
    assert close == []


def test_spelling(prompts):
    checker = SpellChecker(language="en")
    used = {word for prompt in prompts for word in words(prompt)}
    stems = {word.removesuffix("'s") for word in used}
    unknown = checker.unknown(stems) - ALLOWED_WORDS
    assert sorted(unknown) == []


def test_allow_list_is_needed(prompts):
    used = {word.removesuffix("'s") for prompt in prompts for word in words(prompt)}
    assert used >= ALLOWED_WORDS
    assert SpellChecker(language="en").known(ALLOWED_WORDS) == set()
