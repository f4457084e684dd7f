"""Log in, log out, invitations, passwords, on a study with accounts; how it is reached."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import accounts_at_hand
from accounts_at_hand import PASSWORD
from feedback_store import accounts, annotators, invitations, sessions
from feedback_store.database import Database
from ui.web.access import AccountAccess, HostRefused, LocalAccess, access_to
from ui.web.addresses import UnfitAddress

FORM = {"content-type": "application/x-www-form-urlencoded"}
HTML = {"accept": "text/html"}


def log_in(client: TestClient, name: str = "annotator", password: str = PASSWORD, **options):
    return client.post("/login", data={"name": name, "password": password}, follow_redirects=False, **options)


def test_a_page_sends_strangers_to_the_login_and_back(nobody: TestClient):
    asked = nobody.get("/me?tab=work", headers=HTML, follow_redirects=False)
    assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=%2Fme%3Ftab%3Dwork")
    assert nobody.get("/api/questions").status_code == 401
    answer = nobody.post(
        asked.headers["location"], data={"name": "annotator", "password": PASSWORD}, follow_redirects=False
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/me?tab=work")
    assert nobody.get("/api/me").json()["name"] == "annotator"


def test_a_login_opens_a_session_of_which_only_the_hash_is_kept(nobody: TestClient, study: Database):
    cookie = log_in(nobody).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    token = cookie.split(";")[0].partition("=")[2]
    assert sessions.current(study, token) is not None
    stored = [str(value) for row in study.rows("SELECT * FROM sessions") for value in row.values()]
    assert token not in stored


@pytest.mark.parametrize(
    ("name", "password"), [("annotator", "wrong"), ("whoever", PASSWORD), ("", ""), ("annotator", "")]
)
def test_a_wrong_login_says_nothing_more(nobody: TestClient, name: str, password: str):
    answer = log_in(nobody, name, password)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "Name or password is wrong" in answer.text


def test_wrong_passwords_are_throttled_for_everybody_and_across_restarts(nobody: TestClient, study: Database):
    answers = [log_in(nobody, password=f"wrong {n}").status_code for n in range(8)]
    assert answers[:5] == [401] * 5
    assert answers[-1] == 429
    refused = log_in(nobody)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert study.value("SELECT COUNT(*) FROM throttles") > 0
    assert log_in(nobody, "lead").status_code == 303


def test_logging_out_ends_the_session(as_role: Callable[[str], TestClient], study: Database):
    client = as_role("annotator")
    token = next(iter(client.cookies.values()))
    assert client.post("/logout", follow_redirects=False).headers["location"] == "/login"
    assert sessions.current(study, token) is None
    assert client.get("/api/me").status_code == 401


def test_a_session_lives_through_a_restart_and_ends_when_the_account_is_closed(
    as_role: Callable[[str], TestClient], study: Database, nobody: TestClient
):
    from ui.web.study import StudyAtHand

    client = as_role("annotator")
    nobody.app.state.study = StudyAtHand(study)
    assert client.get("/api/me").status_code == 200
    accounts.disable(study, accounts_at_hand.people(study)["annotator"], by="test")
    assert client.get("/api/me").status_code == 401


def test_a_changed_role_counts_from_the_next_request_on(as_role: Callable[[str], TestClient], study: Database):
    client = as_role("researcher")
    assert client.get("/api/loop").status_code == 200
    accounts.set_role(study, accounts_at_hand.people(study)["researcher"], "annotator", by="test")
    refused = client.get("/api/loop")
    assert refused.status_code == 403
    assert "yours is annotator" in refused.json()["error"]
    assert client.get("/console", headers=HTML).status_code == 403


def test_a_new_password_ends_all_other_sessions(as_role: Callable[[str], TestClient]):
    here, elsewhere = as_role("annotator"), as_role("annotator")
    wrong = here.post("/api/password", json={"old": "wrong", "new": "a much better one"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_old")
    weak = here.post("/api/password", json={"old": PASSWORD, "new": "short"})
    assert (weak.status_code, weak.json()["code"]) == (422, "too_short")
    assert here.post("/api/password", json={"old": PASSWORD, "new": "a much better one"}).json() == {"changed": True}
    assert here.get("/api/me").status_code == 200
    assert elsewhere.get("/api/me").status_code == 401


def test_an_invitation_makes_one_account_once(nobody: TestClient, study: Database):
    _, token = invitations.make(study, "annotator", languages=["en"], by="test")
    assert 'name="again"' in nobody.get(f"/invite/{token}").text
    fields = {"name": "Ann", "password": "a long enough one", "again": "a long enough one"}
    differ = nobody.post(f"/invite/{token}", data={**fields, "again": "another one"}, follow_redirects=False)
    assert differ.status_code == 422
    made = nobody.post(f"/invite/{token}", data=fields, follow_redirects=False)
    assert (made.status_code, made.headers["location"]) == (303, "/")
    assert nobody.get("/api/me").json()["role"] == "annotator"
    assert annotators.by_name(study, "Ann").languages == ["en"]
    assert nobody.get(f"/invite/{token}").status_code == 404
    again = nobody.post(f"/invite/{token}", data={**fields, "name": "Bob"}, follow_redirects=False)
    assert again.status_code == 404
    assert annotators.by_name(study, "Bob") is None


def test_doors_speak_the_readers_language(nobody: TestClient):
    chinese = nobody.get("/login", headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert chinese.headers["content-language"] == "zh"
    assert 'lang="zh"' in chinese.text
    assert nobody.get("/login?language=en", headers={"accept-language": "zh"}).headers["content-language"] == "en"


def test_doors_take_forms_of_this_server_alone(nobody: TestClient):
    for path in ("/login", "/logout", "/invite/x"):
        assert nobody.post(path, headers={**FORM, "origin": "http://evil.example"}).status_code == 403, path
    policy = nobody.get("/login").headers["content-security-policy"]
    assert "form-action 'self'" in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize(
    "next_page", ["https://evil.example/", "//evil.example", "/api/me", "javascript:alert(1)", "/\\evil"]
)
def test_after_the_login_nobody_is_sent_elsewhere(nobody: TestClient, next_page: str):
    answer = nobody.post(
        "/login", params={"next": next_page}, data={"name": "annotator", "password": PASSWORD}, follow_redirects=False
    )
    assert answer.headers["location"] == "/"


def test_a_study_without_accounts_stays_on_this_machine(study: Database):
    assert isinstance(access_to(study, "id", "127.0.0.1", 7860), LocalAccess)
    for host, url in (("0.0.0.0", None), ("example.org", None), ("127.0.0.1", "https://ratings.example.org")):
        with pytest.raises(HostRefused, match="no accounts"):
            access_to(study, "id", host, 7860, public_url=url)
    invitations.make(study, "admin", by="test")
    assert isinstance(access_to(study, "id", "0.0.0.0", 7860), AccountAccess)


def test_behind_a_proxy_the_public_address_holds(study: Database):
    accounts_at_hand.people(study)
    access = access_to(
        study, "id", "127.0.0.1", 7860, public_url="https://ratings.example.org", trusted_proxy="10.0.0.0/8"
    )
    assert access.address == "https://ratings.example.org/"
    assert access.reached.secure
    scope = {"client": ("10.1.2.3", 1), "headers": [(b"x-forwarded-for", b"6.6.6.6, 203.0.113.9")]}
    assert access.address_of(scope) == "203.0.113.9"
    assert access.address_of({**scope, "client": ("203.0.113.7", 1)}) == "203.0.113.7"
    with pytest.raises(UnfitAddress, match="has to be the address that people type"):
        access_to(study, "id", "127.0.0.1", 7860, public_url="ratings.example.org/path")


def test_without_accounts_the_doors_say_what_to_open(client: TestClient, study: Database):
    _, token = invitations.make(study, "annotator", by="test")
    for path in ("/login", f"/invite/{token}"):
        answer = client.post(path, data={"name": "ann", "password": PASSWORD, "again": PASSWORD})
        assert answer.status_code == 404, path
    assert "address" in client.post("/login", data={"name": "ann", "password": PASSWORD}).text
    assert client.post("/api/password", json={"old": PASSWORD, "new": "another one"}).status_code == 404
    assert client.get("/api/me").json()["accounts"] is False


def test_every_refusal_at_the_doors_has_words():
    web = Path(__file__).resolve().parents[2] / "ui" / "web"
    codes = {code for file in web.glob("*.py") for code in re.findall(r'Refused\(\s*"([a-z_]+)"', file.read_text())}
    codes |= set(re.findall(r'UnfitPassword\(\s*"([a-z_]+)"', (web / "passwords.py").read_text()))
    words = json.loads((web.parent / "static" / "languages" / "en.json").read_text(encoding="utf-8"))
    assert len(codes) > 8
    assert {f"door.error.{code}" for code in codes - {"over"}} <= set(words)
