"""A study of any size, of the shape that real ones have, written by plain SQL in a few minutes.

200 people judged it over months in ten rounds: most pairs once, every fifth three times; some answers are skips, ties
or edits of an earlier one, some have a reason. A reward model saw most of them. POOL pairs wait to be asked, whatever
the size.
"""

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from feedback_store import clock, policies, reward_models, runs, schema, schema_full_record
from feedback_store.database import Database
from rounds import studies

PEOPLE = 200
POOL = 50
ROUNDS = 10
PAIRS_A_PROMPT = 10
ROWS_A_TRANSACTION = 20_000
BEGAN = "2026-01-01T00:00:00.000Z"
TEXT = (
    "water light small answer people because often morning careful paper garden reason number simple letter world"
    " window street music almost listen story under colour between family question market winter bridge"
)
WORDS = TEXT.split()

Row = tuple[object, ...]


def copy(work: Path, judgments: int, seed: int, to: Path) -> None:
    """Put a study with so many judgments that count (up to two more) at `to`; it is made once for each size, seed and
    schema.
    """
    made = "".join([*schema.INITIAL, *schema_full_record.STATEMENTS, Path(__file__).read_text(encoding="utf-8")])
    kept = work / f"study-{judgments}-{seed}-{hashlib.sha256(made.encode()).hexdigest()[:12]}"
    if not kept.exists():
        part = work / f"{kept.name}.{os.getpid()}.part"
        make(part, judgments, seed)
        part.rename(kept)
    shutil.copytree(kept, to)


def make(folder: Path, judgments: int, seed: int) -> None:
    """Make the study."""
    with studies.open_or_create(folder, base="tiny:", create=True, refill=False) as db:
        with db.transaction():
            policies.add_base(
                db, source="tiny:", sha256="a" * 64, tokenizer_sha256="b" * 64, template_sha256="c" * 64, now=BEGAN
            )
            people = ((f"person-{number:03}", "person", BEGAN) for number in range(PEOPLE))
            _insert(db, "annotators (name, kind, created_at)", people)
            closed = [BEGAN] * (ROUNDS - 1) + [None]
            _insert(
                db,
                "rounds (number, policy_id, opened_at, closed_at)",
                ((place + 1, 1, BEGAN, end) for place, end in enumerate(closed)),
            )
        plan = _Plan(judgments, seed)
        tables: list[tuple[str, Callable[[], Iterable[Row]]]] = [
            ("prompts (messages, sha256, group_name, split, language, tags, created_at)", plan.prompts),
            (
                "completions (public_id, prompt_id, policy_id, text, seed, sample_index, sampling, token_count,"
                " finish_reason, created_at)",
                plan.completions,
            ),
            (
                "comparisons (public_id, prompt_id, round_id, overlap, answers, decided, created_at, split, language)",
                plan.comparisons,
            ),
            ("candidates (comparison_id, position, completion_id)", plan.candidates),
            (
                "assignments (comparison_id, annotator_id, shown, created_at, expires_at, ended_at, ended_by)",
                plan.assignments,
            ),
            (
                "judgments (id, comparison_id, annotator_id, key, content_sha256, shown, ranks, skipped, rationale,"
                " milliseconds, input_device, at, supersedes_id, created_at)",
                plan.judgments,
            ),
        ]
        for columns, rows in tables:
            for batch in _batches(rows()):
                with db.transaction():
                    _insert(db, columns, batch)
                db.checkpoint()
        if judgments:
            _train(db, judgments)


def _train(db: Database, judgments: int) -> None:
    """A reward model that saw the first nine tenths of the judgments: the console counts those since."""
    runs.enqueue(db, "train-reward", {}, now=BEGAN)
    lease = runs.claim(db, "worker", lease_seconds=60, now=BEGAN)
    assert lease is not None
    seen = db.rows("SELECT id FROM live_judgments WHERE skipped IS NULL AND id <= ?", [judgments * 9 // 10])
    holdout = {"accuracy": 0.7, "accuracy_low": 0.65, "accuracy_high": 0.75, "decided": 300, "length_baseline": 0.6}
    runs.snapshot(db, lease, [row["id"] for row in seen])
    reward_models.publish(
        db, lease, folder="models/reward-1", base_sha256="a" * 64, manifest_sha256="d" * 64,
        metrics={"judgments": len(seen), "holdout": holdout}, now=BEGAN,
    )  # fmt: skip
    db.checkpoint()


def _insert(db: Database, columns: str, rows: Iterable[Row]) -> None:
    places = ", ".join("?" * (columns.count(",") + 1))
    db.connection().executemany(f"INSERT INTO {columns} VALUES ({places})", rows)


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for row in rows:
        batch.append(row)
        if len(batch) == ROWS_A_TRANSACTION:
            yield batch
            batch = []
    if batch:
        yield batch


class _Plan:
    """What the study holds: comparison c (from 0) is judged `overlap(c)` times, those behind the last one wait."""

    def __init__(self, judgments: int, seed: int) -> None:
        self.seed = seed
        self.judged = 0
        said = 0
        while said < judgments:
            said += self.overlap(self.judged)
            self.judged += 1
        self.total = self.judged + POOL
        self.number_of_prompts = -(-self.total // PAIRS_A_PROMPT)

    def overlap(self, comparison: int) -> int:
        return 3 if comparison % 5 == 4 else 1

    def prompt(self, comparison: int) -> int:
        return comparison % self.number_of_prompts

    def split(self, prompt: int) -> str:
        return "holdout" if prompt // 4 % 7 == 6 else "train"

    def language(self, prompt: int) -> str:
        return "zh" if prompt % 11 == 10 else "en"

    def moment(self, number: int) -> str:
        return clock.after(BEGAN, number * 4)

    def prompts(self) -> Iterator[Row]:
        for number in range(self.number_of_prompts):
            draw = random.Random(f"{self.seed}/prompt/{number}")
            messages = json.dumps([{"content": f"{number}: {_text(draw, 15)}?", "role": "user"}])
            sha256 = hashlib.sha256(messages.encode()).hexdigest()
            yield messages, sha256, f"g{number // 4}", self.split(number), self.language(number), "[]", BEGAN

    def completions(self) -> Iterator[Row]:
        sampling = '{"temperature":0.7}'
        for comparison in range(self.total):
            draw = random.Random(f"{self.seed}/completion/{comparison}")
            prompt_id = self.prompt(comparison) + 1
            for side in (0, 1):
                length = draw.randrange(10, 60)
                public_id = f"{2 * comparison + side:016x}"
                yield public_id, prompt_id, 1, _text(draw, length), comparison, side, sampling, length, "stop", BEGAN

    def comparisons(self) -> Iterator[Row]:
        for number in range(self.total):
            prompt, judged = self.prompt(number), number < self.judged
            overlap = self.overlap(number) if judged else 1
            answers = overlap * judged
            decided = sum(not self.skipped(number, turn) for turn in range(answers))
            round_id = 1 + number * ROUNDS // self.total
            place = (self.split(prompt), self.language(prompt))
            yield (f"{number:016x}", prompt + 1, round_id, overlap, answers, decided, self.moment(number), *place)

    def candidates(self) -> Iterator[Row]:
        return ((number + 1, side, 2 * number + side + 1) for number in range(self.total) for side in (0, 1))

    def answers(self) -> Iterator[tuple[int, int, int, list[int]]]:
        """Comparison, which of its answers, person, sides as shown."""
        for comparison in range(self.judged):
            for turn in range(self.overlap(comparison)):
                person = (comparison * 7 + turn * 61) % PEOPLE + 1
                yield comparison, turn, person, [0, 1] if (comparison + turn) % 2 else [1, 0]

    def skipped(self, comparison: int, turn: int) -> bool:
        return (comparison * 3 + turn) % 41 == 0

    def assignments(self) -> Iterator[Row]:
        for comparison, _, person, shown in self.answers():
            moment = self.moment(comparison)
            yield comparison + 1, person, json.dumps(shown), moment, clock.after(moment, 600), moment, "judged"

    def judgments(self) -> Iterator[Row]:
        number = 0
        for comparison, turn, person, shown in self.answers():
            draw = random.Random(f"{self.seed}/judgment/{comparison}/{turn}")
            times = 2 if draw.random() < 0.01 else 1  # an edit supersedes the first answer
            for time in range(times):
                number += 1
                skipped = "unclear" if self.skipped(comparison, turn) else None
                ranks = None if skipped else draw.choice(("[1,2]", "[2,1]", "[1,1]"))
                rationale = _text(draw, 12) if draw.random() < 0.1 else None
                key = f"{number:032x}"
                moment = self.moment(comparison)
                yield (
                    number, comparison + 1, person, key, hashlib.sha256(key.encode()).hexdigest(), json.dumps(shown),
                    ranks, skipped, rationale, draw.randrange(2000, 20000), draw.choice(("keyboard", "pointer")),
                    moment, number - 1 if time else None, moment,
                )  # fmt: skip


def _text(draw: random.Random, words: int) -> str:
    return " ".join(draw.choices(WORDS, k=words))
