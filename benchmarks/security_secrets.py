"""A study is played over HTTP with known secrets; then they are looked for in all that it left behind."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from benchmarks import annotate_study
from feedback_store import accounts, annotators
from feedback_store.database import Database

ADMIN = "Ada the admin"
PASSWORDS = {
    "admin": "Rho-7 walks the long way home",
    "wrong": "Sigma-9 is not the password",
    "invited": "Tau-4 eats apples in the dark",
    "changed": "Upsilon-2 sings when it rains",
    "typed as a name": "Phi-8 went into the wrong field",
}
PAIRS = 8


def played(folder: Path) -> dict[str, Any]:
    """Play, then count how often each secret stands in each file of the study and in the server's log."""
    from tests.accept.serving import served
    from ui.web import passwords

    study = folder / "study"
    annotate_study.make(study, PAIRS, 0)
    with Database.open(study) as db:
        hashed = passwords.hashed(PASSWORDS["admin"])
        accounts.create(db, annotators.ensure(db, ADMIN).id, "admin", hashed, by="the benchmark")
    secrets = dict(PASSWORDS)
    with served(study, "--no-worker") as server:
        origin = server.address.rstrip("/")
        secrets |= _play(origin)
        found = _found(folder, secrets, "running")
    found |= _found(folder, secrets, "ended")
    named = {"hash of a password in an export or log": hashed} if _kept_elsewhere(folder, hashed) else {}
    return {
        "secrets": len(secrets),
        "files": sum(1 for _ in _files(folder)),
        "bytes": sum(path.stat().st_size for path in _files(folder)),
        "found": len(found) + len(named),
        "told": sorted(found) + sorted(named),
    }


def _play(origin: str) -> dict[str, str]:
    """An admin logs in, invites somebody, who comes, judges and changes the password; exports are made. Returns what
    became known on the way: sessions, links, a drawn password.
    """
    with _browser(origin) as admin, _browser(origin) as invited:
        for name, password in ((ADMIN, PASSWORDS["wrong"]), (PASSWORDS["typed as a name"], "x" * 12)):
            _expect(admin.post("/login", data={"name": name, "password": password}), 401)
        _expect(admin.post("/login", data={"name": ADMIN, "password": PASSWORDS["admin"]}), 303)
        known = {"admin's session": _session(admin)}
        link = _expect(admin.post("/api/invitations", json={"role": "annotator"}), 200).json()["link"]
        unused = _expect(admin.post("/api/invitations", json={"role": "lead"}), 200).json()["link"]
        known |= {"link used": urlsplit(link).path.rpartition("/")[2], "link": urlsplit(unused).path.rpartition("/")[2]}
        words = {"name": "Ben", "password": PASSWORDS["invited"], "again": PASSWORDS["invited"]}
        _expect(invited.get(urlsplit(link).path), 200)
        _expect(invited.post(urlsplit(link).path, data={**words, "again": "another one entirely"}), 422)
        _expect(invited.post(urlsplit(link).path, data=words), 303)
        known["session of who was invited"] = _session(invited)
        for number, question in enumerate(invited.get("/api/questions?limit=3").json()["questions"]):
            body = {"comparison": question["comparison"], "shown": question["shown"], "ranks": [1, 2]}
            _expect(invited.post("/api/judgments", json={**body, "key": f"secrets-{number}"}), 200)
        change = {"old": PASSWORDS["invited"], "new": PASSWORDS["changed"]}
        _expect(invited.post("/api/password", json={**change, "old": PASSWORDS["wrong"]}), 403)
        _expect(invited.post("/api/password", json=change), 200)
        person = admin.get("/api/people").json()["people"]
        ben = next(one["id"] for one in person if one["role"] == "annotator" and one["name"] == "Ben")
        known["drawn password"] = _expect(admin.post(f"/api/people/{ben}/password"), 200).json()["password"]
        for form in ("comparisons", "trl"):
            _expect(admin.post("/api/exports", json={"format": form}), 200)
        for path in ("/api/audit", "/api/people", "/api/invitations", "/api/access", "/api/work.csv", "/api/nothing"):
            admin.get(path)
        admin.get(f"/login?token={quote(PASSWORDS['wrong'])}")
        _expect(admin.post("/logout"), 303)
    return known


def _browser(origin: str) -> httpx.Client:
    return httpx.Client(base_url=origin, headers={"origin": origin}, timeout=30)


def _expect(answer: httpx.Response, status: int) -> httpx.Response:
    if answer.status_code != status:
        where = f"{answer.request.method} {answer.request.url.path}"
        raise RuntimeError(f"{where} was answered with {answer.status_code}, not {status}: {answer.text[:300]}")
    return answer


def _session(client: httpx.Client) -> str:
    [value] = [cookie.value for cookie in client.cookies.jar if cookie.name.startswith("tastemaker_")]
    assert value
    return value


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _found(folder: Path, secrets: dict[str, str], when: str) -> set[str]:
    """Each secret, as it is or written as an address or in base 64, in each file."""
    found = set()
    for path in _files(folder):
        content = path.read_bytes()
        for name, secret in secrets.items():
            plain = secret.encode()
            written = (plain, quote(secret).encode(), secret.replace(" ", "+").encode(), base64.b64encode(plain))
            if any(one in content for one in written):
                found.add(f"{name} in {path.relative_to(folder)} ({when})")
    return found


def _kept_elsewhere(folder: Path, hashed: str) -> bool:
    """Whether a password's hash stands anywhere but in the database."""
    return any(hashed.encode() in path.read_bytes() for path in _files(folder) if not path.name.startswith("study.db"))
