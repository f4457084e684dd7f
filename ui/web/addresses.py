"""Where a server is reached, and from where a request came."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
EVERY_ADDRESS = ("0.0.0.0", "::")
DEFAULT_PORTS = {"http": 80, "https": 443}
UNKNOWN = "unknown"

Networks = tuple[IPv4Network | IPv6Network, ...]


class UnfitAddress(ValueError):
    """`--public-url` or `--trusted-proxy` is not of the form that is needed; the words say which."""


@dataclass(frozen=True)
class ServedAt:
    """Under which names browsers reach the server. `origin` is what is printed, such as https://ratings.example.org.

    `hosts`: Host headers that are answered. `public`: one origin holds for all requests (--public-url). `any_number`: a
    Host that is an IP address with the port `port` is answered too; no foreign name can stand for a number.
    """

    origin: str
    hosts: frozenset[str]
    port: int
    public: bool = False
    any_number: bool = False

    @property
    def secure(self) -> bool:
        """Whether browsers come by https."""
        return self.origin.startswith("https:")

    def answers_to(self, host: str) -> bool:
        """Whether a request with this Host header is for this server."""
        return host.lower() in self.hosts or (self.any_number and _is_number(host, self.port))

    def origin_of(self, host: str) -> str:
        """The Origin header of pages of this server that were asked for under a host it answers to."""
        return self.origin if self.public else f"http://{host}"


def served_at(host: str, port: int, public_url: str | None = None) -> ServedAt:
    """How a server on `host` and `port` is reached. Raises UnfitAddress."""
    if public_url is not None:
        return _public(public_url)
    names: tuple[str, ...] = LOCAL_HOSTS if host in LOCAL_HOSTS else (host,)
    if host in EVERY_ADDRESS:
        names = (_own_name(), socket.gethostname(), *LOCAL_HOSTS)
    shown = names[0] if host in EVERY_ADDRESS else host
    return ServedAt(
        origin=f"http://{with_port(shown, port)}",
        hosts=_hosts("http", names, port),
        port=port,
        any_number=host in EVERY_ADDRESS,
    )


def with_port(host: str, port: int) -> str:
    """Host and port as they stand in an address: IPv6 in brackets."""
    return f"{_bracketed(host)}:{port}"


def trusted_networks(text: str) -> Networks:
    """The networks of a list such as `10.0.0.7,fd00::/8`; empty for an empty one. Raises UnfitAddress."""
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise UnfitAddress(
            f"--trusted-proxy is {text!r}, but {error}. Allowed are IP addresses and networks such as 10.0.0.0/8, "
            "parted by commas."
        ) from None


def client_address(peer: str | None, forwarded: Sequence[str], trusted: Networks) -> str:
    """The address that a request came from: what the nearest trusted proxy says of it, else who is connected.

    `forwarded`: the X-Forwarded-For headers in order. Each proxy appends who it spoke to, and a sender can write what
    it likes in front of that; so only the rightmost address that is no trusted proxy counts.
    """
    found = _number(peer or "")
    hops = [hop for line in forwarded for hop in line.split(",")]
    while found is not None and hops and any(found in network for network in trusted):
        before = _number(hops.pop())
        if before is None:
            break
        found = before
    return str(found) if found is not None else UNKNOWN


def _public(url: str) -> ServedAt:
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
        host = (parts.hostname or "").encode("idna").decode()
    except (ValueError, KeyError, UnicodeError):
        host, port = "", 0
    if not host or parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise UnfitAddress(
            f"--public-url is {url!r}; it has to be the address that people type, with nothing behind the host, such "
            "as https://ratings.example.org"
        )
    netloc = _bracketed(host) if port == DEFAULT_PORTS[parts.scheme] else with_port(host, port)
    return ServedAt(f"{parts.scheme}://{netloc}", _hosts(parts.scheme, (host,), port), port, public=True)


def _hosts(scheme: str, names: Sequence[str], port: int) -> frozenset[str]:
    found = {with_port(name, port).lower() for name in names}
    return frozenset(found | {_bracketed(name).lower() for name in names if port == DEFAULT_PORTS[scheme]})


def _own_name() -> str:
    """A name of this machine that others may know, else the local one."""
    return socket.getfqdn() or "localhost"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_number(host: str, port: int) -> bool:
    name, parted, given = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if not parted:
        name, given = host, str(DEFAULT_PORTS["http"])
    bracketed = name.startswith("[") and name.endswith("]")
    number = _number(name)
    return given == str(port) and number is not None and bracketed == isinstance(number, IPv6Address)


def _number(text: str) -> IPv4Address | IPv6Address | None:
    """The IP address of `1.2.3.4`, `1.2.3.4:567`, `::1` or `[::1]:567`; an IPv4 address inside IPv6 as itself."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (isinstance(found, IPv6Address) and found.ipv4_mapped) or found
