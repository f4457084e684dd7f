"""The study that a server serves, as the routes see it."""

from __future__ import annotations

import secrets
import threading

from fastapi import Request

from feedback_store import annotators, study_settings
from feedback_store.database import Database
from rounds.refreshing import Refreshing
from ui.web import roles
from ui.web.latest_figures import LatestFigures
from ui.web.roles import Person, Role

STUDY_ID = "study_id"
LOCAL_PERSON = "local"


class StudyAtHand:
    """An open study, with the figures about its people and its policies that were computed last, and the reward as the
    latest judgments have it.
    """

    def __init__(self, db: Database) -> None:
        self.db = db
        self.id = study_id(db)
        turn = threading.Lock()
        self.figures = LatestFigures(db.folder, "people", turn)
        self.policy_figures = LatestFigures(db.folder, "policies", turn)
        self.refreshing = Refreshing(db)

    def people_changed(self) -> None:
        """Who counts was changed: all figures are out of date."""
        self.figures.changed()
        self.policy_figures.changed()
        self.refreshing.changed()

    def person(self, name: str, role: Role) -> Person:
        """The person of this name, made where there is none."""
        return roles.person(self.id, annotators.ensure(self.db, name).id, name, role)


def study_of(request: Request) -> StudyAtHand:
    """The study of the server that a request came to."""
    study = request.app.state.study
    assert isinstance(study, StudyAtHand)
    return study


def study_id(db: Database) -> str:
    """The study's random id, drawn once: it names the browser's cookie and its kept answers."""
    with db.transaction():
        known = study_settings.get(db, STUDY_ID)
        if known is None:
            known = secrets.token_hex(8)
            study_settings.put(db, STUDY_ID, known)
    return str(known)
