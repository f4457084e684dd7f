"""What a chat template has a place for, and by which token it ends a turn: found out by rendering, never by name."""

from collections.abc import Mapping, Sequence
from itertools import takewhile

from jinja2.exceptions import TemplateError
from transformers import PreTrainedTokenizerBase

Message = Mapping[str, str]
MARK = "a system prompt to be found again"


def placed(turns: Sequence[Message], takes_system: bool) -> list[dict[str, str]]:
    """The turns, with a system prompt before the first message where the template has no place for one. Where it has,
    an empty one stays an empty turn: some templates put in one of their own where there is none.
    """
    found = [dict(turn) for turn in turns]
    if found[0]["role"] == "system" and len(found) > 1 and not takes_system:
        first = found.pop(0)["content"]
        found[0]["content"] = f"{first}\n\n{found[0]['content']}" if first else found[0]["content"]
    return found


def end_of_turn(tokenizer: PreTrainedTokenizerBase, stop_ids: frozenset[int]) -> int | None:
    """The token by which a turn of the policy ends: the first that stops it behind an answer in the template, as some
    templates end a turn by another token than the tokenizer's EOS; else the EOS; None where nothing stops it.
    """
    eos = tokenizer.eos_token_id
    usual = int(eos) if eos is not None else min(stop_ids, default=None)
    if tokenizer.chat_template is None:
        return usual
    asked = [{"role": "user", "content": "a"}]
    try:
        whole = tokenizer.apply_chat_template([*asked, {"role": "assistant", "content": "b"}], return_dict=False)
        prompt = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=False)
    except TemplateError:  # it takes no such turns
        return usual
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(whole, prompt, strict=False)))
    behind = list(whole)[shared:]
    return next((int(token) for token in behind if token in stop_ids), usual)


def takes_system(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the template has a place for a system prompt: some refuse it, some leave it out in silence."""
    if tokenizer.chat_template is None:
        return True
    turns = [{"role": "system", "content": MARK}, {"role": "user", "content": "b"}]
    try:
        return MARK in str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    except TemplateError:
        return False
