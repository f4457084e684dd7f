"""A study as pandas frames, for notebooks:

from feedback_store import database, frames
study = database.Database.open("my-study", readonly=True)
frames.judgments(study)

Each frame has all its columns even where the study has no rows yet. agreement.py, work.py and win_rates.py turn the
frame of judgments into further frames; they read no study.
"""

import json
from dataclasses import fields
from typing import TYPE_CHECKING

from feedback_store import check_answers, runs, seals
from feedback_store import preferences as derived
from feedback_store.database import Database, Parameters

if TYPE_CHECKING:
    import pandas


def judgments(db: Database) -> "pandas.DataFrame":
    """Return one row a judgment that was not superseded, undone or taken back, skips included, in the order in which
    they came; without those of blind evaluations that are still sealed.

    `counted`: neither its author nor its import is left out of training and exports. `completion_ids` and `policies`
    (the names of who wrote them; "best of 4 of policy-1" where an evaluation picked the text among several, which is
    another side than the policy) follow the order of the comparison, as `ranks` and `expert` do; `shown` are places in
    that order. `first_ranks` of a check question are those that its author gave first, for these count. Times are UTC
    text: `at` as the author's side gave it (None where a file had none), `created_at` when it was stored.
    """
    return _frame(
        db, _JUDGMENTS, decoded=("ranks", "shown", "expert", "completion_ids", "policies", "first_ranks"),
        flags=("both_bad", "late", "is_random", "counted"),
    )  # fmt: skip


def comparisons(db: Database) -> "pandas.DataFrame":
    """Return one row a comparison: its prompt, split, purpose, round, how it was chosen, candidates and number of
    answers.
    """
    return _frame(db, _COMPARISONS, decoded=("completion_ids", "expert"), flags=("is_random",))


def preferences(db: Database) -> "pandas.DataFrame":
    """Return one row a preference: what judgments of training purpose amount to, as a reward is trained on them."""
    import pandas

    names = [field.name for field in fields(derived.Preference)]
    rows = [[getattr(preference, name) for name in names] for preference in derived.derive(db)]
    return pandas.DataFrame(rows, columns=names)


def metrics(db: Database, run_id: int) -> "pandas.DataFrame":
    """Return one row a step and series of a run, with a column for each reading."""
    import pandas

    points = runs.metrics(db, run_id)
    rows = [{"series": point.series, "step": point.step, "at": point.at, **point.values} for point in points]
    return pandas.DataFrame(rows, columns=None if rows else ["series", "step", "at"])


_CANDIDATES = """
(SELECT json_group_array({what}) FROM (
    SELECT k.completion_id, COALESCE((SELECT 'best of ' || s.best_of || ' of ' FROM evaluation_pairs e
        JOIN evaluation_sides s ON s.evaluation_id = e.evaluation_id
        AND s.side = CASE k.position WHEN 0 THEN e.first_side ELSE e.second_side END
        WHERE e.comparison_id = c.id AND s.best_of > 1), '') || w.name || CASE WHEN w.kind = 'external' AND EXISTS (
        SELECT 1 FROM policies own WHERE own.name = w.name AND own.kind <> 'external') THEN ' (imported)' ELSE '' END
        AS author
    FROM candidates k JOIN completions t ON t.id = k.completion_id JOIN policies w ON w.id = t.policy_id
    WHERE k.comparison_id = c.id ORDER BY k.position))"""

# The author is `a`, the comparison `c`; the answer itself may be a later one.
_FIRST_RANKS = (
    "(SELECT j.ranks FROM judgments j WHERE j.annotator_id = a.id AND j.comparison_id = c.id"
    f" AND {check_answers.FIRST})"
)

_JUDGMENTS = f"""
SELECT j.id, j.comparison_id, c.public_id AS comparison, c.prompt_id, p.group_name AS prompt_group, p.split, p.language,
    c.purpose, r.number AS round, c.is_random, a.name AS annotator, a.kind AS annotator_kind, j.ranks, j.shown,
    j.both_bad, j.skipped, j.strength, j.rationale, j.milliseconds, j.input_device, j.view, j.late, c.expert,
    {_CANDIDATES.format(what="completion_id")} AS completion_ids, {_CANDIDATES.format(what="author")} AS policies,
    n.id IS NOT NULL AS counted, j.at, j.created_at,
    CASE WHEN c.purpose = 'check' THEN {_FIRST_RANKS} END AS first_ranks
FROM live_judgments j JOIN comparisons c ON c.id = j.comparison_id JOIN prompts p ON p.id = c.prompt_id
JOIN annotators a ON a.id = j.annotator_id LEFT JOIN rounds r ON r.id = c.round_id
LEFT JOIN counted_judgments n ON n.id = j.id WHERE j.comparison_id NOT IN ({seals.SEALED}) ORDER BY j.id
"""

_COMPARISONS = f"""
SELECT c.id, c.public_id, c.prompt_id, p.group_name AS prompt_group, p.split, p.language, c.purpose,
    r.number AS round, c.chosen_by, c.is_random, c.score, c.probability, c.expert, c.overlap, c.answers, c.run_id,
    c.created_at, {_CANDIDATES.format(what="completion_id")} AS completion_ids
FROM comparisons c JOIN prompts p ON p.id = c.prompt_id LEFT JOIN rounds r ON r.id = c.round_id
WHERE c.withdrawn = 0 ORDER BY c.id
"""


def _frame(
    db: Database, sql: str, parameters: Parameters = (), *, decoded: tuple[str, ...], flags: tuple[str, ...]
) -> "pandas.DataFrame":
    import pandas  # here, so that the store itself stays light

    cursor = db.execute(sql, parameters)
    names = [column[0] for column in cursor.description]
    rows = cursor.fetchall()
    for row in rows:
        for name in decoded:
            row[name] = None if row[name] is None else json.loads(row[name])
        for name in flags:
            row[name] = bool(row[name])
    frame = pandas.DataFrame(rows, columns=names)
    return frame.astype(dict.fromkeys(flags, bool))
