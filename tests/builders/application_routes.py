"""Every route that an application has: its own, those of its routers, and those of what is mounted in it."""

from collections.abc import Iterable, Iterator
from typing import Any

Method = str
Path = str


def every(app: Any) -> list[tuple[Method, Path]]:
    """Each route once, as (method, path), sorted; a mounted folder of files is a GET below its path."""
    return sorted(set(_walk(app.routes, "")))


def _walk(routes: Iterable[Any], prefix: str) -> Iterator[tuple[Method, Path]]:
    for route in routes:
        inner = getattr(route, "effective_route_contexts", None)  # what include_router leaves in the table
        if inner is not None:
            yield from _walk(inner(), prefix)
            continue
        path, methods = prefix + str(getattr(route, "path", "")), getattr(route, "methods", None)
        below = getattr(route, "routes", None) or getattr(getattr(route, "app", None), "routes", None)
        if below and not methods:
            yield from _walk(below, path)
        elif methods:
            yield from ((method, path) for method in methods)
        else:
            yield "GET", path + "/{path:path}"
