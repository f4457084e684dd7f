"""The table of interface.md "Who may do what", route by route, held against the application with Gradio's inside."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import accounts_at_hand
import role_matrix
from feedback_store import annotators, judgments, questions
from feedback_store.accounts import Role
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from role_study import contents
from role_table import ROWS


def test_every_route_of_ours_and_of_gradio_is_in_the_table(application_with_accounts: FastAPI, application: FastAPI):
    for app in (application_with_accounts, application):
        assert role_matrix.unlisted(app) == {"unlisted": [], "gone": []}
    assert len({row.route for row in ROWS}) == len(ROWS), "each route stands once in the table"


@pytest.mark.parametrize("caller", role_matrix.CALLERS)
def test_everybody_may_do_what_the_table_says_and_nothing_else(
    caller: Role | None, application_with_accounts: FastAPI, tmp_path: Path
):
    found = role_matrix.of(application_with_accounts, tmp_path / "study", caller)
    assert found.deviations == []
    assert found.allowed + found.refused == len(ROWS)
    assert found.allowed > (5 if caller is None else 25)


def test_a_route_that_is_not_in_the_table_is_found(application: FastAPI):
    class WithOneMore:
        routes = [*application.routes]

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.get("/api/new")(lambda: None)
    WithOneMore.routes += app.routes
    assert ("GET", "/api/new") in role_matrix.unlisted(WithOneMore)["unlisted"]


def test_nobody_acts_on_the_judgments_of_somebody_else(as_role: Callable[[str], TestClient], study: Database):
    """Not even an admin: what another person holds or answered cannot be read, answered, held longer or taken back."""
    people = accounts_at_hand.people(study)
    victim = annotators.ensure(study, "somebody else").id
    answered, held = questions.next_questions(study, victim, limit=2).questions
    judgments.submit(
        study, NewJudgment(answered.comparison_public_id, victim, [1, 2], answered.shown, "of-somebody-else")
    )
    before = contents(study)
    for role in people:
        client = as_role(role)
        body = {"comparison": held.comparison_public_id, "shown": held.shown, "ranks": [2, 1], "key": f"steal-{role}"}
        assert client.post("/api/judgments", json=body).status_code == 404
        mine = {**body, "comparison": answered.comparison_public_id, "shown": answered.shown, "key": "of-somebody-else"}
        assert client.post("/api/judgments", json=mine).status_code in (404, 409)
        assert client.post("/api/renew", json={"comparison": held.comparison_public_id}).json() == {"expires_at": None}
        assert client.get(f"/api/answers/{answered.comparison_public_id}").status_code == 404
        assert client.get("/api/answers").json() == {"answers": []}
        flag = {"comparison": held.comparison_public_id, "note": "odd", "key": f"flag-{role}"}
        assert client.post("/api/flags", json=flag).status_code == 404
        assert client.post("/api/undo", json={"key": f"undo-{role}"}).json()["undone"] is False
    assert contents(study) == before
