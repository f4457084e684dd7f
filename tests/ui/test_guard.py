"""Who gets in, from where, with what: token, cookie, Host, Origin, body, headers, and what does not exist."""

import re
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from feedback_store.database import Database
from ui.pages import site
from ui.web import docs_routes
from ui.web.access import HostRefused, LocalAccess, access_to
from ui.web.addresses import served_at
from ui.web.guard import MAX_BODY_BYTES

HTML = {"accept": "text/html"}


def test_the_address_with_the_token_opens_the_pages(stranger: TestClient):
    answer = stranger.get("/login?token=the-token", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "the-token" not in cookie
    assert stranger.get("/").status_code == 200
    assert stranger.get("/console").status_code == 200
    assert stranger.get("/").text.split("</head>")[0].count("/static/tastemaker/style/") == len(site.STYLES)


def test_the_cookie_is_named_after_the_study():
    reached = served_at("127.0.0.1", 7860)
    names = {LocalAccess(study_id, reached).cookie_name for study_id in ("one", "two")}
    assert len(names) == 2


def test_a_wrong_token_opens_nothing(stranger: TestClient):
    answer = stranger.get("/login?token=wrong", follow_redirects=False)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert stranger.get("/").status_code == 401


@pytest.mark.parametrize("path", ["/", "/console", "/anything"])
def test_a_page_without_the_cookie_says_what_to_open(stranger: TestClient, path: str):
    answer = stranger.get(path, headers=HTML)
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("text/html")
    assert "Open the address" in answer.text


def test_a_route_without_the_cookie_answers_401_as_json(stranger: TestClient):
    for path in ("/api/questions", "/api/loop", "/api/exports/a/b", "/theme.css", "/config", "/gradio_api/info"):
        answer = stranger.get(path)
        assert answer.status_code == 401, path
        assert "Open the address" in answer.json()["error"]
        assert answer.json()["code"] == "locked"
    assert stranger.post("/api/undo", json={"key": "abcdefgh"}).status_code == 401


def test_a_cookie_that_was_made_up_is_no_cookie(stranger: TestClient):
    name = stranger.app.state.access.cookie_name
    for value in ("", "x", "é", '"', "the-token", "a" * 5000):
        answer = stranger.get("/api/loop", headers={"cookie": f"{name}={value}".encode()})
        assert answer.status_code == 401, value


@pytest.mark.parametrize(
    "host", ["evil.example:7860", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:7860", "127.0.0.1:7860.evil", ""]
)
def test_another_host_name_is_refused(client: TestClient, host: str):
    for path in ("/", "/login?token=the-token", "/static/tastemaker/icon.svg", "/healthz", "/api/questions"):
        assert client.get(path, headers={"host": host}, follow_redirects=False).status_code == 421, path


def test_every_name_of_this_machine_is_answered(client: TestClient):
    for host in ("127.0.0.1:7860", "localhost:7860", "[::1]:7860"):
        assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:9", "null", "", "https://127.0.0.1:7860"])
def test_writing_from_another_origin_is_refused(client: TestClient, origin: str):
    for path in ("/api/judgments", "/api/undo", "/api/runs", "/api/next-policy", "/api/exports", "/login"):
        answer = client.post(path, json={}, headers={"origin": origin})
        assert answer.status_code == 403, path
        assert "access-control-allow-origin" not in answer.headers


def test_no_answer_can_be_read_from_another_origin(client: TestClient):
    for path in ("/", "/console", "/theme.css", "/api/questions", "/static/tastemaker/icon.svg"):
        answer = client.get(path, headers={"origin": "http://evil.example"})
        assert not [name for name in answer.headers if name.startswith("access-control")], path
    preflight = client.options("/api/judgments", headers={"access-control-request-method": "POST"})
    assert not [name for name in preflight.headers if name.startswith("access-control")]


def test_a_body_over_the_limit_is_refused(client: TestClient):
    large = b"[" + b" " * MAX_BODY_BYTES + b"]"
    assert client.post("/api/judgments", content=large).status_code == 413
    in_parts = (large[start : start + 100_000] for start in range(0, len(large), 100_000))
    assert client.post("/api/judgments", content=in_parts).status_code == 413
    assert client.post("/api/judgments", content=b"[]").status_code == 422


def test_answers_carry_the_headers_that_protect_a_page(client: TestClient):
    for path in ("/", "/console", "/api/questions", "/healthz", "/nothing", "/static/tastemaker/icon.svg"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
    policy = client.get("/").headers["content-security-policy"]
    assert "connect-src 'self'" in policy
    assert "form-action 'self'" in policy
    assert client.get("/api/questions").headers["cache-control"] == "no-store"


def test_a_browser_asks_once_for_what_is_named_by_its_content_and_never_keeps_a_refusal(client: TestClient):
    found = re.search(r"/assets/[\w-]+\.js", client.get("/").text)
    assert found is not None
    kept = client.get(found.group())
    assert kept.status_code == 200
    assert "immutable" in kept.headers["cache-control"]
    missing = client.get("/assets/nothing-12345678.js")
    assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-cache")
    assert client.get("/static/tastemaker/icon.svg").headers["cache-control"] == "no-cache"
    client.cookies.clear()
    refused = client.get(found.group())
    assert refused.status_code == 401
    assert "immutable" not in refused.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/api/nothing", "/openapi.json", "/docs/oauth2-redirect", "/redoc", "/config",
     "/gradio_api/info", "/monitoring",
     "/assets/" + "a" * 300, "/theme.css" + "/a" * 3000,
     "/gradio_api/file=/etc/passwd", "/static/tastemaker/../../web/app.py", "/static/tastemaker/nothing.js"],
)  # fmt: skip
def test_what_does_not_exist_is_said_in_words(client: TestClient, path: str):
    answer = client.get(path)
    assert answer.status_code == 404
    assert "nothing at" in answer.json()["error"]
    assert client.post(path, json={}).status_code in (404, 405)


def test_an_unknown_page_is_a_page(client: TestClient):
    answer = client.get("/<script>alert(1)</script>", headers=HTML)
    assert answer.status_code == 404
    assert "<script>" not in answer.text


def test_a_refusal_speaks_the_readers_language(
    stranger: TestClient, as_role: Callable[[str], TestClient], client: TestClient
):
    chinese = {**HTML, "accept-language": "zh-CN,zh;q=0.9,en;q=0.5"}
    annotator = as_role("annotator")
    for who, path, words in ((client, "/{0}", "/{0} 处没有任何内容"), (annotator, "/people", "您的角色是“标注员”")):
        answer = who.get(path, headers=chinese)
        assert words in answer.text
        assert '<html lang="zh">' in answer.text
    assert "yours is annotator" in annotator.get("/people", headers=HTML).text
    stranger.cookies.clear()
    assert "密钥" in stranger.get("/", headers=chinese).text


def test_only_the_routes_of_the_allow_list_answer(client: TestClient):
    """Every route of ours and of Gradio inside, called as it is: what is not on the list does not exist."""
    allowed = {
        *site.PAGES,
        docs_routes.PAGE,
        "/login",
        "/logout",
        "/healthz",
        "/manifest.json",
        "/favicon.ico",
        "/theme.css",
    }
    prefixes = ("/api/", "/invite/", "/assets/", "/static/")
    seen = 0
    for path in _paths(client.app.routes):
        concrete = path.replace("{", "").replace("}", "").replace(":path", "")
        if not concrete or concrete in allowed or concrete.startswith(prefixes):
            continue
        seen += 1
        assert client.get(concrete).status_code == 404, path
        assert client.post(concrete).status_code == 404, path
    assert seen > 20


def _paths(routes, prefix=""):
    for route in routes:
        path = prefix + getattr(route, "path", "")
        inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
        if inner:
            yield from _paths(inner, path)
        else:
            yield path


def test_an_error_of_ours_shows_neither_traceback_nor_path(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise RuntimeError("secret /home/somebody/study.db")

    monkeypatch.setattr("rounds.verbs.loop_state", broken)
    answer = client.get("/api/loop")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", ""])
def test_hosts_that_others_can_reach_are_refused_with_words(study: Database, host: str):
    with pytest.raises(HostRefused, match="would let other machines in"):
        access_to(study, "study", host, 7860)


def test_a_sender_cannot_tell_the_pages_where_they_are(client: TestClient):
    for name in ("x-forwarded-host", "x-gradio-server"):
        assert "evil.example" not in client.get("/", headers={name: "evil.example"}).text
    assert "https://127.0.0.1" not in client.get("/", headers={"x-forwarded-proto": "https"}).text


@pytest.mark.parametrize("query", ["page=-1", "page=nothing", "deep_link=x", "state=%ed%a0%80"])
def test_a_page_takes_no_orders_from_its_query(client: TestClient, query: str):
    plain, asked = client.get("/"), client.get(f"/?{query}")
    assert (plain.status_code, asked.status_code) == (200, 200)
