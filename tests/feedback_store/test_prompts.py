"""Prompts: their groups, their split for life, and what is refused."""

from typing import Any

import pytest

from feedback_store import prompts
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.prompts import NewPrompt, from_text


def new(text: str, **fields: Any) -> NewPrompt:
    return NewPrompt(from_text(text), **fields)


def test_a_prompt_comes_back_as_it_was_given(db: Database) -> None:
    messages = [{"role": "user", "content": "Hi ☃"}, {"role": "assistant", "content": "Yes?"}]
    given = NewPrompt(
        messages, group="g", split="holdout", language="de", tags=["a", "b"], reference="r", extra={"x": 1}
    )
    [prompt_id] = prompts.add(db, [given], holdout_share=0, seed=0).ids
    stored = prompts.get(db, prompt_id)
    for name in ("messages", "group", "split", "language", "tags", "reference", "extra"):
        assert getattr(stored, name) == getattr(given, name)


def test_equal_messages_are_one_prompt(db: Database) -> None:
    first = prompts.add(db, [new("a"), new("b"), new("a")], holdout_share=0.2, seed=0)
    assert (first.added, first.known, first.ids) == (2, 1, [1, 2, 1])
    swapped = NewPrompt([{"content": "a", "role": "user"}])
    assert prompts.add(db, [swapped], holdout_share=0.2, seed=0).ids == [1]
    assert prompts.count(db) == 2


def test_a_group_is_never_split_and_keeps_its_side(db: Database) -> None:
    rows = [new(f"{group} {number}", group=f"group {group}") for number in range(5) for group in range(40)]
    prompts.add(db, rows, holdout_share=0.34, seed=1)
    sides: dict[str, set[str]] = {}
    for prompt in prompts.listing(db):
        sides.setdefault(prompt.group, set()).add(prompt.split)
    assert {len(side) for side in sides.values()} == {1}
    assert 5 <= sum(side == {"holdout"} for side in sides.values()) <= 22
    group, [side] = next(iter(sides.items()))
    other = "train" if side == "holdout" else "holdout"
    with pytest.raises(InvalidInput, match="A group is never split"):
        prompts.add(db, [new("more", group=group, split=other)], holdout_share=0, seed=0)


def test_prompts_that_differ_in_white_space_alone_are_drawn_together(db: Database) -> None:
    for number in range(60):
        texts = (f"Say  {number}", f"Say {number}", f"\nSay {number} ")
        ids = prompts.add(db, [new(text) for text in texts], holdout_share=0.5, seed=1).ids
        twins = [prompts.get(db, one) for one in ids]
        assert len({twin.split for twin in twins}) == len({twin.group for twin in twins}) == 1
        assert [twin.named_group for twin in twins] == [None] * 3
    assert prompts.count(db, "holdout") not in (0, 180)


def test_where_a_file_puts_such_prompts_on_two_sides_it_holds(db: Database) -> None:
    sides = {"a ": "train", "a": "holdout", "b": "train", " b": "holdout", "  b": "holdout"}
    ids = prompts.add(db, [new(text, split=split) for text, split in sides.items()], holdout_share=0, seed=0).ids
    stored = [prompts.get(db, one) for one in ids]
    assert [one.split for one in stored] == list(sides.values())
    assert [one.named_group for one in stored] == [None] * 5
    again = prompts.add(db, [new(text, split=split) for text, split in sides.items()], holdout_share=0, seed=0)
    assert (again.added, again.ids) == (0, ids)
    with pytest.raises(InvalidInput, match="A group is never split"):
        prompts.add(db, [new("a", split="train")], holdout_share=0, seed=0)


def test_the_split_does_not_depend_on_the_order_of_imports(db: Database) -> None:
    prompts.add(db, [new(str(number)) for number in range(100)], holdout_share=0.3, seed=5)
    drawn = {prompt.messages[0]["content"]: prompt.split for prompt in prompts.listing(db)}
    expected = {
        prompt.messages[0]["content"]: prompts.draw_split(prompt.sha256, holdout_share=0.3, seed=5)
        for prompt in prompts.listing(db)
    }
    assert drawn == expected
    assert 15 <= prompts.count(db, "holdout") <= 45
    assert [prompt.split for prompt in prompts.listing(db, split="holdout")] == ["holdout"] * prompts.count(
        db, "holdout"
    )


def test_prompts_come_in_the_order_of_the_ids_given(db: Database) -> None:
    ids = prompts.add(db, [new(text) for text in "abc"], holdout_share=0, seed=0).ids
    assert [one.messages[0]["content"] for one in prompts.listing(db, ids=[ids[2], ids[0]])] == ["c", "a"]


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        (NewPrompt([]), "at least one"),
        (NewPrompt("text"), "list of messages"),  # type: ignore[arg-type]
        (NewPrompt([{"role": "wizard", "content": "x"}]), "needs a role"),
        (NewPrompt([{"role": "user", "content": 3}]), "content that is text"),
        (new("  "), "is empty"),
        (new("a\x00b"), "NUL character .* position 2"),
        (new("a\udc80"), "half of a surrogate pair .U.DC80"),
        (new("a", split="test"), "allowed are train, holdout"),
        (new("a", tags="x"), "list of texts"),
        (new("a", group=""), "cannot be empty"),
        (new("a", language=3), "has to be text"),
        (new("x" * 10**6), "prompt takes 1,000,... bytes; at most 1,000,000"),
    ],
)
def test_what_is_no_prompt_is_refused_in_words(db: Database, prompt: NewPrompt, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        prompts.add(db, [new("good"), prompt], holdout_share=0.2, seed=0)
    assert prompts.count(db) == 0


def test_a_known_prompt_keeps_its_group(db: Database) -> None:
    prompts.add(db, [new("a", group="one")], holdout_share=0, seed=0)
    with pytest.raises(InvalidInput, match="Groups stay for good"):
        prompts.add(db, [new("a", group="two")], holdout_share=0, seed=0)
    assert prompts.add(db, [new("a")], holdout_share=0, seed=0).known == 1
