"""What a study costs at 1,000, 100,000 and 1,000,000 judgments: asking, saving, counting, exporting, importing.

Asking and saving are measured in turns with an empty study that has the same pool of pairs to ask, so that a slow
moment of the machine meets both.
"""

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import judging, large_study
from benchmarks.setting import Setting, peak_gigabytes
from feedback_store import comparisons, judgments, questions
from feedback_store.comparisons import NewComparison
from feedback_store.database import Database
from feedback_store.judgments import NewJudgment
from rounds.loop_state import loop_state

SIZES = (1_000, 100_000, 1_000_000)
BLOCKS, TRIALS_A_BLOCK = 20, 10
COUNTS = 20
EXPORTED = ("comparisons", "trl")

Times = dict[str, list[float]]


def people(size: int, setting: Setting) -> dict[str, Any]:
    """What people wait for in a study of one size: the next question, a submit, the console's counts."""
    size = _cut_down(size, setting)
    with setting.folder() as folder:
        for name, number in (("empty", 0), ("large", size)):
            large_study.copy(setting.work, number, setting.seed, folder / name)
        with Database.open(folder / "empty") as empty, Database.open(folder / "large") as large:
            row = _asking(empty, large, setting) | {"counts": _counts(large, setting.trials(COUNTS, 2))}
            megabytes = round((folder / "large" / "study.db").stat().st_size / 1e6, 1)
            return {"judgments": size, "study_megabytes": megabytes} | row | {"faults": judging.faults(large)}


def files(size: int, setting: Setting) -> dict[str, Any]:
    """Exports of a study of one size, and the import of what was exported into a new study."""
    size = _cut_down(size, setting)
    with setting.folder() as folder:
        large_study.copy(setting.work, size, setting.seed, folder / "large")
        row: dict[str, Any] = {"judgments": size}
        for format in EXPORTED:
            row[f"export_{format}"] = _apart("export", folder / "large", format, folder / format)
        exported = folder / "comparisons" / "comparisons.jsonl"
        row["import_comparisons"] = _apart("import", folder / "imported", "comparisons", exported)
    return row


def _cut_down(size: int, setting: Setting) -> int:
    return min(size, 200) if setting.short else size


def _asking(empty: Database, large: Database, setting: Setting) -> dict[str, Any]:
    """Next questions and submits of random people, in turns; `cpu` leaves the waiting for the disk out."""
    measured: dict[str, Times] = {"empty": {}, "large": {}}
    draw = random.Random(setting.seed)
    for db in (empty, large):
        _ask_once(db, 1, "before-the-first", {})
    for block in range(setting.trials(BLOCKS, 2)):
        for name, db in (("empty", empty), ("large", large)):
            for trial in range(setting.trials(TRIALS_A_BLOCK, 2)):
                _ask_once(db, draw.randrange(large_study.PEOPLE) + 1, f"trial-{block}-{trial}", measured[name])
            db.checkpoint()
    found: dict[str, Any] = {}
    for what, ours in measured["large"].items():
        base = measured["empty"][what]
        found[what] = {
            **_figures(ours),
            "empty": _figures(base),
            "ratio_of_medians": round(statistics.median(ours) / statistics.median(base), 2),
        }
    return found


def _ask_once(db: Database, person: int, key: str, times: Times) -> None:
    batch = _timed(times, "next", lambda: questions.next_questions(db, person))
    first, *rest = batch.questions
    new = NewJudgment(first.comparison_public_id, person, [1, 2], first.shown, key, milliseconds=5000)
    judgment = _timed(times, "submit", lambda: judgments.submit(db, new))
    for question in rest:
        questions.give_back(db, person, question.comparison_public_id)
    asked = comparisons.get(db, judgment.comparison_id)
    comparisons.add(db, [NewComparison(asked.prompt_id, asked.completion_ids)])  # the pool stays as large as it was


def _timed(times: Times, what: str, act: Callable[[], Any]) -> Any:
    wall, cpu = time.perf_counter(), time.thread_time()
    result = act()
    times.setdefault(f"{what}_cpu", []).append(time.thread_time() - cpu)
    times.setdefault(what, []).append(time.perf_counter() - wall)
    return result


def _counts(db: Database, trials: int) -> dict[str, dict[str, float]]:
    """What the console counts."""
    acts: dict[str, Callable[[], object]] = {
        "comparisons.counts": lambda: comparisons.counts(db),
        "judgments.count": lambda: judgments.count(db, purpose="training"),
        "loop_state": lambda: loop_state(db),
    }
    times: Times = {}
    for name, act in acts.items():
        for _ in range(trials):
            _timed(times, name, act)
    return {name: _figures(times[name]) for name in acts}


def _figures(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "p50_ms": round(statistics.median(ordered) * 1000, 2),
        "p95_ms": round(ordered[int(0.95 * (len(ordered) - 1))] * 1000, 2),
    }


def _apart(verb: str, study: Path, format: str, path: Path) -> dict[str, Any]:
    """Export or import in a process of its own, whose memory is its own."""
    command = [sys.executable, "-m", "benchmarks.scale", verb, str(study), format, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failed": done.stderr.strip()[-300:]}
    return json.loads(done.stdout)


def _exchange(verb: str, study: Path, format: str, path: Path) -> dict[str, Any]:
    """What `_apart` runs: rows a second and memory, that of the program before the first row taken off."""
    from feedback_store import exchange

    with Database.open(study) if verb == "export" else Database.create(study) as db:
        rows_before = db.value("SELECT COUNT(*) FROM comparisons")
        before, began = peak_megabytes(), time.perf_counter()
        if verb == "export":
            counts = dict(exchange.export(db, format, path).counts)
        else:
            report = exchange.import_file(db, path, format)
            counts = {"rows": report.rows, "added": report.added, "problems": len(report.problems)}
        seconds = time.perf_counter() - began
        rows = max(rows_before, db.value("SELECT COUNT(*) FROM comparisons"))
    return {
        "comparisons": rows,
        "counts": counts,
        "seconds": round(seconds, 2),
        "comparisons_a_second": round(rows / seconds),
        "peak_megabytes": peak_megabytes(),
        "of_which_program": before,
    }


def peak_megabytes() -> int:
    """The most memory this process held; by /proc where there is one, as getrusage counts the parent's from before."""
    status = Path("/proc/self/status")
    if not status.exists():
        return round(peak_gigabytes() * 1000)
    return next(int(line.split()[1]) // 1000 for line in status.read_text().splitlines() if line.startswith("VmHWM"))


CELLS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    f"{what.__name__}_{size}": partial(what, size) for size in SIZES for what in (people, files)
}

if __name__ == "__main__":
    print(json.dumps(_exchange(sys.argv[1], Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))))
