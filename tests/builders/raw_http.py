"""Requests as bytes over a connection of their own: what no HTTP client would send, a server gets all the same."""

import contextlib
import socket
from dataclasses import dataclass

from malformed_requests import Request

SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    """What came back, whole. `status` 0: nothing that is HTTP."""

    status: int
    content: bytes


def send(port: int, request: Request, *, host: bytes, cookie: bytes = b"") -> Answer:
    """Send one request; a header of its own takes the place of the sender's."""
    usual = [(b"host", host), (b"origin", b"http://" + host), (b"connection", b"close")]
    if cookie:
        usual.append((b"cookie", cookie))
    own = {name for name, _ in request.headers}
    headers = [pair for pair in usual if pair[0] not in own - {b"cookie"}] + request.headers
    if request.body or request.method == "POST":
        headers.append((b"content-length", str(len(request.body)).encode()))
    head = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    line = request.method.encode() + b" " + request.target.replace(b" ", b"%20") + b" HTTP/1.1\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        # Refused before all of it had come: the answer is there to be read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(line + head + b"\r\n" + request.body)
        return _answer(connection)


def _answer(connection: socket.socket) -> Answer:
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(1 << 16):
            parts.append(part)
    content = b"".join(parts)
    line = content.split(b"\r\n", 1)[0].split(b" ")
    return Answer(int(line[1]) if len(line) > 1 and line[1].isdigit() else 0, content)
