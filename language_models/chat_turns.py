"""Turns as tokens of a chat template: what it has a place for, and by which token it ends a turn, which is found out by
rendering, never by name. And what stands for a template where a tokenizer has none.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from functools import lru_cache

from jinja2.exceptions import TemplateError
from transformers import PreTrainedTokenizerBase

Message = Mapping[str, str]
MARK = "a turn to be found again"
LINES = "{% for message in messages %}{{ message['content'] + '\n' }}{% endfor %}"
TRIED = (
    [{"role": "user", "content": "a b"}],
    [{"role": "system", "content": ""}, {"role": "user", "content": " c"}, {"role": "assistant", "content": "d\n"}],
)


def placed(turns: Sequence[Message], takes_system: bool) -> list[dict[str, str]]:
    """The turns, with a system prompt before the first message where the template has no place for one. Where it has,
    an empty one stays an empty turn: some templates put in one of their own where there is none.
    """
    found = [dict(turn) for turn in turns]
    if found[0]["role"] == "system" and len(found) > 1 and not takes_system:
        first = found.pop(0)["content"]
        found[0]["content"] = f"{first}\n\n{found[0]['content']}" if first else found[0]["content"]
    return found


def prompt_tokens(tokenizer: PreTrainedTokenizerBase, turns: Sequence[Message]) -> list[int]:
    """Token ids of turns up to where the completion starts. Without a template they are `lines`. A control
    token that somebody wrote out in a turn is text: it neither ends the turn nor begins another.
    """
    if tokenizer.chat_template is None:
        return list(tokenizer(lines(turns), split_special_tokens=True)["input_ids"])
    written = [turn["content"] for turn in turns]
    if any(token in text for token in _control_tokens(tokenizer) for text in written):
        return _told_apart(tokenizer, turns)
    return list(tokenizer.apply_chat_template(list(turns), add_generation_prompt=True, return_dict=False))


def plain_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Token ids of a text of which nothing is a control token."""
    return list(tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])


def _told_apart(tokenizer: PreTrainedTokenizerBase, turns: Sequence[Message]) -> list[int]:
    """The template's control tokens as such, those that the turns hold as text. Which are which is told by rendering
    the template with a mark in place of each turn (but for the white space around it, which some trim); all else is
    tokenised as it stands there, between what was written. A template that does not show every turn once, as it is, is
    read as one text."""
    marks = [f"TURN{secrets.token_hex(8)}" for _ in turns]
    inner = [turn["content"].strip() for turn in turns]
    marked = [
        {**turn, "content": turn["content"].replace(text, mark, 1) if text else turn["content"] + mark}
        for turn, text, mark in zip(turns, inner, marks, strict=True)
    ]
    try:
        left = str(tokenizer.apply_chat_template(marked, tokenize=False, add_generation_prompt=True))
    except TemplateError:
        left = ""
    written = re.compile(
        "(" + "|".join(map(re.escape, sorted(_control_tokens(tokenizer), key=len, reverse=True))) + ")"
    )
    places = [left.find(mark) for mark in marks]
    if places != sorted(places) or any(left.count(mark) != 1 for mark in marks):
        return list(tokenizer.apply_chat_template(list(turns), add_generation_prompt=True, return_dict=False))
    parts = [""]  # by turns: as it stands there, a control token that was written out
    for text, mark in zip(inner, marks, strict=True):
        before, _, left = left.partition(mark)
        first, *rest = written.split(text)
        parts[-1] += before + first
        parts += rest
    parts[-1] += left
    ids: list[int] = []
    for place, part in enumerate(parts):
        ids += plain_tokens(tokenizer, part) if place % 2 else tokenizer(part, add_special_tokens=False)["input_ids"]
    return ids


@lru_cache(maxsize=4)
def _control_tokens(tokenizer: PreTrainedTokenizerBase) -> set[str]:
    added = (token.content for token in tokenizer.added_tokens_decoder.values() if token.special)
    return {*tokenizer.all_special_tokens, *added}


def lines(turns: Sequence[Message]) -> str:
    """What a tokenizer without a template is given: the contents, each on a line of its own."""
    return "".join(f"{turn['content']}\n" for turn in turns)


def lines_template(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """A chat template for a tokenizer that has none, which renders `lines` to the same tokens. None where that cannot
    be: a tokenizer may split a text otherwise behind a token that is written out, or put more around it than a BOS.
    """
    wanted = [tokenizer(lines(turns))["input_ids"] for turns in TRIED]
    for template in (LINES, "{{ bos_token }}" + LINES):
        found = [
            tokenizer.apply_chat_template(turns, chat_template=template, add_generation_prompt=True, return_dict=False)
            for turns in TRIED
        ]
        if found == wanted:
            return template
    return None


def end_of_turn(tokenizer: PreTrainedTokenizerBase, stop_ids: frozenset[int]) -> int | None:
    """The token by which a turn of the policy ends: the first behind an answer in the template that is a control token
    or stops it anyway, as some end a turn by another token than the tokenizer's EOS, which nothing else of a base may
    name; else the EOS; None where nothing stops it.
    """
    eos = tokenizer.eos_token_id
    usual = int(eos) if eos is not None else min(stop_ids, default=None)
    if tokenizer.chat_template is None:
        return usual
    asked = [{"role": "user", "content": "a"}]
    try:
        answered = [*asked, {"role": "assistant", "content": MARK}]
        _, shown, behind = str(tokenizer.apply_chat_template(answered, tokenize=False)).rpartition(MARK)
        prompt = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=False)
    except TemplateError:  # it takes no such turns
        return usual
    control = set(tokenizer.convert_tokens_to_ids(list(_control_tokens(tokenizer))))
    opening = next((token for token in reversed(prompt) if token in control), None)  # some open another answer unasked
    ids = tokenizer(behind, add_special_tokens=False)["input_ids"] if shown else []
    return next((int(one) for one in ids if one in stop_ids or (one in control and one != opening)), usual)


def takes_system(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the template has a place for a system prompt: some refuse it, some leave it out in silence."""
    if tokenizer.chat_template is None:
        return True
    turns = [{"role": "system", "content": MARK}, {"role": "user", "content": "b"}]
    try:
        return MARK in str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    except TemplateError:
        return False
