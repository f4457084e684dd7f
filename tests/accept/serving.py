"""A study served by `tastemaker serve` in a process of its own, as people have it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

SHORT_TEXTS: dict[str, Any] = {"sampling": {"max_new_tokens": 24}}
"""Settings of a study on the tiny model, which never ends a text by itself."""


@dataclass(frozen=True)
class Served:
    """The process and where it listens; `client` has opened the address."""

    process: subprocess.Popen[str]
    address: str
    client: httpx.Client

    def get(self, path: str) -> Any:
        return self.client.get(path).raise_for_status().json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.client.post(path, json=body).raise_for_status().json()


@contextmanager
def served(study: Path, *options: str) -> Iterator[Served]:
    """Serve on a free port until the block ends."""
    log = study.parent / "serve.log"
    with log.open("a") as errors:
        command = [sys.executable, "-m", "ui.commands.main", "serve", str(study), "--port", "0", "--json", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=dict(os.environ))
    try:
        line = process.stdout.readline() if process.stdout else ""
        assert line, log.read_text()[-3000:]
        address = json.loads(line)["address"]
        origin = address.partition("/login")[0]
        with httpx.Client(base_url=origin, headers={"Origin": origin}, timeout=30, follow_redirects=True) as client:
            client.get(address).raise_for_status()
            yield Served(process, address, client)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()
