"""Another Host or another Origin changes nothing and reads nothing, on any route, whoever is logged in."""

from pathlib import Path

import pytest
from fastapi import FastAPI

import accounts_at_hand
import role_matrix
from role_study import contents, fill_for_roles, own_things
from role_table import ROWS
from rounds import studies

WRITING = [row for row in ROWS if row.method == "POST"]
READING = [row for row in ROWS if row.method != "POST"]


@pytest.fixture(scope="module")
def admin(application_with_accounts: FastAPI, tmp_path_factory: pytest.TempPathFactory):
    """Sends rows as an admin, with further headers; gives the answers and whether the study is as it was."""
    from ui.web.study import StudyAtHand

    folder: Path = tmp_path_factory.mktemp("foreign") / "study"
    with studies.open_or_create(folder, base="tiny:", create=True, refill=False) as db:
        person = accounts_at_hand.people(db)["admin"]
        study = StudyAtHand(db)
        things = fill_for_roles(db, accounts_at_hand.people(db))
        things = own_things(db, study.id, things, person, "admin")
        before = contents(db)

        def send(rows, **headers: str):
            application_with_accounts.state.study = study
            answers = role_matrix.answers(application_with_accounts, db, rows, things, person, **headers)
            return answers, contents(db) == before

        yield send


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:7860.evil.example", "localhost.evil.example:7860"])
def test_under_another_host_nothing_is_read_and_nothing_changes(admin, host: str):
    answers, unchanged = admin(ROWS, host=host, origin=f"http://{host}")
    assert {answer.status_code for answer in answers} == {421}
    assert all(len(answer.content) < 1000 and "set-cookie" not in answer.headers for answer in answers)
    assert unchanged


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:7860", "http://127.0.0.1:7861"])
def test_from_another_origin_nothing_changes(admin, origin: str):
    answers, unchanged = admin(WRITING, origin=origin)
    assert len(answers) > 60
    assert {answer.status_code for answer in answers} == {403}
    assert unchanged


def test_from_another_origin_a_page_reads_nothing(admin):
    """What a browser lets no other page read: no answer says that it may, and no script may be taken from here."""
    answers, _ = admin(READING, origin="http://evil.example")
    assert len(answers) > 60
    for row, answer in zip(READING, answers, strict=True):
        assert not [name for name in answer.headers if name.startswith("access-control-")], row
        assert answer.headers["cross-origin-resource-policy"] == "same-origin", row
        assert answer.headers["x-frame-options"] == "DENY", row
