"""Completions: what a policy wrote for a prompt, and how it was drawn."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from feedback_store import canonical, clock, exchange_keys, leases
from feedback_store.database import Database, Row
from feedback_store.errors import InvalidInput

FINISH_REASONS = ("stop", "length")


@dataclass(frozen=True)
class NewCompletion:
    """A completion to add.

    With a seed, (prompt, policy, seed, sample index) is its identity: adding it again adds nothing.
    """

    prompt_id: int
    policy_id: int
    text: str
    seed: int | None = None
    sample_index: int | None = None
    sampling: dict[str, Any] | None = None
    token_count: int | None = None
    finish_reason: str | None = None
    run_id: int | None = None
    public_id: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Completion:
    """A stored completion. `public_id` is random: it tells nothing of the policy."""

    id: int
    public_id: str
    prompt_id: int
    policy_id: int
    text: str
    seed: int | None
    sample_index: int | None
    sampling: dict[str, Any] | None
    token_count: int | None
    finish_reason: str | None
    run_id: int | None
    extra: dict[str, Any]
    created_at: str


def add(
    db: Database, completions: Sequence[NewCompletion], lease: leases.Lease | None = None, now: str | None = None
) -> list[int]:
    """Add completions in one transaction and return their ids in the order given; those drawn before keep their id.

    Raises InvalidInput for a text that cannot be stored (and then adds none), LeaseLost where `lease` is not held any
    more.
    """
    with db.transaction():
        if lease is not None:
            leases.fence(db, lease)
        return [
            _known(db, new) or insert(db, new, run_id=new.run_id or (lease.run_id if lease else None), now=now)
            for new in completions
        ]


def insert(db: Database, new: NewCompletion, *, run_id: int | None = None, now: str | None = None) -> int:
    """Insert one completion inside a transaction of the caller and return its id. Raises InvalidInput."""
    check(new)
    with db.transaction():
        cursor = db.execute(
            "INSERT INTO completions (public_id, prompt_id, policy_id, text, seed, sample_index, sampling, "
            "token_count, finish_reason,"
            " run_id, extra, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                new.public_id or secrets.token_hex(8), new.prompt_id, new.policy_id, new.text, new.seed,
                new.sample_index,
                None if new.sampling is None else canonical.dumps(new.sampling), new.token_count, new.finish_reason,
                run_id,
                canonical.dumps(new.extra), now or clock.now(),
            ],
        )  # fmt: skip
    return int(cursor.lastrowid)


def check(new: NewCompletion) -> None:
    """Raise InvalidInput unless the completion can be stored."""
    if not isinstance(new.text, str):
        raise InvalidInput(f"The text of a completion is {new.text!r}; it has to be text.")
    canonical.require_clean(new.text, "completion")
    canonical.require_clean([new.sampling, new.extra], "completion's settings")
    canonical.require_small([new.text, new.sampling, new.extra], "completion")
    exchange_keys.require_free(new.extra, exchange_keys.OF_COMPLETION)
    if new.finish_reason is not None and new.finish_reason not in FINISH_REASONS:
        raise InvalidInput(
            f"The finish reason of a completion is {new.finish_reason!r}; allowed are {', '.join(FINISH_REASONS)}."
        )
    for what, number in (("seed", new.seed), ("sample_index", new.sample_index), ("token_count", new.token_count)):
        if number is not None and (
            isinstance(number, bool) or not isinstance(number, int) or not -(2**63) <= number < 2**63
        ):
            raise InvalidInput(
                f"The {what} of a completion is {number!r}; it has to be a whole number of at most 63 bits."
            )
        if number is not None and number < 0 and what != "seed":
            raise InvalidInput(f"The {what} of a completion is {number}; it cannot be negative.")
    if new.seed is not None and new.sample_index is None:
        raise InvalidInput("A completion with a seed needs a sample_index as well.")
    if new.sampling is not None and not isinstance(new.sampling, dict):
        raise InvalidInput(f"The sampling settings of a completion are {new.sampling!r}; they have to be an object.")


def get(db: Database, ids: Sequence[int]) -> list[Completion]:
    """Return completions in the order of `ids`. Raises InvalidInput where one is missing."""
    rows = db.rows(
        f"SELECT {_COLUMNS} FROM completions WHERE id IN (SELECT value FROM json_each(?))", [json.dumps(list(ids))]
    )
    found = {row["id"]: _completion(row) for row in rows}
    missing = [item for item in ids if item not in found]
    if missing:
        raise InvalidInput(f"There is no completion {missing[0]}.")
    return [found[item] for item in ids]


def of_run(db: Database, run_id: int) -> list[Completion]:
    """Return what a run wrote, in id order."""
    return listing(db, run_id=run_id)


def listing(
    db: Database,
    prompt_id: int | None = None,
    policy_id: int | None = None,
    run_id: int | None = None,
    limit: int | None = None,
) -> list[Completion]:
    """Return completions in id order, narrowed by what is given."""
    given = {"prompt_id": prompt_id, "policy_id": policy_id, "run_id": run_id}
    chosen = {name: value for name, value in given.items() if value is not None}
    where = "".join(f" AND {name} = :{name}" for name in chosen)
    sql = f"SELECT {_COLUMNS} FROM completions WHERE withdrawn = 0{where} ORDER BY id LIMIT :limit"
    return [_completion(row) for row in db.rows(sql, {**chosen, "limit": -1 if limit is None else limit})]


def latest_id(db: Database) -> int:
    """Return the number of the completion that came last, 0 before there is one."""
    return int(db.value("SELECT COALESCE(MAX(id), 0) FROM completions"))


def mean_tokens(db: Database, latest: int) -> float | None:
    """Return how long the latest completions are on average, where there are any whose tokens were counted."""
    sql = "SELECT token_count FROM completions WHERE token_count IS NOT NULL ORDER BY id DESC LIMIT ?"
    found: float | None = db.value(f"SELECT AVG(token_count) FROM ({sql})", [latest])
    return found


_COLUMNS = (
    "id, public_id, prompt_id, policy_id, text, seed, sample_index, sampling, token_count, finish_reason, run_id,"
    " extra, created_at"
)


def _known(db: Database, new: NewCompletion) -> int | None:
    if new.seed is None:
        return None
    found: int | None = db.value(
        "SELECT id FROM completions WHERE prompt_id = ? AND policy_id = ? AND seed = ? AND sample_index = ?",
        [new.prompt_id, new.policy_id, new.seed, new.sample_index],
    )
    return found


def _completion(row: Row) -> Completion:
    sampling = row["sampling"]
    return Completion(
        **{**row, "sampling": json.loads(sampling) if sampling else None, "extra": json.loads(row["extra"])}
    )
