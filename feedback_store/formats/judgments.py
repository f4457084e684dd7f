"""The table of judgments: one row a judgment, as CSV or Parquet. Export only.

Source: this project. Every row ever stored is in it, but for imports that were taken back: `counts` tells which ones
count today (not undone, superseded or left out), `supersedes` is the id of the row that one replaces. Names of people
are replaced by pseudonyms (pseudonyms.py); what people wrote is not changed and may name somebody. In CSV, cells that a
spreadsheet would take for formulas get an apostrophe in front (spreadsheet_cells.py), lists and objects are JSON.
"""

import functools
from collections.abc import Iterator
from typing import Any

from feedback_store import pseudonyms
from feedback_store.exchange_reading import Judged, Reading
from feedback_store.exchange_records import Dropped, Kept
from feedback_store.judgments import Judgment

OPTIONS: dict[str, tuple[str, ...]] = {"file_type": ("csv", "parquet")}
HISTORY = True
UNIT = "judgments that pass"
TITLE = "Judgments"
CARD = """One row a judgment, as {file_type}.

- `ranks` follow the order of `completions`: 1 is best. Ties are equal ranks, both bad (`both_bad`) is a tie that also
  says so, and ranks are empty where `skipped` says why there are none. Rankings of more than two are one row.
  Disagreement, check questions, repeats, evaluations, edits (`improved`) and duplicates are all in it as they were
  given; nothing is decided or dropped.
- `shown` is the order of the completions on the screen; `milliseconds` is how long the question was visible.
- `counts` is false for what was undone, superseded, or is left out of the study.
- People have pseudonyms, the same in every export of this study. What they wrote was not changed.
- In CSV a cell that begins with = + - @ TAB or CR, or with an apostrophe, has one more apostrophe in front: take it
  away to read the cell. An empty cell is no value; an empty text is a lone apostrophe.
- Train and test are split by prompt (test: the study's hold-out prompts), never by row."""
COLUMNS = {
    "id": "int", "comparison": "text", "prompt": "text", "prompt_group": "text", "language": "text", "purpose": "text",
    "round": "int", "completions": "texts", "policies": "texts", "annotator": "text", "annotator_kind": "text",
    "shown": "ints", "ranks": "ints", "both_bad": "bool", "skipped": "text", "strength": "int", "criteria": "json",
    "rationale": "text", "improved": "json", "milliseconds": "int", "input_device": "text", "view": "text",
    "guideline": "int", "asked": "int", "late": "bool", "at": "text", "key": "text", "supersedes": "int",
    "counts": "bool", "marks": "texts", "extra": "json", "created_at": "text",
}  # fmt: skip


def columns(**_: str) -> dict[str, str]:
    """Return the names and types of the columns."""
    return COLUMNS


def write(reading: Reading) -> Iterator[Kept | Dropped]:
    """Yield a row for each judgment."""
    pseudonym = functools.cache(functools.partial(pseudonyms.of, pseudonyms.secret_key(reading.db)))
    for judged in reading:
        about = _about(judged, reading)
        for judgment in judged.judgments:
            person = reading.names.annotators[judgment.annotator_id]
            who = {"annotator": pseudonym(person.name), "annotator_kind": person.kind}
            row = {**about, **who, **_row(judgment, reading), "counts": judgment.id in judged.counted}
            yield Kept([{name: row[name] for name in COLUMNS}], judged.prompt.split, judged.prompt.language)


def _about(judged: Judged, reading: Reading) -> dict[str, Any]:
    one, prompt = judged.comparison, judged.prompt
    return {
        "comparison": one.public_id,
        "prompt": prompt.sha256,
        "prompt_group": prompt.group,
        "language": prompt.language,
        "purpose": one.purpose,
        "round": reading.names.rounds.get(one.round_id) if one.round_id else None,
        "completions": [completion.public_id for completion in judged.completions],
        "policies": [reading.names.policies[completion.policy_id] for completion in judged.completions],
    }


def _row(judgment: Judgment, reading: Reading) -> dict[str, Any]:
    return {
        **vars(judgment),
        "guideline": reading.names.guidelines[judgment.guideline_id].version if judgment.guideline_id else None,
        "asked": judgment.asked_id,
        "supersedes": judgment.supersedes_id,
    }
