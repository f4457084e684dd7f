"""Our own exchange format: JSON lines, one comparison each, lossless for what people said.

Source: this project (docs: the exchange format `comparisons`). Every key is always written, null where there is
nothing, in the order of exchange_keys; further keys of an imported row follow in their own order. Rows come in row
order, their judgments too, those that were superseded or undone included. Exporting, importing into a new study and
exporting again gives the same bytes. Left out: nothing but what was taken back with its import. Weights, leases and
runs travel by backup.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from feedback_store import annotators, canonical, comparisons, completions, judgments, policies, prompts, rounds
from feedback_store.comparisons import Comparison
from feedback_store.database import Database
from feedback_store.exchange_records import Problem, Written
from feedback_store.line_files import json_lines

FILE_NAME = "comparisons.jsonl"
OPTIONS: dict[str, tuple[str, ...]] = {}
ROWS_AT_ONCE = 500

Row = dict[str, Any]


def read(path: Path) -> Iterator[tuple[int, Row | Problem]]:
    """Yield (line number, row) of a file; rows are checked when they are stored."""
    yield from json_lines(path, lambda row: row)


def write(db: Database, folder: Path) -> Written:
    """Write every comparison to comparisons.jsonl."""
    names = _Names(db)
    written = judged = after = 0
    with (folder / FILE_NAME).open("w", encoding="utf-8", newline="\n") as file:
        while batch := comparisons.listing(db, after_id=after, limit=ROWS_AT_ONCE):
            for comparison in batch:
                row = row_of(db, comparison, names)
                file.write(canonical.dumps(row) + "\n")
                written += 1
                judged += len(row["judgments"])
            after = batch[-1].id
    return Written({"comparisons": written, "judgments": judged})


class _Names:
    """Names of policies, annotators and rounds by id."""

    def __init__(self, db: Database) -> None:
        self.policies = {policy.id: policy.name for policy in policies.listing(db, external=True)}
        self.annotators = {annotator.id: annotator for annotator in annotators.listing(db)}
        self.rounds = {one.id: one.number for one in rounds.listing(db)}


def row_of(db: Database, comparison: Comparison, names: _Names) -> Row:
    """Return a comparison as a row of this format."""
    prompt = prompts.get(db, comparison.prompt_id)
    extra = dict(comparison.extra)
    own_round = names.rounds.get(comparison.round_id) if comparison.round_id else None
    return {
        "prompt": prompt.messages,
        "group": prompt.named_group,
        "split": prompt.split,
        "expert": comparison.expert,
        "completions": [_completion(one, names) for one in completions.get(db, comparison.completion_ids)],
        "judgments": _judgments(db, comparison, names),
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
        **extra,
    }


def _completion(one: completions.Completion, names: _Names) -> Row:
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


def _judgments(db: Database, comparison: Comparison, names: _Names) -> list[Row]:
    rows = judgments.history(db, comparison.id)
    keys = {one.id: one.key for one in rows}
    return [
        {
            "annotator": names.annotators[one.annotator_id].name,
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
            **one.extra,
        }
        for one in rows
    ]
