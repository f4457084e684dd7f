"""Parts that the importers of other tools' files share: they turn a row into one of the format `comparisons`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from feedback_store import canonical, incoming, prompts
from feedback_store.errors import InvalidInput
from feedback_store.line_files import json_rows, parquet_rows, suffix_of

Row = dict[str, Any]
Message = dict[str, Any]


def rows_of(path: Path, convert: Callable[[Row], Any]) -> Iterator[tuple[int, Any]]:
    """Yield (line number, what `convert` makes of a row or a Problem) of a Parquet file, JSON lines or a JSON list."""
    yield from (parquet_rows if suffix_of(path) == ".parquet" else json_rows)(path, convert)


def comparison(
    format: str,
    prompt: str | list[Message],
    completions: list[tuple[str, str]],
    judgments: list[Row],
    extra: Row,
    **fields: Any,
) -> Row:
    """Return a row of the format `comparisons`: completions are (text, policy), `extra` is kept under `format`.

    Fields that are None are left out.
    """
    return {
        "prompt": prompt,
        "completions": [{"text": text, "policy": policy} for text, policy in completions],
        "judgments": judgments,
        **{key: value for key, value in fields.items() if value is not None},
        **({format: extra} if extra else {}),
    }


def vote(ranks: list[int], **fields: Any) -> Row:
    """Return the judgment of a file that names no person."""
    return {"annotator": incoming.PSEUDO_ANNOTATOR, "ranks": ranks, **fields}


def text_at(row: Row, key: str) -> str:
    """Return the text under a key. Raises InvalidInput where there is none."""
    if not isinstance(row.get(key), str):
        raise InvalidInput(f"`{key}` is {quoted(row.get(key))}; it has to be text.")
    return str(row[key])


def require_keys(row: Row, keys: tuple[str, ...]) -> None:
    """Raise InvalidInput where a key is missing."""
    missing = [key for key in keys if key not in row]
    if missing:
        raise InvalidInput(f"The row has no `{missing[0]}`. Keys of this format: {', '.join(keys)}.")


def messages_at(row: Row, key: str) -> list[Message]:
    """Return the chat messages under a key, each with role and content only. Raises InvalidInput."""
    prompts.check_messages(row.get(key), key)
    return [{"role": message["role"], "content": message["content"]} for message in row[key]]


def last_answer(messages: list[Message], key: str) -> tuple[list[Message], str]:
    """Part a conversation into the prompt and its last answer. Raises InvalidInput where it ends otherwise."""
    if len(messages) < 2 or messages[-1]["role"] != "assistant":
        raise InvalidInput(f"`{key}` has to end with an answer of the assistant, after at least one other message.")
    return messages[:-1], messages[-1]["content"]


def shared_prompt(first: list[Message], second: list[Message], keys: str) -> list[Message]:
    """Return the prompt of two conversations. Raises InvalidInput where they have different ones."""
    if first != second:
        raise InvalidInput(
            f"{keys} differ before their last answers. A comparison has one prompt for all its completions, so this "
            "row cannot be taken."
        )
    return first


def ranks_of(order: list[Any], candidates: list[Any], what: str) -> list[int]:
    """Turn an order, best first, into ranks of the candidates. Raises InvalidInput unless it names each once."""
    named = len(order) == len(candidates) and all(order.count(one) == 1 for one in candidates)
    if not named:
        raise InvalidInput(
            f"{what} is {quoted(order)}; it has to name each of {quoted(candidates)} once, the best one first."
        )
    return [order.index(one) + 1 for one in candidates]


def quoted(value: Any) -> str:
    """Return a value for people, cut where it is long."""
    try:
        return canonical.dumps(value)[:80]
    except InvalidInput:
        return repr(value)[:80]
