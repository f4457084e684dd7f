"""Exports: made in the study's folder by a format of the store, downloaded file by file as a stream."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from feedback_store import clock, exchange
from ui.web.errors import NotThere
from ui.web.roles import Person, Researcher
from ui.web.study import study_of

router = APIRouter(prefix="/api", tags=["data"])
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
WITH_NAMES = "comparisons"  # the one format that names people
PSEUDONYMS = "pseudonyms"


class ExportBody(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: Annotated[str, Field(min_length=1, max_length=50)]


@router.post("/exports")
def make(request: Request, person: Researcher, body: ExportBody) -> dict[str, Any]:
    """Export everything in a format; the reply names the files to download and counts what was left out, and why.

    Names of people are for admins: for everybody else they are pseudonyms.
    """
    db = study_of(request).db
    names_people = "people" in exchange.format_that_can(body.format, "write").OPTIONS
    options: dict[str, Any] = {"people": PSEUDONYMS} if names_people and not person.may("admin") else {}
    moment = re.sub(r"[^0-9]", "", clock.now())[:17]
    name = "-".join([body.format, *options.values(), moment])
    report = exchange.export(db, body.format, db.folder / "exports" / name, **options)
    files = [{"file": path.name, "bytes": path.stat().st_size} for path in _files(db.folder / "exports" / name)]
    return {"name": name, "files": files, "counts": report.counts, "dropped": report.dropped}


@router.get("/exports")
def listing(request: Request, person: Researcher) -> dict[str, Any]:
    """All exports of the study, the newest first."""
    folder = study_of(request).db.folder / "exports"
    made = [path for path in folder.iterdir() if path.is_dir() and _may_have(person, path.name)]
    made.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    return {"exports": [{"name": path.name, "files": [file.name for file in _files(path)]} for path in made]}


@router.get("/exports/{name}/{file}")
def download(request: Request, person: Researcher, name: str, file: str) -> FileResponse:
    """One file of an export, as a stream."""
    folder = study_of(request).db.folder / "exports" / name
    known = {path.name: path for path in _files(folder)} if _may_have(person, name) else {}
    if file not in known:
        raise NotThere(f"There is no file {file!r} in an export {name!r}.")
    # Never shown by the browser itself: what people and models wrote is not a page of this server.
    return FileResponse(known[file], media_type="application/octet-stream", filename=f"{name}-{file}")


def _may_have(person: Person, name: str) -> bool:
    """Whether an export of this name can be one that this person may read."""
    named = name.startswith(f"{WITH_NAMES}-") and not name.startswith(f"{WITH_NAMES}-{PSEUDONYMS}-")
    return NAME.fullmatch(name) is not None and (person.may("admin") or not named)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir() if path.is_file() and not path.is_symlink() and NAME.fullmatch(path.name)
    )
