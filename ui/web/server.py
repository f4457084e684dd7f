"""`serve`: the web pages of a study and its one supervised worker, until it is told to end."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType

import uvicorn

from feedback_store import importing
from feedback_store.database import FILE_NAME
from feedback_store.study_folder import warnings as folder_warnings
from rounds import evaluating, studies, verbs
from rounds.supervisor import StudyLock, WorkerSupervisor, require_folder
from ui.web.access import require_guarded, require_local
from ui.web.addresses import served_at, trusted_networks

# Together under ten seconds: pages that hang on to their connection, then the worker's checkpoint.
GRACEFUL_SECONDS = 2
WORKER_STOP_SECONDS = 6.0
# Longer than people think about a pair: a connection that was closed meanwhile costs a round trip more.
KEEP_ALIVE_SECONDS = 75


class PortInUse(ValueError):
    """The server cannot listen where it was asked to."""


def serve(
    study_folder: Path,
    host: str = "127.0.0.1",
    port: int = 7860,
    worker: bool = True,
    base: str | None = None,
    *,
    precision: str | None = None,
    demo: bool = False,
    public_url: str | None = None,
    trusted_proxy: str = "",
    functions: Path | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve a study, made where there is none, until SIGTERM or Ctrl-C; `port` 0 takes a free one.

    `public_url` and `trusted_proxy` as in create_app. `on_ready` gets the address to open; without it the address is
    printed. `functions`: the folder of the worker's own reward functions. Raises NoSuchFolder, PortInUse, HostRefused,
    UnfitAddress, StudyServed, OtherBase and what opening a study raises.
    """
    trusted_networks(trusted_proxy)
    require_folder(functions)
    if not (Path(study_folder) / FILE_NAME).exists():
        require_local(host, public_url)  # a new study has no accounts: nothing is made
    with ExitStack() as stack:
        listening = stack.enter_context(_listen(host, port))
        port = listening.getsockname()[1]
        study = studies.open_or_create(Path(study_folder), base=base, precision=precision, create=True, demo=demo)
        db = stack.enter_context(study)
        lock = stack.enter_context(StudyLock(db.folder))
        lock.tell(served_at(host, port, public_url).origin)
        for words in filter(None, [db.warning, *folder_warnings(db.folder)]):
            print(words, file=sys.stderr)
        require_guarded(db, host, public_url)
        # Gradio takes three seconds to load: a wrong port, folder or base is answered before.
        from ui.web.app import create_app

        app = create_app(db, host, port, public_url=public_url, trusted_proxy=trusted_proxy)
        importing.mend(db)
        evaluating.look_again(db)  # an import may have ended after the server did
        verbs.refill(db)
        if worker:
            supervisor = WorkerSupervisor(db.folder, functions=functions)
            stack.callback(supervisor.stop, WORKER_STOP_SECONDS)
            supervisor.start()
        address = app.state.access.address
        server = _Server(_config(app), lambda: (on_ready or _print_address)(address))
        stack.enter_context(_terminate_as_exit())
        stack.enter_context(suppress(KeyboardInterrupt))  # Ctrl-C: what ends here is what was asked for
        server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """A server that says when it is ready."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            await asyncio.to_thread(self._on_ready)


def _config(app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # FastAPI's own type is narrower than uvicorn's
        access_log=False,  # the login address holds the token
        log_level="warning",
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        server_header=False,
        ws="none",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        proxy_headers=False,  # whose word on an address is taken, --trusted-proxy says
    )


@contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket, taken before anything else is done; PortInUse with words where that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named asyncio sends small packets at once (TCP_NODELAY); without it replies wait 40 ms for an
    # acknowledgement of their first part.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(128)
        except OSError as error:
            reason = error.strerror or str(error)
            raise PortInUse(
                f"Cannot listen on {host} port {port}: {reason}. Choose another port with --port, or 0 for a free one."
            ) from None
        yield listening


@contextmanager
def _terminate_as_exit() -> Iterator[None]:
    """Let SIGTERM unwind this process like an exit: uvicorn raises it again once it has shut down."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    previous = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _print_address(address: str) -> None:
    print(f"Tastemaker is ready: {address}", flush=True)
