"""Policies: the base, what was trained from it (a tree), and the authors of imported texts.

Which policy is current is a setting of the study (`current_policy`), so its history stays known.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from feedback_store import canonical, clock, rounds, runs, study_settings
from feedback_store.database import Database, Row
from feedback_store.errors import Conflict, InvalidInput

CURRENT = "current_policy"
BY_RUN = "run"  # who made a policy current, where it was a run: this word and its number
STAYS_CURRENT = "stays_current"  # in the result of a run whose policy was not made current
IMPORTED = "imported"
"""In the metrics of a policy whose adapter was made elsewhere, and the first part of its name."""


@dataclass(frozen=True)
class Policy:
    """A policy. `kind`: base, trained or external; `folder` is relative to the study."""

    id: int
    name: str
    kind: str
    parent_id: int | None
    folder: str | None
    source: str | None
    base_sha256: str | None
    tokenizer_sha256: str | None
    template_sha256: str | None
    manifest_sha256: str | None
    run_id: int | None
    metrics: dict[str, Any]
    created_at: str

    @property
    def imported(self) -> dict[str, Any] | None:
        """Where an adapter that was made elsewhere came from: its files by sha256, the base that it names; None for
        all others.
        """
        found: dict[str, Any] | None = self.metrics.get(IMPORTED)
        return found


def add_base(
    db: Database, *, source: str, sha256: str, tokenizer_sha256: str, template_sha256: str, now: str | None = None
) -> Policy:
    """Store the study's base as policy "base" and make it current; again with the same weights it is returned as it is.

    Raises Conflict if the study has another base: a study keeps the base that it began with.
    """
    given = {"base_sha256": sha256, "tokenizer_sha256": tokenizer_sha256, "template_sha256": template_sha256}
    with db.transaction():
        held = base(db)
        if held is not None:
            for name, value in given.items():
                if getattr(held, name) != value:
                    raise Conflict(
                        f"This study was made with the base {held.source} ({name} {str(getattr(held, name))[:12]}); "
                        f"{source} has "
                        f"{value[:12]}. A study keeps its base: use {held.source}, or make a new study."
                    )
            return held
        cursor = db.execute(
            "INSERT INTO policies (name, kind, source, base_sha256, tokenizer_sha256, template_sha256, created_at)"
            " VALUES ('base', 'base', ?, ?, ?, ?, ?)",
            [source, sha256, tokenizer_sha256, template_sha256, now or clock.now()],
        )
        study_settings.put(db, CURRENT, int(cursor.lastrowid), now=now)
        return get(db, int(cursor.lastrowid))


def base(db: Database) -> Policy | None:
    """Return the study's base, or None where none was stored yet."""
    row = db.row("SELECT * FROM policies WHERE kind = 'base'")
    return _policy(row) if row else None


def external(db: Database, name: str, now: str | None = None) -> Policy:
    """Return the author (a policy of kind external) of imported texts; make it where there is none."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidInput(f"The policy of an imported text is {name!r}; it has to be a name.")
    canonical.require_clean(name, "name of the policy")
    with db.transaction():
        db.execute(
            "INSERT INTO policies (name, kind, created_at) VALUES (?, 'external', ?) ON CONFLICT DO NOTHING",
            [name, now or clock.now()],
        )
        row = db.row("SELECT * FROM policies WHERE name = ? AND kind = 'external'", [name])
    assert row is not None
    return _policy(row)


def next_number(db: Database, prefix: str = "policy", run_id: int | None = None) -> int:
    """Return the number that the next trained policy gets; for a run that has published already, the number that it
    got.

    It comes from the rows alone: a folder that was renamed into place just before a crash has no row, and is written
    again.
    """
    return number_after(db, "SELECT name, run_id FROM policies WHERE kind = 'trained' AND name LIKE ?", prefix, run_id)


def number_after(db: Database, sql: str, prefix: str, run_id: int | None) -> int:
    """Return the highest number among names "prefix-N" plus one, or the run's own."""
    numbers = [0]
    for row in db.rows(sql, [f"{prefix}-%"]):
        ending = row["name"].removeprefix(f"{prefix}-")
        if ending.isdigit():
            numbers.append(int(ending))
            if run_id is not None and row["run_id"] == run_id:
                return int(ending)
    return max(numbers) + 1


def publish(
    db: Database,
    lease: runs.Lease,
    *,
    name_prefix: str = "policy",
    parent_id: int,
    folder: str,
    base_sha256: str,
    manifest_sha256: str,
    metrics: dict[str, Any],
    result: dict[str, Any] | None = None,
    unchanged: bool = False,
    now: str | None = None,
) -> Policy:
    """Store a trained policy, end its run as succeeded, make it current and open the next round: all in one fenced
    transaction. Where a person chose the current policy while the run was at work, their choice stays, and the run's
    result names it (STAYS_CURRENT). So does the current one where the policy is `unchanged`, no other than its parent,
    and the study has moved on from that.

    `folder` is relative to the study and in its place already. The run's result is `result` plus policy_id, policy and
    metrics. The same run publishing again gets the row that it made. Raises LeaseLost for a worker that lost its run,
    and then stores nothing.
    """
    moment = now or clock.now()
    with db.transaction():
        runs.require_token(db, lease)
        row = db.row("SELECT * FROM policies WHERE run_id = ?", [lease.run_id])
        if row is not None:
            return _policy(row)
        runs.fence(db, lease)
        parent = get(db, parent_id)
        name = f"{name_prefix}-{next_number(db, name_prefix)}"
        cursor = db.execute(
            "INSERT INTO policies (name, kind, parent_id, folder, source, base_sha256, tokenizer_sha256, "
            "template_sha256,"
            " manifest_sha256, run_id, metrics, created_at) VALUES (?, 'trained', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                name, parent_id, folder, parent.source, base_sha256, parent.tokenizer_sha256, parent.template_sha256,
                manifest_sha256, lease.run_id, canonical.dumps(runs.finite(metrics)), moment,
            ],
        )  # fmt: skip
        policy = get(db, int(cursor.lastrowid))
        outcome = {**(result or {}), "policy_id": policy.id, "policy": policy.name, "metrics": policy.metrics}
        stays = _stays_current(db, lease, policy, parent if unchanged else None, moment)
        runs.succeed(db, lease, outcome | ({STAYS_CURRENT: stays.name} if stays else {}), now=moment)
        if stays is None:
            study_settings.put(db, CURRENT, policy.id, by=f"{BY_RUN} {lease.run_id}", now=moment)
            rounds.begin_next(db, policy.id, now=moment)
        return policy


def is_unchanged(metrics: Mapping[str, Any]) -> bool:
    """Whether the figures of a trained policy, or its run's result, say that it is no other than the one that it was
    trained from. Those of a version before tell how many steps were kept alone.
    """
    return bool(metrics.get("unchanged", metrics.get("kept_steps") == 0))


def _stays_current(db: Database, lease: runs.Lease, new: Policy, same_as: Policy | None, now: str) -> Policy | None:
    """The policy whose place a new one does not take, which the run's log says; None where it does. `same_as`: its
    parent, where it is no other than that."""
    stays, why = _chosen_while_at_work(db, runs.get(db, lease.run_id)), "somebody chose it while this run was at work"
    if stays is None and same_as is not None and (there := current(db)) is not None and there.id != same_as.id:
        stays, why = there, f"the new one is no other than {same_as.name}"
    if stays is not None:
        said = (
            f"{new.name} is published, and {stays.name} stays current: {why}. "
            f"`tastemaker policy use STUDY {new.name}` makes the new one current."
        )
        runs.log(db, lease, said, now=now)
    return stays


def _chosen_while_at_work(db: Database, run: runs.Run) -> Policy | None:
    """The current policy, where a person chose it after the run began."""
    latest = study_settings.latest(db, CURRENT)
    if latest is None or run.started_at is None or latest.at <= run.started_at:
        return None
    if latest.set_by is None or latest.set_by.startswith(f"{BY_RUN} "):
        return None
    return get(db, latest.value)


def publish_imported(
    db: Database,
    lease: runs.Lease,
    *,
    name: str,
    folder: str,
    manifest_sha256: str,
    imported: dict[str, Any],
    start: bool,
    now: str | None = None,
) -> Policy:
    """Store an adapter that was made elsewhere as a policy below the base and end its run as succeeded, in one fenced
    transaction; `start` makes it current and opens the next round. The same run again gets the row that it made.

    Raises LeaseLost, and Conflict where the name is taken.
    """
    moment = now or clock.now()
    with db.transaction():
        runs.require_token(db, lease)
        row = db.row("SELECT * FROM policies WHERE run_id = ?", [lease.run_id])
        if row is not None:
            return _policy(row)
        runs.fence(db, lease)
        parent = base(db)
        assert parent is not None  # stored when the worker started
        require_free(db, name)
        cursor = db.execute(
            "INSERT INTO policies (name, kind, parent_id, folder, source, base_sha256, tokenizer_sha256, "
            "template_sha256, manifest_sha256, run_id, metrics, created_at)"
            " VALUES (?, 'trained', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                name, parent.id, folder, parent.source, parent.base_sha256, parent.tokenizer_sha256,
                parent.template_sha256, manifest_sha256, lease.run_id, canonical.dumps({IMPORTED: imported}), moment,
            ],
        )  # fmt: skip
        policy = get(db, int(cursor.lastrowid))
        runs.succeed(db, lease, {"policy_id": policy.id, "policy": policy.name, **imported}, now=moment)
        if start:
            study_settings.put(db, CURRENT, policy.id, by=f"{BY_RUN} {lease.run_id}", now=moment)
            rounds.begin_next(db, policy.id, now=moment)
        return policy


def require_free(db: Database, name: str) -> None:
    """Raise Conflict where a policy of the study has this name."""
    if name in [policy.name for policy in listing(db)]:
        raise Conflict(f"There is a policy {name!r} already. Give the adapter another name. {_valid(db)}")


def reference(db: Database, policy: Policy) -> Policy:
    """Return what a policy's KL is measured to: the imported adapter that it, or the nearest of its parents, is; else
    the base.
    """
    while policy.imported is None and policy.parent_id is not None:
        policy = get(db, policy.parent_id)
    return policy


def get(db: Database, policy_id: int) -> Policy:
    """Return a policy by id. Raises InvalidInput where there is none."""
    row = db.row("SELECT * FROM policies WHERE id = ?", [policy_id])
    if row is None:
        raise InvalidInput(f"There is no policy {policy_id}. {_valid(db)}")
    return _policy(row)


def by_name(db: Database, name: str) -> Policy:
    """Return a policy by name; the study's own come before external ones.

    Raises InvalidInput that lists the valid names.
    """
    row = db.row("SELECT * FROM policies WHERE name = ? ORDER BY kind = 'external' LIMIT 1", [name])
    if row is None:
        raise InvalidInput(f"There is no policy {name!r}. {_valid(db)}")
    return _policy(row)


def listing(db: Database, *, external: bool = False) -> list[Policy]:
    """Return the study's own policies in id order; with `external`, the authors of imported texts as well."""
    where = "" if external else "WHERE kind <> 'external'"
    return [_policy(row) for row in db.rows(f"SELECT * FROM policies {where} ORDER BY id")]


def current(db: Database) -> Policy | None:
    """Return the policy that writes the next completions, or None before a base was stored."""
    policy_id = study_settings.get(db, CURRENT)
    return get(db, policy_id) if policy_id is not None else None


def use(db: Database, policy_id: int, by: str | None = None, now: str | None = None) -> Policy:
    """Make a policy current. Raises InvalidInput for an external one."""
    policy = get(db, policy_id)
    if policy.kind == "external":
        raise InvalidInput(f"{policy.name!r} is only the author of imported texts; it cannot write. {_valid(db)}")
    study_settings.put(db, CURRENT, policy_id, by=by, now=now)
    return policy


def _valid(db: Database) -> str:
    names = [policy.name for policy in listing(db)]
    return f"Policies of this study: {', '.join(names)}." if names else "This study has no policy yet."


def _policy(row: Row) -> Policy:
    return Policy(**{**row, "metrics": json.loads(row["metrics"])})
