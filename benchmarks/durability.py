"""Nothing acknowledged is lost: killed processes, writes that never reached the disk, full disks, locks and races.

Each cell is a measurement of its own. What a machine does not allow (tracing, mounting) is said in the row.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import durability_disk, durability_http, durability_kills, durability_refusals, judging
from benchmarks.setting import Setting
from feedback_store.database import Database


def _cell(
    run: Callable[[Path, int, int], dict[str, Any]], full: int, short: int
) -> Callable[[Setting], dict[str, Any]]:
    def measure(setting: Setting) -> dict[str, Any]:
        with setting.folder() as folder:
            return run(folder / "study", setting.trials(full, short), setting.seed)

    return measure


def _races(folder: Path, trials: int, seed: int) -> dict[str, Any]:
    """Eight processes ask for the questions of one small pool and answer them; race after race."""
    from tests.builders import races

    found = []
    for trial in range(trials):
        study = folder.with_name(str(trial))
        judging.study_of_pairs(study, 12, overlap=1 + trial % 3)
        with Database.open(study) as db:
            found.append(vars(races.run(db, processes=8, seed=seed + trial)) | {"faults": len(judging.faults(db))})
    return {"races": trials, "processes": 8} | {name: sum(one[name] for one in found) for name in found[0]}


def _locked(setting: Setting) -> dict[str, Any]:
    with setting.folder() as folder:
        return durability_refusals.locked(folder / "study", (1,) if setting.short else (1, 4, 30))


CELLS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "kill_storing": _cell(durability_kills.kill_storing, 1000, 10),
    "kill_server": _cell(durability_kills.kill_server, 50, 2),
    "fsync_seen": _cell(durability_disk.fsync_seen, 200, 10),
    "fsync_seen_by_http": _cell(durability_http.fsync_before_reply, 200, 5),
    "cuts": _cell(durability_disk.cuts, 200, 20),
    "disk_full": _cell(durability_refusals.disk_full, 5, 1),
    "locked": _locked,
    "races": _cell(_races, 100, 2),
}
