"""Features come back bit for bit, by content, and a set that is no longer read can go."""

from dataclasses import replace

import numpy as np
import pytest

from feedback_store import features, runs
from feedback_store.database import Database
from feedback_store.errors import InvalidInput, LeaseLost
from feedback_store.sqlite import sqlite3

KEYS = [f"{number:064x}" for number in range(1200)]


def vectors(count: int, width: int = 5, seed: int = 0) -> dict[str, np.ndarray]:
    drawn = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    return dict(zip(KEYS, drawn, strict=False))


def test_what_was_kept_comes_back_bit_for_bit(db: Database) -> None:
    kept = vectors(1200)
    features.put(db, "set", kept)
    found = features.get(db, "set", [*KEYS, "f" * 64, KEYS[0]])
    assert found.keys() == kept.keys()
    assert all(found[key].tobytes() == kept[key].tobytes() for key in KEYS)
    assert features.get(db, "another set", KEYS) == {}


def test_the_first_vector_of_a_text_stays(db: Database) -> None:
    first = vectors(3)
    features.put(db, "set", first)
    features.put(db, "set", vectors(5, seed=1))
    found = features.get(db, "set", KEYS)
    assert len(found) == 5
    assert all((found[key] == first[key]).all() for key in first)


def test_sets_that_are_not_read_any_more_are_removed_with_their_vectors(db: Database) -> None:
    for name in ("old", "new", "newest"):
        features.put(db, name, vectors(4))
    assert features.forget_but(db, ["new", "newest"]) == 1
    assert features.get(db, "old", KEYS) == {}
    assert db.value("SELECT COUNT(*) FROM text_features") == 8
    assert len(features.get(db, "new", KEYS)) == 4


def test_what_no_head_could_read_is_refused(db: Database) -> None:
    features.put(db, "set", vectors(1))
    for wrong in (vectors(1, width=6), {KEYS[0]: np.array([1.0, np.nan], dtype=np.float32)}):
        with pytest.raises(InvalidInput, match=r"Features have to be finite|have 5 numbers a text; these have 6"):
            features.put(db, "set", wrong)
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("INSERT INTO text_features (set_id, text_sha256, vector) VALUES (1, ?, ?)", ["a" * 64, b"123"])


def test_a_worker_that_lost_its_run_keeps_nothing(db: Database) -> None:
    runs.enqueue(db, "sample", {})
    lease = runs.claim(db, "worker", lease_seconds=60)
    assert lease is not None
    with pytest.raises(LeaseLost):
        features.put(db, "set", vectors(1), lease=replace(lease, token=lease.token - 1))
    assert features.get(db, "set", KEYS) == {}
