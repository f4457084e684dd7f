"""A study read for an export: each comparison with all that belongs to it, and what filters left out.

Memory stays flat and no transaction stays open: a batch is read by a handful of queries, and people go on meanwhile.
Comparisons that were added after the reading began are not read.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from feedback_store import (
    annotators,
    comparisons,
    completions,
    filters,
    judgments,
    majority,
    policies,
    prompts,
    reliability,
    rounds,
)
from feedback_store.comparisons import Comparison
from feedback_store.completions import Completion
from feedback_store.database import Database
from feedback_store.filters import Filters
from feedback_store.judgments import Judgment
from feedback_store.prompts import Prompt

COMPARISONS_AT_ONCE = 500

OnComparison = Callable[[int], None]


@dataclass(frozen=True)
class Judged:
    """A comparison, its prompt, its completions in order, and the judgments that filters let pass.

    `counted` are the ids of those that count in what is derived; the others are history (superseded, undone, left out).
    """

    comparison: Comparison
    prompt: Prompt
    completions: list[Completion]
    judgments: list[Judgment]
    counted: frozenset[int]


@dataclass(frozen=True)
class Guideline:
    """Which guideline a person saw."""

    version: int
    language: str


class Names:
    """What other rows call policies, people, rounds and guidelines, by id."""

    def __init__(self, db: Database) -> None:
        self.policies = {policy.id: policy.name for policy in policies.listing(db, external=True)}
        self.annotators = {one.id: one for one in annotators.listing(db)}
        self.rounds = {one.id: one.number for one in rounds.listing(db)}
        guidelines = db.rows("SELECT id, version, language FROM guidelines")
        self.guidelines = {row["id"]: Guideline(row["version"], row["language"]) for row in guidelines}

    def knows(self, judgment: Judgment) -> bool:
        """Tell whether the person of a judgment and the guideline that the person saw have their names here."""
        return judgment.annotator_id in self.annotators and judgment.guideline_id in (None, *self.guidelines)


class Reading:
    """Goes once through a study's comparisons, and counts.

    After the loop `counts` (comparisons, judgments) are what there was, `left_out` the comparisons and
    `judgments_left_out` the judgments that filters kept back, by reason, and `people` the ids of those whose judgments
    passed. With `history`, judgments are given that count no more as well. `on_comparison` is told now and then how
    many comparisons were gone through. Raises InvalidInput where a filter names what the study does not have.
    """

    def __init__(
        self, db: Database, narrowed: Filters, *, history: bool = False, on_comparison: OnComparison = lambda done: None
    ) -> None:
        filters.require_known(db, narrowed)
        self.db = db
        self.filters = narrowed
        self.history = history
        self.on_comparison = on_comparison
        self.names = Names(db)
        self.counts: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.judgments_left_out: Counter[str] = Counter()
        self.people: set[int] = set()
        self._person_id = filters.person_id_of(db, narrowed.person) if narrowed.person is not None else None
        weighed = narrowed.reliability is not None
        self._reliability = reliability.of_people(db, narrowed.snapshot) if weighed else {}

    def __iter__(self) -> Iterator[Judged]:
        self.counts.update({"comparisons": 0, "judgments": 0})
        last = self.db.value("SELECT MAX(id) FROM comparisons") or 0
        self.names = Names(self.db)
        after, taken_back = 0, self.filters.snapshot is not None
        while batch := comparisons.listing(self.db, after_id=after, limit=COMPARISONS_AT_ONCE, withdrawn=taken_back):
            after = batch[-1].id
            self.on_comparison(self.counts["comparisons"])
            yield from self._judged([one for one in batch if one.id <= last])

    def _judged(self, batch: list[Comparison]) -> Iterator[Judged]:
        ids = [one.id for one in batch]
        said = self._said(ids)
        counted = self._counted(said)
        reasons = filters.comparisons_left_out(self.db, self.filters, ids)
        kept: list[tuple[Comparison, list[Judgment]]] = []
        for one in batch:
            if self.filters.snapshot is None or said[one.id]:  # a snapshot holds nothing but what the run saw
                passed = self._passing(one, said[one.id], counted, reasons.get(one.id))
                if passed is not None:
                    kept.append((one, passed))
        prompt_ids = [one.prompt_id for one, _ in kept]
        texts = self._completions(kept)
        for (one, passed), prompt in zip(kept, prompts.listing(self.db, ids=prompt_ids), strict=True):
            own = frozenset(judgment.id for judgment in passed) & counted
            yield Judged(one, prompt, [texts[item] for item in one.completion_ids], passed, own)

    def _passing(
        self, one: Comparison, said: list[Judgment], counted: frozenset[int], reason: str | None
    ) -> list[Judgment] | None:
        """Count a comparison and what was said of it; return the judgments that pass, None where it is left out."""
        passed, why = [], Counter[str]()
        for judgment in said:
            left_out = self._left_out(judgment)
            if left_out is None:
                passed.append(judgment)
            else:
                why[left_out] += 1
        if reason is None and self.filters.on_judgments and not passed:
            reason = filters.NO_JUDGMENT
        if reason is None and self.filters.agreement is not None:
            agreed = majority.agreement([judgment for judgment in passed if judgment.id in counted])
            reason = "filter: agreement" if agreed is None or agreed < self.filters.agreement else None
        self.counts["comparisons"] += 1
        self.counts["judgments"] += len(said)
        self.judgments_left_out += why
        if reason is not None:
            self.left_out[reason] += 1
            if passed:
                self.judgments_left_out[reason] += len(passed)
            return None
        self.people.update(judgment.annotator_id for judgment in passed)
        return passed

    def _left_out(self, judgment: Judgment) -> str | None:
        """Why a judgment does not pass, or None. Who withdrew is in no export, not even in that of an old snapshot."""
        if self.names.annotators[judgment.annotator_id].paused_why == "withdrawn":
            return "its author withdrew"
        return filters.judgment_left_out(self.filters, judgment, self._person_id, self._reliability)

    def _said(self, ids: Sequence[int]) -> dict[int, list[Judgment]]:
        said: dict[int, list[Judgment]] = {one: [] for one in ids}
        for judgment in judgments.of_comparisons(self.db, ids, history=self.history, run_id=self.filters.snapshot):
            said[judgment.comparison_id].append(judgment)
            if not self.names.knows(judgment):  # the person or the guideline came while the export was under way
                self.names = Names(self.db)
        return said

    def _counted(self, said: dict[int, list[Judgment]]) -> frozenset[int]:
        """What a run saw counts in its snapshot, whatever became of it since."""
        if not self.history or self.filters.snapshot is not None:
            return frozenset(judgment.id for own in said.values() for judgment in own)
        rows = self.db.rows(
            "SELECT id FROM counted_judgments WHERE comparison_id IN (SELECT value FROM json_each(?))",
            [json.dumps(list(said))],
        )
        return frozenset(row["id"] for row in rows)

    def _completions(self, kept: list[tuple[Comparison, list[Judgment]]]) -> dict[int, Completion]:
        wanted = sorted({item for one, _ in kept for item in one.completion_ids})
        return {one.id: one for one in completions.get(self.db, wanted)}
