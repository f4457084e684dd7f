"""Chat templates that give the same tokens every day, and a policy that does not think before it answers.

What settles a template goes in front of it, so that whoever renders it, from an export too, renders the same.
"""

from transformers import PreTrainedTokenizerBase

DAY = {
    "%Y": "2025", "%y": "25", "%m": "01", "%-m": "1", "%B": "January", "%b": "Jan", "%d": "01", "%-d": "1", "%e": " 1",
    "%j": "001", "%A": "Wednesday", "%a": "Wed", "%F": "2025-01-01", "%H": "00", "%M": "00", "%S": "00", "%I": "12",
    "%p": "AM", "%T": "00:00:00",
}  # fmt: skip
"""The first of January 2025, as strftime writes it: some templates tell the date, which would be another prompt each
day, under the same hash."""
REPLACED = "".join(f" | replace('{directive}', '{text}')" for directive, text in DAY.items())
ON_ONE_DAY = f"{{% macro strftime_now(how) %}}{{{{ how{REPLACED} }}}}{{% endmacro %}}\n"
"""A macro of a template goes before the function that transformers hands to it; the line break is trimmed."""
WITHOUT_THINKING = "{% set enable_thinking = false %}\n"
"""The switch of Qwen 3, SmolLM 3 and others, on by default: of 64 tokens nothing but thoughts would be seen."""


def settle(tokenizer: PreTrainedTokenizerBase, *, thinks: bool = False) -> None:
    """Settles the tokenizer's templates: those that tell the date tell that of `DAY`, those that can be told not to
    think are told, unless it `thinks`. Others stay as they are, to the byte, and what is settled stays so."""
    found = tokenizer.chat_template
    if isinstance(found, dict):
        tokenizer.chat_template = {name: _settled(template, thinks) for name, template in found.items()}
    elif found is not None:
        tokenizer.chat_template = _settled(found, thinks)


def is_settled(template: str) -> bool:
    """Whether a template was told anything by `settle`."""
    return as_it_came(template) != template


def undated(template: str) -> str:
    """A template without what settles its date."""
    return template.removeprefix(ON_ONE_DAY)


def as_it_came(template: str) -> str:
    """A template as the base has it."""
    return undated(template).removeprefix(WITHOUT_THINKING)


def _settled(template: str, thinks: bool) -> str:
    came = as_it_came(template)
    told = WITHOUT_THINKING + came if "enable_thinking" in came and not thinks else came
    return ON_ONE_DAY + told if "strftime_now" in came else told
