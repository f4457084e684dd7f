"""Our own exchange format: JSON lines, one comparison each, lossless for what people said.

Source: this project (docs: the exchange format `comparisons`). The keys of exchange_keys are always written, null where
there is nothing, in their order; then, where they hold something, `qualification`, `repeats` (the id of the
comparison), `reserved_for` and `flags`, of a judgment `marks`, `guideline` and `asked`; then further keys of an
imported row in their own order. Rows come in row order, their judgments too, those that were superseded or undone
included. Exporting, importing into a new study and exporting again gives the same bytes. Left out: nothing but what was
taken back with its import, what filters leave out, and people who withdrew. Weights, leases and runs travel by backup.
"""

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from feedback_store import pseudonyms
from feedback_store.comparisons import Comparison
from feedback_store.completions import Completion
from feedback_store.database import Database
from feedback_store.exchange_reading import Judged, Names, Reading
from feedback_store.exchange_records import Dropped, Kept, Problem
from feedback_store.judgments import UNDONE, Judgment
from feedback_store.line_files import json_lines

STEM = "comparisons"
HISTORY = True
OPTIONS: dict[str, tuple[str, ...]] = {"people": ("names", "pseudonyms")}
UNIT = "comparisons that pass"
TITLE = "Comparisons"
CARD = """One comparison a row, with every judgment of it: nothing that people said is dropped or decided.

- Ties (equal `ranks`), both bad (`both_bad`) and skips (`skipped`) are three different answers, and all are in it, as
  are disagreement, rankings of more than two, edits (`improved`), check questions, repeats, evaluations (`purpose`) and
  duplicates. Superseded and undone judgments are in it; `supersedes` is the key of the one that a judgment replaces.
- `split` is train or holdout, drawn by prompt group, never by row.
- People have the names that they have in the study, unless it was made with `people=pseudonyms`. Take care to whom you
  give this; other formats hold no names. What people wrote is not changed and may name somebody."""

Row = dict[str, Any]
NameOf = Callable[[str], str]


def read(path: Path) -> Iterator[tuple[int, Row | Problem]]:
    """Yield (line number, row) of a file; rows are checked when they are stored."""
    yield from json_lines(path, lambda row: row)


def write(reading: Reading, people: str = "names") -> Iterator[Kept | Dropped]:
    """Yield every comparison. With `people` "pseudonyms" nobody is named (pseudonyms.py)."""
    name_of: NameOf = str
    if people == "pseudonyms":
        name_of = functools.cache(functools.partial(pseudonyms.of, pseudonyms.secret_key(reading.db)))
    flags = _flags(reading.db, name_of)
    shown = _Shown(reading.db, name_of)
    for judged in reading:
        row = row_of(judged, reading.names, shown, flags.get(judged.comparison.id, []))
        yield Kept([row], judged.prompt.split, judged.prompt.language)


class _Shown:
    """What rows name of other rows: settings by id, comparisons by id, read when first named; people by `name_of`."""

    def __init__(self, db: Database, name_of: NameOf) -> None:
        self._db = db
        self.name_of = name_of
        self._settings: dict[int, Any] = {}

    def setting(self, setting_id: int) -> Any:
        """The value of a setting as it was."""
        if setting_id not in self._settings:
            value = self._db.value("SELECT value FROM study_settings WHERE id = ?", [setting_id])
            self._settings[setting_id] = json.loads(value)
        return self._settings[setting_id]

    def comparison(self, comparison_id: int) -> str:
        """The public id of a comparison."""
        return str(self._db.value("SELECT public_id FROM comparisons WHERE id = ?", [comparison_id]))


def row_of(judged: Judged, names: Names, shown: _Shown, flags: list[Row]) -> Row:
    """Return a comparison as a row of this format."""
    comparison, prompt = judged.comparison, judged.prompt
    extra = _named(comparison.extra, shown.name_of)
    own_round = names.rounds.get(comparison.round_id) if comparison.round_id else None
    further = {
        "qualification": comparison.qualification,
        "repeats": shown.comparison(comparison.repeats_id) if comparison.repeats_id else None,
        "reserved_for": _reserved_for(comparison, names, shown),
        "flags": flags,
    }
    further = {name: value or extra.pop(name, None) for name, value in further.items()}
    return {
        "prompt": prompt.messages,
        "group": prompt.named_group,
        "split": prompt.split,
        "expert": comparison.expert,
        "completions": [_completion(one, names) for one in judged.completions],
        "judgments": _judgments(judged, names, shown),
        "id": comparison.public_id,
        "purpose": comparison.purpose,
        "chosen_by": comparison.chosen_by,
        "is_random": comparison.is_random,
        "score": comparison.score,
        "probability": comparison.probability,
        "priority": comparison.priority,
        "overlap": comparison.overlap,
        "round": extra.pop("round", own_round),
        "language": extra.pop("language", prompt.language),
        "tags": extra.pop("tags", prompt.tags),
        "reference": extra.pop("reference", prompt.reference),
        "prompt_extra": extra.pop("prompt_extra", prompt.extra),
        "created_at": comparison.created_at,
        **_filled(further),
        **extra,
    }


def _reserved_for(comparison: Comparison, names: Names, shown: _Shown) -> str | None:
    """Whom alone it is asked; nobody who withdrew is named."""
    person = names.annotators[comparison.reserved_for] if comparison.reserved_for else None
    return None if person is None or person.paused_why == "withdrawn" else shown.name_of(person.name)


def _named(extra: Row, name_of: NameOf) -> Row:
    """What an import brought beside a comparison, people who are none of this study by `name_of` as well."""
    named = dict(extra)
    if isinstance(reserved := named.get("reserved_for"), str):
        named["reserved_for"] = name_of(reserved)
    if isinstance(flags := named.get("flags"), list):
        named["flags"] = [_with_names(flag, ("annotator", "resolved_by"), name_of) for flag in flags]
    argilla = named.get("argilla")
    if isinstance(argilla, dict) and isinstance(drafts := argilla.get("not_submitted"), list):
        named["argilla"] = {**argilla, "not_submitted": [_with_names(one, ("user",), name_of) for one in drafts]}
    return named


def _with_names(row: Any, keys: tuple[str, ...], name_of: NameOf) -> Any:
    if not isinstance(row, dict):
        return row
    return {**row, **{key: name_of(row[key]) for key in keys if isinstance(row.get(key), str)}}


def _completion(one: Completion, names: Names) -> Row:
    return {
        "text": one.text,
        "policy": names.policies[one.policy_id],
        "id": one.public_id,
        "seed": one.seed,
        "sample_index": one.sample_index,
        "sampling": one.sampling,
        "token_count": one.token_count,
        "finish_reason": one.finish_reason,
        **one.extra,
    }


def _judgments(judged: Judged, names: Names, shown: _Shown) -> list[Row]:
    """An undo whose judgment a filter left out says nothing any more, and could not be imported."""
    keys = {one.id: one.key for one in judged.judgments}
    told = [one for one in judged.judgments if one.skipped != UNDONE or one.supersedes_id in keys]
    return [_judgment(one, names, shown, keys) for one in told]


def _judgment(one: Judgment, names: Names, shown: _Shown, keys: dict[int, str]) -> Row:
    guideline = names.guidelines[one.guideline_id] if one.guideline_id else None
    further = {
        "marks": one.marks,
        "guideline": vars(guideline) if guideline else None,
        "asked": shown.setting(one.asked_id) if one.asked_id else None,
    }
    return {
        "annotator": shown.name_of(names.annotators[one.annotator_id].name),
        "shown": one.shown,
        "ranks": one.ranks,
        "strength": one.strength,
        "both_bad": one.both_bad,
        "skipped": one.skipped,
        "rationale": one.rationale,
        "milliseconds": one.milliseconds,
        "at": one.at,
        "criteria": one.criteria,
        "improved": one.improved,
        "input_device": one.input_device,
        "view": one.view,
        "late": one.late,
        "key": one.key,
        "supersedes": keys.get(one.supersedes_id) if one.supersedes_id else None,
        "annotator_kind": names.annotators[one.annotator_id].kind,
        **_filled(further),
        **one.extra,
    }


def _flags(db: Database, name_of: NameOf) -> dict[int, list[Row]]:
    """All flags by comparison; they are few."""
    rows = db.rows(
        "SELECT f.comparison_id, t.public_id AS completion,"
        " CASE WHEN a.paused_why IS NOT 'withdrawn' THEN a.name END AS annotator, f.note, f.created_at, f.resolved_at,"
        " f.resolved_by FROM flags f LEFT JOIN completions t ON t.id = f.completion_id"
        " LEFT JOIN annotators a ON a.id = f.annotator_id ORDER BY f.id"
    )
    found: dict[int, list[Row]] = {}
    people = {row["name"] for row in db.rows("SELECT name FROM annotators")}
    for row in rows:
        for by in ("annotator", "resolved_by"):  # commands and the like are no people
            row[by] = name_of(row[by]) if row[by] in people else row[by]
        found.setdefault(row.pop("comparison_id"), []).append(row)
    return found


def _filled(fields: Row) -> Row:
    return {name: value for name, value in fields.items() if value not in (None, [])}
