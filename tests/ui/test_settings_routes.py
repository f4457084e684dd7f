"""Settings over HTTP: versions, faults by field, conflicts, criteria, texts, a line in the audit trail each time."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from feedback_store import audit, criteria, guidelines, information_texts, study_settings
from feedback_store.database import Database
from rounds import studies

AsRole = Callable[[str], TestClient]
TEXTS = {"guidelines": guidelines, "information": information_texts}


def changed(client: TestClient, **values: object) -> dict:
    """Save values on top of the version that is in force."""
    body = {"version": client.get("/api/settings").json()["version"], "values": values}
    answer = client.post("/api/settings", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_form_is_told_fields_values_and_version(study: Database, as_role: AsRole):
    answer = as_role("researcher").get("/api/settings").json()
    assert answer["state"] == "open"
    assert set(answer["values"]) == {field["name"] for field in answer["fields"]}
    latest = study_settings.latest(study, studies.SETTING)
    assert latest is not None
    assert answer["version"] == latest.id


def test_saving_makes_a_version_that_says_who_when_and_what(study: Database, as_role: AsRole):
    client = as_role("researcher")
    done = changed(client, **{"asked.mode": "confirm", "daily_quota": 40})
    assert done["changed"]
    settings = studies.settings(study)
    assert (settings.asked.mode, settings.daily_quota, settings.overlap) == ("confirm", 40, 3)
    newest, *_ = client.get("/api/settings/versions").json()["versions"]
    assert newest["version"] == done["version"]
    assert newest["changes"] == {"asked.mode": ["quick", "confirm"], "daily_quota": [None, 40]}
    assert newest["by"] not in (None, "researcher")  # a pseudonym
    assert as_role("admin").get("/api/settings/versions").json()["versions"][0]["by"] == "researcher"
    entry = audit.listing(study)[0]
    assert (entry.action, entry.detail) == ("change settings", {"changes": newest["changes"]})


def test_saving_what_is_there_already_makes_no_version(study: Database, as_role: AsRole):
    before = len(audit.listing(study))
    assert changed(as_role("researcher"), **{"asked.mode": "quick"})["changed"] is False
    assert len(audit.listing(study)) == before
    assert len(study_settings.history(study, studies.SETTING)) == 1


def test_faults_stand_by_their_fields_and_nothing_is_saved(study: Database, as_role: AsRole):
    client = as_role("researcher")
    version = client.get("/api/settings").json()["version"]
    values = {"asked.candidates": 9, "check_share": 0.9, "asked.mode": "confirm"}
    answer = client.post("/api/settings", json={"version": version, "values": values})
    assert answer.status_code == 422
    assert sorted(answer.json()["fields"]) == ["asked.candidates", "check_share"]
    assert "Nothing was saved" in answer.json()["error"]
    assert studies.settings(study).asked.mode == "quick"


def test_an_older_version_cannot_be_changed(study: Database, as_role: AsRole):
    client = as_role("researcher")
    version = client.get("/api/settings").json()["version"]
    changed(client, overlap=4)
    answer = client.post("/api/settings", json={"version": version, "values": {"overlap": 5}})
    assert answer.status_code == 409
    assert studies.settings(study).overlap == 4


def test_versions_come_page_by_page(study: Database, as_role: AsRole):
    client = as_role("researcher")
    for overlap in (4, 5, 6):
        changed(client, overlap=overlap)
    first = client.get("/api/settings/versions?limit=3").json()
    assert [one["changes"]["overlap"] for one in first["versions"]] == [[5, 6], [4, 5], [3, 4]]
    assert first["more"]
    rest = client.get(f"/api/settings/versions?limit=3&before={first['versions'][-1]['version']}").json()
    assert [one["changes"] for one in rest["versions"]] == [None]
    assert not rest["more"]


def test_criteria_are_added_ordered_and_retired(study: Database, as_role: AsRole):
    client = as_role("researcher")
    for name in ("honest", "brief", "kind"):
        client.post("/api/criteria", json={"name": name, "question": f"Which is more {name}?"})
    assert [one.name for one in criteria.current(study)] == ["honest", "brief", "kind"]
    assert client.post("/api/criteria/order", json={"names": ["kind", "honest"]}).status_code == 409
    answer = client.post("/api/criteria/order", json={"names": ["kind", "honest", "brief"]})
    assert [one["name"] for one in answer.json()["criteria"]] == ["kind", "honest", "brief"]
    client.post("/api/criteria/retire", json={"name": "honest"})
    assert [one["name"] for one in client.get("/api/criteria").json()["criteria"]] == ["kind", "brief"]
    assert client.post("/api/criteria", json={"name": "honest", "question": "Another?"}).status_code == 409
    assert client.post("/api/criteria", json={"name": " ", "question": "?"}).status_code in (400, 422)
    acts = [entry.action for entry in audit.listing(study)]
    assert acts[:5] == ["retire criterion", "order criteria", *["add criterion"] * 3]


@pytest.mark.parametrize("kind", TEXTS)
def test_texts_are_versioned_by_language(study: Database, as_role: AsRole, kind: str):
    client = as_role("researcher")
    assert client.get(f"/api/{kind}/versions").json() == {"versions": []}

    def write(language: str, text: str, after: int | None) -> tuple[int, list]:
        answer = client.post(f"/api/{kind}", json={"language": language, "text": text, "after": after})
        return answer.status_code, answer.json().get("versions", [])

    status, (first,) = write("en", "Be **honest**.", None)
    assert (status, first["version"], first["language"]) == (200, 1, "en")
    assert "<strong>honest</strong>" in first["html"]
    assert first["by"] != "researcher"
    assert write("en", "Another.", None)[0] == 409
    status, versions = write("en", "Be kind.", first["id"])
    assert [one["version"] for one in versions] == [2, 1]
    _, versions = write("zh", "要友善。", None)
    assert versions[0]["version"] == (2 if kind == "information" else 1)
    assert [entry.detail.get("language") for entry in audit.listing(study)[:3]] == ["zh", "en", "en"]

    before = len(audit.listing(study))
    status, again = write("zh", "要友善。", versions[0]["id"])
    assert (status, len(again), len(audit.listing(study))) == (200, 3, before)
    for language, text in (("en", " "), ("e", "x"), ("en!", "x")):
        assert write(language, text, versions[1]["id"])[0] in (400, 422)
    assert len(TEXTS[kind].listing(study)) == 3


def test_a_text_is_looked_at_before_it_is_stored(study: Database, as_role: AsRole):
    client = as_role("researcher")
    before = len(audit.listing(study))
    answer = client.post("/api/texts/preview", json={"text": "Be **honest**. <img src=x onerror=alert(1)>"})
    assert "<strong>honest</strong>" in answer.json()["html"]
    assert "<img" not in answer.json()["html"]
    assert client.post("/api/texts/preview", json={"text": "x" * 30_000}).json() == {"html": None}
    for wrong in ("", "x" * 100_001, None):
        assert client.post("/api/texts/preview", json={"text": wrong}).status_code == 422
    assert [*guidelines.listing(study), *information_texts.listing(study)] == []
    assert len(audit.listing(study)) == before


def test_what_researchers_write_is_what_annotators_read(study: Database, as_role: AsRole):
    researcher, annotator = as_role("researcher"), as_role("annotator")
    researcher.post("/api/guidelines", json={"language": "en", "text": "Look for this.", "after": None})
    assert annotator.get("/api/guidelines?language=zh").json()["guideline"]["text"] == "Look for this."
    assert annotator.post("/api/guidelines", json={"language": "en", "text": "x", "after": 1}).status_code == 403


def test_admins_read_the_audit_trail_page_by_page(study: Database, as_role: AsRole):
    researcher, admin = as_role("researcher"), as_role("admin")
    for overlap in (4, 5, 6):
        changed(researcher, overlap=overlap)
    first = admin.get("/api/audit?limit=2").json()
    assert [(one["by"], one["action"]) for one in first["entries"]] == [("researcher", "change settings")] * 2
    assert first["more"]
    rest = admin.get(f"/api/audit?limit=200&before={first['entries'][-1]['id']}").json()
    assert rest["entries"][0]["detail"] == {"changes": {"overlap": [3, 4]}}
    assert not rest["more"]
    assert researcher.get("/api/audit").status_code == 403


def test_admins_see_how_the_study_is_reached(study: Database, as_role: AsRole):
    assert as_role("admin").get("/api/access").json() == {
        "accounts": True,
        "address": "http://127.0.0.1:7860",
        "public": False,
        "secure": False,
        "trusted_proxies": [],
    }
    assert as_role("researcher").get("/api/access").status_code == 403


@pytest.mark.parametrize("role", ["annotator", "lead"])
def test_nobody_below_researcher_comes_in(study: Database, as_role: AsRole, role: str):
    client = as_role(role)
    for path in ("settings", "settings/versions", "criteria", "guidelines/versions", "information/versions"):
        assert client.get(f"/api/{path}").status_code == 403, path
    for path in (
        "settings",
        "criteria",
        "criteria/retire",
        "criteria/order",
        "guidelines",
        "information",
        "texts/preview",
    ):
        assert client.post(f"/api/{path}", json={}).status_code == 403, path
    assert len(study_settings.history(study, studies.SETTING)) == 1
