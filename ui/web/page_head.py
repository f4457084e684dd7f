"""Our styles in the head of Gradio's pages from the first byte on.

Gradio puts what `head=` and `css=` say into the page by script, when its own bar of pages has been on the screen
already; here the styles are part of the page itself, and our scripts load while Gradio's still do.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

END_OF_HEAD = b"</head>"


class PageHead:
    """Writes what `heads` holds for a page's path into its head; leaves everything else as it is."""

    def __init__(self, app: ASGIApp, heads: Mapping[str, str]) -> None:
        self.app = app
        self.heads = {path: head.encode() for path, head in heads.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] not in self.heads:
            await self.app(scope, receive, send)
            return
        # What comes back must be readable here; it is compressed further out.
        headers = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        head = self.heads[scope["path"]]
        start: Message = {}
        body = b""

        async def gather(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            if message["type"] != "http.response.body":
                await send(message)
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                await _send(send, start, body.replace(END_OF_HEAD, head + END_OF_HEAD, 1))

        await self.app({**scope, "headers": headers}, receive, gather)


async def _send(send: Send, start: Message, body: bytes) -> None:
    headers = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
    await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})
