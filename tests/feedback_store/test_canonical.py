"""JSON in one exact form."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback_store import canonical
from feedback_store.errors import InvalidInput

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@settings(max_examples=50, deadline=None)
@given(values)
def test_what_is_written_reads_back_to_the_same_bytes(value: object) -> None:
    text = canonical.dumps(value)
    assert canonical.loads(text) == value
    assert canonical.dumps(canonical.loads(text)) == text
    assert "\n" not in text


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(), values, min_size=2))
def test_the_hash_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    assert canonical.sha256(value) == canonical.sha256(dict(reversed(value.items())))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "a": 2}', "'a' occurs twice"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": 1e999}', "out of range"),
        ('{"a": 1', "Not valid JSON"),
        ("[" * 100_000, "Not usable as JSON"),
        ("1" * 5000, "Not usable as JSON"),
    ],
)
def test_what_is_not_strict_json_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        canonical.loads(text)


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, b"bytes"])
def test_what_json_cannot_hold_is_refused_in_words(value: object) -> None:
    with pytest.raises(InvalidInput, match="cannot be stored as JSON"):
        canonical.dumps(value)


def test_an_unclean_text_is_found_at_any_depth_and_named() -> None:
    with pytest.raises(InvalidInput, match=r"row\.a holds a NUL"):
        canonical.require_clean({"a": [{"b": 1}, "x\x00"]}, "row")
    with pytest.raises(InvalidInput, match="a key of row holds half"):
        canonical.require_clean(json.loads('[{"\\ud800": 1}]'), "row")
    canonical.require_clean({"a": ["\u202e bidi \x07 bell 😀"]}, "row")


def test_what_is_too_large_is_refused_with_its_size() -> None:
    canonical.require_small({"a": "x" * (canonical.MOST_BYTES - 8)}, "row")
    with pytest.raises(InvalidInput, match="The row takes 1,000,001 bytes; at most 1,000,000"):
        canonical.require_small({"a": "x" * (canonical.MOST_BYTES - 7)}, "row")
    with pytest.raises(InvalidInput, match="at most 1,000,000 are allowed"):
        canonical.require_small("é" * 500_000, "row")
    canonical.require_short("é" * 10, 10, "note")
    with pytest.raises(InvalidInput, match="The note has 11 characters; at most 10 are allowed"):
        canonical.require_short("é" * 11, 10, "note")


def test_what_is_nested_too_deeply_is_refused() -> None:
    value: list = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(InvalidInput, match="The judgment is nested too deeply"):
        canonical.require_clean(value, "judgment")
