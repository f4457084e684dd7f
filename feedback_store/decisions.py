"""Decided pairs: the one place where judgments become the rows of derived formats (trl, hh, openai, llama-factory).

One unit is a pair of completions of a comparison, decided by the majority of the people who judged it; or, `by`
judgments, the same pair as one person judged it. An edited completion is a further pair: the edit was preferred to its
original. Each unit is a row, or is dropped with its reason: units in = kept + dropped.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from feedback_store import majority, preferences
from feedback_store.comparisons import Comparison
from feedback_store.exchange_reading import Judged, Reading
from feedback_store.exchange_records import Dropped, Kept
from feedback_store.judgments import Judgment
from feedback_store.majority import Decision
from feedback_store.prompts import Prompt

ROWS = ("comparisons", "judgments")
EDITED = "edited"  # the author of an edited completion, beside the policies

HANDLING = """- Only comparisons made for training are in it; check questions, repeats and evaluations are dropped
  ("not for training").
- {rows}
- Disagreement: `agreement` is the winner's share of the `n` judgments that were no skips; an even split is dropped.
- Ties, both bad and skips have no winner: they are dropped with their reason. Both bad is never a liked completion.
- A ranking of more than two completions gives a row for each decided pair.
- An edited completion is a further row: the edit preferred to its original. Where nothing but white space differs, it
  is dropped.
- Duplicates: pairs of equal texts are dropped; equal rows of several comparisons stay, as several answers.
- What was undone or superseded, and who or what was left out of the study, is not in it.
- Train and test are split by prompt (test: the study's hold-out prompts), never by row."""
ROWS_IN_WORDS = {
    "comparisons": "A row is one pair of a comparison, decided by the majority of the people who judged it.",
    "judgments": "A row is one pair as one person judged it; nothing is decided by majority.",
}

Row = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """A decided pair. With `both_bad` neither text was liked; with `edit` the chosen one was written by a person."""

    id: str
    comparison_id: str
    prompt: Prompt
    chosen: str
    rejected: str
    policy_chosen: str
    policy_rejected: str
    n: int
    agreement: float
    margin: float
    both_bad: bool = False
    edit: bool = False


def rows(
    reading: Reading, by: str, row_of: Callable[[Pair], list[Row] | str], *, unpaired: bool = False
) -> Iterator[Kept | Dropped]:
    """Yield the rows that `row_of` makes of each decided pair (or the reason why it has none), and what is dropped.

    `unpaired`: the format says of single completions whether they were liked, see `pairs`.
    """
    for judged in reading:
        for found in pairs(judged, reading.names.policies, by=by, unpaired=unpaired):
            if isinstance(found, Dropped):
                yield found
                continue
            made = row_of(found)
            if isinstance(made, str):
                yield Dropped(found.id, made)
            else:
                yield Kept(made, found.prompt.split, found.prompt.language)


def pairs(judged: Judged, policies: dict[int, str], *, by: str, unpaired: bool = False) -> Iterator[Pair | Dropped]:
    """Yield the pairs of a comparison, and the edits as further pairs; `policies` are their names by id.

    `unpaired`: both bad is kept, as two completions that were not liked; and of more than two completions only the best
    and the worst are, since one in between would be liked in one pair and not in the next.
    """
    number = len(judged.completions)
    ends_only = unpaired and number > 2 and judged.comparison.purpose == "training"
    for places in combinations(range(number), 2):
        for unit, said in _units(judged, places, by):
            votes = majority.votes_on(said, *places)
            decision = majority.decide(votes, skips=len(said) - len(votes))
            if ends_only and decision.reason == "both bad":
                yield Dropped(unit, decision.reason)  # each of them would be told once for every other
                continue
            if ends_only and decision.winner is not None and set(places) != majority.extremes(said, number):
                yield Dropped(unit, "not the best and the worst")
                continue
            yield _pair(judged, unit, places, decision, policies, unpaired)
    for judgment in judged.judgments:
        if judgment.improved is not None:
            yield _edit(judged, judgment, policies)


def unit_of(comparison: Comparison, places: tuple[int, int]) -> str:
    """Return the id of a pair: the comparison's, with the places where it has more than two completions."""
    many = len(comparison.completion_ids) > 2
    return f"{comparison.public_id}:{places[0]},{places[1]}" if many else comparison.public_id


def not_for_training(comparison: Comparison) -> str:
    """Return why a comparison that was not made for training is dropped."""
    return f"not for training: {comparison.purpose}"


def _units(judged: Judged, places: tuple[int, int], by: str) -> Iterator[tuple[str, list[Judgment]]]:
    unit = unit_of(judged.comparison, places)
    if by == "comparisons" or not judged.judgments:
        yield unit, judged.judgments
    else:
        yield from ((f"{unit}:{judgment.id}", [judgment]) for judgment in judged.judgments)


def _pair(
    judged: Judged,
    unit: str,
    places: tuple[int, int],
    decision: Decision,
    policies: dict[int, str],
    unpaired: bool,
) -> Pair | Dropped:
    both_bad = unpaired and decision.reason == "both bad"
    if judged.comparison.purpose != "training":
        return Dropped(unit, not_for_training(judged.comparison))
    if decision.winner is None and not both_bad:
        return Dropped(unit, decision.reason or "")
    winner = decision.winner or 0
    chosen, rejected = judged.completions[places[winner]], judged.completions[places[1 - winner]]
    if chosen.text == rejected.text:
        return Dropped(unit, "equal texts")
    return Pair(
        unit, judged.comparison.public_id, judged.prompt, chosen.text, rejected.text, policies[chosen.policy_id],
        policies[rejected.policy_id], decision.n, decision.agreement, decision.margin, both_bad,
    )  # fmt: skip


def _edit(judged: Judged, judgment: Judgment, policies: dict[int, str]) -> Pair | Dropped:
    unit = f"{judged.comparison.public_id}:edit:{judgment.id}"
    if judged.comparison.purpose != "training":
        return Dropped(unit, not_for_training(judged.comparison))
    found = preferences.improvement(judgment.improved, len(judged.completions))
    if found is None:
        return Dropped(unit, "edit of no one completion")
    place, text = found
    original = judged.completions[place]
    if not preferences.says_more(text, original.text):
        return Dropped(unit, "edit that says nothing")
    return Pair(
        unit, judged.comparison.public_id, judged.prompt, text, original.text, EDITED, policies[original.policy_id],
        1, 1.0, 0.0, edit=True,
    )  # fmt: skip


def is_one_question(prompt: Prompt) -> bool:
    """Tell whether a prompt is one message of the user and nothing else."""
    return [message["role"] for message in prompt.messages] == ["user"]


def labels(pair: Pair) -> list[tuple[str, bool]]:
    """Return each text of a pair with whether it was liked, for formats without pairs.

    Both bad likes neither. Of an edit only the new text is given: its original may well have been liked by others.
    """
    if pair.edit:
        return [(pair.chosen, True)]
    return [(pair.chosen, not pair.both_bad), (pair.rejected, False)]
