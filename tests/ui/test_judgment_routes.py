"""Questions, answers and undo over HTTP: durable, idempotent, owned, blind."""

import json
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from feedback_store import (
    annotators,
    check_questions,
    completions,
    content_check,
    criteria,
    database,
    flags,
    guidelines,
    information_texts,
    judgments,
)
from feedback_store.database import Database
from rounds import studies
from web_studies import fill


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
    assert set(question) == {"comparison", "prompt", "completions", "shown", "expires_at", "needs", "training"}
    assert all(set(each) == {"text", "html", "cut_off"} for each in question["completions"])
    assert "base" not in json.dumps(question)


def test_an_answer_is_in_the_store_when_it_is_acknowledged(client: TestClient, study: Database):
    question = ask(client)["questions"][0]
    body = answer_to(question, milliseconds=4200, input_device="keyboard", view="raw")
    saved = {"saved": True, "key": "key-00000001", "late": False, "feedback": None}
    assert client.post("/api/judgments", json=body).json() == saved
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
        {"milliseconds": -1}, {"milliseconds": 1.5}, {"input_device": "foot"}, {"strength": 4}, {"strength": True},
        {"annotator": "somebody"}, {"view": "sideways"}, {"rationale": 3}, {"rationale": "x" * 20_001},
        {"improved": {"position": 9, "text": "better"}}, {"improved": {"position": 0, "text": " "}},
        {"criteria": {"honest": {"ranks": [1, 2]}}}, {"signals": {"scrolled": [2]}}, {"signals": {"words": "hidden"}},
        {"ranks": None, "skipped": "unsafe", "rationale": "and why"},
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
    assert {**undone["question"], "expires_at": ""} == {**second, "expires_at": ""}, "in the same order of sides"
    assert undone["progress"]["today"] == 1
    again = client.post("/api/undo", json={"key": "undo-0000001"}).json()
    assert again["question"]["comparison"] == second["comparison"], "the same key undoes nothing more"
    assert [row.key for row in judgments.live(study)] == ["key-first-01"]
    assert client.post("/api/judgments", json=answer_to(second, "key-again-01", ranks=[2, 1])).status_code == 200
    assert sorted(row.key for row in judgments.live(study)) == ["key-again-01", "key-first-01"]


def test_an_undo_names_the_answer_that_it_means(client: TestClient, study: Database):
    first, second, _ = ask(client)["questions"]
    client.post("/api/judgments", json=answer_to(first, "key-first-01"))
    client.post("/api/judgments", json=answer_to(second, "key-secnd-01"))
    body = {"key": "undo-0000001", "answer": "key-first-01"}
    for _ in range(2):
        undone = client.post("/api/undo", json=body).json()
        assert undone["question"]["comparison"] == first["comparison"], "the same undo again is the same"
    assert [row.key for row in judgments.live(study)] == ["key-secnd-01"]
    for meant in ("key-first-01", "key-never-01"):
        assert client.post("/api/undo", json={"key": f"undo-{meant}", "answer": meant}).json()["undone"] is False
    assert [row.key for row in judgments.live(study)] == ["key-secnd-01"]


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
    assert client.post("/api/judgments", json=body).json()["saved"] is True
    assert len(judgments.live(study)) == 1


def latest_question(client: TestClient) -> tuple[dict, dict]:
    asked = ask(client, limit=1)
    return asked["questions"][0], asked["asked"]


def test_all_that_was_said_and_noted_is_stored(client: TestClient, study: Database):
    criteria.add(study, "honest", "Which one is more honest?")
    studies.change_settings(study, asked={"criteria": "optional"})
    guideline = guidelines.add(study, "Judge by *honesty*.")
    asked = ask(client, limit=1)
    question = asked["questions"][0]
    assert asked["guideline"] == {"id": guideline.id, "version": 1}
    assert asked["asked"]["criteria"] == [{"name": "honest", "question": "Which one is more honest?"}]
    signals = {"scrolled": [1, 0.5], "views": ["raw", "diff"], "revisions": 2, "order": [1, 0], "place": 7}
    body = answer_to(
        question,
        strength=3,
        criteria={"honest": {"ranks": [2, 1], "strength": 1}},
        rationale="Because.",
        improved={"position": 0, "text": "Better still."},
        view="diff",
        asked=asked["asked"]["id"],
        guideline=guideline.id,
        signals=signals,
    )
    assert client.post("/api/judgments", json=body).status_code == 200
    (row,) = judgments.live(study)
    assert (row.strength, row.rationale, row.improved) == (3, "Because.", {"position": 0, "text": "Better still."})
    assert row.criteria == {"honest": {"ranks": [2, 1], "strength": 1}}
    assert (row.asked_id, row.guideline_id, row.signals) == (asked["asked"]["id"], guideline.id, signals)
    assert row.view == "raw"


def test_what_is_required_cannot_be_left_out(client: TestClient, study: Database):
    criteria.add(study, "honest", "Which one is more honest?")
    studies.change_settings(study, asked={"criteria": "required", "rationale": "required", "improve": "required"})
    question, asked = latest_question(client)
    assert question["needs"] == {"criteria": "required", "rationale": "required", "improve": "required"}
    whole = answer_to(
        question,
        asked=asked["id"],
        criteria={"honest": {"ranks": [1, 1]}},
        rationale="Because.",
        improved={"position": 1, "text": "Mine."},
    )
    for missing, words in (("criteria", "every criterion"), ("rationale", "own words"), ("improved", "improve the")):
        refused = client.post("/api/judgments", json={**whole, missing: None})
        assert refused.status_code == 422
        assert words in refused.json()["error"]
    skip = answer_to(question, "key-skip-0001", ranks=None, skipped="unsafe", asked=asked["id"])
    assert client.post("/api/judgments", json=whole).status_code == 200
    assert client.post("/api/judgments", json=skip).status_code == 200, "who cannot judge has nothing to explain"


def test_what_is_off_is_not_taken(client: TestClient, study: Database):
    studies.change_settings(study, asked={"strength": False, "rationale": "off", "improve": "off"})
    question, asked = latest_question(client)
    for extra in ({"strength": 2}, {"rationale": "Why"}, {"improved": {"position": 0, "text": "Mine."}}):
        assert client.post("/api/judgments", json=answer_to(question, asked=asked["id"], **extra)).status_code == 422
    assert client.post("/api/judgments", json=answer_to(question, asked=asked["id"])).status_code == 200


def test_a_share_requires_a_rationale_on_some_questions_and_always_the_same(client: TestClient, study: Database):
    fill(study, 60)
    studies.change_settings(study, asked={"rationale": "required", "rationale_share": 0.4})
    asked = ask(client, limit=10)
    needs = [question["needs"]["rationale"] for question in asked["questions"]]
    assert set(needs) == {"required", "optional"}
    assert [question["needs"]["rationale"] for question in ask(client, limit=10)["questions"]] == needs


def test_an_answer_under_an_older_version_than_its_pair_was_handed_out_under_is_asked_anew(
    client: TestClient, study: Database
):
    _, before = latest_question(client)
    studies.change_settings(study, asked={"mode": "confirm"})
    client.post("/api/judgments", json=answer_to(ask(client, limit=1)["questions"][0], "key-held-0001"))
    question, after = latest_question(client)
    assert after["id"] > before["id"]
    refused = client.post("/api/judgments", json=answer_to(question, asked=before["id"]))
    assert (refused.status_code, refused.json()["code"]) == (409, "asked_changed")
    assert client.post("/api/judgments", json=answer_to(question, asked=after["id"])).status_code == 200


def test_an_answer_given_before_a_change_counts_under_the_version_that_was_seen(client: TestClient, study: Database):
    question, before = latest_question(client)
    studies.change_settings(study, asked={"rationale": "required"})
    assert client.post("/api/judgments", json=answer_to(question, asked=before["id"])).status_code == 200
    assert judgments.live(study)[0].asked_id == before["id"]


def test_an_answer_that_names_no_version_is_held_against_the_one_of_its_pair(client: TestClient, study: Database):
    studies.change_settings(study, asked={"rationale": "required", "strength": False})
    question, asked = latest_question(client)
    for said, words in (({}, "own words"), ({"rationale": "Because.", "strength": 3}, "leave `strength` out")):
        refused = client.post("/api/judgments", json=answer_to(question, **said))
        assert refused.status_code == 422
        assert words in refused.json()["error"]
    body = answer_to(question, rationale="Because.")
    assert client.post("/api/judgments", json=body).status_code == 200
    assert client.post("/api/judgments", json=body).status_code == 200, "the same answer again"
    assert [row.asked_id for row in judgments.live(study)] == [asked["id"]]
    assert list(content_check.changed_judgments(study)) == [], "its hash is of what was sent"


def test_the_answers_of_a_page_that_somebody_else_opened_are_not_taken(client: TestClient, study: Database):
    question = ask(client, limit=1)["questions"][0]
    for path, body in (
        ("/api/judgments", answer_to(question, person="somebody else")),
        ("/api/undo", {"key": "undo-0000001", "person": "somebody else"}),
        ("/api/renew", {"comparison": question["comparison"], "person": "somebody else"}),
        ("/api/flags", {"comparison": question["comparison"], "note": "!", "key": "flag-00001", "person": "else"}),
    ):
        refused = client.post(path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "other_person"), path
    other = client.get("/api/questions?person=somebody")
    assert (other.status_code, other.json()["code"]) == (409, "other_person")
    assert judgments.live(study) == []
    me = client.get("/api/me").json()["key"]
    assert client.post("/api/judgments", json=answer_to(question, person=me)).status_code == 200


def test_a_lease_is_renewed_while_it_is_held(client: TestClient, study: Database):
    question = ask(client, limit=1)["questions"][0]
    renewed = client.post("/api/renew", json={"comparison": question["comparison"]}).json()
    assert renewed["expires_at"] >= question["expires_at"]
    client.post("/api/judgments", json=answer_to(question))
    assert client.post("/api/renew", json={"comparison": question["comparison"]}).json() == {"expires_at": None}


def test_the_last_answers_can_be_looked_at_and_changed(client: TestClient, study: Database):
    first, second, _ = ask(client)["questions"]
    client.post("/api/judgments", json=answer_to(first, "key-first-01", strength=2))
    client.post("/api/judgments", json=answer_to(second, "key-secnd-01", ranks=None, skipped="unclear"))
    listed = client.get("/api/answers").json()["answers"]
    assert [each["comparison"] for each in listed] == [second["comparison"], first["comparison"]]
    assert listed[0]["verdict"] == {"ranks": None, "strength": None, "both_bad": False, "skipped": "unclear"}
    opened = client.get(f"/api/answers/{first['comparison']}").json()
    assert opened["question"]["shown"] == first["shown"]
    assert opened["question"]["completions"] == first["completions"]
    assert (opened["answer"]["ranks"], opened["answer"]["strength"]) == ([1, 2], 2)
    changed = answer_to(first, "key-changed1", ranks=[2, 1])
    assert client.post("/api/judgments", json=changed).status_code == 200
    assert {row.key for row in judgments.live(study)} == {"key-changed1", "key-secnd-01"}
    assert len(judgments.history(study, judgments.by_key(study, 1, "key-changed1").comparison_id)) == 2
    assert client.get("/api/answers/nothing").status_code == 404


def test_nobody_reads_or_changes_the_answers_of_another(as_role: Callable[[str], TestClient], study: Database):
    one, other = as_role("annotator"), as_role("admin")
    question = ask(one, limit=1)["questions"][0]
    one.post("/api/judgments", json=answer_to(question))
    assert other.get("/api/answers").json() == {"answers": []}
    assert other.get(f"/api/answers/{question['comparison']}").status_code == 404
    assert other.post("/api/judgments", json=answer_to(question, "key-other-001")).status_code == 404
    assert other.post("/api/undo", json={"key": "undo-0000001"}).json()["undone"] is False
    flag = {"comparison": question["comparison"], "note": "!", "key": "flag-000001"}
    assert other.post("/api/flags", json=flag).status_code == 404
    assert len(judgments.live(study)) == 1


def test_a_flag_names_the_response_that_was_seen_and_is_stored_once(client: TestClient, study: Database):
    question = ask(client, limit=1)["questions"][0]
    body = {"comparison": question["comparison"], "place": 1, "note": "Says who wrote it.", "key": "flag-000001"}
    assert [client.post("/api/flags", json=body).status_code for _ in range(2)] == [200, 200]
    (flag,) = flags.current(study)
    (flagged,) = completions.get(study, [flag.completion_id])
    assert flagged.text == question["completions"][1]["text"]
    assert client.post("/api/flags", json={**body, "place": 7, "key": "flag-000002"}).status_code == 422


def test_a_text_has_to_be_agreed_to_before_the_first_question(client: TestClient, study: Database):
    information_texts.add(study, "What **this** is about.")
    assert ask(client)["state"] == "consent_needed"
    text = client.get("/api/information?language=zh").json()["text"]
    assert (text["version"], text["text"]) == (1, "What **this** is about.")
    assert "<strong>" in text["html"]
    assert client.post("/api/consent", json={"version": 2}).status_code == 422
    assert client.post("/api/consent", json={"version": None}).status_code == 422
    assert client.post("/api/consent", json={"version": 1}).json() == {"agreed": True}
    assert ask(client)["state"] == "ready"
    information_texts.add(study, "Something else.")
    assert ask(client)["state"] == "consent_needed"


def test_check_questions_come_first_with_what_the_expert_says(client: TestClient, study: Database):
    check_questions.make(study, 6, [1, 2], by="test")
    studies.change_settings(study, qualification={"questions": 1, "pass_mark": 1.0})
    asked = ask(client)
    (check,) = asked["questions"]
    assert check["training"] is True
    told = client.post("/api/judgments", json=answer_to(check, ranks=[1, 2])).json()["feedback"]
    assert told == {"right": True, "expert": [1, 2]}
    assert all(not each["training"] for each in ask(client)["questions"])


def test_who_does_not_pass_gets_no_live_work(client: TestClient, study: Database):
    check_questions.make(study, 6, [1, 2], by="test")
    studies.change_settings(study, qualification={"questions": 1, "pass_mark": 1.0})
    (check,) = ask(client)["questions"]
    assert client.post("/api/judgments", json=answer_to(check, ranks=[2, 1])).json()["feedback"]["right"] is False
    assert ask(client)["state"] == "not_qualified"


def test_a_round_is_paused_closed_and_opened_while_people_work(client: TestClient, study: Database):
    question = ask(client, limit=1)["questions"][0]
    for change, state in (({"paused": True}, "round_paused"), ({"paused": False, "closed": True}, "closed")):
        studies.change_settings(study, **change)
        assert ask(client)["state"] == state
    assert client.post("/api/judgments", json=answer_to(question)).status_code == 200, "what is on its way is taken"
    studies.change_settings(study, closed=False)
    assert ask(client)["state"] == "ready"


def test_my_pace_and_quota_are_told(client: TestClient, study: Database):
    studies.change_settings(study, daily_quota=5)
    assert ask(client, limit=5)["progress"]["quota"] == 5
    for place, question in enumerate(ask(client, limit=5)["questions"]):
        body = answer_to(question, f"key-pace-{place:03}", milliseconds=6000)
        assert client.post("/api/judgments", json=body).status_code == 200
    after = ask(client)
    assert after["state"] == "quota_reached"
    assert after["progress"]["per_hour"] == pytest.approx(600)
