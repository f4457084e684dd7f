"""The server as a process: refuses what it must, ends when told (killed: tests/accept/test_web_process_killed.py)."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

import httpx
import pytest

from feedback_store.database import Database
from ui.web.access import HostRefused
from ui.web.server import PortInUse, serve

SERVE = "import sys; from ui.web.server import serve; serve(sys.argv[1], port=int(sys.argv[2]), worker=False)"


@pytest.fixture
def started(study: Database) -> Iterator[Callable[[], tuple[subprocess.Popen, str]]]:
    """Start a server process for the study; gives it and its address."""
    processes = []

    def start() -> tuple[subprocess.Popen, str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(study.folder), "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        processes.append(process)
        for line in process.stdout:
            if found := re.search(r"http://\S+", line):
                return process, found[0]
        pytest.fail("the server ended before it was ready")

    yield start
    for process in processes:
        process.kill()
        process.wait()


@contextmanager
def log_in(address: str) -> Iterator[httpx.Client]:
    origin = address.split("/login")[0]
    with httpx.Client(base_url=origin, headers={"origin": origin}, timeout=60) as client:
        assert client.get(address).status_code == 303
        yield client


def test_it_ends_when_told_although_a_page_hangs_on(started: Callable):
    process, address = started()
    with log_in(address) as client, client.stream("GET", "/"):
        began = time.monotonic()
        process.terminate()
        assert process.wait(10) == 0
        assert time.monotonic() - began < 10


def test_a_second_server_on_a_study_is_refused_naming_the_first(started: Callable, study: Database):
    first, address = started()
    with pytest.raises(ValueError, match=f"process {first.pid}.*{address.split('/login')[0]}"):
        serve(study.folder, port=0, worker=False)


def test_a_port_in_use_is_refused_before_a_study_is_made(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=f"port {port}"):
            serve(tmp_path / "study", port=port, worker=False)
    assert not (tmp_path / "study").exists()


def test_a_host_that_others_reach_is_refused_before_a_study_is_made(tmp_path: Path):
    with pytest.raises(HostRefused, match="would let other machines in"):
        serve(tmp_path / "study", host="0.0.0.0", worker=False)
    assert not (tmp_path / "study").exists()


def test_gradio_does_not_poll_every_millisecond(study: Database):
    from ui.pages import site

    assert hasattr(site.build("study")._queue, "sleep_when_free"), (
        "the name is gone: see whether an idle server costs CPU"
    )


def test_a_folder_that_others_can_look_into_is_told_at_the_start(study: Database):
    study.folder.chmod(0o755)
    command = [sys.executable, "-c", SERVE, str(study.folder), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        said = "".join(takewhile(lambda line: "http://" not in line, process.stdout))
        process.kill()
    assert "Others on this machine can look into the study" in said
