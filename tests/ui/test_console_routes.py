"""The loop's state, runs, two policies side by side and exports over HTTP."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from feedback_store import run_records, runs
from feedback_store.database import Database
from web_studies import judge_all, two_policies


def judge(client: TestClient, number: int) -> None:
    for place in range(number):
        question = client.get("/api/questions?limit=1").json()["questions"][0]
        body = {
            "comparison": question["comparison"],
            "shown": question["shown"],
            "ranks": [1, 2],
            "key": f"key-{place:08}",
        }
        assert client.post("/api/judgments", json=body).status_code == 200


def test_the_state_of_the_loop_says_what_comes_next(client: TestClient):
    loop = client.get("/api/loop").json()
    assert loop["pairs"]["ready"] == 6
    assert loop["next_step"]["kind"] == "judge"
    actions = {action["kind"]: action for action in loop["actions"]}
    assert actions["sample"]["possible"] is True
    assert actions["train-policy"]["possible"] is False
    assert actions["train-policy"]["reason"]
    assert loop["figures"]["pairs.ready"]["value"] == 6


def test_one_request_queues_the_reward_model_and_the_policy_behind_it(client: TestClient, study: Database):
    judge(client, 4)
    queued = client.post("/api/next-policy", json={}).json()["runs"]
    assert [run["kind"] for run in queued] == ["train-reward", "train-policy"]
    assert [run.kind for run in runs.active(study)] == ["train-reward", "train-policy"]
    assert [run["kind"] for run in client.get("/api/loop").json()["active"]] == ["train-reward", "train-policy"]


def test_a_run_is_started_with_settings_watched_and_cancelled(client: TestClient, study: Database):
    started = client.post("/api/runs", json={"kind": "sample", "settings": {"pairs": 3}}).json()
    assert (started["kind"], started["status"]) == ("sample", "queued")
    lease = runs.claim(study, "worker", lease_seconds=60)
    assert lease is not None
    run_records.add_metrics(study, lease, "steps", 1, {"score": 0.5, "kl_nats": float("nan")})
    run_records.log(study, lease, "<b>hello</b>")
    view = client.get(f"/api/runs/{started['id']}").json()
    assert view["config"]["pairs"] == 3
    assert view["curves"] == {"score": [[1, 0.5]], "kl_nats": [[1, None]]}
    assert [line["text"] for line in view["logs"]] == ["<b>hello</b>"]
    assert client.get(f"/api/runs/{started['id']}?after_log={view['logs'][0]['id']}").json()["logs"] == []
    assert client.post(f"/api/runs/{started['id']}/cancel", json={}).json()["cancelling"] is True
    assert client.get("/api/runs").json()["runs"][0]["id"] == started["id"]


@pytest.mark.parametrize(
    "body",
    [{"kind": "nothing"}, {"kind": "score", "settings": {"file": "/etc/passwd"}}, {}, {"kind": "sample", "more": 1},
     {"kind": "sample", "settings": {"pairs": 0}}, {"kind": "sample", "settings": {"nothing": 1}},
     {"kind": "sample", "settings": {"policy": "nobody"}}, {"kind": "train-policy"}, {"kind": "train-reward"},
     {"kind": "sample", "settings": {"pairs": [1]}}],
)  # fmt: skip
def test_a_run_that_cannot_be_is_refused_with_words(client: TestClient, study: Database, body: dict):
    answer = client.post("/api/runs", json=body)
    assert answer.status_code == 422
    assert len(answer.json()["error"]) > 10
    assert runs.active(study) == []


def test_runs_that_do_not_exist_are_not_found(client: TestClient):
    assert client.get("/api/runs/99").status_code == 404
    assert client.get("/api/runs/99999999999999999999").status_code == 422
    assert client.post("/api/runs/99/cancel", json={}).status_code == 422
    assert client.get("/api/side-by-side?older=base&newer=nobody").status_code == 422


def test_two_policies_stand_side_by_side_page_by_page(client: TestClient, study: Database):
    two_policies(study, "old text", "new text", number=5)
    loop = client.get("/api/loop").json()
    assert loop["side_by_side"] == {"older": "base", "newer": "policy-1"}
    assert loop["policy"]["name"] == "policy-1"
    first = client.get("/api/side-by-side?older=base&newer=policy-1&size=3").json()
    assert (first["total"], len(first["rows"])) == (5, 3)
    assert (first["rows"][0]["a"]["text"], first["rows"][0]["b"]["text"]) == ("old text", "new text")
    second = client.get("/api/side-by-side?older=base&newer=policy-1&size=3&page=1").json()
    assert len(second["rows"]) == 2
    assert {row["prompt_id"] for row in first["rows"]}.isdisjoint({row["prompt_id"] for row in second["rows"]})


def test_an_export_is_made_and_downloaded(client: TestClient, study: Database):
    judge(client, 2)
    made = client.post("/api/exports", json={"format": "comparisons"}).json()
    names = [each["file"] for each in made["files"]]
    assert "comparisons.jsonl" in names
    answer = client.get(f"/api/exports/{made['name']}/comparisons.jsonl")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"
    rows = [json.loads(line) for line in io.StringIO(answer.text)]
    assert sum(len(row["judgments"]) for row in rows) == 2
    assert client.get("/api/exports").json()["exports"][0]["name"] == made["name"]


@pytest.mark.parametrize("format", ["nothing", "../../x", "", "a/b", "__init__"])
def test_an_unknown_format_is_refused_with_words(client: TestClient, format: str):
    answer = client.post("/api/exports", json={"format": format})
    assert answer.status_code == 422
    assert answer.json()["error"]


def test_a_download_stays_inside_its_export(client: TestClient, study: Database):
    made = client.post("/api/exports", json={"format": "comparisons"}).json()
    folder = study.folder / "exports" / made["name"]
    (folder / "link.jsonl").symlink_to(study.folder / "study.db")
    Path(study.folder / "exports" / "loose.txt").write_text("loose")
    for path in ("../study.db", "..%2f..%2fstudy.db", "%2e%2e/study.db", "link.jsonl", "nothing.jsonl", ".hidden", ""):
        assert client.get(f"/api/exports/{made['name']}/{path}").status_code == 404, path
    assert client.get("/api/exports/../study.db").status_code == 404
    assert client.get("/api/exports/loose.txt/loose.txt").status_code == 404


def test_names_of_people_leave_with_admins_only(as_role: Callable[[str], TestClient], study: Database):
    judge_all(study, "annotator")
    texts = {}
    for role in ("admin", "researcher"):
        made = as_role(role).post("/api/exports", json={"format": "comparisons"}).json()
        texts[role] = as_role(role).get(f"/api/exports/{made['name']}/comparisons.jsonl").text
        if role == "admin":
            assert as_role("researcher").get(f"/api/exports/{made['name']}/comparisons.jsonl").status_code == 404
            assert as_role("researcher").get("/api/exports").json()["exports"] == []
    told = {role: {said["annotator"] for line in text.splitlines() for said in json.loads(line)["judgments"]}
            for role, text in texts.items()}  # fmt: skip
    assert told["admin"] == {"annotator"}
    assert len(told["researcher"]) == 1
    assert next(iter(told["researcher"])).startswith("person-")
