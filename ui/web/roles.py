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
from feedback_store.api_tokens import SCOPES

KEY_LENGTH = 16


class NotAllowed(ValueError):
    """A person's role is not enough for what they asked."""


@dataclass(frozen=True)
class Person:
    """Who sent a request. `key` names the person in a browser's storage and tells nothing. `scopes`: what the token of
    a program may do; None for a person in a browser.
    """

    annotator_id: int
    name: str
    role: Role
    key: str
    scopes: frozenset[str] | None = None

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
        if who.scopes is not None:
            _require_scope(request, who.scopes)
        return who

    check.__name__ = f"at_least_{role}"
    return check


def _require_scope(request: Request, scopes: frozenset[str]) -> None:
    """What changes something needs the scope that is the route's tag; a route whose tag is none is for people alone."""
    tags = getattr(request.scope.get("route"), "tags", None) or ["people"]
    needed = "read" if request.method in ("GET", "HEAD") else str(tags[0])
    if needed in scopes:
        return
    if needed in SCOPES:
        raise NotAllowed(f"This needs a token with the scope {needed}; this one has {', '.join(sorted(scopes))}.")
    raise NotAllowed("No token can do this: log in in a browser.")


Annotator = Annotated[Person, Depends(at_least("annotator"))]
Lead = Annotated[Person, Depends(at_least("lead"))]
Researcher = Annotated[Person, Depends(at_least("researcher"))]
Admin = Annotated[Person, Depends(at_least("admin"))]
