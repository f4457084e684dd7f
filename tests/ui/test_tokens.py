"""Programs with tokens: what each scope lets through, whose name it acts in, and the interface described."""

import json
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

import accounts_at_hand
from errands_over_http import ended
from feedback_store import accounts, api_tokens, judgments
from feedback_store.accounts import Role
from feedback_store.database import Database
from web_studies import judge_all

READS = ("/api/loop", "/api/runs", "/api/questions", "/api/exports", "/api/settings")


@pytest.fixture
def program(study: Database, nobody: TestClient) -> Callable[..., TestClient]:
    """A client that has nothing but a token: no cookie, no Origin."""

    def made(*scopes: str, role: Role = "admin") -> TestClient:
        person = accounts_at_hand.people(study)[role]
        _, text = api_tokens.make(study, person, f"{role} {scopes}", scopes, days=1, by="test")
        host = str(nobody.base_url)
        headers = {"authorization": f"Bearer {text}"}
        return TestClient(nobody.app, base_url=host, headers=headers, raise_server_exceptions=False)

    return made


def test_reading_needs_the_scope_read(program: Callable[..., TestClient]):
    reader = program("read")
    assert [reader.get(path).status_code for path in READS] == [200] * len(READS)
    refused = program("runs").get("/api/loop")
    assert refused.status_code == 403
    assert refused.json()["error"] == "This needs a token with the scope read; this one has runs."


def test_each_scope_lets_its_own_changes_through(program: Callable[..., TestClient], study: Database):
    runs = program("runs")
    started = runs.post("/api/runs", json={"kind": "sample", "settings": {}})
    assert (started.status_code, started.json()["status"]) == (200, "queued")
    assert runs.post(f"/api/runs/{started.json()['id']}/cancel", json={}).json()["status"] == "cancelled"
    assert runs.post("/api/exports", json={"format": "trl"}).status_code == 403
    assert program("data").post("/api/exports", json={"format": "trl"}).status_code == 200


def test_a_program_judges_in_the_name_of_its_person(program: Callable[..., TestClient], study: Database):
    judge = program("read", "judge", role="annotator")
    question = judge.get("/api/questions").json()["questions"][0]
    body = {"comparison": question["comparison"], "shown": question["shown"], "ranks": [1, 2], "key": "token-00000001"}
    assert judge.post("/api/judgments", json=body).json()["saved"] is True
    (row,) = judgments.live(study)
    assert row.annotator_id == accounts_at_hand.people(study)["annotator"]
    assert judge.get("/api/loop").status_code == 403, "a token is no more than its person"


def test_what_admins_do_no_token_does(program: Callable[..., TestClient], study: Database):
    everything = program(*api_tokens.SCOPES)
    victim = accounts_at_hand.people(study)["annotator"]
    for path, body in (
        (f"/api/people/{victim}/role", {"role": "admin"}),
        ("/api/tokens", {"name": "more", "scopes": ["read"]}),
        (f"/api/people/{victim}/pause", {}),
        ("/api/password", {"old": "x", "new": "y"}),
    ):
        assert everything.post(path, json=body).status_code == 403, path
    assert everything.get("/api/audit").status_code == 403
    assert accounts.get(study, victim).role == "annotator"  # type: ignore[union-attr]


def test_an_admins_token_does_not_read_the_names_that_the_admin_looked_at(
    as_role: Callable[[str], TestClient], program: Callable[..., TestClient], study: Database
):
    judge_all(study, "annotator")
    body = {"format": "comparisons"}
    looked = ended(as_role("admin"), as_role("admin").post("/api/exports/preview", json=body).json())
    assert '"annotator": "annotator"' in json.dumps(looked["result"]["rows"])
    path = f"/api/errands/{looked['errand']}"
    assert as_role("admin").get(path).status_code == 200
    reader, everything = program("read"), program(*api_tokens.SCOPES)
    for client in (reader, everything):
        assert [client.get(path + end).status_code for end in ("", "/report", "/report.csv")] == [404] * 3
    own = ended(reader, everything.post("/api/exports/preview", json=body).json())
    assert "person-" in json.dumps(own["result"]["rows"])
    assert reader.get(f"/api/errands/{own['errand']}").json()["result"] == own["result"]


def test_a_token_ends_with_its_person(program: Callable[..., TestClient], study: Database):
    client = program("read", role="researcher")
    assert client.get("/api/loop").status_code == 200
    accounts.disable(study, accounts_at_hand.people(study)["researcher"], by="test")
    assert client.get("/api/loop").status_code == 401


def test_a_wrong_token_is_not_helped_by_a_cookie(as_role: Callable[[str], TestClient]):
    admin = as_role("admin")
    assert admin.get("/api/loop").status_code == 200
    assert admin.get("/api/loop", headers={"authorization": "Bearer tm_wrong"}).status_code == 401
    assert (
        admin.post("/api/next-policy", json={}, headers={"authorization": "Bearer x", "origin": "null"}).status_code
        == 401
    )


def test_an_admin_makes_and_revokes_tokens(as_role: Callable[[str], TestClient], nobody: TestClient):
    admin = as_role("admin")
    made = admin.post("/api/tokens", json={"name": "ci", "scopes": ["read"], "days": 7}).json()
    asked = {"authorization": f"Bearer {made['token']}"}
    assert nobody.get("/api/loop", headers=asked).status_code == 200
    (listed,) = admin.get("/api/tokens").json()["tokens"]
    assert "token" not in listed
    assert (listed["name"], listed["state"], listed["by"]) == ("ci", "in force", "admin")
    assert admin.post(f"/api/tokens/{made['id']}/revoke", json={}).json()["state"] == "revoked"
    assert nobody.get("/api/loop", headers=asked).status_code == 401
    assert admin.post("/api/tokens/99/revoke", json={}).status_code == 404


def test_the_study_of_one_person_has_tokens_too(client: TestClient, stranger: TestClient):
    made = client.post("/api/tokens", json={"name": "script", "scopes": ["read"]}).json()
    fresh = TestClient(
        stranger.app, base_url=str(stranger.base_url), headers={"authorization": f"Bearer {made['token']}"}
    )
    assert fresh.get("/api/loop").status_code == 200
    assert fresh.get("/api/tokens").status_code == 403


def test_the_interface_is_described_from_here(as_role: Callable[[str], TestClient]):
    client = as_role("annotator")
    described = client.get("/api/openapi.json").json()
    assert {"/api/runs", "/api/judgments", "/api/plan"} <= described["paths"].keys()
    assert all(path.startswith("/api/") for path in described["paths"])
    tags = {tag for path in described["paths"].values() for verb in path.values() for tag in verb["tags"]}
    assert set(api_tokens.SCOPES) - {"read"} <= tags
    page = client.get("/docs")
    assert page.status_code == 200
    assert "https://" not in page.text.replace("https://fastapi", "")
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert f"/api/docs/{name}" in page.text
        assert client.get(f"/api/docs/{name}").status_code == 200
    assert client.get("/api/docs/setup.py").status_code == 404
