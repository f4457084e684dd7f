"""The table of completions: filtered, searched, the newest first, page by page; and one completion with what belongs
to it. What tells the policy of a sealed completion (seals.py) is in none of it.
"""

from dataclasses import dataclass
from typing import Any

from feedback_store import completions, filters, row_pages, seals
from feedback_store.completions import Completion
from feedback_store.database import Database, Row
from feedback_store.row_pages import Page

SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class CompletionFilters:
    """What to narrow to; None narrows nothing. `search` is looked for in the text, without case in ASCII. `policy` (a
    name) and `run` pass over what is sealed, for a filter that let it through would tell.
    """

    search: str | None = None
    policy: str | None = None
    prompt: int | None = None
    run: int | None = None
    cut_off: bool | None = None
    split: str | None = None
    language: str | None = None
    taken_back: bool = False


@dataclass(frozen=True)
class CompletionDetail:
    """A completion; `policy` and `run_id` are None where it is sealed. Its comparisons: id, public_id, purpose, round,
    answers, overlap, decided.
    """

    completion: Completion
    policy: str | None
    run_id: int | None
    sealed: bool
    taken_back: bool
    comparisons: list[Row]


COMPARISONS_SHOWN = 100


def page(
    db: Database,
    narrowed: CompletionFilters,
    *,
    before: int | None = None,
    size: int = 25,
    seconds: float | None = None,
) -> Page:
    """Return a page of completions. A row has id, public_id, text (cut), characters, policy, prompt_id, prompt (the
    text, cut), tokens, cut_off (None where not known), run_id, sealed, comparisons.
    """
    values: dict[str, Any] = {
        "search": row_pages.holding(narrowed.search or ""),
        "policy": narrowed.policy,
        "prompt": narrowed.prompt,
        "run": narrowed.run,
        "finish": "length" if narrowed.cut_off else "stop",
        "split": narrowed.split,
        "language": narrowed.language,
        "taken_back": int(narrowed.taken_back),
    }
    at_once = narrowed.prompt is not None
    # The plus keeps the ids from being gone through where the prompt's index knows the few that are wanted.
    wanted = [f"{'+' if at_once else ''}t.id BETWEEN :low AND :high", "t.withdrawn = :taken_back"]
    wanted += [_CONDITIONS[name] for name in _CONDITIONS if getattr(narrowed, name) is not None]
    sql = _LISTED.format(wanted=" AND ".join(wanted), sealed=seals.condition("t.id"), shown=SHOWN_CHARACTERS)
    found = row_pages.newest(
        db,
        sql,
        values,
        table="completions",
        before=before,
        size=size,
        at_once=at_once,
        seconds=row_pages.SECONDS if seconds is None else seconds,
    )
    return Page([_blinded(row) for row in found.rows], found.before, found.filled)


def one(db: Database, completion_id: int) -> CompletionDetail:
    """Return a completion with what belongs to it. Raises InvalidInput where there is none."""
    [found] = completions.get(db, [completion_id])
    about = db.row(
        "SELECT t.withdrawn, w.name FROM completions t JOIN policies w ON w.id = t.policy_id WHERE t.id = ?", [found.id]
    )
    assert about is not None
    is_sealed = bool(seals.completions_among(db, [found.id]))
    return CompletionDetail(
        completion=found,
        policy=None if is_sealed else about["name"],
        run_id=None if is_sealed else found.run_id,
        sealed=is_sealed,
        taken_back=bool(about["withdrawn"]),
        comparisons=db.rows(_COMPARISONS, [completion_id, COMPARISONS_SHOWN]),
    )


def _blinded(row: Row) -> Row:
    cut_off = None if row["finish_reason"] is None else row["finish_reason"] == "length"
    hidden = {"policy": None, "run_id": None} if row["sealed"] else {}
    kept = {name: value for name, value in row.items() if name != "finish_reason"}
    return {**kept, **hidden, "sealed": bool(row["sealed"]), "cut_off": cut_off}


_UNSEALED = f"NOT {seals.condition('t.id')}"
_CONDITIONS = {
    "search": r"t.text LIKE :search ESCAPE '\'",
    "policy": f"t.policy_id IN (SELECT id FROM policies WHERE name = :policy) AND {_UNSEALED}",
    "prompt": "t.prompt_id = :prompt",
    "run": f"t.run_id = :run AND {_UNSEALED}",
    "cut_off": "t.finish_reason = :finish",
    "split": filters.CONDITIONS["split"],
    "language": filters.CONDITIONS["language"],
}
_LISTED = """
SELECT t.id, t.public_id, substr(t.text, 1, {shown}) AS text, length(t.text) AS characters, w.name AS policy,
    t.prompt_id, substr(json_extract(p.messages, '$[#-1].content'), 1, {shown}) AS prompt, t.token_count AS tokens,
    t.finish_reason, t.run_id, {sealed} AS sealed,
    (SELECT COUNT(*) FROM candidates k WHERE k.completion_id = t.id) AS comparisons
FROM completions t CROSS JOIN prompts p ON p.id = t.prompt_id CROSS JOIN policies w ON w.id = t.policy_id
WHERE {wanted} ORDER BY t.id DESC LIMIT :most"""
_COMPARISONS = """
SELECT c.id, c.public_id, c.purpose, COALESCE(json_extract(c.extra, '$.round'), r.number) AS round, c.answers,
    c.overlap, c.decided
FROM candidates k JOIN comparisons c ON c.id = k.comparison_id LEFT JOIN rounds r ON r.id = c.round_id
WHERE k.completion_id = ? AND c.withdrawn = 0 ORDER BY c.id DESC LIMIT ?"""
