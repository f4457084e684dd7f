"""The page of one's own over HTTP: one's own rows and nobody else's, nothing that tells which questions are checks."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

import accounts_at_hand
from feedback_store import annotators, audit, consents, information_texts, people_listing, sessions
from feedback_store.database import Database
from ui.web import passwords
from ui.web.study import StudyAtHand
from web_studies import judge_all

AsRole = Callable[[str], TestClient]


def key_of(client: TestClient) -> str:
    return client.get("/api/me").json()["key"]


def test_my_page_says_who_i_am_and_what_i_did(study: Database, as_role: AsRole):
    assert judge_all(study, "annotator") == 6
    person = annotators.ensure(study, "annotator")
    annotators.asked_of(study, person.id, languages=["en"], tags=["code"])
    annotators.set_daily_quota(study, person.id, 40)
    page = as_role("annotator").get("/api/me/page").json()
    (day,) = page.pop("days")
    assert page == {
        "name": "annotator",
        "role": "annotator",
        "answers": 6,
        "today": 6,
        "quota": 40,
        "languages": ["en"],
        "known_languages": ["en"],
        "tags": ["code"],
        "per_hour": None,
        "agreed": None,
        "text": None,
        "withdrawn": False,
        "shortest_password": passwords.SHORTEST,
    }
    assert (day["judgments"], day["skips"], day["active_minutes"]) == (6, 0, 0.0)
    assert [(day["day"], 6)] == people_listing.days(study, person.id)


def test_others_work_is_not_mine(study: Database, as_role: AsRole):
    judge_all(study, "lead")
    mine = as_role("annotator")
    assert mine.get("/api/me/page").json()["days"] == []
    assert mine.get("/api/me/work.csv").text.splitlines() == ["\ufeffday,judgments,skips,active_minutes"]


def test_my_table_is_silent_about_check_questions(study: Database, as_role: AsRole):
    judge_all(study, "annotator")
    with study.transaction():
        study.execute("UPDATE comparisons SET purpose = 'check', expert = '[2,1]' WHERE id < 3")
    client = as_role("annotator")
    answer = client.get("/api/me/work.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    heading, line = answer.text.lstrip("\ufeff").splitlines()
    assert heading == "day,judgments,skips,active_minutes"
    assert line.split(",")[1:] == ["6", "0", "0.0"]
    assert not {"check", "accuracy", "expert"} & set(client.get("/api/me/page").text.replace('"', " ").split())


def test_where_i_am_logged_in_is_told_without_a_token(study: Database, as_role: AsRole):
    here, there = as_role("annotator"), as_role("annotator")
    as_role("lead")
    answer = here.get("/api/me/sessions")
    found = answer.json()["sessions"]
    assert [one["own"] for one in found].count(True) == 1
    assert len(found) == 2
    assert all(set(one) == {"id", "created_at", "seen_at", "expires_at", "address", "own"} for one in found)
    hashes = [row["token_sha256"] for row in study.rows("SELECT token_sha256 FROM sessions")]
    for secret in [*hashes, *here.cookies.values(), *there.cookies.values()]:
        assert secret not in answer.text


def test_i_log_out_in_one_place_or_everywhere_else(study: Database, as_role: AsRole):
    here, there, third = (as_role("annotator") for _ in range(3))
    (theirs,) = [one["id"] for one in there.get("/api/me/sessions").json()["sessions"] if one["own"]]
    ended = here.post(f"/api/me/sessions/{theirs}/end", json={})
    assert ended.status_code == 200
    assert theirs not in [one["id"] for one in ended.json()["sessions"]]
    assert there.get("/api/me").status_code == 401
    assert here.post(f"/api/me/sessions/{theirs}/end", json={}).status_code == 404
    assert here.post("/api/me/sessions/end-others", json={}).json()["ended"] == 1
    assert third.get("/api/me").status_code == 401
    assert here.get("/api/me").status_code == 200


def test_nobody_ends_a_session_of_somebody_else(study: Database, as_role: AsRole):
    lead = as_role("lead")
    theirs = sessions.open_of(study, accounts_at_hand.people(study)["lead"])[0].id
    assert as_role("admin").post(f"/api/me/sessions/{theirs}/end", json={}).status_code == 404
    assert lead.get("/api/me").status_code == 200


def test_i_say_which_languages_i_read_and_keep_tags_and_quota(study: Database, as_role: AsRole):
    person = annotators.ensure(study, "annotator")
    annotators.asked_of(study, person.id, languages=["en"], tags=["code"])
    annotators.set_daily_quota(study, person.id, 40)
    client = as_role("annotator")
    answer = client.post("/api/me/languages", json={"languages": ["zh", "en"], "person": key_of(client)})
    assert answer.json() == {"languages": ["zh", "en"]}
    row = annotators.get(study, person.id)
    assert (row.languages, row.tags, row.daily_quota) == (["zh", "en"], ["code"], 40)
    assert audit.listing(study)[0].actor == f"annotator {person.id}"
    for wrong in ({"languages": ["  "]}, {"languages": "zh"}, {"languages": [], "tags": []}, {}):
        assert client.post("/api/me/languages", json=wrong).status_code in (400, 422), wrong
    assert annotators.get(study, person.id).languages == ["zh", "en"]


def test_whoever_withdraws_reads_what_became_of_it_and_may_come_back(study: Database, as_role: AsRole, monkeypatch):
    information_texts.add(study, "Your answers train a model.")
    told: list[StudyAtHand] = []
    monkeypatch.setattr(StudyAtHand, "people_changed", lambda study: told.append(study))
    client = as_role("annotator")
    assert client.get("/api/me/withdrawal").json() == {"at": None}
    assert client.post("/api/consent", json={"version": 1}).status_code == 200
    assert client.get("/api/me/page").json()["agreed"]["version"] == 1
    judge_all(study, "annotator")

    became = client.post("/api/me/withdraw", json={"person": key_of(client)}).json()
    assert became["at"] and len(told) == 1, "the figures and the taste are made anew"
    assert (became["reward_models"], became["policies"], became["old_copies"]) == ([], [], 0)
    assert client.get("/api/me/withdrawal").json()["at"] == became["at"]
    page = client.get("/api/me/page").json()
    assert (page["withdrawn"], page["agreed"], page["text"]) == (True, None, 1)

    assert client.post("/api/consent", json={"version": 1}).status_code == 200
    page = client.get("/api/me/page").json()
    assert (page["withdrawn"], page["agreed"]["version"], len(told)) == (False, 1, 2)
    acts = [entry.action for entry in audit.listing(study)]
    assert acts.index("come back") < acts.index("withdraw")


@pytest.mark.parametrize(
    ("path", "body"),
    [("withdraw", {}), ("languages", {"languages": ["zh"]}), ("sessions/end-others", {}), ("sessions/1/end", {})],
)
def test_a_page_that_somebody_else_left_open_does_nothing_to_me(study, as_role, path, body):
    theirs, mine = as_role("lead"), as_role("annotator")
    before = annotators.get(study, accounts_at_hand.people(study)["annotator"])
    answer = mine.post(f"/api/me/{path}", json={**body, "person": key_of(theirs)})
    assert (answer.status_code, answer.json()["code"]) == (409, "other_person")
    assert annotators.get(study, before.id) == before
    assert consents.in_force(study, before.id) == []
    assert theirs.get("/api/me").status_code == 200


def test_without_accounts_the_page_is_there_and_sessions_are_none(study: Database, client: TestClient):
    assert client.get("/api/me/page").json()["name"] == "local"
    assert client.get("/api/me/sessions").json() == {"sessions": []}


def test_nobody_reads_any_of_it(study: Database, nobody: TestClient):
    for path in ("page", "work.csv", "sessions", "withdrawal"):
        assert nobody.get(f"/api/me/{path}").status_code == 401, path
