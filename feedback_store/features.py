"""Features of texts by content: little-endian float32 vectors, each computed once and read without any model.

4 bytes a number: a text of the bundled model takes 4.6 kB, ten thousand of them 46 MB of the study's file.
"""

import json
from collections.abc import Collection, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.leases import Lease, fence

Vector = NDArray[np.float32]
AT_ONCE = 500


def put(db: Database, name: str, vectors: Mapping[str, Vector], lease: Lease | None = None) -> None:
    """Keep vectors by the sha256 of their texts in the set of this name; those that are there already stay as they are.

    Raises InvalidInput for a vector that is not finite or has another width than the set, LeaseLost.
    """
    if not vectors:
        return
    widths = {vector.shape for vector in vectors.values()}
    if len(widths) != 1 or not all(np.isfinite(vector).all() for vector in vectors.values()):
        raise InvalidInput(f"Features have to be finite and of one width; these have {sorted(widths)}.")
    ((width,),) = widths
    with db.transaction():
        if lease is not None:
            fence(db, lease)
        db.execute("INSERT OR IGNORE INTO feature_sets (name, width) VALUES (?, ?)", [name, width])
        row = db.row("SELECT id, width FROM feature_sets WHERE name = ?", [name])
        assert row is not None
        if row["width"] != width:
            raise InvalidInput(f"The features {name} have {row['width']} numbers a text; these have {width}.")
        for key, vector in vectors.items():
            db.execute(
                "INSERT OR IGNORE INTO text_features (set_id, text_sha256, vector) VALUES (?, ?, ?)",
                [row["id"], key, np.ascontiguousarray(vector, dtype="<f4").tobytes()],
            )


def get(db: Database, name: str, keys: Iterable[str]) -> dict[str, Vector]:
    """Return what is kept of these texts in the set of this name, by key; read-only arrays."""
    wanted = list(dict.fromkeys(keys))
    found: dict[str, Vector] = {}
    for start in range(0, len(wanted), AT_ONCE):
        rows = db.rows(
            "SELECT f.text_sha256, f.vector FROM feature_sets s JOIN text_features f ON f.set_id = s.id"
            " WHERE s.name = ? AND f.text_sha256 IN (SELECT value FROM json_each(?))",
            [name, json.dumps(wanted[start : start + AT_ONCE])],
        )
        found |= {row["text_sha256"]: np.frombuffer(row["vector"], dtype="<f4") for row in rows}
    return found


def count(db: Database) -> int:
    """Count the vectors that are kept, of all sets."""
    return int(db.value("SELECT COUNT(*) FROM text_features"))


def forget_but(db: Database, names: Collection[str]) -> int:
    """Remove all sets but these; returns how many there were. Called when a base's features are read in another way."""
    with db.transaction():
        cursor = db.execute(
            "DELETE FROM feature_sets WHERE name NOT IN (SELECT value FROM json_each(?))", [json.dumps(sorted(names))]
        )
    return int(cursor.rowcount)
