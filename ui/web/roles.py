"""Who may do what: four roles, each of which may do all that the ones before it may.

The guard puts a Person (or None) at `request.state.person`; every route of ours takes one of the four types below, so
that a route without a role does not exist.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from feedback_store.accounts import ROLES
from feedback_store.accounts import Role as Role

KEY_LENGTH = 16


class NotAllowed(ValueError):
    """A person's role is not enough for what they asked."""


@dataclass(frozen=True)
class Person:
    """Who sent a request. `key` names the person in a browser's storage and tells nothing."""

    annotator_id: int
    name: str
    role: Role
    key: str

    def may(self, role: Role) -> bool:
        """Whether this person's role includes another."""
        return ROLES.index(self.role) >= ROLES.index(role)


def person(study_id: str, annotator_id: int, name: str, role: Role) -> Person:
    """The person of an annotator's row in a study."""
    key = hashlib.sha256(f"{study_id}/{annotator_id}".encode()).hexdigest()[:KEY_LENGTH]
    return Person(annotator_id, name, role, key)


def at_least(role: Role) -> Callable[[Request], Person]:
    """The dependency of a route that people of this role, and of those above it, may call. It raises NotAllowed."""

    def check(request: Request) -> Person:
        who: Person | None = getattr(request.state, "person", None)
        if who is None:
            raise NotAllowed("Log in first.")  # the guard lets nobody come here; a route must not rely on it
        if not who.may(role):
            raise NotAllowed(f"This is for the role {role} and above; yours is {who.role}.")
        return who

    check.__name__ = f"at_least_{role}"
    return check


Annotator = Annotated[Person, Depends(at_least("annotator"))]
Lead = Annotated[Person, Depends(at_least("lead"))]
Researcher = Annotated[Person, Depends(at_least("researcher"))]
Admin = Annotated[Person, Depends(at_least("admin"))]
