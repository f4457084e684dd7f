"""The page data over HTTP: tables, files that come in and go out, by role."""

import asyncio
import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio.to_thread
import httpx
import pytest
from starlette.testclient import TestClient

import accounts_at_hand
import evaluation_studies
from errands_over_http import ended
from feedback_store import (
    annotators,
    audit,
    completions,
    errands,
    evaluations,
    exchange,
    filters,
    held_file,
    judgments,
    policies,
    prompts,
    rounds,
    uploads,
)
from feedback_store.completions import NewCompletion
from feedback_store.database import Database
from rounds import studies
from sealed_studies import seal
from ui.web import export_routes
from web_studies import HOSTILE, judge_all, reward_model

HOST = "http://127.0.0.1:7860"
GOOD = {
    "prompt": "Why?",
    "completions": [{"text": "a"}, {"text": "b"}],
    "judgments": [{"annotator": "x", "ranks": [1, 2]}],
}
LINES = "\n".join([json.dumps(GOOD), "{oops", json.dumps({**GOOD, "prompt": "How?"}), json.dumps({"prompt": 5})]) + "\n"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer waits for its errand for as long as a loaded machine takes."""
    monkeypatch.setattr(export_routes, "WAIT_SECONDS", 60.0)


def send(client: TestClient, name: str, content: bytes, piece: int = 64) -> str:
    made = client.post("/api/uploads", json={"name": name, "bytes": len(content)}).json()
    for at in range(0, len(content), piece):
        answer = client.post(f"/api/uploads/{made['id']}/pieces?at={at}", content=content[at : at + piece])
        assert answer.status_code == 200, answer.text
    return str(made["id"])


def test_a_file_is_sent_tried_imported_and_taken_back(client: TestClient, study: Database):
    before = (prompts.count(study), judgments.count(study))
    upload = send(client, "said.jsonl", LINES.encode())
    whole = client.post(f"/api/uploads/{upload}/whole", json={"sha256": hashlib.sha256(LINES.encode()).hexdigest()})
    assert (whole.json()["whole"], whole.json()["guess"]) == (True, "comparisons")
    tried = ended(client, client.post(f"/api/uploads/{upload}/try", json={"format": "comparisons"}).json())
    assert tried["status"] == "done", tried
    counts = {name: tried["result"][name] for name in ("rows", "added", "known", "left_out", "import_id")}
    assert counts == {"rows": 4, "added": 2, "known": 0, "left_out": 2, "import_id": None}
    assert tried["result"]["brought"] == {"prompt": 2, "completion": 4, "comparison": 2, "judgment": 2}
    assert (prompts.count(study), judgments.count(study)) == before, "a dry run stores nothing"
    report = client.get(f"/api/errands/{tried['errand']}/report?size=1").json()
    assert [row["line"] for row in report["rows"]] == [2] and "JSON" in report["rows"][0]["reason"]
    report = client.get(f"/api/errands/{tried['errand']}/report?start={report['next']}").json()
    assert ([row["line"] for row in report["rows"]], report["next"]) == ([4], None)
    added = client.get(f"/api/errands/{tried['errand']}/report?became=added").json()["rows"]
    assert [row["line"] for row in added] == [1, 3] and added[0]["brought"]["prompt"] == 1
    table = client.get(f"/api/errands/{tried['errand']}/report.csv")
    assert "attachment" in table.headers["content-disposition"] and len(table.text.splitlines()) == 5
    [waiting] = client.get("/api/uploads").json()["uploads"]
    assert (waiting["name"], waiting["errand"]["errand"]) == ("said.jsonl", tried["errand"])

    taken = ended(client, client.post(f"/api/uploads/{upload}/import", json={"format": "comparisons"}).json())
    assert (taken["status"], taken["result"]["added"]) == ("done", 2)
    assert judgments.count(study) == before[1] + 2
    assert client.get("/api/uploads").json()["uploads"] == [], "what was taken lies about no longer"
    [listed] = client.get("/api/imports").json()["imports"]
    assert (listed["file_name"], listed["state"], listed["left_out"]) == ("said.jsonl", "stands", 2)
    effect = client.get(f"/api/imports/{listed['id']}").json()
    assert effect["goes"] == {"prompt": 2, "completion": 4, "comparison": 2, "judgment": 2}
    assert client.post(f"/api/imports/{listed['id']}/undo").json()["rows"] == 2
    assert (prompts.count(study), judgments.count(study)) == before
    assert client.get("/api/imports").json()["imports"][0]["state"] == "taken_back"
    assert client.post(f"/api/imports/{listed['id']}/undo").status_code == 422
    assert [one.action for one in audit.listing(study)][:2] == ["undo import", "import"]


def test_a_file_that_completes_a_sealed_evaluation_unseals_it(client: TestClient, study: Database, tmp_path: Path):
    evaluation_studies.fill(study)
    evaluation = evaluation_studies.start(study, wanted=4, pairs=4)
    said = evaluation_studies.answers_file(study, evaluation, tmp_path / "said.jsonl", most=4).read_bytes()
    upload = send(client, "said.jsonl", said, piece=len(said))
    client.post(f"/api/uploads/{upload}/whole", json={"sha256": hashlib.sha256(said).hexdigest()})
    taken = ended(client, client.post(f"/api/uploads/{upload}/import", json={"format": "comparisons"}).json())
    assert (taken["status"], taken["result"]["added"]) == ("done", 4), taken
    deadline = time.monotonic() + 30
    while evaluations.get(study, evaluation.id).sealed and time.monotonic() < deadline:
        time.sleep(0.05)  # it is looked at when the process of the import has ended
    assert evaluations.get(study, evaluation.id).unsealed_why == "count"


def test_what_is_wrong_with_a_file_is_told(client: TestClient, study: Database):
    begun = client.post("/api/uploads", json={"name": "x.csv", "bytes": 5}).json()
    path = f"/api/uploads/{begun['id']}"
    assert "0 bytes of 5 bytes" in client.post(f"{path}/whole", json={}).json()["error"]
    assert client.post(f"{path}/try", json={"format": "comparisons"}).status_code == 422
    assert client.post(f"{path}/pieces?at=3", content=b"ab").status_code == 409
    assert client.post(f"{path}/pieces", content=b"").status_code == 422
    assert client.post(f"{path}/pieces", content=b"a,b\n1").json()["whole"]
    assert client.post(f"{path}/whole", json={}).json()["guess"] is None
    assert "Formats that can" in client.post(f"{path}/try", json={"format": "judgments"}).json()["error"]
    failed = ended(client, client.post(f"{path}/try", json={"format": "prompts"}).json())
    assert failed["status"] == "failed" and "no column `prompt`" in failed["error"]
    failed = ended(client, client.post(f"{path}/import", json={"format": "prompts"}).json())
    assert failed["status"] == "failed" and client.get("/api/imports").json()["imports"] == []
    assert client.post(f"{path}/remove").json() == {"removed": True}
    assert client.post(f"{path}/remove").status_code == 404
    for body in ({"name": "x"}, {"name": "", "bytes": 1}, {"name": "x", "bytes": 2**40}, {"name": "..", "bytes": 1}):
        assert client.post("/api/uploads", json=body).status_code == 422


def test_a_process_that_died_is_told_and_a_file_under_work_is_kept(client: TestClient, study: Database):
    upload = send(client, "p.txt", b"One?\n")
    folder = study.folder / errands.FOLDER / "00000000000000aa"
    folder.mkdir(parents=True)
    me = annotators.by_name(study, "local")
    order = {"verb": "import", "order": {"upload": upload}, "by": me.id, "created_at": "2026-11-23T10:00:00.000Z"}
    (folder / "order.json").write_text(json.dumps(order))
    assert client.get("/api/errands/00000000000000aa").json()["status"] == "cut_off"
    with held_file.held(folder / "lock", "held by the test"):
        assert client.get("/api/errands/00000000000000aa").json()["status"] == "working"
        for act, body in (("remove", None), ("try", {"format": "prompts"}), ("import", {"format": "prompts"})):
            assert client.post(f"/api/uploads/{upload}/{act}", json=body).status_code == 409
    assert uploads.get(study, upload).whole


@pytest.fixture
def said(study: Database) -> Database:
    """A study with judgments, a run that saw them, hostile texts, and an evaluation that is sealed."""
    judge_all(study, "annotator")
    reward_model(study)
    base = policies.base(study)
    assert base is not None
    [prompt] = prompts.add(
        study,
        [prompts.NewPrompt(prompts.from_text(HOSTILE), group=HOSTILE, tags=[HOSTILE], split="holdout")],
        holdout_share=0,
        seed=0,
    ).ids
    ids = completions.add(study, [NewCompletion(prompt, base.id, f"{HOSTILE} {n}") for n in range(2)])
    seal(study, prompt, [ids])
    return study


def test_tables_filter_and_lead_on(client: TestClient, said: Database):
    page = client.get("/api/data/judgments?round=1&state=counts&verdict=decided&size=4").json()
    assert (len(page["rows"]), page["filled"]) == (4, True)
    rest = client.get(f"/api/data/judgments?round=1&before={page['before']}").json()
    assert (len(rest["rows"]), rest["before"]) == (2, None)
    one = client.get(f"/api/data/judgments/{page['rows'][0]['id']}").json()
    assert one["trained"] == {"runs": [1], "reward_models": ["reward-1"], "policies": []}
    assert [each["policy"] for each in one["completions"]] == ["base", "base"]
    assert one["completions"][1]["cut_off"] is True
    assert len(client.get("/api/data/judgments?run=1").json()["rows"]) == 6
    completion = client.get(f"/api/data/completions/{one['completions'][0]['id']}").json()
    assert completion["comparisons"][0]["id"] == one["comparison_id"]
    prompt = client.get(f"/api/data/prompts/{completion['prompt_id']}").json()
    assert prompt["counts"] == {"completions": 2, "comparisons": 1, "answers": 1}
    assert len(client.get(f"/api/data/judgments?prompt={prompt['id']}").json()["rows"]) == 1
    found = client.get("/api/data/prompts", params={"search": "<img src=x onerror="}).json()["rows"]
    assert [row["text"] for row in found] == [HOSTILE] and found[0]["tags"] == [HOSTILE]
    choices = client.get("/api/data").json()
    assert choices["counts"] == {"prompts": 7, "comparisons": 7, "answers": 6}
    assert [one["run"] for one in choices["snapshots"]] == [1] and choices["rounds"] == [1]
    for path in ("prompts/99", "completions/99", "judgments/99"):
        assert client.get(f"/api/data/{path}").status_code == 404
    for query in ("judgments?state=x", "judgments?since=x", "judgments?round=-1", "prompts?size=0", "judgments?who=x"):
        assert client.get(f"/api/data/{query}").status_code == 422, query


def test_nobody_sees_the_policy_of_a_sealed_text(as_role: Callable[[str], TestClient], said: Database):
    client = as_role("admin")
    rows = client.get("/api/data/completions", params={"search": HOSTILE[:20]}).json()["rows"]
    assert [(row["policy"], row["run_id"], row["sealed"]) for row in rows] == [(None, None, True)] * 2
    assert client.get(f"/api/data/completions/{rows[0]['id']}").json()["policy"] is None
    by_policy = client.get("/api/data/completions?policy=base&size=100").json()["rows"]
    assert {row["id"] for row in rows}.isdisjoint({row["id"] for row in by_policy}) and len(by_policy) == 12
    made = client.post("/api/exports", json={"format": "comparisons"}).json()
    assert made["left_out"] == {filters.SEALED: 1}
    assert HOSTILE[:20] not in client.get(f"/api/exports/{made['name']}/comparisons.jsonl").text


def test_people_have_pseudonyms_for_all_but_admins(as_role: Callable[[str], TestClient], said: Database):
    admin, researcher = as_role("admin"), as_role("researcher")
    named = admin.get("/api/data/judgments").json()["rows"][0]
    hidden = researcher.get("/api/data/judgments").json()["rows"][0]
    assert named["person"] == "annotator" and hidden["person"].startswith("person-")
    for path in ("/api/data", "/api/data/judgments", f"/api/data/judgments/{named['id']}"):
        assert '"annotator"' not in researcher.get(path).text
    assert researcher.get(f"/api/data/judgments?who={hidden['person_id']}").json()["rows"]
    refused = researcher.post("/api/exports/preview", json={"format": "trl", "filters": {"person": "annotator"}})
    assert refused.status_code == 422 and "pseudonym" in refused.json()["error"]
    for client, who in ((researcher, hidden["person"]), (admin, "annotator")):
        made = client.post("/api/exports", json={"format": "trl", "filters": {"person": who}}).json()
        assert made["filters"]["person"] == hidden["person"], "the card of an export names nobody"
        assert hidden["person"] in client.get(f"/api/exports/{made['name']}/README.md").text
    assert researcher.post(
        "/api/exports", json={"format": "comparisons", "options": {"people": "names"}}).status_code == 422  # fmt: skip


def test_exports_that_name_people_are_for_admins_whatever_their_folder_is_called(
    as_role: Callable[[str], TestClient], said: Database
):
    admin, researcher = as_role("admin"), as_role("researcher")
    for name in ("comparisons", "for-alice", "trl-20261123"):  # by the command `export`, which describes none of them
        exchange.export(said, "comparisons", said.folder / "exports" / name)
    named = admin.post("/api/exports", json={"format": "comparisons"}).json()["name"]
    hidden = researcher.post("/api/exports", json={"format": "comparisons"}).json()["name"]
    (said.folder / "exports" / named).rename(said.folder / "exports" / "trl-1")
    (said.folder / "shelf" / f"{named}.json").rename(said.folder / "shelf" / "trl-1.json")

    def listed(client: TestClient) -> set[str]:
        return {one["name"] for one in client.get("/api/exports").json()["exports"]}

    withheld = {"comparisons", "for-alice", "trl-20261123", "trl-1"}
    assert listed(researcher) == {hidden} and listed(admin) == withheld | {hidden}
    for name in withheld:
        path = f"/api/exports/{name}"
        assert researcher.get(f"{path}/comparisons.jsonl").status_code == 404
        assert researcher.post(f"{path}/remove").status_code == 404
        assert '"annotator"' in admin.get(f"{path}/comparisons.jsonl").text
    assert "person-" in researcher.get(f"/api/exports/{hidden}/comparisons.jsonl").text
    assert researcher.post(f"/api/exports/{hidden}/remove").status_code == 200


def test_files_and_errands_are_their_owners(as_role: Callable[[str], TestClient], study: Database):
    owner = as_role("researcher")
    upload = send(owner, "p.txt", b"One?\n")
    tried = ended(owner, owner.post(f"/api/uploads/{upload}/try", json={"format": "prompts"}).json())
    assert as_role("admin").get(f"/api/errands/{tried['errand']}").status_code == 200, "an admin sees everybody's"
    me = accounts_at_hand.people(study)["researcher"]
    path = study.folder / "uploads" / upload / "upload.json"
    about = json.loads(path.read_text())
    assert about["by"] == me
    path.write_text(json.dumps({**about, "by": me + 1000}))
    assert owner.get("/api/uploads").json()["uploads"] == []
    for act in ("whole", "try", "import", "remove"):
        assert owner.post(f"/api/uploads/{upload}/{act}", json={"format": "prompts"} if act in ("try", "import") else
                          {} if act == "whole" else None).status_code == 404, act  # fmt: skip
    assert owner.post(f"/api/uploads/{upload}/pieces", content=b"x").status_code == 404


def test_an_export_is_looked_at_made_described_and_removed(client: TestClient, said: Database):
    body = {"format": "trl", "options": {"shape": "conversational"}, "filters": {"split": "train", "tags": []}}
    looked = client.post("/api/exports/preview", json=body).json()
    assert looked["status"] == "done" and looked["result"]["counts"]["kept"] == 6
    assert len(looked["result"]["rows"]) == 3 and client.get("/api/exports").json()["exports"] == []
    made = client.post("/api/exports", json=body).json()
    assert made["counts"] == looked["result"]["counts"]
    [listed] = client.get("/api/exports").json()["exports"]
    assert (listed["name"], listed["format"], listed["filters"]["split"]) == (made["name"], "trl", "train")
    assert listed["counts"]["kept"] == 6 and {"file": "train.jsonl"}.items() <= listed["files"][-1].items()
    assert client.post(f"/api/exports/{made['name']}/remove").json() == {"removed": True}
    assert client.get("/api/exports").json() == {"exports": [], "under_way": [], "failed": []}
    assert list((said.folder / "exports").iterdir()) == list((said.folder / "shelf").iterdir()) == []
    assert client.post(f"/api/exports/{made['name']}/remove").status_code == 404
    for wrong in (
        {"format": "trl", "options": {"shape": "round"}}, {"format": "prompts", "filters": {"round": 1}},
        {"format": "trl", "filters": {"split": "test"}}, {"format": "trl", "filters": {"snapshot": 99}},
        {"format": "trl", "filters": {"colour": "red"}}, {"format": "trl", "data_licence": "a\nb"},
    ):  # fmt: skip
        assert client.post("/api/exports", json=wrong).status_code == 422, wrong


@pytest.fixture
def later(said: Database) -> Callable[[], None]:
    """Lets the study go on: answers that replace others, a new round, an import."""

    def go_on() -> None:
        person = annotators.ensure(said, "annotator").id
        judgments.undo(said, person, "undo-later")
        rounds.begin_next(said, None)  # type: ignore[arg-type]
        studies.change_settings(said, by="test", paused=False)
        path = said.folder / "more.jsonl"
        path.write_text(json.dumps(GOOD))
        exchange.import_file(said, path, "comparisons")

    return go_on


@pytest.mark.parametrize("format", ["comparisons", "trl", "judgments"])
def test_an_export_by_snapshot_gives_the_same_bytes_again(
    client: TestClient, said: Database, later: Callable[[], None], format: str
):
    """All rows; the card also counts what is in the study today."""
    body = {"format": format, "filters": {"snapshot": 1}}
    first = client.post("/api/exports", json=body).json()
    assert first["filters"]["snapshot"] == 1 and first["counts"]["judgments"] == 6
    later()
    second = client.post("/api/exports", json=body).json()

    def rows(made: dict[str, Any]) -> dict[str, bytes]:
        folder = Path(said.folder / "exports" / made["name"])
        return {
            path.name: path.read_bytes() for path in folder.iterdir() if path.name not in ("README.md", "SHA256SUMS")
        }

    assert rows(first) == rows(second) != {}


def test_an_export_that_was_cut_off_is_told_when_one_comes_back(client: TestClient, said: Database):
    folder = said.folder / errands.FOLDER / "00000000000000bb"
    folder.mkdir(parents=True)
    order = {"name": "trl-20261123", "format": "trl"}
    about = {"verb": "export", "order": order, "by": 1, "created_at": "2026-11-23T10:00:00.000Z"}
    (folder / "order.json").write_text(json.dumps(about))
    [failed] = client.get("/api/exports").json()["failed"]
    assert (failed["name"], failed["status"]) == ("trl-20261123", "cut_off")
    with held_file.held(folder / "lock", "held by the test"):
        listed = client.get("/api/exports").json()
        assert ([one["name"] for one in listed["under_way"]], listed["failed"]) == (["trl-20261123"], [])


def test_a_wait_for_an_errand_keeps_no_thread_from_those_who_judge(
    client: TestClient, said: Database, monkeypatch: pytest.MonkeyPatch
):
    """With a single thread in the server's pool a pair is still handed out while somebody waits for a preview."""
    begun = threading.Event()

    def start(db: Database, verb: str, order: dict[str, Any], *, by: int, role: str) -> errands.Errand:
        folder = db.folder / errands.FOLDER / "00000000000000cc"
        folder.mkdir(parents=True)
        about = {"verb": verb, "order": order, "by": by, "role": role, "created_at": "2026-11-23T10:00:00.000Z"}
        stack.enter_context(held_file.held(folder / "lock", "held by the test"))
        (folder / "order.json").write_text(json.dumps(about))
        begun.set()
        return errands.get(db, folder.name)

    async def play() -> tuple[int, bool, str]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1
        over = httpx.ASGITransport(app=client.app)
        cookies = dict(client.cookies)
        async with httpx.AsyncClient(transport=over, base_url=HOST, headers={"origin": HOST}, cookies=cookies) as http:
            waiting = asyncio.ensure_future(http.post("/api/exports/preview", json={"format": "trl"}))
            while not begun.is_set():
                await asyncio.sleep(0)
            status = (await http.get("/api/questions")).status_code
            early = not waiting.done()
            stack.close()
            return status, early, (await waiting).json()["status"]

    monkeypatch.setattr(errands, "start", start)
    # in a thread of its own: where a browser is open, this one has an event loop already
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(1) as own:
        assert own.submit(asyncio.run, play()).result() == (200, True, "cut_off")


def test_the_list_of_imports_names_nobody(as_role: Callable[[str], TestClient], said: Database):
    """A reason why a row was left out can name a person; only whoever brought the file reads the reasons."""
    path = said.folder / "named.jsonl"
    bad = {**GOOD, "prompt": "Who?", "judgments": [{"annotator": ["Ada"], "ranks": [1, 2]}]}
    path.write_text("\n".join(map(json.dumps, (GOOD, bad))))
    assert "Ada" in exchange.import_file(said, path, "comparisons").problems[0].reason
    listed = as_role("researcher").get("/api/imports")
    assert listed.json()["imports"][0]["left_out"] == 1 and "Ada" not in listed.text
