"""Requests that no page would send: each has one fault at least that the application has to refuse.

Made from the table of roles, so that every route gets its share; what a request holds beside its fault is in order, so
that it comes as far as it can. The same draw makes the same requests.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from role_study import Things, request_of
from role_table import OURS, ROWS, Row

Headers = list[tuple[bytes, bytes]]
JSON, FORM = b"application/json", b"application/x-www-form-urlencoded"

STRANGE_TEXTS = (
    "", " ", "\x00", "a\x00b", "\ud800", "\udfff\ud800", "\u202eabc", "\u2028", "\ufeff", "' OR 1=1 --",
    '"; DROP TABLE x',
    "../../etc/passwd", "C:\\x", "{{7*7}}", "${7*7}", "%s%n", "<script>", "Z\u0338\u0321\u031b" * 50, "9" * 400,
    "a" * 70_000, "1e9999", "null", "NaN", "-0", "\uff11\uff12", "\r\nset-cookie: a=b",
)  # fmt: skip
STRANGE_NUMBERS = (0, -1, 1, 2**31, 2**53, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**30, 10**400, 0.5, 1e308, True)
WRONG_TYPES: tuple[Any, ...] = ({}, {"a": {"b": []}}, [[[]]], 1.5, {"$ne": None}, [{}], -1.5)
ODD_SEGMENTS = (
    b"%00", b"%ff%fe", b"..%2f..%2fetc%2fpasswd", b"%2e%2e/%2e%2e/x.db", b"..", b".", b"//", b";a=b", b"%", b"%zz",
    b"%c0%af", b"\\..\\", b"a" * 5000, b"%0d%0aset-cookie:a=b", b"*", b"%25%32%65", b"~", b"%e2%80%ae", b"'", b"@evil",
)  # fmt: skip
ODD_IDS = (b"0", b"-1", b"1.5", b"1e3", b"9" * 400, b"%00", b"%20", b"null", b"NaN", b"0x1", b"9007199254740993", b"[]")
ODD_QUERIES = (
    b"limit=-1", b"limit=99999999999999999999999", b"limit=%00", b"limit=a&limit=b", b"page=-1", b"page=1e9", b"size=0",
    b"size=%ff", b"before=0", b"before=x", b"after_log=-5", b"language=%00%00", b"language=" + b"a" * 5000, b"older=",
    b"older=%00&newer=%ff", b"sort=;drop", b"state=%ed%a0%80", b"descending=maybe", b"search=" + b"%25" * 900,
    b"&&&===", b"a" * 8000, b"%", b"token=%00%ff",
    b"next=//evil.example", b"__theme=%00", b"[]=1&a[b]=2", b"limit", b"?" * 100,
)  # fmt: skip
ODD_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"cookie", b"\xff\xfe=\x80; ;;=;a"), (b"cookie", b"a=" + b"b" * 6000), (b"range", b"bytes=9-1,abc,-0"),
    (b"if-modified-since", b"yesterday"), (b"if-none-match", b'"' * 100), (b"accept", b"\xff" * 50),
    (b"accept", b"q=q"),
    (b"accept-language", b"zh;q=2;;,-,,\xc3\x28"), (b"accept-encoding", b"gzip;q=x, br;;"),
    (b"x-forwarded-for", b"\xff,a"),
    (b"x-forwarded-proto", b"javascript"), (b"x-forwarded-host", b"evil.example"),
    (b"user-agent", b"\x80" * 300),
    (b"content-type", b"multipart/form-data"), (b"content-encoding", b"gzip"), (b"x-gradio-server", b"//evil.example"),
    (b"authorization", b"Basic \xff"), (b"te", b"trailers"), (b"x-http-method-override", b"DELETE"),
    (b"referer", b"\xc0\xaf"), (b"a" * 3000, b"b"), (b"if-range", b"\x01x"), (b"forwarded", b"for=_;;by"),
)  # fmt: skip
REFUSED_SENDERS: tuple[tuple[bytes, bytes], ...] = (
    (b"origin", b"http://evil.example"), (b"origin", b"null"), (b"origin", b""), (b"origin", b"\xff"),
    (b"host", b"evil.example"), (b"host", b"127.0.0.1:7860.evil"), (b"host", b"\xff\xfe"), (b"host", b"[::"),
)  # fmt: skip
ODD_METHODS = ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW", "get", "PROPFIND", "QUERY")
OTHER_TYPES = (
    b"text/plain", FORM, b"multipart/form-data; boundary=x", b"application/xml", b"\xff", b"multipart/form-data",
    b"application/octet-stream", b"text/html; charset=utf-7",
)  # fmt: skip
DEPTHS = (1_000, 20_000, 400_000)
OVER_THE_LIMIT = 1_000_001
SHARES = (*ROWS, *OURS * 3)
"""How often each route comes in a turn: what Gradio brought and the guard keeps shut is half of all routes."""
NO_SCHEMA = ("POST /login", "POST /invite/{token}")
"""Forms without a schema: what they get is refused for what it says."""


@dataclass(frozen=True)
class Request:
    """One request as bytes, and in a word what is wrong with it. A header here takes the place of the sender's own."""

    method: str
    target: bytes
    fault: str
    headers: Headers = field(default_factory=list)
    body: bytes = b""


Maker = Callable[[random.Random, Row, Request, Things], Request]


def requests(draw: random.Random, things: Things, number: int) -> Iterator[tuple[Row, Request]]:
    """`number` malformed requests, over all routes in turn."""
    turn: list[Row] = []
    for _ in range(number):
        if not turn:
            turn = draw.sample(SHARES, len(SHARES))
        row = turn.pop()
        make = draw.choice(_makers(row))
        yield row, make(draw, row, plain(row, things), things)


def strange(draw: random.Random, things: Things, number: int) -> Iterator[tuple[Row, Request]]:
    """`number` requests of the right shape with strange values: some may be accepted, none may break anything."""
    rows = [row for row in ROWS if isinstance(row.body, dict) or row.values]
    for _ in range(number):
        row = draw.choice(rows)
        odd = {name: draw.choice(STRANGE_TEXTS[3:]) if draw.random() < 0.3 else one for name, one in things.items()}
        path, body = request_of(row, odd)
        target = path.encode("utf-8", "replace").replace(b" ", b"%20").replace(b"\r\n", b"%0d%0a")
        if row.form or body is None:
            yield row, replace(plain(row, things), target=target[:9000], fault="strange values")
        else:
            content = json.dumps(_changed(draw, body)).encode()
            headers = [(b"content-type", JSON)]
            yield row, Request(row.method, target[:9000], "strange values", headers, content)


def plain(row: Row, things: Things) -> Request:
    """A row's request, in order."""
    path, body = request_of(row, things)
    if row.form:
        return Request(row.method, path.encode(), "none", [(b"content-type", FORM)], urlencode(body).encode())
    if body is None:
        return Request(row.method, path.encode(), "none")
    return Request(row.method, path.encode(), "none", [(b"content-type", JSON)], json.dumps(body).encode())


def _makers(row: Row) -> list[Maker]:
    """What can be wrong with a request to a route so that it must not do what it is there for."""
    makers: list[Maker] = [_path, _method]
    if row.values:
        makers.append(_id)
    if row.method != "POST":
        return [*makers, _query, _header, _sender]
    makers.append(_sender)
    if isinstance(row.body, dict) and f"POST {row.path}" not in NO_SCHEMA:
        makers += [_no_json, _deep, _wrong_type, _unknown_field, _missing, _other_type, _too_large, _not_an_object] * 2
    elif row.form:
        makers += [_bad_form] * 3
    return makers


def _path(draw: random.Random, row: Row, request: Request, _: Things) -> Request:
    end = draw.choice((b"/", b"")) if row.path != "/" else b""
    return replace(request, target=request.target.partition(b"?")[0] + end + draw.choice(ODD_SEGMENTS), fault="path")


def _method(draw: random.Random, row: Row, request: Request, _: Things) -> Request:
    return replace(request, method=draw.choice(ODD_METHODS), fault="method")


def _id(draw: random.Random, row: Row, request: Request, things: Things) -> Request:
    """Something else in place of what the path names."""
    path, _ = request_of(replace(row, values=dict.fromkeys(row.values, "ODD")), things)
    return replace(request, target=path.encode().replace(b"ODD", draw.choice(ODD_IDS + ODD_SEGMENTS[:6])), fault="id")


def _query(draw: random.Random, row: Row, request: Request, _: Things) -> Request:
    odd = b"&".join(draw.sample(ODD_QUERIES, draw.randint(1, 3)))
    return replace(request, target=request.target.partition(b"?")[0] + b"?" + odd, fault="query")


def _header(draw: random.Random, row: Row, request: Request, _: Things) -> Request:
    odd = draw.sample(ODD_HEADERS, draw.randint(1, 4))
    return replace(request, headers=[*request.headers, *odd], fault="header")


def _sender(draw: random.Random, row: Row, request: Request, _: Things) -> Request:
    return replace(request, headers=[*request.headers, draw.choice(REFUSED_SENDERS)], fault="sender")


def _no_json(draw: random.Random, row: Row, request: Request, _: Things) -> Request:
    body = request.body
    cut = draw.randrange(len(body))
    odd = draw.choice(
        (b"", b"{", body[:cut], body + b"}", b"\xff\xfe" + body, b"\x00", b"{'a': 1}", b"NaN", b"\xed\xa0\x80", b"[1,]",
         body[:1] + b'"\xc3\x28": 1, ' + body[1:], b"\x1f\x8b\x08\x00", draw.randbytes(200), b"9" * 5000, b"1e999999")
    )  # fmt: skip
    return replace(request, body=odd, fault="no JSON")


def _deep(draw: random.Random, row: Row, request: Request, _: Things) -> Request:
    depth = draw.choice(DEPTHS)
    opened, closed = draw.choice(((b"[", b"]"), (b'{"a":', b"}")))
    fitting = min(depth, 990_000 // (len(opened) + 1))
    inner = opened * fitting + (b"1" if opened != b"[" else b"") + closed * draw.choice((0, fitting))
    name = draw.choice(list(json.loads(request.body)) or ["settings"])
    whole = draw.choice((inner, b'{"%s":%s}' % (name.encode(), inner)))
    return replace(request, body=whole, fault="deep JSON")


def _wrong_type(draw: random.Random, row: Row, request: Request, _: Things) -> Request:
    """A value that no field of ours takes, in one of its fields."""
    fields = json.loads(request.body)
    fields[draw.choice(list(fields) or ["settings"])] = draw.choice(WRONG_TYPES)
    return replace(request, body=json.dumps(fields | {"unknown": 1}).encode(), fault="type")


def _unknown_field(draw: random.Random, row: Row, request: Request, _: Things) -> Request:
    fields = json.loads(request.body) | {draw.choice(("annotator", "role", "__proto__", "", "a" * 3000, "\x00")): 1}
    return replace(request, body=json.dumps(_changed(draw, fields)).encode(), fault="unknown field")


def _missing(draw: random.Random, row: Row, request: Request, _: Things) -> Request:
    return (
        replace(request, body=draw.choice((b"{}", b'{"x":null}', b"")), fault="missing")
        if _required(row)
        else (_unknown_field(draw, row, request, _))
    )


def _not_an_object(draw: random.Random, row: Row, request: Request, _: Things) -> Request:
    odd = draw.choice(
        (b"[]", b"null", b"1", b'"text"', b"true", b"[{}]", b"-0", b"1" * 4000, b"[" + request.body + b"]")
    )
    return replace(request, body=odd, fault="no object")


def _other_type(draw: random.Random, row: Row, request: Request, _: Things) -> Request:
    return replace(request, headers=[(b"content-type", draw.choice(OTHER_TYPES))], fault="content type")


def _too_large(draw: random.Random, row: Row, request: Request, _: Things) -> Request:
    return replace(request, body=request.body[:-1] + b" " * OVER_THE_LIMIT + b"}", fault="size")


def _bad_form(draw: random.Random, row: Row, request: Request, _: Things) -> Request:
    odd = draw.choice((b"name=%ff&password=%00", b"&" * 500, b"name=a&" * 50, b"\xff=\xfe", b"name[]=a", b"a" * 30_000))
    kind = draw.choice((FORM, *OTHER_TYPES))
    return replace(request, headers=[(b"content-type", kind)], body=odd, fault="form")


def _required(row: Row) -> bool:
    """Whether an empty object lacks something: all bodies but an invitation's and one's own key alone."""
    return row.path != "/api/invitations" and set(row.body) != {"person"}


def _changed(draw: random.Random, value: Any) -> Any:
    """The same shape with some strange leaves."""
    if isinstance(value, dict):
        return {name: _changed(draw, one) for name, one in value.items()}
    if isinstance(value, list):
        return [_changed(draw, one) for one in value] * draw.choice((1, 1, 1, 0, 40))
    if draw.random() < 0.6:
        return value
    return draw.choice(STRANGE_TEXTS) if isinstance(value, str) else draw.choice(STRANGE_NUMBERS)
