"""What an export (or another command) is narrowed to: by comparison, by judgment, or to what one run saw.

Filters on comparisons: round, split, purpose, policy (wrote one of the completions), language and tags of the prompt
(all of them), agreement. Filters on judgments: person, reliability, date. `snapshot` is the id of a run: exactly the
judgments that it saw, superseded or not since, so that the same export can be made again at any time.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime

from feedback_store import annotators, clock, policies, pseudonyms, seals
from feedback_store.comparisons import PURPOSES
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.judgments import Judgment
from feedback_store.prompts import SPLITS

NO_JUDGMENT = "filter: no judgment of it passes"
SEALED = "sealed: of a blind evaluation that is not finished"


@dataclass(frozen=True)
class Filters:
    """What to narrow to; None (for tags: none) narrows nothing.

    `reliability` and `agreement` are the least shares (0 to 1) that pass; `since` and `until` are days or timestamps,
    both inclusive. Raises InvalidInput for a value that is not allowed.
    """

    round: int | None = None
    split: str | None = None
    purpose: str | None = None
    policy: str | None = None
    person: str | None = None
    language: str | None = None
    tags: tuple[str, ...] = ()
    reliability: float | None = None
    agreement: float | None = None
    since: str | None = None
    until: str | None = None
    snapshot: int | None = None

    def __post_init__(self) -> None:
        for name, value, allowed in (("split", self.split, SPLITS), ("purpose", self.purpose, PURPOSES)):
            if value is not None and value not in allowed:
                raise InvalidInput(f"The filter {name} is {value!r}; allowed are {', '.join(allowed)}.")
        for name, share in (("reliability", self.reliability), ("agreement", self.agreement)):
            if share is not None and not 0 <= share <= 1:
                raise InvalidInput(f"The filter {name} is {share!r}; it is a share, from 0 to 1.")
        for name, moment in (("since", self.since), ("until", self.until)):
            if moment is not None and moment_of(moment) is None:
                raise InvalidInput(f"The filter {name} is {moment!r}; write 2026-11-23 or 2026-11-23T10:00:00Z.")

    @property
    def given(self) -> dict[str, object]:
        """The filters that narrow something, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value not in (None, ())}

    @property
    def on_judgments(self) -> bool:
        """Whether single judgments are left out."""
        return not {"person", "reliability", "since", "until"}.isdisjoint(self.given)

    def words(self) -> str:
        """Return the filters for people, such as `split train, agreement at least 0.7`."""
        least = {"reliability", "agreement"}
        parts = []
        for name, value in self.given.items():
            shown = ", ".join(value) if isinstance(value, tuple) else value
            parts.append(f"{name} at least {shown}" if name in least else f"{name} {shown}")
        return ", ".join(parts) or "none"


def require_known(db: Database, filters: Filters) -> None:
    """Raise InvalidInput where a filter names a round, policy, person or run that the study does not have."""
    if filters.policy is not None:
        policies.by_name(db, filters.policy)
    if filters.round is not None and db.value(_ROUND, [filters.round]) is None:
        raise InvalidInput(f"There is no round {filters.round} in this study.")
    if filters.person is not None:
        person_id_of(db, filters.person)
    saw = "SELECT 1 FROM run_judgments WHERE run_id = ? LIMIT 1"
    if filters.snapshot is not None and db.value(saw, [filters.snapshot]) is None:
        runs = [str(row["id"]) for row in db.rows(_SAW)]
        raise InvalidInput(
            f"Run {filters.snapshot} saw no judgments. Runs of this study that did: {', '.join(runs) or 'none'}."
        )


def person_id_of(db: Database, who: str) -> int:
    """Return the id of a person by name or pseudonym. Raises InvalidInput."""
    person = annotators.by_name(db, who)
    if person is not None:
        return person.id
    if pseudonyms.SHAPE.fullmatch(who):
        key = pseudonyms.secret_key(db)
        found = [one.id for one in annotators.listing(db) if pseudonyms.of(key, one.name) == who]
        if found:
            return found[0]
    raise InvalidInput(f"There is no person {who!r} in this study.")


def comparisons_left_out(db: Database, filters: Filters, comparison_ids: Sequence[int]) -> dict[int, str]:
    """Return the reason by comparison for those that a filter on comparisons leaves out (but agreement, see there), and
    for those that are sealed, whatever the filters.
    """
    source = "comparisons c JOIN prompts p ON p.id = c.prompt_id LEFT JOIN rounds r ON r.id = c.round_id"
    reasons = _left_out(db, filters, tuple(CONDITIONS), source, "c.id", comparison_ids)
    return {**reasons, **dict.fromkeys(seals.among(db, comparison_ids), SEALED)}


def prompts_left_out(db: Database, filters: Filters, prompt_ids: Sequence[int]) -> dict[int, str]:
    """Return the reason by prompt for those that a filter on prompts (split, language, tags) leaves out."""
    return _left_out(db, filters, OF_PROMPT, "prompts p", "p.id", prompt_ids)


def _left_out(
    db: Database, filters: Filters, names: tuple[str, ...], source: str, key: str, ids: Sequence[int]
) -> dict[int, str]:
    cases = [f"WHEN NOT ({CONDITIONS[name]}) THEN 'filter: {name}'" for name in filters.given if name in names]
    if not cases:
        return {}
    rows = db.rows(
        f"SELECT {key} AS id, CASE {' '.join(cases)} END AS reason FROM {source}"
        f" WHERE {key} IN (SELECT value FROM json_each(:ids))",
        {**filters.given, "tags": json.dumps(filters.tags), "ids": json.dumps(list(ids))},
    )
    return {row["id"]: row["reason"] for row in rows if row["reason"]}


def judgment_left_out(
    filters: Filters, judgment: Judgment, person_id: int | None, reliability: dict[int, float]
) -> str | None:
    """Return why a judgment does not pass, or None. `person_id` is that of the person asked for. Pure."""
    if filters.person is not None and judgment.annotator_id != person_id:
        return "filter: person"
    if filters.since is not None or filters.until is not None:
        said = (moment_of(judgment.at) if judgment.at else None) or judgment.created_at
        if filters.since is not None and said < (moment_of(filters.since) or ""):
            return "filter: since"
        if filters.until is not None and said > (moment_of(filters.until, end=True) or ""):
            return "filter: until"
    if filters.reliability is not None:
        share = reliability.get(judgment.annotator_id)
        if share is None:
            return "filter: reliability not known"
        if share < filters.reliability:
            return "filter: reliability"
    return None


_ROUND = (
    "SELECT 1 FROM rounds WHERE number = ?1 UNION ALL"
    " SELECT 1 FROM comparisons WHERE json_extract(extra, '$.round') IS ?1 LIMIT 1"
)
_SAW = "SELECT id FROM runs r WHERE EXISTS (SELECT 1 FROM run_judgments s WHERE s.run_id = r.id) ORDER BY id"
OF_PROMPT = ("split", "language", "tags")
# In SQL: of a comparison c, its prompt p and its round r.
CONDITIONS = {
    # An imported comparison has the number of its round beside it, as its study's rounds are not those of this one.
    "round": "COALESCE(json_extract(c.extra, '$.round'), r.number) IS :round",
    "split": "p.split = :split",
    "purpose": "c.purpose = :purpose",
    "policy": "EXISTS (SELECT 1 FROM candidates k JOIN completions t ON t.id = k.completion_id"
    " JOIN policies w ON w.id = t.policy_id WHERE k.comparison_id = c.id AND w.name = :policy)",
    "language": "p.language = :language",
    "tags": "NOT EXISTS (SELECT 1 FROM json_each(:tags) t WHERE t.value NOT IN (SELECT value FROM json_each(p.tags)))",
}


def moment_of(text: str, *, end: bool = False) -> str | None:
    """Return a day (its begin, or its end) or a timestamp in the form of `clock`; None for what is neither."""
    try:
        day = date.fromisoformat(text).isoformat()
        return f"{day}T23:59:59.999Z" if end else f"{day}T00:00:00.000Z"
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
        return clock.after(text if moment.tzinfo else f"{text}+00:00", 0)
    except (ValueError, OverflowError):
        return None
