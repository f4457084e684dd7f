"""Questions, answers and undo over HTTP: durable, idempotent, owned, blind."""

import json

import pytest
from starlette.testclient import TestClient

from feedback_store import annotators, database, judgments
from feedback_store.database import Database


def ask(client: TestClient, limit: int = 3) -> dict:
    answer = client.get(f"/api/questions?limit={limit}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def answer_to(question: dict, key: str = "key-00000001", **fields) -> dict:
    return {"comparison": question["comparison"], "shown": question["shown"], "ranks": [1, 2], "key": key, **fields}


def test_questions_are_leased_and_come_again_to_the_same_person(client: TestClient):
    first = ask(client)
    assert first["state"] == "ready"
    assert len(first["questions"]) == 3
    assert [each["comparison"] for each in ask(client)["questions"]] == [
        each["comparison"] for each in first["questions"]
    ]
    assert first["progress"]["today"] == 0
    assert sum(first["progress"][name] for name in ("judged", "ready", "leased")) == 6


def test_what_the_browser_gets_does_not_tell_who_wrote_a_text(client: TestClient):
    question = ask(client)["questions"][0]
    assert set(question) == {"comparison", "prompt", "completions", "shown"}
    assert all(set(each) == {"text", "cut_off"} for each in question["completions"])
    assert "base" not in json.dumps(question)


def test_an_answer_is_in_the_store_when_it_is_acknowledged(client: TestClient, study: Database):
    question = ask(client)["questions"][0]
    body = answer_to(question, milliseconds=4200, input_device="keyboard", view="raw")
    assert client.post("/api/judgments", json=body).json() == {"saved": True, "key": "key-00000001"}
    (row,) = judgments.live(study)
    assert (row.ranks, row.shown, row.key) == ([1, 2], question["shown"], "key-00000001")
    assert (row.milliseconds, row.input_device, row.view, row.late) == (4200, "keyboard", "raw", False)
    assert annotators.get(study, row.annotator_id).name == "local"
    assert ask(client)["progress"]["today"] == 1


def test_the_same_answer_again_is_the_same_answer(client: TestClient, study: Database):
    body = answer_to(ask(client)["questions"][0])
    assert [client.post("/api/judgments", json=body).status_code for _ in range(3)] == [200, 200, 200]
    assert len(judgments.live(study)) == 1


def test_a_key_used_for_another_answer_is_a_conflict(client: TestClient, study: Database):
    first, second, _ = ask(client)["questions"]
    assert client.post("/api/judgments", json=answer_to(first)).status_code == 200
    assert client.post("/api/judgments", json=answer_to(first) | {"ranks": [2, 1]}).status_code == 409
    conflict = client.post("/api/judgments", json=answer_to(second))
    assert conflict.status_code == 409
    assert "key" in conflict.json()["error"]
    assert [row.ranks for row in judgments.live(study)] == [[1, 2]]


def test_tie_both_bad_and_skip_are_three_answers(client: TestClient, study: Database):
    tie, bad, skip = ask(client)["questions"]
    bodies = [
        answer_to(tie, "key-tie-0001", ranks=[1, 1]),
        answer_to(bad, "key-bad-0001", ranks=[1, 1], both_bad=True),
        answer_to(skip, "key-skip-001", ranks=None, skipped="language"),
    ]
    assert [client.post("/api/judgments", json=body).status_code for body in bodies] == [200, 200, 200]
    rows = {row.key: row for row in judgments.live(study)}
    assert [rows[body["key"]].both_bad for body in bodies] == [False, True, False]
    assert rows["key-skip-001"].ranks is None


@pytest.mark.parametrize(
    "change",
    [
        {"ranks": None}, {"ranks": [1]}, {"ranks": [0, 1]}, {"ranks": [2, 2]}, {"ranks": ["1", "2"]},
        {"ranks": [True, 2]},
        {"skipped": "language"}, {"ranks": None, "skipped": "because"}, {"ranks": None, "skipped": "undone"},
        {"both_bad": True}, {"shown": [0, 0]}, {"shown": [0, 9]}, {"shown": []}, {"key": "short"}, {"key": "bad key!!"},
        {"milliseconds": -1}, {"milliseconds": 1.5}, {"input_device": "foot"}, {"strength": 3},
        {"annotator": "somebody"},
    ],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_is_refused_with_words(client: TestClient, study: Database, change: dict):
    answer = client.post("/api/judgments", json=answer_to(ask(client)["questions"][0]) | change)
    assert answer.status_code == 422
    assert answer.json()["error"].strip()
    assert judgments.live(study) == []


def test_only_what_was_handed_out_can_be_answered_and_only_in_the_order_shown(client: TestClient, study: Database):
    question = ask(client, limit=1)["questions"][0]
    assert client.post("/api/judgments", json=answer_to(question) | {"comparison": "nothing"}).status_code == 404
    turned = answer_to(question) | {"shown": question["shown"][::-1]}
    assert client.post("/api/judgments", json=turned).status_code == 422
    assert judgments.live(study) == []


def test_undo_takes_the_last_answer_back_and_hands_its_pair_out_again(client: TestClient, study: Database):
    first, second, _ = ask(client)["questions"]
    client.post("/api/judgments", json=answer_to(first, "key-first-01"))
    client.post("/api/judgments", json=answer_to(second, "key-secnd-01"))
    ask(client)
    undone = client.post("/api/undo", json={"key": "undo-0000001"}).json()
    assert undone["undone"] is True
    assert undone["question"] == second
    assert undone["progress"]["today"] == 1
    again = client.post("/api/undo", json={"key": "undo-0000001"}).json()
    assert again["question"] == second, "the same key undoes nothing more"
    assert [row.key for row in judgments.live(study)] == ["key-first-01"]
    assert client.post("/api/judgments", json=answer_to(second, "key-again-01", ranks=[2, 1])).status_code == 200
    assert sorted(row.key for row in judgments.live(study)) == ["key-again-01", "key-first-01"]


def test_there_may_be_nothing_to_undo(client: TestClient):
    undone = client.post("/api/undo", json={"key": "undo-0000001"}).json()
    assert (undone["undone"], undone["question"]) == (False, None)


def test_when_all_is_judged_the_state_says_so(client: TestClient):
    while questions := ask(client)["questions"]:
        for question in questions:
            body = answer_to(question, f"key-{question['comparison']}")
            assert client.post("/api/judgments", json=body).status_code == 200
    assert ask(client)["state"] == "all_done"


def test_a_query_that_makes_no_sense_is_refused_with_words(client: TestClient):
    for query in ("limit=0", "limit=99", "limit=x", "limit=99999999999999999999"):
        answer = client.get(f"/api/questions?{query}")
        assert answer.status_code == 422
        assert "limit" in answer.json()["error"]


def test_a_database_that_stays_locked_is_said_with_503_and_the_answer_can_be_sent_again(
    client: TestClient, study: Database, monkeypatch: pytest.MonkeyPatch
):
    body = answer_to(ask(client)["questions"][0])
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 0.1)
    study.close()  # connections that wait no longer than that
    with Database.open(study.folder) as other, other.transaction():
        refused = client.post("/api/judgments", json=body)
        assert refused.status_code == 503
        assert "Nothing was stored; try again" in refused.json()["error"]
    study.close()
    assert client.post("/api/judgments", json=body).json() == {"saved": True, "key": body["key"]}
    assert len(judgments.live(study)) == 1
