"""Who did something, as histories keep it and as people may read it.

Histories can only be added to, so they name people by number: a name that is erased stands nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from feedback_store import annotators, pseudonyms
from feedback_store.database import Database
from ui.web.roles import Person

_NUMBERED = re.compile(r"annotator (\d{1,15})")


def actor(person: Person) -> str:
    """What a history keeps of who did something."""
    return f"annotator {person.annotator_id}"


def known_as(db: Database, person: Person) -> Callable[[str], str]:
    """How a person may know others: by name as an admin, by pseudonym else."""
    if person.may("admin"):
        return str
    key = pseudonyms.secret_key(db)
    return lambda name: pseudonyms.of(key, name)


def reader(db: Database, person: Person) -> Callable[[str | None], str | None]:
    """A function that turns what histories keep of who did something into what this person may read.

    Commands and the like stay as they are; a name that was kept as such becomes a pseudonym too.
    """
    name_of = known_as(db, person)
    names = {one.id: one.name for one in annotators.listing(db)}
    known = set(names.values())

    def read(kept: str | None) -> str | None:
        if kept is None:
            return None
        numbered = _NUMBERED.fullmatch(kept)
        if numbered and int(numbered[1]) in names:
            return name_of(names[int(numbered[1])])
        return name_of(kept) if kept in known else kept

    return read
