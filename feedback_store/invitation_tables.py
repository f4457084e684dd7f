"""Inviting many people at once from a table in CSV, all of them or none."""

import csv
import io
import re
from dataclasses import dataclass

from feedback_store import accounts, annotators, invitations
from feedback_store.accounts import Role
from feedback_store.database import Database
from feedback_store.errors import InvalidInput
from feedback_store.invitations import SECONDS, Invitation

COLUMNS = ("name", "role", "languages", "tags", "quota")
MOST_ROWS = 40
MOST_CHARACTERS = 200_000


@dataclass(frozen=True)
class Row:
    """A person to invite; `line` counts from 1, the names of the columns being on the first."""

    line: int
    name: str | None
    role: Role
    languages: list[str]
    tags: list[str]
    daily_quota: int | None


def from_csv(text: str) -> list[Row]:
    """Return the people of a table whose first line names its columns: any of COLUMNS, in any order.

    An empty cell: no name (the person chooses one), the role annotator, any language, any tag, the study's quota.
    Several languages or tags stand in one cell, with ; between them (or a comma, in quotes). Columns are parted by
    commas or, as some spreadsheets write them, by semicolons or tabs. Raises InvalidInput naming line, value and what
    is allowed.
    """
    if len(text) > MOST_CHARACTERS:
        raise InvalidInput(f"The table has {len(text):,} characters; at most {MOST_CHARACTERS:,} are allowed.")
    lines = _lines(text.removeprefix("\ufeff"))
    if not lines:
        raise InvalidInput(f"The table is empty. Its first line names the columns: {', '.join(COLUMNS)}.")
    names = [cell.strip().lower() for cell in lines[0][1]]
    _require_columns(names)
    if len(lines) - 1 > MOST_ROWS:
        raise InvalidInput(f"The table has {len(lines) - 1} people; at most {MOST_ROWS} can be invited at once.")
    rows = [_row(line, dict(zip(names, _as_wide(line, cells, len(names)), strict=True))) for line, cells in lines[1:]]
    _require_different(rows)
    if not rows:
        raise InvalidInput("The table names its columns, but no people. Add a line for each person.")
    return rows


def make_all(
    db: Database, rows: list[Row], *, by: str, seconds: float = SECONDS, now: str | None = None
) -> list[tuple[Invitation, str]]:
    """Make the invitations of a table, each with its token, or none of them. Raises InvalidInput naming the line."""
    made = []
    with db.transaction():
        for row in rows:
            try:
                one = invitations.make(
                    db, row.role, name=row.name, languages=row.languages, tags=row.tags,
                    daily_quota=row.daily_quota, by=by, seconds=seconds, now=now,
                )  # fmt: skip
            except InvalidInput as error:
                raise InvalidInput(f"Line {row.line} of the table: {error} Nobody was invited.") from error
            made.append(one)
    return made


def _lines(text: str) -> list[tuple[int, list[str]]]:
    """The lines that hold anything, with the number on which each ends."""
    first = text.split("\n", 1)[0]
    between = next((mark for mark in (",", ";", "\t") if mark in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True)
    try:
        return [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise InvalidInput(f"Line {reader.line_num} of the table is no CSV ({error}). Save the table anew.") from error


def _require_columns(names: list[str]) -> None:
    strange = next((name for name in names if name not in COLUMNS), None)
    if strange is not None:
        raise InvalidInput(f"Line 1 of the table names the column {strange!r}; allowed are {', '.join(COLUMNS)}.")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidInput(f"Line 1 of the table names the column {twice!r} twice.")


def _require_different(rows: list[Row]) -> None:
    seen: dict[str, int] = {}
    for row in rows:
        if row.name is not None and seen.setdefault(row.name, row.line) != row.line:
            raise InvalidInput(f"The name {row.name!r} is on the lines {seen[row.name]} and {row.line} of the table.")


def _as_wide(line: int, cells: list[str], width: int) -> list[str]:
    if any(cell.strip() for cell in cells[width:]):
        raise InvalidInput(
            f"Line {line} of the table has {len(cells)} cells, but there are {width} columns. Put quotes around a cell "
            "that holds a comma."
        )
    return [*cells, *[""] * width][:width]


def _row(line: int, cells: dict[str, str]) -> Row:
    """What a line says. Raises InvalidInput naming the line."""
    held = {name: cell.strip() for name, cell in cells.items()}
    languages, tags = (_several(held.get(name, "")) for name in ("languages", "tags"))
    try:
        quota = _quota(held.get("quota", ""))
        annotators.require_asked(languages=languages, tags=tags)
        annotators.require_quota(quota)
        name = accounts.login_name(held["name"]) if held.get("name") else None
        return Row(line, name, accounts.known_role(held.get("role", "").lower() or "annotator"), languages, tags, quota)
    except InvalidInput as error:
        raise InvalidInput(f"Line {line} of the table: {error}") from error


def _several(cell: str) -> list[str]:
    return [part.strip() for part in re.split("[;,]", cell) if part.strip()]


def _quota(cell: str) -> int | None:
    if cell and not (cell.isascii() and cell.isdigit() and len(cell) < 10):
        raise InvalidInput(f"The quota is {cell!r}; it has to be a whole number from 0, or empty.")
    return int(cell) if cell else None
