"""The table of interface.md "Who may do what", route by route, held against the application with Gradio's inside."""

from pathlib import Path

import pytest
from fastapi import FastAPI

import role_matrix
from feedback_store.accounts import Role
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
