"""Prompts: chat messages, the group that is never split between training and hold-out, and the split itself.

Prompts that differ in white space alone are one group, unless a file says otherwise: one of them in hold-out would be
trained on as the other.
The split is a draw from the hash of (seed, group): it does not depend on the order of imports and stays for the study's
life.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from feedback_store import canonical, clock
from feedback_store.database import Database, Row
from feedback_store.errors import InvalidInput

SPLITS = ("train", "holdout")
ROLES = ("system", "user", "assistant")

Message = dict[str, Any]


@dataclass(frozen=True)
class NewPrompt:
    """A prompt to add. No group: it is with those that differ from it in white space alone. No split: it is drawn."""

    messages: list[Message]
    group: str | None = None
    split: str | None = None
    language: str = "en"
    tags: list[str] = field(default_factory=list)
    reference: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Prompt:
    """A stored prompt.

    `group` is never None; a prompt that was given none has one of `own_groups` there.
    """

    id: int
    messages: list[Message]
    group: str
    split: str
    language: str
    tags: list[str]
    reference: str | None
    sha256: str
    extra: dict[str, Any]

    @property
    def named_group(self) -> str | None:
        """The group that it was given, or None where it was given none."""
        return None if is_own_group(self.group, self.messages) else self.group


@dataclass(frozen=True)
class Added:
    """What `add` did: how many were new, how many were known, and the ids in the order given."""

    added: int
    known: int
    ids: list[int]


def from_text(text: str) -> list[Message]:
    """Return plain text as the messages of a prompt."""
    return [{"role": "user", "content": text}]


def add(
    db: Database, prompts: Sequence[NewPrompt], *, holdout_share: float, seed: int, now: str | None = None
) -> Added:
    """Add prompts; those whose messages are known are returned as they are. Raises InvalidInput, and then adds none."""
    known = 0
    ids: list[int] = []
    with db.transaction():
        for prompt in prompts:
            prompt_id, is_new = add_one(db, prompt, holdout_share=holdout_share, seed=seed, now=now)
            known += not is_new
            ids.append(prompt_id)
    return Added(len(ids) - known, known, ids)


def add_one(
    db: Database, new: NewPrompt, *, holdout_share: float, seed: int, now: str | None = None
) -> tuple[int, bool]:
    """Add one prompt; return its id and whether it is new.

    A prompt that was taken back with its import comes back with this one.
    """
    _check(new)
    sha256 = canonical.sha256(new.messages)
    known = db.row("SELECT id, group_name, withdrawn FROM prompts WHERE sha256 = ?", [sha256])
    if known is not None:
        if new.group is not None and known["group_name"] != new.group:
            is_own = is_own_group(known["group_name"], new.messages)
            own = "its own group" if is_own else f"group {known['group_name']!r}"
            raise InvalidInput(
                f"This prompt is in the study already, in {own}; here it has group {new.group!r}. Groups stay for good."
            )
        _require_same_split(db, known["group_name"], new.split)
        if known["withdrawn"]:
            with db.transaction():
                db.execute("UPDATE prompts SET withdrawn = 0 WHERE id = ?", [known["id"]])
        return known["id"], bool(known["withdrawn"])
    group = new.group or _group_of(db, new)
    held = _require_same_split(db, group, new.split)
    split = held or new.split or draw_split(group, holdout_share=holdout_share, seed=seed)
    with db.transaction():
        cursor = db.execute(
            "INSERT INTO prompts (messages, sha256, group_name, split, language, tags, reference, extra, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                canonical.dumps(new.messages), sha256, group, split, new.language, canonical.dumps(new.tags),
                new.reference,
                canonical.dumps(new.extra), now or clock.now(),
            ],
        )  # fmt: skip
    return int(cursor.lastrowid), True


def own_groups(messages: list[Message]) -> list[str]:
    """Return the groups that a prompt without a named one may be in: that of all with the same words, which is the
    sha256 of the messages with white space folded; the sha256 of the messages themselves; and one that no other prompt
    is ever in.
    """
    folded = [{**message, "content": " ".join(message["content"].split())} for message in messages]
    return [canonical.sha256(folded), canonical.sha256(messages), canonical.sha256({"alone": messages})]


def is_own_group(group: str, messages: list[Message]) -> bool:
    """Tell whether a prompt's group is none that it was given."""
    return group in own_groups(messages)


def draw_split(group: str, *, holdout_share: float, seed: int) -> str:
    """Draw train or holdout for a group.

    The same (seed, group) always gives the same number to compare with the share.
    """
    number = int.from_bytes(hashlib.sha256(f"{seed}\n{group}".encode()).digest()[:8], "big") / 2**64
    return "holdout" if number < holdout_share else "train"


def get(db: Database, prompt_id: int) -> Prompt:
    """Return a prompt by id. Raises InvalidInput where there is none."""
    row = db.row(f"SELECT {_COLUMNS} FROM prompts WHERE id = ?", [prompt_id])
    if row is None:
        raise InvalidInput(f"There is no prompt {prompt_id}.")
    return _prompt(row)


def listing(
    db: Database,
    split: str | None = None,
    ids: Sequence[int] | None = None,
    after_id: int = 0,
    limit: int | None = None,
) -> list[Prompt]:
    """Return prompts in id order (read long lists in parts by `after_id` and `limit`); with `ids`, exactly those, in
    that order.
    """
    if ids is not None:
        named = f"SELECT {_COLUMNS} FROM prompts WHERE id IN (SELECT value FROM json_each(?))"
        found = {row["id"]: _prompt(row) for row in db.rows(named, [json.dumps(list(ids))])}
        return [found[prompt_id] if prompt_id in found else get(db, prompt_id) for prompt_id in ids]
    rows = db.rows(
        f"SELECT {_COLUMNS} FROM prompts WHERE withdrawn = 0 AND id > :after {'AND split = :split' if split else ''}"
        " ORDER BY id LIMIT :limit",
        {"after": after_id, "split": split, "limit": -1 if limit is None else limit},
    )
    return [_prompt(row) for row in rows]


def count(db: Database, split: str | None = None) -> int:
    """Return how many prompts there are (in a split)."""
    where, values = ("AND split = ?", [split]) if split else ("", [])
    return int(db.value(f"SELECT COUNT(*) FROM prompts WHERE withdrawn = 0 {where}", values))


def mean_characters(db: Database) -> float | None:
    """Return how long the messages of a prompt are on average, taken together; None where there are no prompts."""
    found: float | None = db.value(
        "SELECT SUM(LENGTH(m.value ->> '$.content')) * 1.0 / COUNT(DISTINCT p.id) FROM prompts p,"
        " json_each(p.messages) m"
    )
    return found


def languages(db: Database) -> list[str]:
    """Return the languages that the study has prompts in, by their codes."""
    return [row["language"] for row in db.rows("SELECT DISTINCT language FROM prompts ORDER BY language")]


def any_there(db: Database) -> bool:
    """Tell whether there is a prompt, without counting them."""
    return bool(db.value("SELECT 1 FROM prompts WHERE withdrawn = 0 LIMIT 1"))


_COLUMNS = "id, messages, group_name, split, language, tags, reference, sha256, extra"


def _prompt(row: Row) -> Prompt:
    return Prompt(
        id=row["id"], messages=json.loads(row["messages"]), group=row["group_name"], split=row["split"],
        language=row["language"],
        tags=json.loads(row["tags"]), reference=row["reference"], sha256=row["sha256"], extra=json.loads(row["extra"]),
    )  # fmt: skip


def _group_of(db: Database, new: NewPrompt) -> str:
    """The first of its own groups that is not on the other side than a file says."""
    return next(
        group for group in own_groups(new.messages) if new.split is None or _split_of(db, group) in (None, new.split)
    )


def _split_of(db: Database, group: str) -> str | None:
    held: str | None = db.value("SELECT split FROM prompts WHERE group_name = ? LIMIT 1", [group])
    return held


def _require_same_split(db: Database, group: str, split: str | None) -> str | None:
    held = _split_of(db, group)
    if held and split and held != split:
        raise InvalidInput(
            f"The group {group[:80]!r} is in {held} for the study's life; this row puts it in {split}. A group is "
            "never split."
        )
    return held


def _check(new: NewPrompt) -> None:
    check_messages(new.messages, "prompt")
    for what, text in (("group", new.group), ("language", new.language), ("reference", new.reference)):
        if text is not None and not isinstance(text, str):
            raise InvalidInput(f"The {what} of the prompt is {text!r}; it has to be text.")
    if new.group == "" or not new.language:
        raise InvalidInput("The group and the language of a prompt cannot be empty text. Leave them out instead.")
    if new.split is not None and new.split not in SPLITS:
        raise InvalidInput(
            f"The split of the prompt is {new.split!r}; allowed are train, holdout, or none to have it drawn."
        )
    if not isinstance(new.tags, list) or any(not isinstance(tag, str) for tag in new.tags):
        raise InvalidInput(f"The tags of the prompt are {new.tags!r}; they have to be a list of texts.")
    texts = [new.group, new.language, new.tags, new.reference, new.extra]
    canonical.require_clean(texts, "prompt")
    canonical.require_small([new.messages, *texts], "prompt")


def check_messages(messages: Any, what: str) -> None:
    """Raise InvalidInput unless `messages` is a non-empty list of chat messages with role and content."""
    if not isinstance(messages, list) or not messages:
        raise InvalidInput(f"The {what} has to be a list of messages with at least one; it is {str(messages)[:80]!r}.")
    for message in messages:
        if (
            not isinstance(message, dict)
            or message.get("role") not in ROLES
            or not isinstance(message.get("content"), str)
        ):
            raise InvalidInput(
                f"A message of the {what} is {str(message)[:80]!r}; it needs a role ({', '.join(ROLES)}) and a content "
                "that is text."
            )
    if not any(message["content"].strip() for message in messages):
        raise InvalidInput(f"The {what} is empty. Write some text into it.")
    canonical.require_clean(messages, what)
