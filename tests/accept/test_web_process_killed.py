"""kill -9 of the web process while somebody judges, over and over: what was acknowledged is there."""

import itertools
import os
import signal
import threading
import time

import httpx
import pytest

from benchmarks import durability_kills
from feedback_store import comparisons, completions, judgments, policies, prompts
from feedback_store.prompts import NewPrompt, from_text
from rounds import studies
from tests.accept.serving import Served, served

TIMES = 2 if os.environ.get("ACCEPT") == "short" else 6
PAIRS = 400
AT_LEAST = 20  # acknowledged before each kill


def study_with_pairs(folder) -> None:
    """Pairs without a model."""
    with studies.open_or_create(folder, base="tiny:", create=True, refill=False) as db, db.transaction():
        base = policies.add_base(
            db, source="tiny:", sha256="a" * 64, tokenizer_sha256="b" * 64, template_sha256="c" * 64
        )
        new = [NewPrompt(from_text(f"Question {number}?"), split="train") for number in range(PAIRS)]
        for prompt_id in prompts.add(db, new, holdout_share=0.2, seed=0).ids:
            texts = [completions.NewCompletion(prompt_id, base.id, f"Answer {side}.") for side in ("one", "two")]
            comparisons.add(db, [comparisons.NewComparison(prompt_id, completions.add(db, texts))])


def judge_until_it_is_gone(server: Served, prefix: str, acknowledged: list[str]) -> None:
    """Answers one pair after the other, and notes each key that was acknowledged."""
    try:
        for number in itertools.count():
            questions = server.get("/api/questions?limit=1")["questions"]
            if not questions:
                return
            question = questions[0]
            key = f"{prefix}-{number:06}"
            body = {"comparison": question["comparison"], "shown": question["shown"], "ranks": [1, 2], "key": key}
            if server.post("/api/judgments", body)["saved"]:
                acknowledged.append(key)
    except httpx.HTTPError:
        return


@pytest.mark.accept
@pytest.mark.timeout(600)
def test_no_acknowledged_judgment_is_lost(tmp_path):
    folder = tmp_path / "study"
    study_with_pairs(folder)
    acknowledged: list[str] = []
    for turn in range(TIMES):
        with served(folder, "--no-worker") as server:
            judge = threading.Thread(target=judge_until_it_is_gone, args=(server, f"turn-{turn}", acknowledged))
            judge.start()
            while len(acknowledged) < AT_LEAST * (turn + 1) and judge.is_alive():
                time.sleep(0.001 * (turn + 1))
            server.process.send_signal(signal.SIGKILL)
            server.process.wait(10)
            judge.join(30)
    with studies.open_or_create(folder) as db:
        stored = {judgment.key for judgment in judgments.live(db)}
    assert len(acknowledged) >= AT_LEAST * TIMES
    assert set(acknowledged) <= stored
    print(
        f"\nACCEPT web process killed {TIMES} times: {len(acknowledged)} acknowledged, {len(stored)} stored, none lost"
    )


@pytest.mark.accept
@pytest.mark.timeout(600)
def test_no_acknowledged_judgment_of_many_people_is_lost_or_doubled(tmp_path):
    row = durability_kills.kill_server(tmp_path / "study", TIMES, seed=0)
    assert (row["lost"], row["doubled"], row["faults"], row["other_answers"]) == (0, 0, [], [])
    assert row["acknowledged"] >= row["clients"] * TIMES
    print(f"\nACCEPT web process killed under {row['clients']} clients: {row}")
