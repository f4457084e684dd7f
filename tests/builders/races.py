"""Races: processes that ask for questions of the same small pool and answer them, all at once.

`run` tells what went wrong, by triggers that look at every hand-out inside its own transaction. The race ends when
nobody finds a question any more. `python -m races FOLDER NAME SEED` is one racer.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from feedback_store import annotators, questions
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment, submit

REPOSITORY = Path(__file__).parents[2]
FOLDERS = (str(REPOSITORY), str(Path(__file__).parent))
WAIT_SECONDS = 0.01
GIVEN_BACK = 0.2  # share of questions that a racer does not answer at first

_OVER = """
SELECT c.answers + (SELECT COUNT(*) FROM assignments a WHERE a.comparison_id = c.id AND a.ended_at IS NULL
  AND a.expires_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) > c.overlap FROM comparisons c
WHERE c.id = NEW.comparison_id AND c.purpose <> 'check'"""


@dataclass(frozen=True)
class Race:
    """What came of a race; all but `acknowledged` have to be 0.

    `handed_out_too_often`: leases and answers exceeded the overlap at a hand-out or renewal; `lost`: acknowledged
    answers that are not stored; `doubled`: stored twice, or of one person on one comparison twice; `missing`: answers
    that the pool still wants.
    """

    acknowledged: int
    handed_out_too_often: int
    lost: int
    doubled: int
    missing: int


def run(db: Database, *, processes: int = 8, seed: int = 0) -> Race:
    """Let `processes` people, one in each process, ask and judge until nothing is left of the study's pool."""
    db.execute("CREATE TABLE IF NOT EXISTS handed_out_too_often (comparison_id INTEGER)")
    for name, event in (("insert", "INSERT"), ("renewal", "UPDATE OF expires_at")):
        db.execute(
            f"CREATE TRIGGER IF NOT EXISTS too_often_by_{name} AFTER {event} ON assignments WHEN ({_OVER})"
            " BEGIN INSERT INTO handed_out_too_often VALUES (NEW.comparison_id); END"
        )
    racers = [_start(db.folder, f"racer-{number}", seed) for number in range(processes)]
    for racer in racers:
        assert racer.stdout is not None
        racer.stdout.readline()  # it has opened the study
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = [racer.communicate()[0] for racer in racers]
    assert all(racer.returncode == 0 for racer in racers), "a racer failed"
    acknowledged = [key for keys in said for key in json.loads(keys)]
    stored = Counter(row["key"] for row in db.rows("SELECT key FROM judgments"))
    twice = db.rows("SELECT 1 FROM live_judgments GROUP BY comparison_id, annotator_id HAVING COUNT(*) > 1")
    return Race(
        acknowledged=len(acknowledged),
        handed_out_too_often=db.value("SELECT COUNT(*) FROM handed_out_too_often"),
        lost=sum(key not in stored for key in acknowledged),
        doubled=len(twice) + sum(number > 1 for number in stored.values()) + sum(stored.values()) - len(stored),
        missing=db.value("SELECT COALESCE(SUM(MAX(overlap - answers, 0)), 0) FROM comparisons WHERE withdrawn = 0"),
    )


def _start(folder: Path, name: str, seed: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "races", str(folder), name, str(seed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*FOLDERS, *filter(None, [os.environ.get("PYTHONPATH")])])},
    )


def _race(folder: str, name: str, seed: int) -> list[str]:
    """Ask and judge until nothing is left; returns the keys that were acknowledged."""
    draw = random.Random(f"{seed}/{name}")
    acknowledged = []
    with Database.open(folder) as db:
        person = annotators.ensure(db, name).id
        print("ready", flush=True)
        sys.stdin.readline()
        while True:
            batch = questions.next_questions(db, person, limit=draw.randint(1, 4))
            for question in batch.questions:
                time.sleep(draw.random() * WAIT_SECONDS)  # the others ask meanwhile
                if draw.random() < GIVEN_BACK:
                    questions.give_back(db, person, question.comparison_public_id)
                    continue
                key = f"{name}-{question.comparison_public_id}"
                submit(db, NewJudgment(question.comparison_public_id, person, [1, 2], question.shown, key))
                acknowledged.append(key)
            if batch.state == "all_done":
                return acknowledged
            if batch.state == "others_hold":
                time.sleep(WAIT_SECONDS)


if __name__ == "__main__":
    print(json.dumps(_race(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
