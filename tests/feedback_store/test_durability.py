"""What was acknowledged survives kill -9."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from feedback_store import annotators, judgments
from feedback_store.database import Database

KILLS = 10
REPOSITORY = Path(__file__).parents[2]

STORING = """
import sys
from feedback_store import annotators
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment, submit

db = Database.open(sys.argv[1])
person = annotators.ensure(db, sys.argv[2]).id
for number in range(10**6):
    key = f"{sys.argv[2]}-{number}"
    submit(db, NewJudgment(number % 20 + 1, person, [1, 2], [0, 1], key))
    sys.stdout.write(key + "\\n")
    sys.stdout.flush()
"""


def test_kill_9_of_a_storing_process_loses_nothing_acknowledged(db: Database, compare: Callable) -> None:
    compare(db, 20)
    acknowledged: list[str] = []
    for kill in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", STORING, str(db.folder), f"p{kill}"],
            stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
        )  # fmt: skip
        assert process.stdout is not None
        for _ in range(3 + 7 * kill % 11):
            acknowledged.append(process.stdout.readline().strip())
        os.kill(process.pid, signal.SIGKILL)
        acknowledged += process.stdout.read().split("\n")[:-1]
        process.wait()
        process.stdout.close()
        assert db.value("PRAGMA integrity_check") == "ok"
        db.close()
    stored = [row["key"] for row in db.rows("SELECT key FROM judgments")]
    assert len(acknowledged) >= 3 * KILLS
    assert set(acknowledged) <= set(stored)
    assert len(set(stored)) == len(stored)
    # At most the one answer that was being stored when the process died is there without having been acknowledged.
    assert len(stored) - len(acknowledged) <= KILLS
    assert judgments.count(db) == sum(
        len({row.comparison_id for row in judgments.live(db, annotator_id=one.id)}) for one in annotators.listing(db)
    )
