"""Policies and blind evaluations over HTTP: sealed until they are not, for everybody."""

import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import accounts_at_hand
import evaluation_studies
from feedback_store import annotators, audit, comparisons, evaluations, judgments, policies, runs
from feedback_store.accounts import Role
from feedback_store.database import Database
from rounds import verbs
from ui.web.study import StudyAtHand
from web_studies import exported_reward


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with evaluation_studies.make(tmp_path / "policies") as study:
        yield study


@pytest.fixture
def client(db: Database, application: FastAPI) -> TestClient:
    """A researcher's client."""
    client = TestClient(application, base_url="http://127.0.0.1:7860", headers={"origin": "http://127.0.0.1:7860"})
    application.state.study = StudyAtHand(db)
    client.get("/login?token=the-token", follow_redirects=False)
    return client


def result(client: TestClient, path: str) -> dict[str, Any]:
    client.get(path)
    client.app.state.study.policy_figures.wait(60)
    found: dict[str, Any] = client.get(path).json()
    return found


def test_policies_are_told_with_what_made_them_and_their_figures(client: TestClient, db: Database) -> None:
    evaluation_studies.evaluated(db, {"policy-1": 1.0, "base": 0.5})
    answer = client.get("/api/policies").json()
    assert (answer["total"], answer["current"], answer["names"]) == (2, "policy-1", ["policy-1", "base"])
    newest, base = answer["policies"]
    assert (newest["parent"], newest["depth"], base["parent"], base["depth"]) == ("base", 1, None, 0)
    assert (newest["reward_model"], newest["run"], newest["current"]) == ("reward-1", 1, True)
    assert newest["figures"]["perplexity"] == 9.5 and newest["figures"]["best_of_reward"] == 1.3
    measured = runs.listing(db, kind="evaluate")[0]
    assert newest["figures"]["run"] == measured.id
    evaluation_studies.evaluated(
        db, {"policy-1": 9.0}, split="train"
    )  # says nothing of texts that it was not trained on
    again = client.get("/api/policies").json()["policies"][0]["figures"]
    assert (again["run"], again["mean_reward"]) == (measured.id, 1.0)
    assert newest["trained"]["kl_nats"] == 1.2
    assert len(client.get("/api/policies?page=1&size=1").json()["policies"]) == 1


def test_an_older_policy_is_made_current_in_one_act_and_back_again(client: TestClient, db: Database) -> None:
    assert client.post("/api/policies/use", json={"policy": "base"}).json() == {"current": "base"}
    assert policies.current(db).name == "base"
    entry = audit.listing(db)[0]
    assert (entry.action, entry.detail) == ("use policy", {"policy": "base", "before": "policy-1"})
    client.post("/api/policies/use", json={"policy": "base"})
    assert len(audit.listing(db)) == 1, "once more is nothing"
    assert client.post("/api/policies/use", json={"policy": "policy-1"}).json() == {"current": "policy-1"}
    refused = client.post("/api/policies/use", json={"policy": "policy-9"})
    assert refused.status_code == 422 and "base, policy-1" in refused.json()["error"]


def test_an_evaluation_is_started_sealed_and_refused_in_words(client: TestClient, db: Database) -> None:
    body = {"policies": ["base", "policy-1"], "judgments": 12, "stop_rule": "sequential"}
    row = client.post("/api/evaluations", json=body).json()
    assert (row["wanted"], row["judged"], row["sealed"], row["run"]["status"]) == (12, 0, True, "queued")
    assert [side["policy"] for side in row["sides"]] == ["base", "policy-1"]
    for wrong, words in (
        ({**body, "best_of": ["base"]}, "no reward model yet"),
        ({**body, "policies": ["base"]}, "2 to 8 different sides"),
        ({**body, "judgments": 1}, "greater than or equal to 2"),
        ({**body, "more": 1}, "Extra inputs"),
        ({**body, "policies": ["x"] * 9}, "at most 8 items"),
    ):
        refused = client.post("/api/evaluations", json=wrong)
        assert refused.status_code == 422 and words in refused.json()["error"], wrong
    assert evaluations.count(db) == 1


def test_nothing_of_a_sealed_evaluation_depends_on_who_wrote_what(
    db: Database, application: FastAPI, tmp_path: Path
) -> None:
    """The same texts and answers, with the policies permuted: every route of researchers answers the same."""

    def told(swapped: bool) -> list[str]:
        with evaluation_studies.make(tmp_path / f"swapped-{swapped}") as own:
            evaluation_studies.evaluated(own, {"policy-1": 1.0, "base": 0.5})
            evaluation = evaluation_studies.start(own, wanted=12, pairs=10, swapped=swapped)
            evaluation_studies.judge(own, 6)  # "policy-1" is written in the texts, whoever they are of
            assert len(evaluations.judged(own, evaluation.id)) == 6
            application.state.study = StudyAtHand(own)
            client = TestClient(
                application, base_url="http://127.0.0.1:7860", headers={"origin": "http://127.0.0.1:7860"}
            )
            client.get("/login?token=the-token", follow_redirects=False)
            paths = [
                "/api/policies", "/api/evaluations", f"/api/evaluations/{evaluation.id}", "/api/policies/strengths",
                "/api/loop", "/api/runs", f"/api/runs/{evaluation.run_id}", "/api/agreement", "/api/audit",
                "/api/side-by-side?older=base&newer=policy-1",
                f"/api/evaluations/{evaluation.id}/regressions?older=0&newer=1",
            ]  # fmt: skip
            got = []
            for path in paths:
                client.get(path)
                application.state.study.policy_figures.wait(60)
                answer = client.get(path)
                assert answer.status_code < 500
                got.append(without_chance(answer.json()))
            made = client.post("/api/exports", json={"format": "comparisons"}).json()
            got.append(json.dumps([made["counts"], made["dropped"]]))
            return got

    one, other = told(swapped=False), told(swapped=True)
    assert len(one) == 12
    for here, there in zip(one, other, strict=True):
        assert here == there


CHANCE = ("at", "as_of", "created_at", "ended_at", "started_at", "finished", "opened_at", "public_id", "seconds")


def without_chance(answer: Any) -> str:
    """An answer without moments, random ids and how long things took."""
    if isinstance(answer, dict):
        kept = {name: without_chance(value) for name, value in sorted(answer.items())}
        return json.dumps({name: value for name, value in kept.items() if name not in CHANCE})
    if isinstance(answer, list):
        return json.dumps([without_chance(value) for value in answer])
    return json.dumps(answer)


def test_a_sealed_evaluation_tells_how_many_were_judged_and_no_more(client: TestClient, db: Database) -> None:
    evaluation = evaluation_studies.start(db, wanted=12, pairs=10)
    evaluation_studies.judge(db, 5)
    answer = result(client, f"/api/evaluations/{evaluation.id}")
    assert (answer["judged"], answer["wanted"], answer["result"]) == (5, 12, None)
    assert client.get("/api/evaluations").json()["evaluations"][0]["judged"] == 5
    refused = client.get(f"/api/evaluations/{evaluation.id}/regressions?older=0&newer=1")
    assert refused.status_code == 422 and "is sealed" in refused.json()["error"]
    assert result(client, "/api/policies/strengths")["result"]["judgments"] == 0


def test_its_end_shows_shares_strengths_slices_and_what_got_worse(client: TestClient, db: Database) -> None:
    evaluation = evaluation_studies.start(db, wanted=10, pairs=12)
    evaluation_studies.judge(db, 3, newer_wins=False, strength=3)
    evaluation_studies.judge(db, 7, strength=1)
    answer = result(client, f"/api/evaluations/{evaluation.id}")
    assert (answer["why"], answer["judged"], answer["unsealed_by"]) == ("count", 10, "rule")
    [pair] = answer["result"]["pairs"]
    assert (pair["wins"], pair["ties"], pair["losses"], pair["share"]) == (7, 0, 3, 0.7)
    assert pair["cannot_tell"] and pair["more_judgments"] > 0
    older, newer = answer["result"]["strengths"]
    assert newer["value"] == pytest.approx(-older["value"]) and newer["value"] > 0
    assert newer["low"] < 0 < newer["high"]
    assert answer["result"]["at_equal_length"][1]["value"] != newer["value"]
    assert {row["kind"] for row in answer["result"]["slices"]} <= {"tag", "language"}
    worse = client.get(f"/api/evaluations/{evaluation.id}/regressions?older=0&newer=1&size=2").json()
    assert worse["total"] == 3 and len(worse["pairs"]) == 2
    assert "policy-1" in worse["pairs"][0]["newer"]["text"] and "of base" in worse["pairs"][0]["older"]["text"]
    assert worse["pairs"][0]["strength"] == 3 and worse["pairs"][0]["prompt"].startswith("Held out")
    everything = result(client, "/api/policies/strengths")["result"]
    assert everything["policies"] == ["base", "policy-1"] and everything["judgments"] == 10
    for query in ("older=0&newer=5", "older=1&newer=1"):
        assert client.get(f"/api/evaluations/{evaluation.id}/regressions?{query}").status_code == 404


def test_looking_early_ends_it_and_says_so(client: TestClient, db: Database) -> None:
    evaluation = evaluation_studies.start(db, wanted=12, pairs=12)
    evaluation_studies.judge(db, 4)
    row = client.post(f"/api/evaluations/{evaluation.id}/unseal").json()
    assert (row["sealed"], row["why"], row["judged"], row["wanted"], row["left"]) == (False, "early", 4, 12, 0)
    assert audit.listing(db)[0].action == "unseal evaluation"
    again = client.post(f"/api/evaluations/{evaluation.id}/unseal")
    assert again.status_code == 409 and "already" in again.json()["error"]
    assert client.post("/api/evaluations/99/unseal").status_code == 404
    [pair] = result(client, f"/api/evaluations/{evaluation.id}")["result"]["pairs"]
    assert (pair["wins"], pair["losses"]) == (4, 0)


def test_an_evaluation_whose_run_did_not_finish_goes_on_with_its_retry_or_is_ended(
    client: TestClient, db: Database
) -> None:
    row = client.post("/api/evaluations", json={"policies": ["base", "policy-1"], "judgments": 12}).json()
    client.post(f"/api/runs/{row['run']['id']}/cancel")
    row = client.get(f"/api/evaluations/{row['id']}").json()
    assert (row["sealed"], row["made"], row["run"]["status"]) == (True, 0, "cancelled")
    again = verbs.retry_run(db, row["run"]["id"])
    row = client.get(f"/api/evaluations/{row['id']}").json()
    assert (row["run"]["id"], row["run"]["status"]) == (again.id, "queued"), "the run that writes its texts now"
    runs.cancel(db, again.id)
    ended = client.post(f"/api/evaluations/{row['id']}/unseal").json()
    assert (ended["sealed"], ended["why"], ended["judged"]) == (False, "early", 0)


def test_an_evaluation_without_pairs_left_ends_and_tells_what_became_of_them(client: TestClient, db: Database) -> None:
    evaluation = evaluation_studies.start(db, wanted=12, pairs=5)
    blind = {"evaluation": evaluation.id, "planned": 17, "comparisons": 5, "equal": 12, "held_back": 0}
    runs.succeed(db, runs.Lease(evaluation.run_id, 1, "worker"), {"blind": blind})
    evaluation_studies.judge(db, 5)
    row = result(client, f"/api/evaluations/{evaluation.id}")
    assert (row["why"], row["planned"], row["equal"], row["judged"]) == ("exhausted", 17, 12, 5)
    assert (row["left"], row["held_back"], row["unsealed_by"]) == (0, 0, "rule")
    assert row["result"]["pairs"][0]["wins"] == 5


def test_an_evaluation_that_may_stop_at_any_look_has_the_intervals_of_every_look(
    client: TestClient, db: Database
) -> None:
    evaluation = evaluation_studies.start(db, wanted=30, pairs=24, stop_rule="sequential")
    while evaluations.get(db, evaluation.id).sealed:
        evaluation_studies.judge(db, 1)
    answer = result(client, f"/api/evaluations/{evaluation.id}")
    [pair] = answer["result"]["pairs"]
    assert (answer["why"], pair["interval"], pair["cannot_tell"]) == ("sequential", "every look", False)
    assert pair["low"] > 0.5


def test_the_best_of_several_is_a_side_of_its_own(client: TestClient, db: Database) -> None:
    evaluation_studies.evaluated(db, {"policy-1": 1.0, "base": 0.5})
    evaluation = evaluation_studies.start(db, wanted=6, pairs=9, best_of=True)
    assert [side["best_of"] for side in client.get("/api/evaluations").json()["evaluations"][0]["sides"]] == [1, 1, 2]
    evaluation_studies.judge(db, 6)
    answer = result(client, f"/api/evaluations/{evaluation.id}")
    assert len(answer["result"]["pairs"]) == 3 and len(answer["result"]["strengths"]) == 3
    everything = result(client, "/api/policies/strengths")["result"]
    assert everything["judgments"] < 6, "the best of two is not the policy"


@pytest.mark.parametrize("role", ["annotator", "lead", "researcher", "admin"])
def test_who_sees_what(role: Role, db: Database, application_with_accounts: FastAPI, tmp_path: Path) -> None:
    people = accounts_at_hand.people(db)
    application_with_accounts.state.study = StudyAtHand(db)
    client = TestClient(
        application_with_accounts, base_url="http://127.0.0.1:7860", headers={"origin": "http://127.0.0.1:7860"}
    )
    cookie = application_with_accounts.state.access.cookie_name
    client.cookies.set(cookie, accounts_at_hand.session(db, people[role]), domain="127.0.0.1")
    evaluation = evaluation_studies.start(db, wanted=12, pairs=10)
    evaluation_studies.judge(db, 2)
    paths = ("/api/policies", "/api/evaluations", f"/api/evaluations/{evaluation.id}", "/api/policies/strengths")
    allowed = role in ("researcher", "admin")
    assert {client.get(path).status_code for path in paths} == {200 if allowed else 403}
    [question] = client.get("/api/questions?limit=1").json()["questions"]
    assert set(question) == {"comparison", "prompt", "completions", "shown", "expires_at", "needs", "training"}
    pair = comparisons.get(db, question["comparison"])
    assert pair.purpose == "evaluation", "evaluations are asked on the annotate page, first"
    if allowed:
        starter = client.get("/api/evaluations").json()["evaluations"][0]["started_by"]
        name = annotators.get(db, 1).name
        assert (starter == name) == (role == "admin"), "names are for admins"
    assert judgments.count(db, purpose="training") == 0


def test_an_adapter_alone_is_refused_in_words_where_its_base_is_nowhere_else(db: Database, client: TestClient):
    assert client.get("/api/policies").json()["base_on_hub"] is False
    settings = {"policy": "policy-1", "format": "adapter"}
    for path in ("/api/runs", "/api/runs/plan"):
        answer = client.post(path, json={"kind": "policy-export", "settings": settings})
        assert answer.status_code in (200, 422) and "export it with the base" in answer.text
    assert client.post("/api/runs", json={"kind": "policy-import", "settings": {"folder": "x"}}).status_code == 422
    assert runs.count(db, "policy-export") == 0


def test_exports_of_weights_are_listed_and_downloaded_whole_without_what_links_lead_to(
    client: TestClient, db: Database
) -> None:
    assert client.get("/api/policies/exports").json() == {"exports": []}
    name = exported_reward(db)
    (one,) = client.get("/api/policies/exports").json()["exports"]
    assert (one["name"], one["of"], one["form"], one["bytes"]) == (name, "reward-1", "module", 11 + 2)
    reply = client.get(f"/api/policies/exports/{name}")
    assert reply.headers["content-disposition"] == f'attachment; filename="{name}.zip"'
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [f"{name}/README.md", f"{name}/base/config.json"]
        assert archive.read(f"{name}/README.md") == b"# reward-1\n"
    for wrong in ("reward-9-module", "%2e%2e", "%2e%2e%2fstudy.db", "trl-1"):
        assert client.get(f"/api/policies/exports/{wrong}").status_code == 404
    shutil.rmtree(db.folder / "exports" / name)
    assert client.get("/api/policies/exports").json() == {"exports": []}


def test_a_reward_is_exported_from_the_page(client: TestClient, db: Database) -> None:
    evaluation_studies.evaluated(db, {"policy-1": 1.0})
    asked = client.post("/api/runs", json={"kind": "reward-export", "settings": {"format": "classifier"}})
    assert runs.get(db, asked.json()["id"]).config["format"] == "classifier"
    assert client.post("/api/runs", json={"kind": "reward-export", "settings": {"format": "gold"}}).status_code == 422
