"""A study in which every row of the table of roles has something to act on: one person a role, and somebody else."""

import json
from pathlib import Path
from typing import Any

import gradio

import accounts_at_hand
import evaluation_studies
from feedback_store import (
    accounts,
    annotators,
    api_tokens,
    check_questions,
    clock,
    comparisons,
    criteria,
    errands,
    evaluations,
    exchange,
    export_shelf,
    flags,
    information_texts,
    invitations,
    judgments,
    questions,
    runs,
    sessions,
    study_settings,
    uploads,
)
from feedback_store.accounts import Role
from feedback_store.comparisons import NewComparison
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from role_table import Row
from rounds import studies
from ui.web import roles
from web_studies import exported_reward, fill, two_policies

VICTIM = "somebody else"
Things = dict[str, Any]


def fill_for_roles(db: Database, people: dict[Role, int]) -> Things:
    """Fill the study; returns what the `$names` of the table stand for, but for the caller's own (`own_things`)."""
    fill(db, 12)
    two_policies(db, "an old text", "a new text")
    victim = annotators.ensure(db, VICTIM).id
    accounts.create(db, victim, "annotator", None, by="test")
    victims = _answer(db, victim, 2)
    for person in people.values():
        _answer(db, person, 1)
    source = comparisons.get(db, victims)
    held_back = comparisons.add(db, [NewComparison(source.prompt_id, source.completion_ids[::-1], held_back=True)])[0]
    criteria.add(db, "honest", "Which one is more honest?")
    criteria.add(db, "brief", "Which one is briefer?")
    (db.folder / export_shelf.DESCRIPTIONS).mkdir()
    for name in ("trl-1", "trl-2"):
        exchange.export(db, "trl", db.folder / "exports" / name)
        (db.folder / export_shelf.DESCRIPTIONS / f"{name}.json").write_text('{"format": "trl"}')
    file = db.folder / "imported.txt"
    file.write_text("An imported prompt?\n")
    imported = exchange.import_file(db, file, "prompts").import_id
    file.unlink()
    ended = evaluation_studies.start(db, wanted=4, pairs=2)
    evaluations.unseal(db, ended.id, why="early", by="test")
    sealed = evaluation_studies.start(db, wanted=4, pairs=0)
    text = information_texts.add(db, "What happens with your answers.")
    latest = study_settings.latest(db, studies.SETTING)
    return {
        "victim": victim,
        "victims_pair": victims,
        "information": text.version,
        "invitation": invitations.make(db, "annotator", by="test")[1],
        "other_invitation": invitations.make(db, "annotator", by="test")[0].id,
        "flag": flags.add(db, victims, annotator_id=victim, note="odd").id,
        "held_back": comparisons.get(db, held_back).public_id,
        "check": check_questions.make(db, victims, [1, 2], by="test").public_id,
        "settings": latest.id if latest else 1,
        "criterion": "brief",
        "run": runs.enqueue(db, "sample", {}).id,
        "cancelled_run": runs.cancel(db, runs.enqueue(db, "evaluate", {}).id).id,
        "weights": exported_reward(db),
        "export": "trl-1",
        "other_export": "trl-2",
        "import": imported,
        "prompt": 1,
        "completion": 1,
        "judgment": 1,
        "ended": ended.id,
        "evaluation": sealed.id,
        "token": api_tokens.make(db, victim, "theirs", ["read"], days=1, by="test")[0].id,
        "asset": _asset(),
    }


def own_things(db: Database, study_id: str, things: Things, person: int | None, role: Role) -> Things:
    """With what is the caller's own: their key, a pair that they hold, one that they answered."""
    somebody = person or things["victim"]
    accounts_at_hand.session(db, somebody)
    held = questions.next_questions(db, somebody, limit=1).questions[0]
    answered = next(one for one in judgments.live(db) if one.annotator_id == somebody)
    return things | {
        **_on_the_way(db, somebody, role),
        "session": sessions.open_of(db, somebody)[0].id,
        "person": roles.person(study_id, somebody, role, role).key,
        "pair": held.comparison_public_id,
        "shown": list(held.shown),
        "answered": comparisons.get(db, answered.comparison_id).public_id,
    }


def _on_the_way(db: Database, person: int, role: Role) -> Things:
    """Two files of a person that are here as a whole, and an errand that has ended."""
    text = b"Why not?\n"
    files = [uploads.begin(db, f"{name}.txt", len(text), by=person) for name in ("one", "two")]
    for one in files:
        uploads.add(db, one.id, 0, text)
    folder = db.folder / errands.FOLDER / "0123456789abcdef"
    folder.mkdir(parents=True, exist_ok=True)
    order = {"verb": "preview", "order": {}, "by": person, "role": role, "created_at": clock.now()}
    (folder / "order.json").write_text(json.dumps(order))
    return {"upload": files[0].id, "other_upload": files[1].id, "errand": folder.name}


def request_of(row: Row, things: Things) -> tuple[str, Any]:
    """Path with its query, and the body, of a row's request."""
    path = row.path
    for name, value in row.values.items():
        path = path.replace(f"{{{name}}}", str(_filled(value, things))).replace(
            f"{{{name}:path}}", str(_filled(value, things))
        )
    path = path.replace("{", "").replace("}", "").replace(":path", "")  # of Gradio's: any value is as good
    return path + row.query, _filled(row.body, things)


def _filled(value: Any, things: Things) -> Any:
    if isinstance(value, str) and value.startswith("$"):
        return things[value[1:]]
    if isinstance(value, dict):
        return {name: _filled(one, things) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, things) for one in value]
    return value


def _answer(db: Database, person: int, number: int) -> str:
    """Let a person answer some pairs; returns the last one's public id."""
    last = ""
    for question in questions.next_questions(db, person, limit=number).questions:
        key = f"role-study-{person}-{question.comparison_id}"
        judgments.submit(db, NewJudgment(question.comparison_public_id, person, [1, 2], question.shown, key))
        last = question.comparison_public_id
    assert last
    return last


def _asset() -> str:
    """One of the files that Gradio's pages load, below /assets/."""
    folder = Path(gradio.__file__).parent / "templates" / "frontend" / "assets"
    return min(path.name for path in folder.iterdir() if path.suffix == ".js")


def contents(db: Database, but: tuple[str, ...] = ()) -> dict[str, str]:
    """Every table's rows as text, to be compared; without what only notes that somebody came by, and without `but`."""
    names = [row["name"] for row in db.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {}
    for name in names:
        if name in ("throttles", "sessions", *but) or name.startswith("sqlite_"):
            continue
        found[name] = json.dumps(db.rows(f'SELECT * FROM "{name}"'), default=repr)
    return found
