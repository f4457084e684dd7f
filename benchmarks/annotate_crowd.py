"""People who judge over plain HTTP at moments fixed beforehand; run as a process of its own, niced.

    python -m benchmarks.annotate_crowd PLAN.json        prints one JSON object

The schedule is open-loop: every answer has its moment from the start, and its time counts from that moment, so a server
that hangs is charged for all the answers that should have come meanwhile. After an answer the person asks for the next
pairs, as the page does. Each person has a connection of their own and comes at a random moment of the first seconds.
"""

import asyncio
import json
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.annotate_study import AHEAD
from benchmarks.figures import milliseconds

THOUGHT_SPREAD = 0.5
RANKS = ([1, 2], [2, 1], [1, 1])


@dataclass(frozen=True)
class Plan:
    """Who judges, where, how long and how fast. `cookies`: a Cookie header a person."""

    origin: str
    cookies: list[str]
    seconds: float
    thought_seconds: float
    seed: int


@dataclass
class Seen:
    """What the people met; times in milliseconds, errors by what was asked and how it failed."""

    submits: list[float] = field(default_factory=list)
    nexts: list[float] = field(default_factory=list)
    late_starts: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    said: set[str] = field(default_factory=set)
    nothing_to_judge: int = 0


def schedule(plan: Plan, person: int) -> Iterator[float]:
    """Moments, in seconds from the start, of a person's coming and then of each answer."""
    draw = random.Random(f"{plan.seed}/{person}")
    low, high = (plan.thought_seconds * (1 + sign * THOUGHT_SPREAD) for sign in (-1, 1))
    moment = draw.uniform(0, plan.thought_seconds)
    while moment < plan.seconds:
        yield moment
        moment += draw.uniform(low, high)


class Person:
    """One person with a browser's connection."""

    def __init__(self, plan: Plan, number: int, seen: Seen) -> None:
        self.plan = plan
        self.number = number
        self.seen = seen
        self.draw = random.Random(f"{plan.seed}/answers/{number}")
        self.held: list[dict[str, Any]] = []
        self.asked: dict[str, Any] = {}

    async def judge(self, began: float) -> None:
        headers = {"origin": self.plan.origin, "cookie": self.plan.cookies[self.number]}
        transport = httpx.AsyncHTTPTransport(verify=False, limits=httpx.Limits(max_connections=1))
        async with httpx.AsyncClient(
            base_url=self.plan.origin, headers=headers, transport=transport, timeout=30
        ) as client:
            for place, moment in enumerate(schedule(self.plan, self.number)):
                await asyncio.sleep(max(0.0, began + moment - time.perf_counter()))
                self.seen.late_starts.append((time.perf_counter() - began - moment) * 1000)
                if place == 0:
                    await self.come(client)
                else:
                    await self.answer(client, place, began + moment)
                await self.ask(client)

    async def come(self, client: httpx.AsyncClient) -> None:
        """Who am I? What a person's answers have to name."""
        me = await self.sent(client, "GET", "/api/me")
        self.asked["person"] = me["key"] if me else None

    async def ask(self, client: httpx.AsyncClient) -> None:
        """The next pairs."""
        began = time.perf_counter()
        batch = await self.sent(client, "GET", f"/api/questions?limit={AHEAD}&language=en")
        if batch is None:
            return
        self.seen.nexts.append((time.perf_counter() - began) * 1000)
        self.held = batch["questions"]
        self.asked |= {"asked": batch["asked"]["id"], "guideline": (batch["guideline"] or {}).get("id")}

    async def answer(self, client: httpx.AsyncClient, place: int, scheduled: float) -> None:
        """One judgment; its time counts from when it should have been sent."""
        if not self.held:
            self.seen.nothing_to_judge += 1
            return
        question = self.held.pop(0)
        body = {
            "comparison": question["comparison"],
            "shown": question["shown"],
            "ranks": self.draw.choice(RANKS),
            "key": f"crowd-{self.plan.seed}-{self.number}-{place}",
            "milliseconds": round(self.plan.thought_seconds * 1000),
            "input_device": "keyboard",
            "view": "rendered",
            "signals": {"scrolled": [1, 1], "revisions": 0, "views": ["rendered"], "place": place},
            **self.asked,
        }
        saved = await self.sent(client, "POST", "/api/judgments", body)
        if saved is not None:
            self.seen.submits.append((time.perf_counter() - scheduled) * 1000)

    async def sent(self, client: httpx.AsyncClient, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON, or None where it was an error, which is counted."""
        try:
            reply = await client.request(method, path, json=body)
        except httpx.HTTPError as error:
            self.seen.errors[f"{path.partition('?')[0]} {type(error).__name__}"] += 1
            return None
        if reply.status_code != 200:
            self.seen.errors[f"{path.partition('?')[0]} {reply.status_code}"] += 1
            self.seen.said.add(reply.text[:200])
            return None
        return reply.json()


async def crowd(plan: Plan) -> Seen:
    """All people, until the last one's schedule is over."""
    seen = Seen()
    people = [Person(plan, number, seen) for number in range(len(plan.cookies))]
    began = time.perf_counter() + 1.0  # made first, then started together
    await asyncio.gather(*(person.judge(began) for person in people))
    return seen


def main() -> None:
    plan = Plan(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    wall, cpu = time.perf_counter(), time.process_time()
    seen = asyncio.run(crowd(plan))
    found = {
        "submit": milliseconds(seen.submits),
        "next": milliseconds(seen.nexts),
        "errors": dict(seen.errors),
        "said": sorted(seen.said)[:5],
        "nothing_to_judge": seen.nothing_to_judge,
        "generator_late": milliseconds(seen.late_starts),
        "generator_cpu_share": round((time.process_time() - cpu) / (time.perf_counter() - wall), 3),
        "generator_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
