"""A study of pairs, judgments stored over and over in processes that may be killed, and what must be true afterwards.

Judgment n of a plan has a key, a person and a pair of its own, so what was lost or doubled can be told by counting.
"""

import json
import os
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from feedback_store import annotators, comparisons, completions, judgments, policies, prompts
from feedback_store.comparisons import NewComparison
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from feedback_store.prompts import NewPrompt

CHECKPOINT_EVERY = 8


def study_of_pairs(folder: Path, pairs: int, overlap: int = 1) -> None:
    """Make a study with `pairs` comparisons (ids 1 to `pairs`), each of a prompt of its own."""
    with Database.create(folder) as db, db.transaction():
        author = policies.external(db, "author").id
        new = [NewPrompt(prompts.from_text(f"Question {number}?"), split="train") for number in range(pairs)]
        for prompt_id in prompts.add(db, new, holdout_share=0.0, seed=0).ids:
            texts = [NewCompletion(prompt_id, author, f"Answer {side}.") for side in ("one", "two")]
            comparisons.add(db, [NewComparison(prompt_id, completions.add(db, texts), overlap=overlap)])


def pairs_handed_out(folder: Path, pairs: int) -> list[str]:
    """Make a study whose pairs are all leased to the person of a single-user server; return their public ids."""
    from ui.web.access import LOCAL_PERSON

    study_of_pairs(folder, pairs)
    with Database.open(folder) as db:
        person = annotators.ensure(db, LOCAL_PERSON).id
        db.execute(
            "INSERT INTO assignments (comparison_id, annotator_id, shown, created_at, expires_at)"
            " SELECT id, ?, '[0,1]', created_at, '9999' FROM comparisons",
            [person],
        )
        return [one.public_id for one in comparisons.listing(db)]


def key_of(number: int) -> str:
    """The key of the plan's judgment."""
    return f"judgment-{number:08}"


def store(db: Database, number: int, pairs: int) -> None:
    """Store the plan's judgment: pair by pair, and with each further turn over all pairs another person."""
    turn, place = divmod(number, pairs)
    person = annotators.ensure(db, f"person-{turn}").id
    rationale = "because " * (number % 40)
    judgments.submit(db, NewJudgment(place + 1, person, [1, 2], [0, 1], key_of(number), rationale=rationale))


def store_from(folder: Path, pairs: int, first: int, last: int, acknowledge: Callable[[bytes], object]) -> None:
    """Store the plan's judgments from `first` on, and say so after each; now and then fold the WAL back."""
    db = Database.open(folder)
    for number in range(first, last):
        store(db, number, pairs)
        acknowledge(f"{number}\n".encode())
        if number % CHECKPOINT_EVERY == 0:
            db.checkpoint()


def store_into_pipe(folder: Path, pairs: int, first: int, pipe: Connection) -> None:
    """A process that stores until it is killed."""
    store_from(folder, pairs, first, 10**9, lambda said: os.write(pipe.fileno(), said))


def faults(db: Database) -> list[str]:
    """What is wrong with a study, in words; nothing where its parts agree with each other."""
    found = []
    integrity = db.value("PRAGMA integrity_check")
    if integrity != "ok":
        found.append(f"integrity_check: {integrity}")
    if db.rows("PRAGMA foreign_key_check"):
        found.append("foreign_key_check: rows that name others which are not there")
    doubled = db.value(
        "SELECT COUNT(*) FROM (SELECT 1 FROM live_judgments GROUP BY annotator_id, comparison_id HAVING COUNT(*) > 1)"
    )
    if doubled:
        found.append(f"{doubled} judgments are doubled")
    if db.value(
        "SELECT 1 FROM comparisons c WHERE answers <>"
        " (SELECT COUNT(*) FROM live_judgments j WHERE j.comparison_id = c.id)"
    ):
        found.append("a comparison counts other answers than it has")
    if db.value("SELECT SUM(answers) FROM tallies") != db.value("SELECT COUNT(*) FROM live_judgments"):
        found.append("the tallies count other answers than there are")
    return found


def missing(db: Database, numbers: list[int]) -> int:
    """How many of the plan's judgments are not stored."""
    keys = json.dumps([key_of(number) for number in numbers])
    stored = db.value(
        "SELECT COUNT(*) FROM json_each(?) e WHERE EXISTS (SELECT 1 FROM judgments j WHERE j.key = e.value)", [keys]
    )
    return len(numbers) - int(stored)


def rows_stored(db: Database) -> int:
    """How many judgments are stored."""
    return int(db.value("SELECT COUNT(*) FROM judgments"))
