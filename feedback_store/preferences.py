"""From judgments to preferences: the one place where what people said becomes pairs to train on.

- Judgments that count (not superseded, undone or taken back; of people and imports that are not left out) on
  comparisons of purpose training. Check questions and repeats tell about people, evaluations about policies: none of
  them trains. Skips are no preference.
- A ranking of K completions gives its K (K - 1) / 2 pairs, each of weight 2 / K, so that it counts as K - 1
  comparisons: for two that is one pair of weight 1 (all pairs of one ranking are not independent; Ouyang et al. 2022,
  section 3.5, train them as one).
- Equal ranks are a tie. Both bad is a tie that also says so. Strength is handed on as it is.
- What was said by criteria is the same pair by each criterion; where imported data has another shape, it is none.
- A completion that the person improved gives one pair more, of weight 1: the person's text against the completion that
  it improves. The text is a demonstration as well: `improved` holds it. A text that equals the completion but for white
  space says nothing. On held-out prompts it is no pair: accuracies there are about what policies write.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal

from feedback_store.database import Database, Row

Outcome = Literal["first", "tie", "second"]

ROWS_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Preference:
    """One pair that a person compared. `first_id` stands before `second_id` in the comparison.

    `first_shown_on_left` tells whether the first was shown before the second; None where the order is not known. Where
    the first is no stored completion, but a text that the person wrote to improve the second, `first_id` is None and
    `improved` is that text. `criteria`: which one was better by each criterion that was answered. `at_random` tells
    whether chance picked the comparison, `round` is the number of its round.
    """

    judgment_id: int
    comparison_id: int
    prompt_id: int
    split: str
    annotator_id: int
    first_id: int | None
    second_id: int
    outcome: Outcome
    weight: float
    strength: int | None
    both_bad: bool
    first_shown_on_left: bool | None
    improved: str | None = None
    criteria: Mapping[str, Outcome] = field(default_factory=dict)
    at_random: bool = True
    round: int | None = None


def derive(db: Database, judgment_ids: Sequence[int] | None = None) -> list[Preference]:
    """Return the preferences of all judgments that count, or of exactly those given (a label snapshot), by judgment and
    place; the pair of an improved completion comes behind the others of its judgment.

    Judgments named in `judgment_ids` are taken even if they were superseded or left out since: a run keeps what it saw.
    """
    rows = _counted(db) if judgment_ids is None else _named(db, sorted(judgment_ids))
    return [preference for row in rows for preference in _of_row(row)]


def any_on_training_prompts(db: Database, *, decided: bool, improved: bool) -> bool:
    """Tell whether a judgment that counts, outside the hold-out, prefers one completion to another (`decided`) or has
    an improved one (`improved`); with both, whether there is one that does either."""
    which = [
        *(["(SELECT COUNT(DISTINCT value) FROM json_each(j.ranks)) > 1"] if decided else []),
        *(["j.improved IS NOT NULL"] if improved else []),
    ]
    return db.value(_ANY.format(which=" OR ".join(which) or "FALSE")) is not None


def pairs_of(ranks: Sequence[int]) -> list[tuple[int, int, Outcome, float]]:
    """Return (first place, second place, outcome, weight) for every pair of a ranking; the weights add up to K - 1."""
    weight = 2 / len(ranks)
    return [(i, j, outcome(ranks[i], ranks[j]), weight) for i, j in combinations(range(len(ranks)), 2)]


def outcome(first_rank: int, second_rank: int) -> Outcome:
    """Return which of two ranks is better (lower)."""
    if first_rank == second_rank:
        return "tie"
    return "first" if first_rank < second_rank else "second"


def improvement(improved: Any, candidates: int) -> tuple[int, str] | None:
    """Return the place and the text of an improved completion: {"position": place, "text": text}.

    None where there is none, or where imported data has another shape.
    """
    if not isinstance(improved, dict):
        return None
    place, text = improved.get("position"), improved.get("text")
    if type(place) is not int or not 0 <= place < candidates or not isinstance(text, str):
        return None
    return place, text


def says_more(text: str, original: str) -> bool:
    """Tell whether a text differs from the completion that it improves in more than white space, and is not blank."""
    return text.split() not in ([], original.split())


_TEXTS = """
CASE WHEN j.improved IS NULL THEN '[]' ELSE (SELECT json_group_array(text) FROM (SELECT m.text FROM candidates k
  JOIN completions m ON m.id = k.completion_id WHERE k.comparison_id = c.id ORDER BY k.position)) END"""
_SELECT = f"""
SELECT j.id, j.comparison_id, j.annotator_id, j.ranks, j.shown, j.strength, j.both_bad, j.improved, j.criteria,
  c.prompt_id, c.split, c.is_random, (SELECT number FROM rounds r WHERE r.id = c.round_id) AS round, {_TEXTS} AS texts,
  (SELECT json_group_array(completion_id) FROM
    (SELECT completion_id FROM candidates WHERE comparison_id = c.id ORDER BY position)) AS completion_ids
FROM {{source}} j JOIN comparisons c ON c.id = j.comparison_id
WHERE c.purpose = 'training' AND j.ranks IS NOT NULL AND {{which}} ORDER BY j.id"""


_ANY = """
SELECT 1 FROM counted_judgments j JOIN comparisons c ON c.id = j.comparison_id
WHERE c.purpose = 'training' AND c.split != 'holdout' AND j.ranks IS NOT NULL AND ({which}) LIMIT 1"""


def _counted(db: Database) -> Iterator[Row]:
    query = _SELECT.format(source="counted_judgments", which="j.id > :after") + " LIMIT :most"
    after = 0
    while rows := db.rows(query, {"after": after, "most": ROWS_AT_ONCE}):
        yield from rows
        after = rows[-1]["id"]


def _named(db: Database, ids: Sequence[int]) -> Iterator[Row]:
    query = _SELECT.format(source="judgments", which="j.id IN (SELECT value FROM json_each(:ids))")
    for start in range(0, len(ids), ROWS_AT_ONCE):
        yield from db.rows(query, {"ids": json.dumps(ids[start : start + ROWS_AT_ONCE])})


def _of_row(row: Row) -> Iterator[Preference]:
    completion_ids = json.loads(row["completion_ids"])
    shown = json.loads(row["shown"]) if row["shown"] else None
    common = {name: row[name] for name in ("comparison_id", "prompt_id", "split", "annotator_id", "strength", "round")}
    common |= {"judgment_id": row["id"], "both_bad": bool(row["both_bad"]), "at_random": bool(row["is_random"])}
    by_criterion = _by_criterion(json.loads(row["criteria"] or "null"), len(completion_ids))
    for i, j, result, weight in pairs_of(json.loads(row["ranks"])):
        on_left = None if shown is None else shown.index(i) < shown.index(j)
        yield Preference(
            first_id=completion_ids[i],
            second_id=completion_ids[j],
            outcome=result,
            weight=weight,
            first_shown_on_left=on_left,
            criteria={name: outcome(ranks[i], ranks[j]) for name, ranks in by_criterion.items()},
            **common,
        )
    texts = json.loads(row["texts"])
    better = improvement(json.loads(row["improved"] or "null"), len(texts))
    if row["split"] != "holdout" and better is not None and says_more(better[1], texts[better[0]]):
        place, text = better
        yield Preference(
            first_id=None,
            second_id=completion_ids[place],
            outcome="first",
            weight=1.0,
            first_shown_on_left=None,
            improved=text,
            **{**common, "strength": None, "both_bad": False},
        )


def _by_criterion(criteria: Any, candidates: int) -> dict[str, list[int]]:
    """The ranks by criterion: {"true": {"ranks": [1, 2]}}."""
    said = criteria if isinstance(criteria, dict) else {}
    ranks = {str(name): one.get("ranks") for name, one in said.items() if isinstance(one, dict)}
    return {
        name: found
        for name, found in ranks.items()
        if isinstance(found, list) and len(found) == candidates and all(type(rank) is int for rank in found)
    }
