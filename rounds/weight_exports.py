"""Exports of weights that runs wrote: adapters and models of policies, reward models for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from feedback_store import runs
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.runs import Run

KINDS = ("policy-export", "reward-export")
MOST_RUNS = 500  # that are looked through, the newest of each kind


@dataclass(frozen=True)
class WeightExport:
    """A folder below exports: what it is of, in which form, by which run. `bytes`: of all its files."""

    name: str
    of: str
    form: str
    run: int
    made_at: str | None
    bytes: int


def listing(db: Database) -> list[WeightExport]:
    """Those that are there, the newest first."""
    found: dict[str, WeightExport] = {}
    ended = [run for kind in KINDS for run in runs.listing(db, MOST_RUNS, kind=kind, status="succeeded")]
    for run in sorted(ended, key=lambda one: -one.id):
        name = Path(str((run.result or {}).get("folder"))).name
        folder = db.folder / "exports" / name
        if name not in found and folder.is_dir() and not folder.is_symlink():
            size = sum(path.stat().st_size for _, path in _files(folder))
            found[name] = WeightExport(name, _of(run), _form(run), run.id, run.ended_at, size)
    return list(found.values())


def files(db: Database, name: str) -> list[tuple[str, Path]]:
    """Every file of an export by its path within, links left out. Raises InvalidInput with the exports there are."""
    known = [one.name for one in listing(db)]
    if name not in known:
        raise InvalidInput(
            f"There is no export of weights {name[:100]!r}. There are: {', '.join(known) or 'none yet'}."
        )
    return list(_files(db.folder / "exports" / name))


def _of(run: Run) -> str:
    result = run.result or {}
    return str(result.get("policy") or result.get("reward_model"))


def _form(run: Run) -> str:
    """module or classifier of a reward; adapter, adapter-with-base or merged of a policy."""
    if run.kind == "reward-export":
        return str((run.result or {}).get("format"))
    older = "merged" if run.config.get("merged") else "adapter"  # of before there were three forms
    return str(run.config.get("format", older))


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(folder).as_posix(), path
