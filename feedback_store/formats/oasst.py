"""OpenAssistant message trees: replies to one message, ranked by people (JSON lines, a JSON list, also .gz).

Source: https://github.com/LAION-AI/Open-Assistant, oasst-data/oasst_data/schemas.py. A line is a tree:
`message_tree_id` and `prompt`, a message with `text`, `role` (prompter | assistant), `replies`, `rank` (0 is best),
`lang`. Wherever at least two replies of the assistant to one message have a rank, at every depth, they become one
comparison: the prompt is the conversation up to that message, all of a tree are one group. The ranks join those of
several people, who are not named. Left out: replies without rank or that were deleted (a problem tells how many where
others of them are ranked), replies of prompters, trees without a comparison (a problem), more than nine replies to one
message (a problem).
What a message has beside its text and its place is kept under `oasst`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from feedback_store import comparisons, exchange_keys, foreign_rows
from feedback_store.errors import InvalidInput
from feedback_store.exchange_records import Problem
from feedback_store.foreign_rows import Message, Row

ROLES = {"prompter": "user", "assistant": "assistant"}
MESSAGE_KEYS = ("text", "role", "replies", "parent_id")


def read(path: Path) -> Iterator[tuple[int, Row | Problem]]:
    """Yield (line number, row of the format `comparisons`) of a file; a tree may give none, one or many."""
    for number, found in foreign_rows.rows_of(path, lambda tree: list(of_tree(tree))):
        if isinstance(found, Problem):
            yield number, found
        else:
            for row in found:
                yield number, Problem(number, row) if isinstance(row, str) else row


def of_tree(tree: Row) -> Iterator[Row | str]:
    """Yield a tree's comparisons, and why replies were left out. Raises InvalidInput for what is no tree."""
    foreign_rows.require_keys(tree, ("message_tree_id", "prompt"))
    name = foreign_rows.text_at(tree, "message_tree_id")
    waiting: list[tuple[Any, list[Message]]] = [(tree["prompt"], [])]
    found = 0
    while waiting:  # in the order of the file, without recursion: trees may be deep
        node, before = waiting.pop()
        said = [*before, _message(node)]
        replies = _replies(node)
        for row in _compared(node, said, replies, name):
            found += 1
            yield row
        waiting += [(reply, said) for reply in reversed(replies)]
    if not found:
        yield f"The tree {name[:80]} has no message with two ranked replies: nothing in it was compared."


def _compared(node: Row, said: list[Message], replies: list[Row], tree: str) -> Iterator[Row | str]:
    answers = [reply for reply in replies if reply.get("role") == "assistant"]
    ranked = [reply for reply in answers if _rank(reply) is not None and not reply.get("deleted")]
    where = f"message {str(node.get('message_id', ''))[:80]}".strip()
    if len(ranked) < 2:
        return
    if len(ranked) < len(answers):
        yield f"Of {len(answers)} replies to {where}, {len(answers) - len(ranked)} have no rank or were deleted."
    if len(ranked) > comparisons.MOST_CANDIDATES:
        yield f"{len(ranked)} replies to {where} have a rank; at most {comparisons.MOST_CANDIDATES} can be compared."
        return
    better = [sum(other["rank"] < reply["rank"] for other in ranked) for reply in ranked]
    yield foreign_rows.comparison(
        "oasst", said,
        [(foreign_rows.text_at(reply, "text"), _author(reply)) for reply in ranked],
        [foreign_rows.vote([count + 1 for count in better])],
        {
            "message_id": node.get("message_id"),
            "replies": [exchange_keys.unknown(reply, MESSAGE_KEYS) for reply in ranked],
        },
        group=tree, language=node.get("lang"),
    )  # fmt: skip


def _message(node: Any) -> Message:
    if not isinstance(node, dict) or node.get("role") not in list(ROLES):
        raise InvalidInput(
            f"A message of the tree is {foreign_rows.quoted(node)}; it needs a text and a role ({', '.join(ROLES)})."
        )
    return {"role": ROLES[node["role"]], "content": foreign_rows.text_at(node, "text")}


def _replies(node: Row) -> list[Row]:
    replies = node.get("replies") or []
    if not isinstance(replies, list) or any(not isinstance(reply, dict) for reply in replies):
        raise InvalidInput(f"`replies` is {foreign_rows.quoted(replies)}; it has to be a list of messages.")
    return replies


def _rank(reply: Row) -> int | None:
    rank = reply.get("rank")
    if rank is not None and (isinstance(rank, bool) or not isinstance(rank, int)):
        raise InvalidInput(f"`rank` is {foreign_rows.quoted(rank)}; it has to be a whole number, 0 the best.")
    return rank


def _author(reply: Row) -> str:
    """The model that wrote a reply; most were written by people."""
    model = reply.get("model_name")
    return model if isinstance(model, str) and model.strip() else "human"
