"""The table of prompts: filtered, searched, the newest first, page by page; and one prompt with what belongs to it."""

import json
from dataclasses import dataclass
from typing import Any

from feedback_store import filters, prompts, row_pages
from feedback_store.database import Database, Row
from feedback_store.prompts import Prompt
from feedback_store.row_pages import Page

SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class PromptFilters:
    """What to narrow to; None narrows nothing. `search` is looked for in the text of every message, without case in
    ASCII. `taken_back`: those that went with an undone import, instead of those that stand.
    """

    search: str | None = None
    split: str | None = None
    group: str | None = None
    language: str | None = None
    tag: str | None = None
    import_id: int | None = None
    taken_back: bool = False


@dataclass(frozen=True)
class PromptDetail:
    """A prompt, the imports that brought it (id and file name), and its comparisons (the newest, `more` beyond them).

    A comparison has `id`, `purpose`, `round`, `answers`, `overlap`, `decided`.
    """

    prompt: Prompt
    taken_back: bool
    imports: list[Row]
    comparisons: list[Row]
    more: bool
    counts: Row


COMPARISONS_SHOWN = 100


def page(
    db: Database, narrowed: PromptFilters, *, before: int | None = None, size: int = 25, seconds: float | None = None
) -> Page:
    """Return a page of prompts. A row has id, text (of the last message, cut), messages (how many), split, group (None
    where it has none of its own), language, tags, imports, completions, comparisons, answers.
    """
    values: dict[str, Any] = {
        "split": narrowed.split,
        "group": narrowed.group,
        "language": narrowed.language,
        "tags": json.dumps([narrowed.tag]),
        "import": narrowed.import_id,
        "taken_back": int(narrowed.taken_back),
        **_needles(narrowed.search),
    }
    wanted = ["p.id BETWEEN :low AND :high", "p.withdrawn = :taken_back"]
    wanted += [_CONDITIONS[name] for name in _CONDITIONS if getattr(narrowed, name) is not None]
    found = row_pages.newest(
        db,
        _LISTED.format(wanted=" AND ".join(wanted), shown=SHOWN_CHARACTERS),
        values,
        table="prompts",
        before=before,
        size=size,
        at_once=narrowed.group is not None,
        seconds=row_pages.SECONDS if seconds is None else seconds,
    )
    return Page([_row(row) for row in found.rows], found.before, found.filled)


def one(db: Database, prompt_id: int) -> PromptDetail:
    """Return a prompt with what belongs to it. Raises InvalidInput where there is none."""
    prompt = prompts.get(db, prompt_id)
    about = db.row(_COUNTS, [prompt_id])
    assert about is not None
    found = db.rows(_COMPARISONS, [prompt_id, COMPARISONS_SHOWN + 1])
    taken_back = bool(about.pop("withdrawn"))
    imports = db.rows(_IMPORTS, [prompt_id])
    return PromptDetail(prompt, taken_back, imports, found[:COMPARISONS_SHOWN], len(found) > COMPARISONS_SHOWN, about)


def tags(db: Database, *, limit: int = 200) -> list[str]:
    """Return the tags of the study's latest prompts, for a field that completes them."""
    rows = db.rows(
        "SELECT DISTINCT t.value AS name FROM (SELECT tags FROM prompts WHERE tags <> '[]' ORDER BY id DESC LIMIT 5000)"
        " p JOIN json_each(p.tags) t ORDER BY 1 LIMIT ?",
        [limit],
    )
    return [row["name"] for row in rows]


def _needles(search: str | None) -> Row:
    """The text to look for, as it is and as JSON writes it: the second is a quick look into the whole column."""
    if not search:
        return {}
    as_json = json.dumps(search, ensure_ascii=False)[1:-1]
    return {"search": row_pages.holding(search), "written": row_pages.holding(as_json)}


def _row(row: Row) -> Row:
    given = {**row, "tags": json.loads(row["tags"]), "imports": json.loads(row["imports"])}
    messages = given.pop("of_group")
    if messages is not None and prompts.is_own_group(row["group"], json.loads(messages)):
        given["group"] = None
    return given


_CONDITIONS = {
    "search": r"p.messages LIKE :written ESCAPE '\' AND EXISTS (SELECT 1 FROM json_each(p.messages) m"
    r" WHERE json_extract(m.value, '$.content') LIKE :search ESCAPE '\')",
    "split": filters.CONDITIONS["split"],
    "language": filters.CONDITIONS["language"],
    "tag": filters.CONDITIONS["tags"],
    "group": "p.group_name = :group",
    "import_id": "EXISTS (SELECT 1 FROM import_items i WHERE i.import_id = :import AND i.kind = 'prompt'"
    " AND i.item_id = p.id)",
}
_LISTED = """
SELECT p.id, substr(json_extract(p.messages, '$[#-1].content'), 1, {shown}) AS text,
    json_array_length(p.messages) AS messages, p.split, p.language, p.tags,
    CASE WHEN p.group_name <> p.sha256 THEN p.group_name END AS "group",
    CASE WHEN p.group_name <> p.sha256 THEN p.messages END AS of_group,
    (SELECT json_group_array(DISTINCT i.import_id) FROM import_items i WHERE i.kind = 'prompt' AND i.item_id = p.id)
        AS imports,
    (SELECT COUNT(*) FROM completions t WHERE t.prompt_id = p.id AND t.withdrawn = 0) AS completions,
    (SELECT COUNT(*) FROM comparisons c WHERE c.prompt_id = p.id AND c.withdrawn = 0) AS comparisons,
    (SELECT COALESCE(SUM(c.answers), 0) FROM comparisons c WHERE c.prompt_id = p.id AND c.withdrawn = 0) AS answers
FROM prompts p WHERE {wanted} ORDER BY p.id DESC LIMIT :most"""
_COUNTS = """
SELECT p.withdrawn,
    (SELECT COUNT(*) FROM completions t WHERE t.prompt_id = p.id AND t.withdrawn = 0) AS completions,
    (SELECT COUNT(*) FROM comparisons c WHERE c.prompt_id = p.id AND c.withdrawn = 0) AS comparisons,
    (SELECT COALESCE(SUM(c.answers), 0) FROM comparisons c WHERE c.prompt_id = p.id AND c.withdrawn = 0) AS answers
FROM prompts p WHERE p.id = ?"""
_COMPARISONS = """
SELECT c.id, c.public_id, c.purpose, COALESCE(json_extract(c.extra, '$.round'), r.number) AS round, c.answers,
    c.overlap, c.decided
FROM comparisons c LEFT JOIN rounds r ON r.id = c.round_id WHERE c.prompt_id = ? AND c.withdrawn = 0
ORDER BY c.id DESC LIMIT ?"""
_IMPORTS = """
SELECT DISTINCT m.id, m.file_name, m.format, m.undone_at FROM import_items i JOIN imports m ON m.id = i.import_id
WHERE i.kind = 'prompt' AND i.item_id = ? ORDER BY m.id"""
