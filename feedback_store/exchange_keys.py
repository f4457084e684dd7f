"""The keys of the exchange format `comparisons`, in the order in which they are written.

Further keys of a row are kept in `extra` beside it; a row's own extra may therefore use none of these names.
"""

from typing import Any

from feedback_store.errors import InvalidInput

# What stands with the prompt. Where rows of a file disagree on one prompt, the later row keeps its own value in
# `extra`.
OF_PROMPT = ("language", "tags", "reference", "prompt_extra")
OF_PROMPT_ROW = ("prompt", "group", "split", "reference", "tags", "language")  # a row of the format `prompts`
OF_COMPARISON = (
    "prompt", "group", "split", "expert", "completions", "judgments", "id", "purpose", "chosen_by", "is_random",
    "score",
    "probability", "priority", "overlap", "round", *OF_PROMPT, "created_at",
)  # fmt: skip
OF_COMPLETION = ("text", "policy", "id", "seed", "sample_index", "sampling", "token_count", "finish_reason")
OF_JUDGMENT = (
    "annotator", "shown", "ranks", "strength", "both_bad", "skipped", "rationale", "milliseconds", "at", "criteria",
    "improved", "input_device", "view", "late", "key", "supersedes", "annotator_kind",
)  # fmt: skip


def unknown(row: dict[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    """Return what a row (of this or another format) has beyond the known keys, in its order."""
    return {key: value for key, value in row.items() if key not in known}


def require_free(extra: dict[str, Any], known: tuple[str, ...]) -> None:
    """Raise InvalidInput if an extra key has the name of a known one."""
    taken = [key for key in extra if key in known]
    if taken:
        raise InvalidInput(f"The extra key {taken[0]!r} is the name of a field of its own; choose another name.")
