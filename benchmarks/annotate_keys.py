"""Key press to next pair painted, in Chromium against the real server, on loopback and through a slow network.

Times are taken inside the page, from the event's own time stamp to the frame after the one with the next pair. What
was pressed is compared with what the store holds afterwards, so an answer under the wrong pair counts as well.
"""

import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks import annotate_study, judging
from benchmarks.figures import milliseconds
from benchmarks.setting import Setting
from benchmarks.slow_network import SlowNetwork, slow_network
from feedback_store import judgments
from feedback_store.database import Database

PRESSES, PRESSES_SHORT = 500, 12
RESET_SHARE, RESET_SHARE_SHORT = 0.01, 0.2
PAUSE_SECONDS = (0.5, 1.2)  # a quick reader; the times of measured.md had no pause at all
SAVED_WITHIN_SECONDS = 120.0
SPARE_PAIRS = 20
KEYS = {"ArrowLeft": [1, 2], "ArrowRight": [2, 1], "ArrowDown": [1, 1]}
"""The keys pressed, and the ranks of the completions as shown that each stands for."""
NUMBER = re.compile(r"Question (\d+)")
SCRIPT = Path(__file__).with_suffix(".js")

Press = tuple[int, str]
"""Number of the question on the screen, and the key."""


def keys(round_trip_seconds: float, setting: Setting) -> dict[str, Any]:
    """Judge by keyboard; `round_trip_seconds` 0 is loopback without any relay."""
    from tests.accept.serving import served

    presses = setting.trials(PRESSES, PRESSES_SHORT)
    with setting.folder() as folder:
        study = folder / "study"
        # No planned repeats: a pair that is answered twice would be one that was stored twice.
        annotate_study.make(study, presses + SPARE_PAIRS, setting.seed, repeat_share=0.0)
        with served(study, "--no-worker") as server, _network(server.address, round_trip_seconds, setting) as network:
            made, times = _press(server.address, network, presses, setting)
        with Database.open(study) as db:
            return {
                "round_trip_ms": round(round_trip_seconds * 1000),
                "presses": presses,
                "key_to_painted": milliseconds([one["painted"] - one["pressed"] for one in times]),
                "key_to_saved": milliseconds([one["saved"] - one["pressed"] for one in times if "saved" in one]),
                "requests": network.requests if network else None,
                "resets": dict(network.resets) if network else None,
                **_against_the_store(db, made),
                "faults": judging.faults(db),
            }


@contextmanager
def _network(address: str, round_trip_seconds: float, setting: Setting) -> Iterator[SlowNetwork | None]:
    port = urlsplit(address).port
    assert port is not None
    if not round_trip_seconds:
        yield None
        return
    with slow_network(port, round_trip_seconds, setting.seed) as network:
        yield network


def _press(
    address: str, network: SlowNetwork | None, presses: int, setting: Setting
) -> tuple[list[Press], list[dict[str, float]]]:
    """What was pressed on which question, and the page's times."""
    from playwright.sync_api import sync_playwright

    draw = random.Random(setting.seed)
    made: list[Press] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=_arguments(address, network))
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.set_default_timeout(60_000)
        page.add_init_script(SCRIPT.read_text(encoding="utf-8"))
        page.goto(address)
        page.wait_for_selector(".tm-card:visible")
        if network:  # a page whose scripts never came cannot be measured
            network.reset_share = RESET_SHARE_SHORT if setting.short else RESET_SHARE
        for number in range(presses):
            time.sleep(0.05 if setting.short else draw.uniform(*PAUSE_SECONDS))
            key = draw.choice(list(KEYS))
            made.append((_number(page), key))
            page.keyboard.press(key)
            page.wait_for_function("n => benchmarkPresses[n]?.painted !== undefined", arg=number, polling=20)
        _wait_until_saved(page, presses)
        times: list[dict[str, float]] = page.evaluate("benchmarkPresses")
        browser.close()
    return made, times


def _chromium() -> str:
    from tests.conftest import find_chromium

    found = find_chromium()
    if found is None:
        raise SystemExit("There is no Chromium: set CHROMIUM to its path, or install it.")
    return found


def _arguments(address: str, network: SlowNetwork | None) -> list[str]:
    """The browser goes to the relay while it means the server, which answers to its own address only."""
    if network is None:
        return ["--no-sandbox"]
    host = urlsplit(address).netloc
    return ["--no-sandbox", f"--host-resolver-rules=MAP {host} 127.0.0.1:{network.port}"]


def _number(page: Any) -> int:
    found = NUMBER.search(page.locator(".tm-prompt-now").text_content())
    assert found is not None
    return int(found.group(1))


def _wait_until_saved(page: Any, presses: int) -> None:
    """Until every answer is saved, or it is clear that some never will be: the store is asked afterwards."""
    deadline = time.monotonic() + SAVED_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if page.evaluate("benchmarkPresses.filter((one) => one.saved !== undefined).length") >= presses:
            return
        time.sleep(0.1)


def _against_the_store(db: Database, made: list[Press]) -> dict[str, Any]:
    """Pressed and not stored, stored more than once, stored otherwise than pressed, stored and never pressed."""
    texts = db.rows("SELECT c.id, p.messages FROM comparisons c JOIN prompts p ON p.id = c.prompt_id")
    numbers = {row["id"]: int(NUMBER.search(row["messages"]).group(1)) for row in texts}  # type: ignore[union-attr]
    stored: dict[int, list[list[int] | None]] = {}
    for one in judgments.live(db):
        as_shown = None if one.ranks is None else [one.ranks[place] for place in one.shown]
        stored.setdefault(numbers[one.comparison_id], []).append(as_shown)
    expected = dict(made)
    return {
        "judgments": sum(map(len, stored.values())),
        "lost": sum(number not in stored for number in expected),
        "doubled": judging.rows_stored(db) - len(stored),
        "other_than_pressed": sum(stored.get(number, [KEYS[key]]) != [KEYS[key]] for number, key in made),
        "never_pressed": len(stored.keys() - expected.keys()),
    }
