"""HelpSteer3 preferences: two responses to a conversation, and what every judge said.

Source: https://huggingface.co/datasets/nvidia/HelpSteer3. `overall_preference` and each `score` go from -3 (response 1
much better) over 0 (about the same) to 3 (response 2 much better). A judge's score is rank and strength here: 1
slightly, 2 better, 3 much; a preference without a strength is written as 2. `overall_preference` is written as the mean
of the scores, rounded (halves away from 0). Read: the judges have no names in these files, so the first of each
row is the pseudo-annotator, the next its second, and so on, all left out of reliability; `domain` is kept with the
prompt. Write: one row a pair of a training comparison. Left out: skips; both bad is written as 0.
"""

import math
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

from feedback_store import decisions, exchange_keys, foreign_rows, incoming
from feedback_store.errors import InvalidInput
from feedback_store.exchange_reading import Judged, Reading
from feedback_store.exchange_records import Dropped, Kept, Problem
from feedback_store.foreign_rows import Row
from feedback_store.formats.arena import LANGUAGES
from feedback_store.judgments import Judgment

OPTIONS: dict[str, tuple[str, ...]] = {}
UNIT = "pairs"
TITLE = "Preferences in the form of HelpSteer3"
CARD = """Two responses a row, with the score of every person: -3 (response 1 much better) to 3 (response 2).

- Only comparisons made for training are in it; check questions, repeats and evaluations are dropped
  ("not for training").
- Disagreement is kept: nothing is decided by majority. `overall_preference` is the mean score, rounded.
- Ties are 0, and so is both bad, which this form cannot tell from a tie. Skips are left out of the scores; a pair that
  nobody ranked is dropped. A preference whose strength was not asked is 2.
- A ranking of more than two completions gives a row for each pair. Equal texts are kept, as they were scored.
- Edited completions have no place in this form. Duplicates stay: they are several answers.
- Train and test are split by prompt (test: the study's hold-out prompts), never by row."""
KEYS = ("context", "response1", "response2", "overall_preference")
OWN_KEYS = (*KEYS, "domain", "language", "individual_preference")
FEEDBACK = ("feedback1", "feedback2")
STRONGEST, UNSTATED = 3, 2
CODES = {name.lower(): code for name, code in LANGUAGES.items()}
NAMES = {code: name for name, code in CODES.items()}


def read(path: Path) -> Iterator[tuple[int, Row | Problem]]:
    """Yield (line number, row of the format `comparisons`) of a file."""
    yield from foreign_rows.rows_of(path, to_comparison)


def to_comparison(row: Row) -> Row:
    """Turn a row into one of the format `comparisons`. Raises InvalidInput."""
    foreign_rows.require_keys(row, KEYS)
    overall = _score(row["overall_preference"], "overall_preference")
    individual = row.get("individual_preference") or [{"score": overall}]
    if not isinstance(individual, list) or not all(isinstance(one, dict) for one in individual):
        raise InvalidInput(
            f"`individual_preference` is {foreign_rows.quoted(individual)}; it has to be a list of objects."
        )
    completions = [(foreign_rows.text_at(row, f"response{place}"), f"response{place}") for place in (1, 2)]
    extra = {"overall_preference": overall, **exchange_keys.unknown(row, OWN_KEYS)}
    fields: Row = {"prompt_extra": {"domain": row["domain"]}} if row.get("domain") else {}
    return foreign_rows.comparison(
        "helpsteer3",
        foreign_rows.messages_at(row, "context"),
        completions,
        [_judgment(one, place) for place, one in enumerate(individual, start=1)],
        extra,
        language=_language(row.get("language")),
        **fields,
    )


def _judgment(one: Row, place: int) -> Row:
    score = _score(one.get("score"), "score")
    ranks = [1, 1] if score == 0 else [1, 2] if score < 0 else [2, 1]
    said = exchange_keys.unknown(one, ("score", "reasoning"))
    return {
        "annotator": incoming.PSEUDO_ANNOTATOR if place == 1 else f"{incoming.PSEUDO_ANNOTATOR} {place}",
        "ranks": ranks,
        "strength": abs(score) or None,
        "rationale": one.get("reasoning") or None,
        **said,
    }


def _score(value: Any, key: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > STRONGEST:
        raise InvalidInput(f"`{key}` is {foreign_rows.quoted(value)}; it has to be a whole number from -3 to 3.")
    return value


def _language(value: Any) -> str | None:
    """HelpSteer3 writes names ("english") where ours are codes."""
    return CODES.get(value.lower(), value) if isinstance(value, str) and value else None


def write(reading: Reading) -> Iterator[Kept | Dropped]:
    """Yield the row of each pair of completions that somebody ranked."""
    for judged in reading:
        for first, second in combinations(range(len(judged.completions)), 2):
            unit = decisions.unit_of(judged.comparison, (first, second))
            ranked = [one for one in judged.judgments if one.ranks]
            if judged.comparison.purpose != "training":
                yield Dropped(unit, decisions.not_for_training(judged.comparison))
            elif not ranked:
                yield Dropped(unit, "skipped by all" if judged.judgments else "not judged")
            else:
                row = _row(judged, first, second, ranked)
                yield Kept([row], judged.prompt.split, judged.prompt.language)


def _row(judged: Judged, first: int, second: int, ranked: list[Judgment]) -> Row:
    individual = [_individual(one, _score_of(one, first, second)) for one in ranked]
    mean = sum(one["score"] for one in individual) / len(individual)
    return {
        "domain": judged.prompt.extra.get("domain", "general"),
        "language": NAMES.get(judged.prompt.language, judged.prompt.language),
        "context": judged.prompt.messages,
        "response1": judged.completions[first].text,
        "response2": judged.completions[second].text,
        "overall_preference": int(math.copysign(math.floor(abs(mean) + 0.5), mean)),
        "individual_preference": individual,
    }


def _score_of(judgment: Judgment, first: int, second: int) -> int:
    ranks = judgment.ranks or []
    if ranks[first] == ranks[second]:
        return 0
    strength = judgment.strength or UNSTATED
    return -strength if ranks[first] < ranks[second] else strength


def _individual(judgment: Judgment, score: int) -> Row:
    feedback = {key: str(judgment.extra.get(key) or "") for key in FEEDBACK}
    return {"score": score, "reasoning": judgment.rationale or "", **feedback}
