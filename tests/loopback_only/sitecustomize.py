"""Shuts every socket but loopback in this Python process.

conftest.py loads this file for the tests themselves and puts its folder on PYTHONPATH, so that each Python process
which a test starts loads it too. An audit hook cannot be taken off again.
"""

import socket
import sys

LOOPBACK_NAMES = {"", "localhost", "::1", "0.0.0.0", "::"}


def is_loopback(host: object) -> bool:
    if host is None:
        return True
    name = host.decode() if isinstance(host, bytes) else str(host)
    return name in LOOPBACK_NAMES or name.startswith("127.")


def refuse_beyond_loopback(event: str, args: tuple) -> None:
    if event in ("socket.connect", "socket.sendto"):
        address = args[1]
        if args[0].family not in (socket.AF_INET, socket.AF_INET6):
            return
        host = address[0]
    elif event == "socket.getaddrinfo":
        host = args[0]
    else:
        return
    if not is_loopback(host):
        raise OSError(f"tests may only talk to loopback, not to {host!r}")


sys.addaudithook(refuse_beyond_loopback)
