"""The loop as a program drives it over HTTP with a token: import, judge, train, evaluate blind, export, plan."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.accept.serving import served

PROMPTS = [f"Say something about {word}." for word in ("tea", "rain", "bread", "snow", "books", "maps", "cats", "air")]
SCOPES = ("read", "judge", "runs", "data")
SECONDS = 120


class Program:
    """A client that has an address and a token, nothing else."""

    def __init__(self, origin: str, token: str) -> None:
        headers = {"authorization": f"Bearer {token}"}
        self.client = httpx.Client(base_url=origin, headers=headers, timeout=60)

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(path, params=query).raise_for_status().json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.client.post(path, json=body).raise_for_status().json()

    def ended(self, run: int) -> dict[str, Any]:
        """Wait for a run to succeed."""
        deadline = time.monotonic() + SECONDS
        while (found := self.get(f"/api/runs/{run}"))["ended_at"] is None:
            assert time.monotonic() < deadline, found["progress"]
            time.sleep(0.2)
        assert found["status"] == "succeeded", found["error"]
        return found

    def done(self, errand: dict[str, Any]) -> dict[str, Any]:
        """Wait for an errand."""
        deadline = time.monotonic() + SECONDS
        while errand["status"] == "working":
            assert time.monotonic() < deadline
            time.sleep(0.1)
            errand = self.get(f"/api/errands/{errand['id']}")
        return errand

    def judge(self, number: int) -> int:
        """Answer up to so many questions: the longer text wins."""
        for place in range(number):
            batch = self.get("/api/questions", limit=1)
            if not batch["questions"]:
                return place
            question = batch["questions"][0]
            lengths = [len(completion["text"]) for completion in question["completions"]]
            ranks = [1, 1] if lengths[0] == lengths[1] else [1, 2] if lengths[0] > lengths[1] else [2, 1]
            body = {"comparison": question["comparison"], "shown": question["shown"], "ranks": ranks}
            key = f"program-{question['comparison']}"
            assert self.post("/api/judgments", body | {"key": key, "asked": batch["asked"]["id"]})["saved"]
        return number


@pytest.fixture
def program(tmp_path: Path, tastemaker):
    """A served study of one person, and a token from the command line."""
    folder = tmp_path / "study"
    with served(folder, "--base", "tiny:") as server:
        words = [word for scope in SCOPES for word in ("--scope", scope)]
        token = tastemaker("token", "add", folder, "script", *words, "--json").json["token"]
        yield Program(server.address.partition("/login")[0], token)
        (listed,) = tastemaker("token", "list", folder, "--json").json
        assert (listed["name"], listed["scopes"]) == ("script", list(SCOPES))


@pytest.mark.accept
def test_the_loop_over_http(program: Program, tmp_path: Path):
    lines = "".join(
        json.dumps({"prompt": text, "split": "train" if n % 2 else "holdout"}) + "\n" for n, text in enumerate(PROMPTS)
    )
    upload = program.post("/api/uploads", {"name": "prompts.jsonl", "bytes": len(lines)})
    program.client.post(f"/api/uploads/{upload['id']}/pieces?at=0", content=lines.encode()).raise_for_status()
    assert program.post(f"/api/uploads/{upload['id']}/whole", {})["guess"] == "prompts"
    assert program.done(program.post(f"/api/uploads/{upload['id']}/try", {"format": "prompts"}))["status"] == "done"
    program.done(program.post(f"/api/uploads/{upload['id']}/import", {"format": "prompts"}))
    assert program.get("/api/loop")["prompts"] == {"train": 4, "holdout": 4}

    sample = program.post("/api/runs", {"kind": "sample", "settings": {"pairs": 6, "holdout_questions": 0.4}})
    program.ended(sample["id"])
    assert program.judge(8) == 8
    planned = program.post("/api/next-policy/plan", {"preset": "quick"})
    assert planned["command"].count("tastemaker run") == 2
    for run in program.post("/api/next-policy", {"preset": "quick"})["runs"]:
        program.ended(run["id"])
    loop = program.get("/api/loop")
    assert [policy["name"] for policy in loop["policies"]] == ["base", "policy-1"]
    assert loop["figures"]["reward.judgments"]["value"] == 8
    assert len(program.get("/api/loop/figures/reward.judgments")["rows"]) == 8

    sealed = program.post("/api/evaluations", {"policies": ["base", "policy-1"], "judgments": 2})
    program.ended(sealed["run"]["id"])
    program.judge(100)
    unsealed = program.get(f"/api/evaluations/{sealed['id']}")
    assert (unsealed["sealed"], unsealed["judged"]) == (False, 2)

    made = program.post("/api/exports", {"format": "trl"})
    text = program.client.get(f"/api/exports/{made['name']}/train.jsonl").raise_for_status().text
    assert all({"prompt", "chosen", "rejected"} <= json.loads(line).keys() for line in text.splitlines())
    assert program.get("/api/plan", people=2, judgments=100)["comparisons"] > 0
    assert program.post("/api/policies/use", {"policy": "base"})["current"] == "base"
    refused = program.client.post("/api/tokens", json={"name": "more", "scopes": ["read"]})
    assert refused.status_code == 403
