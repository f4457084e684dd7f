"""What leads and admins do about people, over HTTP."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

import accounts_at_hand
import evaluation_studies
from feedback_store import (
    accounts,
    annotators,
    audit,
    check_questions,
    evaluations,
    exclusions,
    flags,
    held_back,
    invitations,
    judgments,
    questions,
)
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from rounds import studies
from web_studies import GOOD, judge_all, reward_model

Role = Callable[[str], TestClient]


def ids(study: Database) -> dict[str, int]:
    return accounts_at_hand.people(study)


def test_leads_see_pseudonyms_and_admins_names(as_role: Role, study: Database):
    judge_all(study, "annotator")
    shown = {role: as_role(role).get("/api/people").json()["people"] for role in ("lead", "researcher", "admin")}
    assert {one["name"] for one in shown["admin"]} == {"annotator", "lead", "researcher", "admin"}
    for role in ("lead", "researcher"):
        assert all(one["name"].startswith("person-") for one in shown[role])
    mine = next(one for one in shown["admin"] if one["name"] == "annotator")
    assert (mine["answers"], mine["today"], mine["state"], mine["role"]) == (6, 6, "active", "annotator")


def test_people_are_searched_filtered_sorted_and_paged(as_role: Role, study: Database):
    admin = as_role("admin")
    judge_all(study, "researcher")
    annotators.pause(study, ids(study)["lead"])
    assert [one["name"] for one in admin.get("/api/people?search=RESEARCH").json()["people"]] == ["researcher"]
    assert [one["name"] for one in admin.get("/api/people?state=paused").json()["people"]] == ["lead"]
    busiest = admin.get("/api/people?sort=answers&descending=true&size=1").json()
    assert [one["name"] for one in busiest["people"]] == ["researcher"]
    assert (busiest["total"], busiest["everybody"]) == (4, 4)
    assert [one["name"] for one in admin.get("/api/people?size=3&page=1").json()["people"]] == ["admin"]
    assert admin.get("/api/people?sort=beauty").status_code == 422


def test_reliability_comes_with_its_interval_and_who_is_hardly_known_stands_last(as_role: Role, study: Database):
    lead = as_role("admin")
    before = lead.get("/api/people?sort=reliability").json()
    assert before["reliability_by"] is None and all(one["reliability"] is None for one in before["people"])
    judge_all(study, "annotator")
    people = ids(study)

    def learned(value: float, low: float, high: float, inverted: float = 0.0) -> dict[str, Any]:
        return {"reliability": {"value": value, "low": low, "high": high}, "inverted": inverted, "answers": 60}

    known = {str(people["annotator"]): learned(0.6, 0.5, 0.7), str(people["lead"]): learned(0.9, 0.85, 0.95),
             str(people["admin"]): learned(0.95, 0.5, 0.99),
             str(people["researcher"]): learned(0.05, 0.0, 0.1, inverted=0.97)}  # fmt: skip
    reward_model(study, people=known)
    found = lead.get("/api/people?sort=reliability").json()
    assert found["reliability_by"] == "reward-1"
    assert [one["name"] for one in found["people"]] == ["researcher", "annotator", "lead", "admin"]
    turned, first, _, last = (one["reliability"] for one in found["people"])
    assert first == {"value": 0.6, "low": 0.5, "high": 0.7, "wide": False, "inverted": False, "answers": 60}
    assert turned["inverted"] and last["wide"]
    backwards = lead.get("/api/people?sort=reliability&descending=true").json()["people"]
    assert [one["name"] for one in backwards] == ["lead", "annotator", "researcher", "admin"]
    one = lead.get(f"/api/people/{people['lead']}").json()
    assert (one["reliability"]["value"], one["reliability_by"]) == (0.9, "reward-1")


def test_one_person_is_paused_asked_otherwise_and_let_go_on(as_role: Role, study: Database):
    lead, person = as_role("lead"), ids(study)["annotator"]
    assert lead.post(f"/api/people/{person}/pause", json={}).json()["state"] == "paused"
    assert as_role("annotator").get("/api/questions").json()["state"] == "paused"
    assert lead.post(f"/api/people/{person}/resume", json={}).json()["state"] == "active"
    asked = {"languages": ["en"], "tags": ["short"], "quota": 7}
    assert lead.post(f"/api/people/{person}/asked", json=asked).json()["quota"] == 7
    stored = annotators.get(study, person)
    assert (stored.languages, stored.tags, stored.daily_quota) == (["en"], ["short"], 7)
    assert lead.post(f"/api/people/{person}/asked", json={**asked, "quota": -1}).status_code == 422
    assert lead.get("/api/people/999").status_code == 404
    assert {entry.action for entry in audit.listing(study)} >= {"pause", "resume", "set what is asked"}
    assert all(entry.actor == f"annotator {ids(study)['lead']}" for entry in audit.listing(study, limit=3))


def test_leaving_somebody_out_shows_its_effect_and_can_be_taken_back(as_role: Role, study: Database):
    lead, person = as_role("lead"), ids(study)["annotator"]
    judge_all(study, "annotator")
    one = lead.get(f"/api/people/{person}").json()
    assert one["effect"] == {"own": 6, "all": 6, "alone": 6}
    assert sum(answers for _, answers in one["worked"]) == 6
    out = lead.post(f"/api/people/{person}/leave-out", json={"reason": "always the left one"}).json()
    assert out["left_out"] == "always the left one"
    assert [each.annotator_id for each in exclusions.current(study)] == [person]
    assert lead.post(f"/api/people/{person}/leave-out", json={"reason": ""}).status_code == 422
    assert lead.post(f"/api/people/{person}/count-again", json={}).json()["left_out"] is None
    assert exclusions.current(study) == []


def test_who_failed_may_try_again(as_role: Role, study: Database):
    check_questions.make(study, 6, [1, 2], by="test")
    studies.change_settings(study, qualification={"questions": 1, "pass_mark": 1.0})
    client, person = as_role("annotator"), ids(study)["annotator"]
    (check,) = client.get("/api/questions").json()["questions"]
    wrong = {"comparison": check["comparison"], "shown": check["shown"], "ranks": [2, 1], "key": "wrong-0001"}
    assert client.post("/api/judgments", json=wrong).json()["feedback"]["right"] is False
    lead = as_role("lead")
    assert lead.get(f"/api/people/{person}").json()["state"] == "not_qualified"
    assert lead.post(f"/api/people/{person}/qualify-again", json={}).json()["state"] == "training"


def test_an_invitation_is_told_once_and_can_be_taken_back(as_role: Role, study: Database):
    lead = as_role("lead")
    made = lead.post("/api/invitations", json={"name": "Ann", "languages": ["en"], "quota": 5}).json()
    assert made["link"].startswith("http://127.0.0.1:7860/invite/")
    assert lead.get(made["link"].removeprefix("http://127.0.0.1:7860")).status_code == 200
    (listed,) = lead.get("/api/invitations").json()["invitations"]
    assert "link" not in listed
    assert listed["name"] is None, "names are for admins"
    assert as_role("admin").get("/api/invitations").json()["invitations"][0]["name"] == "Ann"
    assert lead.post(f"/api/invitations/{made['id']}/revoke", json={}).json() == {"revoked": True}
    assert lead.get(made["link"].removeprefix("http://127.0.0.1:7860")).status_code == 404
    assert lead.post("/api/invitations/999/revoke", json={}).status_code == 422


@pytest.mark.parametrize("role", ["lead", "researcher", "admin"])
def test_only_admins_invite_to_higher_roles(as_role: Role, study: Database, role: str):
    client = as_role("lead")
    assert client.post("/api/invitations", json={"role": role}).status_code == 403
    table = {"csv": f"name,role\nAnn,annotator\nBob,{role}"}
    assert client.post("/api/invitations/table", json=table).status_code == 403
    assert invitations.listing(study) == []
    assert as_role("admin").post("/api/invitations", json={"role": role}).status_code == 200
    by_admin = invitations.listing(study)[0].id
    assert client.post(f"/api/invitations/{by_admin}/revoke", json={}).status_code == 403


def test_many_are_invited_by_a_table_all_or_nobody(as_role: Role, study: Database):
    lead = as_role("lead")
    table = "name,languages,quota\nAnn,en;zh,5\nBob,,\n"
    made = lead.post("/api/invitations/table", json={"csv": table}).json()["made"]
    assert [(one["line"], one["name"]) for one in made] == [(2, "Ann"), (3, "Bob")]
    assert len({one["link"] for one in made}) == 2
    wrong = lead.post("/api/invitations/table", json={"csv": "name,quota\nCid,5\nDan,many"})
    assert wrong.status_code == 422
    assert "Line 3" in wrong.json()["error"]
    crowd = "name\n" + "\n".join(f"Person {n}" for n in range(41))
    assert "at most 40" in lead.post("/api/invitations/table", json={"csv": crowd}).json()["error"]
    assert len(invitations.listing(study)) == 2


def test_a_round_is_paused_closed_and_opened(as_role: Role, study: Database):
    lead = as_role("lead")
    as_role("annotator").get("/api/questions")
    assert lead.get("/api/round").json()["holding"] == {"people": 1, "questions": 3}
    for state in ("paused", "closed", "open"):
        assert lead.post("/api/round", json={"state": state}).json()["state"] == state
        assert lead.get("/api/round").json()["state"] == state
    assert lead.post("/api/round", json={"state": "over"}).status_code == 422


def test_work_is_a_table_by_person_and_day(as_role: Role, study: Database):
    judge_all(study, "annotator")
    for role, name in (("admin", "annotator"), ("lead", "person-")):
        answer = as_role(role).get("/api/work.csv")
        assert answer.content.startswith("\ufeff".encode())
        (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
        assert row["person"].startswith(name)
        assert row["judgments"] == "6"


def test_flags_are_shown_with_their_pair_and_resolved(as_role: Role, study: Database):
    flags.add(study, 1, annotator_id=ids(study)["annotator"], note="Look.")
    lead = as_role("lead")
    (flag,) = lead.get("/api/flags").json()["flags"]
    assert (flag["note"], flag["place"]) == ("Look.", None)
    assert flag["by"].startswith("person-")
    assert flag["pair"]["completions"][0]["text"] == GOOD
    assert "base" not in str(flag["pair"])
    assert lead.post(f"/api/flags/{flag['id']}/resolve", json={}).json() == {"resolved": True}
    assert lead.get("/api/flags").json() == {"flags": [], "total": 0}
    assert lead.post("/api/flags/999/resolve", json={}).status_code == 422


def test_what_is_held_back_is_decided_once(as_role: Role, study: Database):
    with study.transaction():
        study.execute("UPDATE comparisons SET held_back = 1 WHERE id IN (1, 2)")
    lead, annotator = as_role("lead"), as_role("annotator")
    assert lead.get("/api/round").json()["ready"] == 4
    first, second = lead.get("/api/held-back").json()["pairs"]
    assert lead.post(f"/api/held-back/{first['comparison']}", json={"serve": True}).json() == {"served": True}
    assert lead.post(f"/api/held-back/{second['comparison']}", json={"serve": False}).json() == {"served": False}
    assert lead.post(f"/api/held-back/{first['comparison']}", json={"serve": False}).status_code == 422
    assert held_back.listing(study) == ([], 0)
    asked = {each["comparison"] for each in annotator.get("/api/questions?limit=10").json()["questions"]}
    assert first["comparison"] in asked
    assert second["comparison"] not in asked


def test_a_check_question_is_made_counted_and_retired(as_role: Role, study: Database):
    lead = as_role("lead")
    pair = study.value("SELECT public_id FROM comparisons WHERE id = 3")
    made = lead.post("/api/checks", json={"comparison": pair, "ranks": [1, 2]}).json()
    assert lead.post("/api/checks", json={"comparison": pair, "ranks": [1, 2]}).status_code == 409
    (check,) = lead.get("/api/checks").json()["checks"]
    assert (check["pair"]["comparison"], check["expert"], check["retired"]) == (made["comparison"], [1, 2], False)
    assert lead.post(f"/api/checks/{made['comparison']}/retire", json={}).json() == {"retired": True}
    assert lead.get("/api/checks").json()["checks"][0]["retired"] is True
    assert lead.post("/api/checks", json={"comparison": "nothing", "ranks": [1, 2]}).status_code == 404


def test_agreement_comes_with_intervals_and_the_pairs_that_divide(as_role: Role, study: Database):
    with study.transaction():
        study.execute("UPDATE comparisons SET overlap = 2")
    for name, ranks in (("annotator", [1, 2]), ("lead", [2, 1])):
        person = ids(study)[name]
        for question in questions.next_questions(study, person, limit=10).questions:
            key = f"{name}-{question.comparison_public_id}"
            judgments.submit(study, NewJudgment(question.comparison_public_id, person, ranks, question.shown, key))
    lead = as_role("lead")
    lead.get("/api/agreement")
    lead.app.state.study.figures.wait(60)
    found = lead.get("/api/agreement").json()
    assert found["as_of"] is not None
    raw = next(one for one in found["measures"] if one["measure"] == "raw")
    assert (raw["value"], raw["pairs"]) == (0.0, 6)
    assert {tuple(one["votes"]) for one in found["divided"]} == {(1, 1, 0)}
    pair = lead.get(f"/api/pairs/{found['divided'][0]['comparison']}").json()
    assert len(pair["completions"]) == 2


def test_admins_change_accounts(as_role: Role, study: Database):
    admin, person = as_role("admin"), ids(study)["annotator"]
    annotator = as_role("annotator")
    assert admin.post(f"/api/people/{person}/role", json={"role": "lead"}).json() == {"role": "lead"}
    assert annotator.get("/api/people").status_code == 200
    drawn = admin.post(f"/api/people/{person}/password", json={}).json()["password"]
    assert annotator.get("/api/me").status_code == 401, "sessions end with a new password"
    entered = annotator.post("/login", data={"name": "annotator", "password": drawn}, follow_redirects=False)
    assert entered.status_code == 303
    assert admin.post(f"/api/people/{person}/disable", json={}).json() == {"disabled": True}
    assert annotator.get("/api/me").status_code == 401
    admin.post(f"/api/people/{person}/pause", json={})
    both = admin.get(f"/api/people/{person}").json()
    assert (both["state"], both["disabled"]) == ("paused", True), "both can be ended"
    assert admin.post(f"/api/people/{person}/enable", json={}).json() == {"disabled": False}
    me = ids(study)["admin"]
    assert admin.post(f"/api/people/{me}/role", json={"role": "lead"}).status_code == 422, "the last admin stays one"
    assert admin.post(f"/api/people/{me}/password", json={}).status_code == 403


def test_an_admin_erases_a_person(as_role: Role, study: Database):
    judge_all(study, "annotator")
    admin, person = as_role("admin"), ids(study)["annotator"]
    assert admin.post(f"/api/people/{person}/erase", json={"reason": " "}).status_code == 422
    told = admin.post(f"/api/people/{person}/erase", json={"reason": "asked on 28 November"}).json()
    assert told["trained"] == {"runs": [], "reward_models": [], "policies": []}
    assert annotators.get(study, person).name.startswith("erased-")
    assert accounts.by_name(study, "annotator") is None
    assert len(judgments.live(study)) == 6


def test_somebody_who_counts_again_can_complete_a_sealed_evaluation(as_role: Role, study: Database):
    lead, person = as_role("lead"), ids(study)["annotator"]
    evaluation_studies.fill(study)
    evaluation = evaluation_studies.start(study, wanted=4, pairs=6)
    assert lead.post(f"/api/people/{person}/leave-out", json={"reason": "always the left one"}).status_code == 200
    judge_all(study, "annotator")
    assert evaluations.get(study, evaluation.id).sealed
    assert lead.post(f"/api/people/{person}/count-again", json={}).status_code == 200
    assert evaluations.get(study, evaluation.id).unsealed_why == "count"
