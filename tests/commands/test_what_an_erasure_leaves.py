"""What an erasure leaves in a study's folder: no word, but where it names the file that has to be looked at."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from feedback_store import annotators, api_tokens, erasure, errands, exchange, invitations, runs, withdrawal
from feedback_store.database import Database
from feedback_store.erasure import Erasure
from rounds import people

NAME, WORDS = "Zebrafish Quux", "quagga"
KILLED_TRIAL = """
import os, sys
from pathlib import Path
from feedback_store import import_report
from rounds import supervisor
from ui.commands.exchange import import_file

supervisor.is_attended = lambda folder: True
import_report.Writer.add = lambda self, outcome: os.kill(os.getpid(), 9)
import_file(Path(sys.argv[1]), Path(sys.argv[2]), format="comparisons", dry_run=True)
"""


def row(prompt: str, who: str, **said: object) -> dict[str, object]:
    return {
        "prompt": prompt, "completions": [{"text": "One."}, {"text": "Two."}],
        "judgments": [{"annotator": who, "annotator_kind": "person", "ranks": [1, 2], **said}],
    }  # fmt: skip


@pytest.fixture
def db(tmp_path: Path):
    with Database.create(tmp_path / "study") as made:
        yield made


@pytest.fixture
def take(db: Database, tmp_path: Path) -> Callable[..., Path]:
    def take(*rows: dict[str, object]) -> Path:
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(one) + "\n" for one in rows))
        exchange.import_file(db, path, "comparisons")
        return path

    return take


def left_in(db: Database) -> list[str]:
    db.checkpoint()
    marks = (NAME.encode(), WORDS.encode())
    found = (path for path in sorted(db.folder.rglob("*")) if path.is_file())
    return [str(path.relative_to(db.folder)) for path in found if any(mark in path.read_bytes() for mark in marks)]


def killed_trial(db: Database, take: Callable[..., Path]) -> None:
    path = take(row("Why?", NAME, rationale=WORDS, key="1"))
    db.checkpoint()
    ended = subprocess.run([sys.executable, "-c", KILLED_TRIAL, str(db.folder), str(path)], capture_output=True)
    assert ended.returncode == -9, ended.stderr


def rows_left_out(db: Database, take: Callable[..., Path]) -> None:
    wrong = (row("Why?", NAME, view=f"{NAME} said {WORDS}"), row("How?", "bob", strength=f"{WORDS}, said {NAME}"))
    take(row("Who?", NAME), *wrong)
    assert WORDS in db.value("SELECT problems FROM imports")


def tokens(db: Database, take: Callable[..., Path]) -> None:
    person = annotators.ensure(db, NAME)
    other = annotators.ensure(db, "bob")
    api_tokens.make(db, person.id, f"{NAME}'s {WORDS}", ["read"], days=3, by=f"annotator {person.id}")
    theirs, _ = api_tokens.make(db, other.id, "nightly", ["read"], days=3, by="lead")
    db.execute("UPDATE api_tokens SET made_by = ? WHERE id = ?", [NAME, theirs.id])


def what_is_asked(db: Database, take: Callable[..., Path]) -> None:
    _, text = invitations.make(db, "annotator", name=NAME, languages=[WORDS], tags=[WORDS], by="lead")
    person = invitations.use(db, text, None, "hash").annotator_id
    people.ask(db, person, languages=[WORDS], tags=[WORDS], daily_quota=3, by="lead")


def kept_mini_batch(db: Database, take: Callable[..., Path]) -> None:
    take(row("Why?", NAME, improved={"position": 0, "text": WORDS}))
    run = runs.enqueue(db, "train-reward", {})
    lease = runs.claim(db, "worker", lease_seconds=60)
    assert lease is not None
    runs.snapshot(db, lease, [1])
    folder = db.folder / "runs" / str(run.id) / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "non-finite.safetensors").write_text(f"the tokens of {WORDS}")
    (db.folder / "runs" / "99" / "checkpoints").mkdir(parents=True)  # of a run that saw nothing of theirs


WAYS = {
    killed_trial: ["errands/scratch-"], rows_left_out: [], tokens: [], what_is_asked: [],
    kept_mini_batch: ["runs/1/checkpoints"],
}  # fmt: skip


def erased(db: Database) -> Erasure:
    person = annotators.by_name(db, NAME) or annotators.ensure(db, NAME)
    return erasure.erase(db, person.id, by="lead", reason="asked on Monday")


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_word_is_gone_or_its_file_is_named(db: Database, take: Callable[..., Path], way: Callable):
    way(db, take)
    assert left_in(db) != []
    done = erased(db)
    named = [words.split()[0] for words in done.remains if "was written before" in words]
    assert [name[: len(begin)] for name, begin in zip(named, WAYS[way], strict=True)] == WAYS[way]
    assert [path for path in left_in(db) if not path.startswith(tuple(named))] == []


def test_tokens_end_and_keep_their_rights_to_nobody(db: Database, take: Callable[..., Path]):
    person = annotators.ensure(db, NAME)
    _, text = api_tokens.make(db, person.id, "laptop", ["read"], days=3, by="lead")
    done = erased(db)
    assert api_tokens.current(db, text) is None and done.counts["tokens"] == 1
    [token] = api_tokens.listing(db)
    assert (token.name, token.scopes) == (done.name, ("read",)) and token.revoked_at is not None
    assert erasure.erase(db, person.id, by="lead", reason="again").counts["tokens"] == 0


def test_what_a_killed_trial_left_goes_with_the_next_one(db: Database, take: Callable[..., Path]):
    killed_trial(db, take)
    [left] = (db.folder / errands.FOLDER).glob("scratch-*")
    with errands.scratch(db) as mine, errands.scratch(db) as another:
        assert {path.name for path in mine.parent.glob("scratch-*")} == {mine.name, another.name}
    assert not left.exists() and list((db.folder / errands.FOLDER).iterdir()) == []


def test_who_withdraws_leaves_no_word_of_rows_that_were_left_out(db: Database, take: Callable[..., Path]):
    rows_left_out(db, take)
    withdrawal.withdraw(db, annotators.ensure(db, NAME).id, by="lead")
    db.checkpoint()
    assert WORDS.encode() not in (db.folder / "study.db").read_bytes()
