"""What researchers wait for: the console's pages in studies of two sizes, and consoles open while people annotate."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx

from benchmarks import annotate_load, large_study
from benchmarks.figures import milliseconds
from benchmarks.setting import Setting
from feedback_store import runs
from feedback_store.database import Database

SIZES = (1_000, 1_000_000)
RUNS = 200
LOOKS = 40
CONSOLES = 20
LOOKS_AGAIN_SECONDS = 8.0  # as the page does while nothing runs
FIRST_LOOK_SECONDS = 8.0
PAGES: dict[str, tuple[str, ...]] = {
    "home": ("/console", "/api/me", "/api/loop"),
    "runs": ("/runs", "/api/runs"),
    "policies": ("/policies", "/api/policies", "/api/evaluations"),
    "data": ("/data", "/api/data", "/api/imports", "/api/data/judgments", "/api/data/completions"),
    "plan": ("/plan", "/api/plan?people=10&judgments=2000"),
}
"""What a browser asks for when it opens a page, scripts left out: they are cached."""


def pages(size: int, setting: Setting) -> dict[str, Any]:
    """Each page's requests one after the other, over loopback."""
    from tests.accept.serving import served

    size = min(size, 200) if setting.short else size
    with setting.folder() as folder:
        study = folder / "study"
        large_study.copy(setting.work, size, setting.seed, study)
        with Database.open(study) as db:
            add_runs(db, RUNS)
        with served(study, "--no-worker") as server:
            for paths in PAGES.values():
                _look(server.client, paths)
            times: dict[str, list[float]] = {name: [] for name in PAGES}
            for _ in range(setting.trials(LOOKS, 3)):
                for name, paths in PAGES.items():
                    times[name].append(_look(server.client, paths))
        return {
            "judgments": size,
            "finished_runs": RUNS,
            **{name: milliseconds(found) for name, found in times.items()},
        }


def add_runs(db: Database, number: int) -> None:
    """Finished runs with curves, as a long study has them."""
    with db.transaction():
        for place in range(number):
            runs.enqueue(db, "train-policy" if place % 3 == 0 else "sample", {"pairs": 8})
            lease = runs.claim(db, "benchmark", lease_seconds=600)
            assert lease is not None
            for step in range(20):
                readings = {"score": step / 20, "kl_nats": step / 10, "length_tokens": 30.0, "entropy_nats": 1.0}
                runs.add_metrics(db, lease, "steps", step, readings)
            runs.succeed(db, lease, {})


def _look(client: httpx.Client, paths: tuple[str, ...]) -> float:
    """Milliseconds until all of a page's requests are answered."""
    began = time.perf_counter()
    for path in paths:
        client.get(path).raise_for_status()
    return (time.perf_counter() - began) * 1000


def crowd(setting: Setting) -> dict[str, Any]:
    """People annotate while consoles are open, each of which asks how the loop stands as the page does."""
    return annotate_load.load(False, setting, beside=partial(consoles, setting.trials(CONSOLES, 3)))


@contextmanager
def consoles(number: int, origin: str, cookie: str) -> Iterator[Callable[[], dict[str, Any]]]:
    """Open consoles until the block ends; what is given tells how long they waited."""
    ending = threading.Event()
    waited: list[float] = []

    def console(place: int) -> None:
        draw = random.Random(place)
        with httpx.Client(base_url=origin, headers={"cookie": cookie}, timeout=30) as client:
            ending.wait(draw.uniform(0, FIRST_LOOK_SECONDS))
            while not ending.is_set():
                waited.append(_look(client, ("/api/loop",)))
                ending.wait(LOOKS_AGAIN_SECONDS)

    threads = [threading.Thread(target=console, args=(place,), daemon=True) for place in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield lambda: {"consoles": number, "console": milliseconds(waited)}
    finally:
        ending.set()
        for thread in threads:
            thread.join(30)


CELLS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    **{f"pages_{size}": partial(pages, size) for size in SIZES},
    "crowd": crowd,
}
