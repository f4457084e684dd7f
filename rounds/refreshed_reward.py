"""The reward as it stands after the last judgment: a Bayesian head on kept features, absorbed answer by answer.

Answers weigh as the latest reward model found their authors reliable, and their lean to a side is taken out
(rounds/known_people.py). A cache that is rebuilt from rows at any time, never published and never what a policy is
trained against. Only judgments on training prompts go in. Torch-free: the web process keeps one (rounds/refreshing.py),
the worker makes one where it chooses what to ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from feedback_store import clock, completions, newest_judgments, preferences, prompts, reward_models
from feedback_store.database import Database
from feedback_store.features import Vector
from feedback_store.preferences import Preference
from reward_training.bayesian_head import Answers, Directions, Posterior, expected_precision, fit_by_evidence
from reward_training.likelihood import OUTCOMES, Floats
from reward_training.score_unit import expected_spread
from rounds import kept_features, studies
from rounds.choosing import FIRST_RANDOM
from rounds.known_people import known_people
from rounds.texts import text_of

MOST_JUDGMENTS = 5000
"""The newest ones: what came before them a training reads."""
REFIT_EVERY = 16
"""Judgments absorbed one by one before all are fitted at once again; a few more change the evidence little."""
SMALLEST_PART = 0.01
"""Of the spread that was expected before any answer, below which scores are told in units of that one: where answers
contradict one another or are ties, the texts hardly differ, and what is not known would be a million of them."""
GROWN = 1.5
"""The directions are found anew when the texts are this many times as many as when they were found."""


@dataclass(frozen=True)
class Refreshed:
    """A posterior over rewards and the judgments behind it.

    A score is 0 at the mean and 1 at a standard deviation of the judged texts (of their prior, where what is expected
    of them hardly differs). `latest`: the last judgment looked at; `missing`: judgments left out because a text's
    features are not kept yet.
    """

    directions: Directions
    posterior: Posterior
    judgments: tuple[int, ...]
    latest: int
    missing: int
    middle: Floats
    scale: float
    as_of: str

    def scores(self, vectors: Sequence[Vector]) -> tuple[Floats, Floats]:
        """(M, D) features of texts -> (M,) expected scores and (M,) their standard deviations."""
        inside, outside = self.directions.coordinates(np.stack(vectors))
        centred = inside - self.middle
        return (
            self.posterior.rewards(centred) / self.scale,
            self.posterior.deviations(centred, outside) / self.scale,
        )


class Absorber:
    """Follows a study's judgments from when it is made: `start`, then `catch_up` any number of times."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._forget()

    def _forget(self) -> None:
        self._directions: Directions | None = None
        self._texts_then = 0
        self._coordinates: dict[int, Floats] = {}  # by completion
        self._kept: dict[int, list[Preference]] = {}  # by judgment, in id order
        self._missing: set[int] = set()
        self._people = known_people(self._db)
        self._posterior: Posterior | None = None
        self._since_fit = 0
        self._behind = newest_judgments.changes_behind(self._db)
        self._latest = newest_judgments.latest(self._db)

    def start(self) -> Refreshed | None:
        """Everything from rows; None where no judged text has features. What is stored meanwhile is for `catch_up`."""
        self._forget()
        newest = newest_judgments.training(self._db, MOST_JUDGMENTS, until=self._latest)
        self._take(preferences.derive(self._db, newest))
        return self._fitted()

    def catch_up(self) -> Refreshed | None:
        """Absorb what was stored since; each judgment in well under 20 ms. A judgment that was replaced or undone, a
        new reward model (it knows people otherwise), and every REFIT_EVERY, fit all at once again, from where the last
        fit ended. Where earlier judgments count otherwise since (somebody withdrew, an import was taken back), all is
        read from rows.
        """
        if newest_judgments.changes_behind(self._db) != self._behind:
            return self.start()
        new = newest_judgments.since(self._db, self._latest, MOST_JUDGMENTS)
        self._latest = new.latest
        replaced = [one for one in new.replaced if self._kept.pop(one, None) is not None]
        taken = self._take(preferences.derive(self._db, new.counting)) if new.counting else []
        while len(self._kept) > MOST_JUDGMENTS:
            self._kept.pop(next(iter(self._kept)))
        others = reward_models.latest_id(self._db) != self._people.reward_model_id
        if others:
            self._people = known_people(self._db)
        if others or replaced or self._posterior is None or self._grown():
            return self._fitted()
        for one in taken:
            self._posterior = self._posterior.absorb(
                self._difference(one), OUTCOMES[one.outcome], self._people.weight(one), self._people.offset(one)
            )
        self._since_fit += len(taken)
        return self._fitted() if self._since_fit >= REFIT_EVERY else self._now()

    def _take(self, found: Iterable[Preference]) -> list[Preference]:
        """Keep those whose texts have features; what a person wrote has none."""
        pairs = [one for one in found if one.first_id is not None]
        self._read({text for one in pairs for text in (one.first_id, one.second_id) if text is not None})
        usable = [one for one in pairs if self._known(one)]
        self._missing |= {one.judgment_id for one in pairs} - {one.judgment_id for one in usable}
        by_judgment: dict[int, list[Preference]] = {}
        for one in usable:
            by_judgment.setdefault(one.judgment_id, []).append(one)
        self._kept |= by_judgment  # whatever is taken twice counts once
        return usable

    def _read(self, completion_ids: set[int]) -> None:
        vectors = features_of_completions(self._db, sorted(completion_ids - self._coordinates.keys()))
        if not vectors:
            return
        if self._directions is None:
            self._directions, self._texts_then = Directions.of(np.stack(list(vectors.values()))), len(vectors)
        inside, _ = self._directions.coordinates(np.stack(list(vectors.values())))
        self._coordinates |= dict(zip(vectors, inside, strict=True))

    def _grown(self) -> bool:
        return len(self._coordinates) > GROWN * max(self._texts_then, 8)

    def _find_directions(self) -> None:
        """The directions anew, from all texts that are known now."""
        vectors = features_of_completions(self._db, sorted(self._coordinates))
        if vectors:
            matrix = np.stack(list(vectors.values()))
            self._directions, self._texts_then, self._posterior = Directions.of(matrix), len(vectors), None
            self._coordinates = dict(zip(vectors, self._directions.coordinates(matrix)[0], strict=True))

    def _known(self, one: Preference) -> bool:
        return one.first_id in self._coordinates and one.second_id in self._coordinates

    def _difference(self, one: Preference) -> Floats:
        assert one.first_id is not None
        return self._coordinates[one.first_id] - self._coordinates[one.second_id]

    def _fitted(self) -> Refreshed | None:
        if self._grown():
            self._find_directions()
        if self._directions is None:
            return None
        pairs = [one for found in self._kept.values() for one in found if self._known(one)]
        width = len(self._directions.basis)
        answers = Answers.of(
            np.array([self._difference(one) for one in pairs]).reshape(len(pairs), width),
            np.array([OUTCOMES[one.outcome] for one in pairs], dtype=np.int64),
            np.array([self._people.weight(one) for one in pairs]),
            np.array([self._people.offset(one) for one in pairs]),
        )
        expected = expected_precision(np.stack(list(self._coordinates.values())))
        self._posterior = fit_by_evidence(answers, expected, self._posterior)
        self._since_fit = 0
        return self._now()

    def _now(self) -> Refreshed | None:
        if self._directions is None or self._posterior is None:
            return None
        inside = np.stack(list(self._coordinates.values()))
        spread = float(self._posterior.rewards(inside).std())
        expected = expected_spread(inside, self._posterior.precision)
        return Refreshed(
            directions=self._directions,
            posterior=self._posterior,
            judgments=tuple(self._kept),
            latest=self._latest,
            missing=len(self._missing),
            middle=inside.mean(0),
            scale=spread if spread > SMALLEST_PART * expected else expected or 1.0,
            as_of=clock.now(),
        )


def features_of_completions(db: Database, completion_ids: Sequence[int]) -> dict[int, Vector]:
    """Features of stored completions under default settings, by id, in the order given; those that are kept."""
    name = kept_features.set_name(db)
    if name is None or not completion_ids:
        return {}
    study = studies.settings(db)
    found = completions.get(db, completion_ids)
    known = {prompt.id: prompt for prompt in prompts.listing(db, ids=sorted({one.prompt_id for one in found}))}
    keys = {
        one.id: kept_features.key_of(text_of(known[one.prompt_id], one, study))
        for one in found
        if one.prompt_id in known
    }
    vectors = kept_features.read(db, name, keys.values())
    return {completion: vectors[key] for completion, key in keys.items() if key in vectors}


class Follower:
    """The refreshed reward for a worker that chooses what to ask: None while there are fewer than FIRST_RANDOM
    judgments."""

    def __init__(self, db: Database) -> None:
        self._absorber = Absorber(db)
        self._begun = False

    def look(self) -> Refreshed | None:
        """As it stands now."""
        found = self._absorber.catch_up() if self._begun else self._absorber.start()
        self._begun = True
        return found if found is not None and len(found.judgments) >= FIRST_RANDOM else None
