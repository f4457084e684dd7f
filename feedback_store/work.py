"""Who worked when, how fast, and how well on check questions: pure functions over the frame of judgments.

Days and hours are UTC. A judgment belongs to the moment that its author's side gave (`at`), else to when it was stored.
"""

from typing import TYPE_CHECKING

from feedback_store.preferences import pairs_of

if TYPE_CHECKING:
    import pandas

MOST_SECONDS = 120.0
"""A judgment's page may stay visible while its reader is away: more than this is not counted as work."""


def pace(judgments: "pandas.DataFrame") -> "pandas.DataFrame":
    """Return one row an hour in which something was judged: `hour` (its beginning), `judgments` (skips included), and
    how many `people` gave them.
    """
    import pandas  # here, so that the store itself stays light

    hours = pandas.DataFrame(
        {"hour": moments(judgments).dt.floor("h"), "id": judgments["id"], "annotator": judgments["annotator"]}
    )
    grouped = hours.groupby("hour")
    return pandas.DataFrame(
        {"judgments": grouped["id"].count(), "people": grouped["annotator"].nunique()}
    ).reset_index()


def by_person_and_day(judgments: "pandas.DataFrame", *, most_seconds: float = MOST_SECONDS) -> "pandas.DataFrame":
    """Return one row a person and day: `judgments` (skips included), `skips`, `active_minutes` (the time for which the
    pairs were visible, at most `most_seconds` each; those of unknown time add none), `checks` answered, and the
    `check_accuracy` on them (nan where there was none).
    """
    import pandas

    right = pandas.Series([_right(row) for row in judgments.itertuples()], index=judgments.index, dtype=float)
    seconds = pandas.to_numeric(judgments["milliseconds"]).clip(upper=most_seconds * 1000) / 1000
    said = pandas.DataFrame(
        {
            "annotator": judgments["annotator"],
            "day": moments(judgments).dt.floor("D"),
            "id": judgments["id"],
            "skips": judgments["skipped"].notna().astype(int),
            "minutes": seconds.fillna(0) / 60,
            "right": right,
        }
    )
    grouped = said.groupby(["annotator", "day"])
    return pandas.DataFrame(
        {
            "judgments": grouped["id"].count(),
            "skips": grouped["skips"].sum(),
            "active_minutes": grouped["minutes"].sum(),
            "checks": grouped["right"].count(),
            "check_accuracy": grouped["right"].mean(),
        }
    ).reset_index()


def moments(judgments: "pandas.DataFrame") -> "pandas.Series":
    """Return the moment of each judgment; what a file gave as its time and cannot be read counts as not given."""
    import pandas

    given = pandas.to_datetime(judgments["at"], utc=True, errors="coerce", format="ISO8601")
    stored = pandas.to_datetime(judgments["created_at"], utc=True, format="ISO8601")
    return given.fillna(stored)


def _right(row: object) -> float:
    """1 where the first answer to a check question is the expert's: each two in the same order, or both as a tie."""
    purpose, ranks, expert = (getattr(row, name) for name in ("purpose", "first_ranks", "expert"))
    if purpose != "check" or not isinstance(ranks, list) or not isinstance(expert, list):
        return float("nan")
    return float(pairs_of(ranks) == pairs_of(expert))
