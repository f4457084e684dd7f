"""The table of judgments: filtered, the newest first, page by page; and one judgment with its pair, its history, and
what it trained. What tells the policy of a sealed completion (seals.py) is in none of it.
"""

import json
from dataclasses import dataclass
from typing import Any

from feedback_store import completions, filters, judgments, prompts, provenance, row_pages, seals
from feedback_store.completions import Completion
from feedback_store.database import Database, Row
from feedback_store.errors import InvalidInput
from feedback_store.judgments import Judgment
from feedback_store.prompts import Prompt
from feedback_store.provenance import Trained
from feedback_store.row_pages import Page

VERDICTS = ("decided", "tie", "both_bad", "skipped", "undo")
STATES = ("counts", "superseded", "undo", "left_out", "taken_back")


@dataclass(frozen=True)
class JudgmentFilters:
    """What to narrow to; None narrows nothing. Ids of a person, a completion, a prompt, a comparison, an import; `run`:
    what that run saw. `since` and `until` are days or timestamps, both inclusive, of when it was said. `policy` (a
    name) wrote one of the completions and none of them is sealed.
    """

    round: int | None = None
    split: str | None = None
    purpose: str | None = None
    language: str | None = None
    tag: str | None = None
    policy: str | None = None
    person: int | None = None
    verdict: str | None = None
    state: str | None = None
    since: str | None = None
    until: str | None = None
    run: int | None = None
    import_id: int | None = None
    completion: int | None = None
    prompt: int | None = None
    comparison: int | None = None

    def __post_init__(self) -> None:
        for name, value, allowed in (("verdict", self.verdict, VERDICTS), ("state", self.state, STATES)):
            if value is not None and value not in allowed:
                raise InvalidInput(f"The filter {name} is {value!r}; allowed are {', '.join(allowed)}.")
        filters.Filters(split=self.split, purpose=self.purpose, since=self.since, until=self.until)


@dataclass(frozen=True)
class JudgmentDetail:
    """A judgment and all that belongs to it. `completions` are in the comparison's order, each with the name of its
    policy, None where it is sealed. `row` is the judgment's row of the table; `superseded_by` the id of the one that
    stands in its place.
    """

    judgment: Judgment
    row: Row
    prompt: Prompt
    completions: list[tuple[Completion, str | None]]
    superseded_by: int | None
    trained: Trained


def page(
    db: Database,
    narrowed: JudgmentFilters,
    *,
    before: int | None = None,
    size: int = 25,
    seconds: float | None = None,
) -> Page:
    """Return a page of judgments. A row has id, comparison_id, person_id and person (the name), verdict, ranks, shown,
    skipped, strength, milliseconds, at, round, split, purpose, guideline (its version), supersedes_id, import_id,
    state.
    """
    at_once = {narrowed.completion, narrowed.prompt, narrowed.comparison} != {None}
    # The plus keeps the ids from being gone through where an index knows the few that are wanted.
    wanted = [f"{'+' if at_once else ''}j.id BETWEEN :low AND :high"]
    wanted += [_CONDITIONS[name] for name in _CONDITIONS if getattr(narrowed, name) is not None]
    values: dict[str, Any] = {
        **vars(narrowed),
        "tags": json.dumps([narrowed.tag]),
        "since": filters.moment_of(narrowed.since) if narrowed.since else None,
        "until": filters.moment_of(narrowed.until, end=True) if narrowed.until else None,
    }
    found = row_pages.newest(
        db,
        f"{_ROWS} WHERE {' AND '.join(wanted)} ORDER BY j.id DESC LIMIT :most",
        values,
        table="judgments",
        before=before,
        size=size,
        at_once=at_once,
        seconds=row_pages.SECONDS if seconds is None else seconds,
    )
    return Page([_row(row) for row in found.rows], found.before, found.filled)


def one(db: Database, judgment_id: int) -> JudgmentDetail:
    """Return a judgment with what belongs to it. Raises InvalidInput where there is none."""
    judgment = judgments.get(db, judgment_id)
    row = db.row(f"{_ROWS} WHERE j.id = ?", [judgment_id])
    assert row is not None
    candidates = db.rows(
        "SELECT k.completion_id AS id, w.name FROM candidates k JOIN completions t ON t.id = k.completion_id"
        " JOIN policies w ON w.id = t.policy_id WHERE k.comparison_id = ? ORDER BY k.position",
        [judgment.comparison_id],
    )
    ids = [one["id"] for one in candidates]
    sealed = seals.completions_among(db, ids)
    names = [None if one["id"] in sealed else one["name"] for one in candidates]
    return JudgmentDetail(
        judgment=judgment,
        row=_row(row),
        prompt=prompts.get(db, row["prompt_id"]),
        completions=list(zip(completions.get(db, ids), names, strict=True)),
        superseded_by=db.value(f"SELECT n.id FROM judgments n WHERE n.supersedes_id = ? AND {_STANDS}", [judgment_id]),
        trained=provenance.trained_by(db, [judgment_id]),
    )


def _row(row: Row) -> Row:
    ranks = json.loads(row["ranks"]) if row["ranks"] else None
    shown = json.loads(row["shown"]) if row["shown"] else None
    kept = {name: value for name, value in row.items() if name != "both_bad"}
    return {**kept, "ranks": ranks, "shown": shown, "verdict": _verdict(ranks, row["skipped"], bool(row["both_bad"]))}


def _verdict(ranks: list[int] | None, skipped: str | None, both_bad: bool) -> str:
    if ranks is None:
        return "undo" if skipped == judgments.UNDONE else "skipped"
    if both_bad:
        return "both_bad"
    return "tie" if len(set(ranks)) == 1 else "decided"


_STANDS = "NOT EXISTS (SELECT 1 FROM withdrawn_judgments o WHERE o.judgment_id = n.id)"
_STATE = f"""CASE
    WHEN c.withdrawn = 1 OR EXISTS (SELECT 1 FROM withdrawn_judgments w WHERE w.judgment_id = j.id) THEN 'taken_back'
    WHEN j.skipped = 'undone' THEN 'undo'
    WHEN EXISTS (SELECT 1 FROM judgments n WHERE n.supersedes_id = j.id AND {_STANDS}) THEN 'superseded'
    WHEN EXISTS (SELECT 1 FROM exclusions e WHERE e.ended_at IS NULL
        AND (e.annotator_id = j.annotator_id OR e.import_id = j.import_id)) THEN 'left_out'
    ELSE 'counts' END"""
_SAID = "COALESCE(strftime('%Y-%m-%dT%H:%M:%fZ', j.at), j.created_at)"  # whatever zone a file gave it in
_EQUAL = "(SELECT COUNT(DISTINCT value) FROM json_each(j.ranks)) = 1"
_CONDITIONS = {
    **{name: filters.CONDITIONS[name] for name in ("round", "split", "purpose", "language")},
    "tag": filters.CONDITIONS["tags"],
    "policy": f"""{filters.CONDITIONS["policy"]} AND NOT EXISTS (SELECT 1 FROM candidates k
        WHERE k.comparison_id = c.id AND {seals.condition("k.completion_id")})""",
    "person": "j.annotator_id = :person",
    "verdict": f"""CASE WHEN j.skipped = 'undone' THEN 'undo' WHEN j.skipped IS NOT NULL THEN 'skipped'
        WHEN j.both_bad = 1 THEN 'both_bad' WHEN {_EQUAL} THEN 'tie' ELSE 'decided' END = :verdict""",
    "state": f"{_STATE} = :state",
    "since": f"{_SAID} >= :since",
    "until": f"{_SAID} <= :until",
    "run": "EXISTS (SELECT 1 FROM run_judgments s WHERE s.run_id = :run AND s.judgment_id = j.id)",
    "import_id": "j.import_id = :import_id",
    "completion": "j.comparison_id IN (SELECT k.comparison_id FROM candidates k WHERE k.completion_id = :completion)",
    "prompt": "j.comparison_id IN (SELECT o.id FROM comparisons o WHERE o.prompt_id = :prompt)",
    "comparison": "j.comparison_id = :comparison",
}
_ROWS = f"""
SELECT j.id, j.comparison_id, c.public_id AS comparison, c.prompt_id, j.annotator_id AS person_id, a.name AS person,
    j.ranks, j.shown, j.both_bad, j.skipped, j.strength, j.milliseconds, {_SAID} AS at, c.purpose, c.split,
    COALESCE(json_extract(c.extra, '$.round'), r.number) AS round, g.version AS guideline, j.supersedes_id,
    j.import_id, {_STATE} AS state
FROM judgments j CROSS JOIN comparisons c ON c.id = j.comparison_id CROSS JOIN prompts p ON p.id = c.prompt_id
    CROSS JOIN annotators a ON a.id = j.annotator_id
    LEFT JOIN rounds r ON r.id = c.round_id LEFT JOIN guidelines g ON g.id = j.guideline_id"""
