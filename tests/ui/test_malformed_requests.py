"""Some hundreds of the malformed requests of benchmarks/security, over real connections."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

import malformed_run
from malformed_run import Senders
from rounds import studies

HOST = b"127.0.0.1:7860"


@pytest.fixture
def port(application_with_accounts: FastAPI) -> Iterator[int]:
    """Where the application listens; it answers to the name that it would have."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(application_with_accounts, log_level="critical", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(10)


def test_malformed_requests_are_refused_in_words_and_change_nothing(
    application_with_accounts: FastAPI, port: int, tmp_path: Path
):
    from ui.web.study import StudyAtHand

    with studies.open_or_create(tmp_path / "study", base="tiny:", create=True, refill=False) as db:
        application_with_accounts.state.study = study = StudyAtHand(db)
        senders = Senders(db, study.id, application_with_accounts.state.access.cookie_name)
        outcome = malformed_run.malformed(senders, port, HOST, 400, seed=1)
        assert "\n".join(outcome.faults) == ""
        assert outcome.accepted == []
        assert outcome.changed == []
        assert outcome.sent >= 400
        assert len(outcome.by_fault) >= 12
        assert outcome.by_status[422] > 20 and outcome.by_status[403] >= 10, "they come as far as they can"
        odd = malformed_run.strange(senders, port, HOST, 100, seed=1)
        assert "\n".join(odd.faults) == ""
