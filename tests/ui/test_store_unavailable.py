"""A study that cannot be written answers 503 in words, never silence, and takes the same answer later."""

import pytest

from feedback_store import database, judgments
from feedback_store.database import Database


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 0.05)


def test_an_answer_to_a_locked_study_is_refused_in_words_and_taken_later(impatient, study, client):
    question = client.get("/api/questions").json()["questions"][0]
    body = {"comparison": question["comparison"], "shown": question["shown"], "ranks": [1, 2], "key": "key-00000001"}
    with Database.open(study.folder) as other:
        with other.transaction():
            refused = client.post("/api/judgments", json=body)
        assert (refused.status_code, judgments.count(study)) == (503, 0)
        assert "kept the study's database locked" in refused.json()["error"]
    taken = client.post("/api/judgments", json=body)
    assert (taken.status_code, taken.json()["saved"], taken.json()["key"]) == (200, True, "key-00000001")
    assert judgments.count(study) == 1
