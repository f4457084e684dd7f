"""Judgments: what people said. Append-only: an undo or an edit is a new row that supersedes the old one.

`submit` returns after COMMIT, so what it returns is on disk. Both bad is a tie that also says so; a skip is no tie. A
person can change the last LAST_CHANGEABLE answers, by another answer to the same comparison or by an undo; both
versions are kept.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from feedback_store import annotators, canonical, clock, comparisons, exchange_keys, questions
from feedback_store.database import Database, Row
from feedback_store.drawing import Asking
from feedback_store.errors import Conflict, InvalidInput
from feedback_store.text_marks import marks_of
from feedback_store.work import MOST_SECONDS

UNDONE = "undone"
LAST_CHANGEABLE = 50
PACE_OF = 30
PACE_FROM = 5
PACE_AMONG = 300
"""A page that tells no times must not have all answers of a person read for each question: the latest say enough."""
MOST_RATIONALE_CHARACTERS = 20_000
MOST_IMPROVED_CHARACTERS = 100_000
MOST_SKIP_CHARACTERS = 1_000
INPUT_DEVICES = ("keyboard", "pointer")
VIEWS = ("rendered", "raw")


@dataclass(frozen=True)
class NewJudgment:
    """A person's answer.

    `comparison` is an id or a public id (text). `ranks` follow the order of the comparison's candidates: 1 best, equal
    a tie, None where `skipped` says why. `shown` are the positions of the candidates in the order in which they were
    shown. `key` is chosen by the browser: the same key with the same content is the same answer. `strength`: 1 slightly
    to 3 much. `milliseconds` visible. `improved`: {"position": the candidate's place in the comparison, "text": how the
    person would have it}. `signals`: what the page noted beside the answer, such as how far each text was scrolled.
    """

    comparison: int | str
    annotator_id: int
    ranks: list[int] | None
    shown: list[int] | None
    key: str
    both_bad: bool = False
    skipped: str | None = None
    strength: int | None = None
    rationale: str | None = None
    criteria: Any = None
    improved: Any = None
    milliseconds: int | None = None
    input_device: str | None = None
    view: str | None = None
    at: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    guideline_id: int | None = None
    asked_id: int | None = None
    signals: dict[str, Any] | None = None


@dataclass(frozen=True)
class Judgment:
    """A stored judgment.

    `late`: it came after the lease had ended; `supersedes_id`: the row that it replaces; `guideline_id`, `asked_id`:
    the guideline and the setting of what is asked that the person saw; `marks`: what its texts hold that needs care.
    """

    id: int
    comparison_id: int
    annotator_id: int
    key: str
    shown: list[int] | None
    ranks: list[int] | None
    both_bad: bool
    skipped: str | None
    strength: int | None
    rationale: str | None
    criteria: Any
    improved: Any
    milliseconds: int | None
    input_device: str | None
    view: str | None
    at: str | None
    late: bool
    supersedes_id: int | None
    import_id: int | None
    extra: dict[str, Any]
    created_at: str
    guideline_id: int | None
    asked_id: int | None
    marks: list[str]
    signals: dict[str, Any] | None


def submit(db: Database, new: NewJudgment, now: str | None = None, *, held_against: int | None = None) -> Judgment:
    """Store an answer durably and return it. It supersedes the same person's earlier answer to the comparison.
    `held_against`: the version of what is asked that it was held against, stored where the answer names none.

    An answer whose lease ended is kept and marked late, and so is one that replaces it. Raises Conflict where the key
    was used for other content, InvalidInput for what cannot be stored, where the earlier answer is not among the last
    LAST_CHANGEABLE and the person is not asked anew, and for new answers of a person who was erased or withdrew.
    """
    moment = now or clock.now()
    with db.transaction():
        comparison = comparisons.get(db, new.comparison)
        content = content_sha256(new, comparison.id)
        known = _by_key(db, new.annotator_id, new.key)
        if known is not None:
            return _same(known, content)
        if new.skipped == UNDONE:
            raise InvalidInput('The reason "undone" is kept for an undo; give another reason for the skip.')
        annotators.require_taking_part(db, new.annotator_id)
        if new.shown is None:
            raise InvalidInput("The order in which the completions were shown is missing (`shown`).")
        _require_improved(new.improved, len(comparison.completion_ids))
        supersedes = _latest_on(db, comparison.id, new.annotator_id)
        earlier = get(db, supersedes) if supersedes is not None else None
        if earlier is not None and not questions.holds(db, comparison.id, new.annotator_id):
            _require_changeable(db, earlier)
        late = questions.answered(db, comparison.id, new.annotator_id, moment) or (earlier is not None and earlier.late)
        stored = new if new.asked_id is not None else replace(new, asked_id=held_against)
        judgment_id = insert(
            db, stored, comparison, late=late, supersedes_id=supersedes, at=new.at or moment, content=content,
            now=moment,
        )  # fmt: skip
        comparisons.recount(db, comparison.id)
        return get(db, judgment_id)


def undo(
    db: Database,
    annotator_id: int,
    key: str,
    now: str | None = None,
    *,
    judgment_id: int | None = None,
    lease_seconds: float = Asking.lease_seconds,
) -> Judgment | None:
    """Take back the person's latest answer, or the one given; returns the new row that supersedes it, None where there
    is nothing to take back.

    The comparison can be asked again, and is leased to the same person in the same order of sides, unless someone else
    holds it or the person is paused. The same key again undoes nothing more. Raises Conflict where the key was used for
    an answer, InvalidInput where the answer is not the person's, does not count any more, or is not among the last
    LAST_CHANGEABLE, and for a person who was erased or withdrew.
    """
    moment = now or clock.now()
    with db.transaction():
        known = _by_key(db, annotator_id, key)
        if known is not None:
            if known["skipped"] != UNDONE:
                raise Conflict(f"The key {key!r} was used for an answer before; an undo needs a key of its own.")
            return _judgment(known)
        annotators.require_taking_part(db, annotator_id)
        last = _to_take_back(db, annotator_id, judgment_id)
        if last is None:
            return None
        _require_changeable(db, last)
        comparison = comparisons.get(db, last.comparison_id)
        new = NewJudgment(comparison.id, annotator_id, None, last.shown, key, skipped=UNDONE)
        content = content_sha256(new, comparison.id)
        undone_id = insert(db, new, comparison, supersedes_id=last.id, at=moment, content=content, now=moment)
        comparisons.recount(db, comparison.id)
        if annotators.get(db, annotator_id).paused_at is None:
            questions.lease_again(db, comparison.id, annotator_id, last.shown, now=moment, lease_seconds=lease_seconds)
        return get(db, undone_id)


def recent(db: Database, annotator_id: int, limit: int = LAST_CHANGEABLE) -> list[Judgment]:
    """Return the person's answers that can be changed, newest first: those that count among the last `limit`."""
    oldest = _oldest_of_last(db, annotator_id, min(limit, LAST_CHANGEABLE))
    rows = db.rows(RECENT, {"annotator": annotator_id, "oldest": oldest})
    return [_judgment(row) for row in rows]


# What a person answered here, newest first; undos are no answers.
_ANSWERS = "FROM {source} WHERE annotator_id = :annotator AND import_id IS NULL AND skipped IS NOT 'undone'"
RECENT = f"SELECT * {_ANSWERS.format(source='live_judgments')} AND id >= :oldest ORDER BY id DESC"
OLDEST_OF_LAST = f"SELECT id {_ANSWERS.format(source='judgments')} ORDER BY id DESC LIMIT 1 OFFSET :before"
LATEST = f"SELECT * {_ANSWERS.format(source='live_judgments')} ORDER BY id DESC LIMIT 1"


PACE = f"""
SELECT MIN(milliseconds, :longest) AS visible {_ANSWERS.format(source="live_judgments")} AND milliseconds > 0
  AND id >= :oldest ORDER BY id DESC LIMIT :most"""


def _oldest_of_last(db: Database, annotator_id: int, limit: int) -> int:
    """The id of the oldest of a person's last `limit` answers; 0 where there are no more than that."""
    return int(db.value(OLDEST_OF_LAST, {"annotator": annotator_id, "before": limit - 1}) or 0)


def _require_changeable(db: Database, earlier: Judgment) -> None:
    """Raise InvalidInput for an answer that came too long ago. What was undone, or withdrawn with its import, is no
    answer: it can be asked anew.
    """
    if earlier.skipped == UNDONE or earlier.id >= _oldest_of_last(db, earlier.annotator_id, LAST_CHANGEABLE):
        return
    if db.value("SELECT 1 FROM withdrawn_judgments WHERE judgment_id = ?", [earlier.id]):
        return
    raise InvalidInput(
        f"Judgment {earlier.id} is too long ago to be changed: a person can change the last {LAST_CHANGEABLE} answers. "
        "It stays as it is."
    )


def _to_take_back(db: Database, annotator_id: int, judgment_id: int | None) -> Judgment | None:
    if judgment_id is None:
        row = db.row(LATEST, {"annotator": annotator_id})
        return _judgment(row) if row else None
    row = db.row("SELECT * FROM live_judgments WHERE id = ? AND annotator_id = ?", [judgment_id, annotator_id])
    if row is None or row["import_id"] is not None:
        raise InvalidInput(
            f"Judgment {judgment_id} cannot be taken back: it is no answer that this person gave here and that counts."
        )
    return _judgment(row)


def insert(
    db: Database,
    new: NewJudgment,
    comparison: comparisons.Comparison,
    *,
    late: bool = False,
    supersedes_id: int | None = None,
    at: str | None = None,
    content: str | None = None,
    import_id: int | None = None,
    now: str | None = None,
) -> int:
    """Check and insert one row inside the caller's transaction; return its id.

    The caller recounts. Raises InvalidInput.
    """
    check(new, len(comparison.completion_ids))
    cursor = db.execute(
        "INSERT INTO judgments (comparison_id, annotator_id, key, content_sha256, shown, ranks, both_bad, skipped, "
        "strength,"
        " rationale, criteria, improved, milliseconds, input_device, view, at, late, supersedes_id, extra, import_id, "
        "created_at, guideline_id, asked_id, marks, signals)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            comparison.id, new.annotator_id, new.key, content or content_sha256(new, comparison.id), _json(new.shown),
            _json(new.ranks), int(new.both_bad), new.skipped, new.strength, new.rationale, _json(new.criteria),
            _json(new.improved), new.milliseconds, new.input_device, new.view, at, int(late), supersedes_id,
            canonical.dumps(new.extra), import_id, now or clock.now(), new.guideline_id, new.asked_id,
            canonical.dumps(marks_of(new.rationale, new.criteria, new.improved, new.skipped, new.extra)),
            _json(new.signals),
        ],
    )  # fmt: skip
    return int(cursor.lastrowid)


def content_sha256(new: NewJudgment, comparison_id: int) -> str:
    """Return the hash by which an answer sent twice is told from another answer under the same key."""
    canonical.require_clean(vars(new), "judgment")
    return sha256_of_fields({**vars(new), "comparison": comparison_id})


def sha256_of_fields(fields: dict[str, Any]) -> str:
    """Return the hash of an answer by the fields of NewJudgment; `comparison` is the id of the comparison."""
    # A key that came before the later fields existed still tells the same answer.
    return canonical.sha256(
        {name: value for name, value in fields.items() if value is not None or name not in _LATER_FIELDS}
    )


_LATER_FIELDS = ("guideline_id", "asked_id", "signals")


def get(db: Database, judgment_id: int) -> Judgment:
    """Return a judgment by id. Raises InvalidInput where there is none."""
    row = db.row("SELECT * FROM judgments WHERE id = ?", [judgment_id])
    if row is None:
        raise InvalidInput(f"There is no judgment {judgment_id}.")
    return _judgment(row)


def by_key(db: Database, annotator_id: int, key: str) -> Judgment | None:
    """Return the judgment that a person sent under this key, or None."""
    row = _by_key(db, annotator_id, key)
    return _judgment(row) if row else None


def is_live(db: Database, judgment_id: int) -> bool:
    """Tell whether a judgment stands: neither superseded, undone, nor taken back with its import."""
    return bool(db.value("SELECT 1 FROM live_judgments WHERE id = ?", [judgment_id]))


def counting(db: Database, judgment_ids: Collection[int]) -> list[int]:
    """Return those of these judgments that count now, in id order."""
    wanted = json.dumps(sorted(judgment_ids))
    rows = db.rows(
        "SELECT id FROM counted_judgments WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id", [wanted]
    )
    return [row["id"] for row in rows]


def live(
    db: Database,
    *,
    comparison_ids: Sequence[int] | None = None,
    annotator_id: int | None = None,
    after_id: int = 0,
    limit: int | None = None,
) -> list[Judgment]:
    """Return the judgments that count (not superseded, undone or taken back with their import.

    Skips included) in id order.
    """
    rows = db.rows(
        "SELECT * FROM live_judgments WHERE id > :after AND (:annotator IS NULL OR annotator_id = :annotator)"
        " AND (:comparisons IS NULL OR comparison_id IN (SELECT value FROM json_each(:comparisons)))"
        " ORDER BY id LIMIT :limit",
        {
            "after": after_id,
            "annotator": annotator_id,
            "comparisons": None if comparison_ids is None else json.dumps(list(comparison_ids)),
            "limit": -1 if limit is None else limit,
        },
    )
    return [_judgment(row) for row in rows]


def history(db: Database, comparison_id: int) -> list[Judgment]:
    """Return every row about a comparison in id order, superseded ones and undos included."""
    rows = db.rows(
        "SELECT * FROM judgments j WHERE comparison_id = ?"
        " AND NOT EXISTS (SELECT 1 FROM withdrawn_judgments w WHERE w.judgment_id = j.id) ORDER BY id",
        [comparison_id],
    )
    return [_judgment(row) for row in rows]


def of_comparisons(
    db: Database, comparison_ids: Sequence[int], *, history: bool = False, run_id: int | None = None
) -> list[Judgment]:
    """Return the judgments about some comparisons, in id order, by one query.

    Those that count in what is derived; with `history` every row that was not taken back with its import, superseded
    ones and undos included; with `run_id` exactly those that a run saw.
    """
    source, only = "judgments" if history or run_id is not None else "counted_judgments", ""
    if run_id is not None:
        only = "AND EXISTS (SELECT 1 FROM run_judgments s WHERE s.run_id = :run AND s.judgment_id = j.id)"
    elif history:
        only = "AND NOT EXISTS (SELECT 1 FROM withdrawn_judgments w WHERE w.judgment_id = j.id)"
    rows = db.rows(
        f"SELECT j.* FROM {source} j WHERE j.comparison_id IN (SELECT value FROM json_each(:ids)) {only} ORDER BY j.id",
        {"ids": json.dumps(list(comparison_ids)), "run": run_id},
    )
    return [_judgment(row) for row in rows]


def count(db: Database, *, purpose: str | None = None, split: str | None = None, skips: bool = False) -> int:
    """Count the judgments that stand, from the tallies; skips only where asked for. Those of people and imports that
    are left out are among them: what trains is counted by exclusions.judgments_that_train.
    """
    return int(db.value(COUNT_ALL, {"purpose": purpose, "split": split, "skips": int(skips)}))


COUNT_ALL = """
SELECT COALESCE(SUM(CASE WHEN :skips THEN answers ELSE decided END), 0) FROM tallies
WHERE (:purpose IS NULL OR purpose = :purpose) AND (:split IS NULL OR split = :split)"""
NEW_TO = """
SELECT COUNT(*) FROM counted_judgments j JOIN comparisons c ON c.id = j.comparison_id
WHERE j.id > COALESCE((SELECT MAX(judgment_id) FROM run_judgments WHERE run_id = :run), 0)
  AND c.purpose = 'training' AND j.skipped IS NULL"""


def count_new_to(db: Database, run_id: int) -> int:
    """Count the judgments that train (skips do not) and came after those that a run used."""
    return int(db.value(NEW_TO, {"run": run_id}))


def of_person_today(db: Database, annotator_id: int, now: str | None = None) -> int:
    """Count what a person answered here since midnight UTC (skips included, undone answers not)."""
    return annotators.answers_on_day_of(db, annotator_id, now or clock.now())


def pace_of(db: Database, annotator_id: int) -> float | None:
    """Return how many answers an hour of visible time a person gives, by the last PACE_OF with a time among the last
    PACE_AMONG; None for fewer than PACE_FROM.
    """
    oldest = _oldest_of_last(db, annotator_id, PACE_AMONG)
    values = {"annotator": annotator_id, "oldest": oldest, "most": PACE_OF, "longest": int(MOST_SECONDS * 1000)}
    rows = db.rows(PACE, values)
    visible = sum(row["visible"] for row in rows)
    return 3_600_000 * len(rows) / visible if len(rows) >= PACE_FROM and visible else None


def seconds_each(db: Database) -> float | None:
    """Return how long an answer takes, in seconds of visible time: the mean of the latest; None for fewer than
    PACE_FROM.
    """
    rows = db.rows(
        "SELECT MIN(milliseconds, :longest) AS visible FROM (SELECT * FROM judgments ORDER BY id DESC LIMIT 500)"
        " WHERE import_id IS NULL AND milliseconds > 0",
        {"longest": int(MOST_SECONDS * 1000)},
    )
    return sum(row["visible"] for row in rows) / len(rows) / 1000 if len(rows) >= PACE_FROM else None


def check(new: NewJudgment, candidates: int) -> None:
    """Raise InvalidInput unless the answer can be stored."""
    if not isinstance(new.key, str) or not 1 <= len(new.key) <= 200:
        raise InvalidInput(f"The key of a judgment is {new.key!r}; it has to be a text of 1 to 200 characters.")
    if (new.ranks is None) == (new.skipped is None):
        raise InvalidInput("A judgment has either ranks, or a reason why it was skipped (`skipped`).")
    if new.ranks is not None:
        comparisons.check_ranks(new.ranks, candidates, "ranks")
    if new.skipped is not None and (not isinstance(new.skipped, str) or not new.skipped.strip()):
        raise InvalidInput(f"The reason of a skip is {new.skipped!r}; it has to be a text that is not empty.")
    if new.both_bad and (new.ranks is None or len(set(new.ranks)) > 1):
        raise InvalidInput(f"Both bad is a tie; the ranks are {new.ranks}. Make them equal, or leave out both_bad.")
    if new.shown is not None and sorted(_whole_numbers(new.shown, "shown")) != list(range(candidates)):
        raise InvalidInput(f"`shown` is {new.shown}; it has to name each place 0 to {candidates - 1} once.")
    if new.strength is not None and _whole_numbers([new.strength], "strength")[0] not in (1, 2, 3):
        raise InvalidInput(f"The strength of a judgment is {new.strength}; allowed are 1 (slightly), 2, 3 (much).")
    if new.milliseconds is not None and not 0 <= _whole_numbers([new.milliseconds], "milliseconds")[0] < 2**53:
        raise InvalidInput(f"The milliseconds of a judgment are {new.milliseconds}; they cannot be negative.")
    for what, value, allowed in (("input_device", new.input_device, INPUT_DEVICES), ("view", new.view, VIEWS)):
        if value is not None and value not in allowed:
            raise InvalidInput(f"The {what} of a judgment is {value!r}; allowed are {', '.join(allowed)}.")
    for what, text in (("rationale", new.rationale), ("at", new.at)):
        if text is not None and not isinstance(text, str):
            raise InvalidInput(f"The {what} of a judgment is {text!r}; it has to be text.")
    canonical.require_clean(vars(new), "judgment")
    canonical.require_short(new.skipped, MOST_SKIP_CHARACTERS, "reason of a skip")
    canonical.require_short(new.rationale, MOST_RATIONALE_CHARACTERS, "rationale of a judgment")
    canonical.require_small(vars(new), "judgment")
    exchange_keys.require_free(new.extra, exchange_keys.OF_JUDGMENT)


def _require_improved(improved: Any, candidates: int) -> None:
    """Raise InvalidInput unless an edit names its candidate and holds a text."""
    if improved is None:
        return
    if not isinstance(improved, dict) or set(improved) != {"position", "text"} or not isinstance(improved["text"], str):
        raise InvalidInput(
            f'The improved completion is {str(improved)[:80]}; it has to be {{"position": PLACE, "text": "..."}}.'
        )
    [position] = _whole_numbers([improved["position"]], "improved position")
    if not 0 <= position < candidates:
        raise InvalidInput(f"The improved completion has position {position}; allowed are 0 to {candidates - 1}.")
    if not improved["text"].strip():
        raise InvalidInput("The text of the improved completion is empty. Write one, or leave `improved` out.")
    canonical.require_short(improved["text"], MOST_IMPROVED_CHARACTERS, "improved completion")


def _whole_numbers(values: Any, what: str) -> list[int]:
    if not isinstance(values, list) or any(isinstance(item, bool) or not isinstance(item, int) for item in values):
        raise InvalidInput(f"The {what} of a judgment is {values!r}; it has to be made of whole numbers.")
    return values


def _latest_on(db: Database, comparison_id: int, annotator_id: int) -> int | None:
    """The person's last row about a comparison, if nothing that stands superseded it (an undo included, so that the
    chain stays whole); where none stands, the last that was withdrawn with its import.
    """
    rows = db.rows(
        "SELECT j.id, w.judgment_id IS NULL AS stands FROM judgments j"
        " LEFT JOIN withdrawn_judgments w ON w.judgment_id = j.id"
        " WHERE j.comparison_id = ? AND j.annotator_id = ? AND NOT EXISTS (SELECT 1 FROM judgments n"
        " WHERE n.supersedes_id = j.id AND NOT EXISTS (SELECT 1 FROM withdrawn_judgments o WHERE o.judgment_id = n.id))"
        " ORDER BY j.id DESC",
        [comparison_id, annotator_id],
    )
    return next((row["id"] for row in rows if row["stands"]), rows[0]["id"] if rows else None)


def _by_key(db: Database, annotator_id: int, key: str) -> Row | None:
    return db.row("SELECT * FROM judgments WHERE annotator_id = ? AND key = ?", [annotator_id, key])


def _same(known: Row, content: str) -> Judgment:
    if known["content_sha256"] != content:
        raise Conflict(
            f"The key {known['key']!r} was used for another answer before; that answer is kept, this one is not stored."
            " Send it under a new key."
        )
    return _judgment(known)


def _json(value: Any) -> str | None:
    return None if value is None else canonical.dumps(value)


def _judgment(row: Row) -> Judgment:
    values = {name: value for name, value in row.items() if name != "content_sha256"}
    for name in ("shown", "ranks", "criteria", "improved", "extra", "marks", "signals"):
        values[name] = json.loads(values[name]) if values[name] is not None else None
    return Judgment(**{**values, "both_bad": bool(row["both_bad"]), "late": bool(row["late"])})
