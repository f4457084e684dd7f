"""Writes argilla.json and argilla-nested.json with Argilla's own records (pip install argilla requests); no server."""

import json
from pathlib import Path
from uuid import UUID

import argilla as rg
from argilla.records._io import GenericIO, JsonIO

FOLDER = Path(__file__).parent
ANN, BOB = UUID(int=1), UUID(int=2)


def record(number: int, *responses: rg.Response) -> rg.Record:
    fields = {"prompt": f"Why {number}?", "response-1": f"Because {number}.", "response-2": "Näin on.\n"}
    suggestion = rg.Suggestion("preference", ["response-1", "response-2"], score=[0.7, 0.3], agent="a-model")
    return rg.Record(id=f"r{number}", fields=fields, metadata={"source": "book"}, responses=list(responses),
                     suggestions=[suggestion] if number == 1 else None)  # fmt: skip


def ranking(first: int, user: UUID, status: str = "submitted") -> rg.Response:
    return rg.Response("preference", [f"response-{first}", f"response-{3 - first}"], user_id=user, status=status)


def label(value: str, user: UUID) -> rg.Response:
    return rg.Response("better", value, user_id=user, status="submitted")


records = [
    record(1, ranking(2, ANN), ranking(1, BOB), rg.Response("why", "Shorter.", user_id=ANN, status="submitted")),
    record(2, ranking(1, ANN, "draft"), ranking(2, BOB)),
    record(3, ranking(1, ANN, "discarded")),
    record(4, label("response-2", ANN), label("response-1", BOB)),
    record(5),
]
(FOLDER / "argilla.json").write_text(json.dumps(GenericIO.to_list(records, flatten=True)), "utf-8")
(FOLDER / "argilla-nested.json").unlink(missing_ok=True)
JsonIO.to_json(records[:1], FOLDER / "argilla-nested.json")
