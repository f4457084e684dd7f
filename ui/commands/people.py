"""`user add|invite|role|password|disable|enable|list`: who may log in to a study, and as what."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.commands.arguments import AsJson, Study
from ui.commands.output import print_json, print_table, say

if TYPE_CHECKING:
    from feedback_store.accounts import Account
    from feedback_store.invitations import Invitation

app = typer.Typer(help="People who log in to a study: accounts, roles, invitations.", rich_markup_mode=None)
BY = "tastemaker user"  # in the audit trail
MOST_DAYS = 365
Name = Annotated[str, typer.Argument(help="Name that the person logs in with.", show_default=False)]
RoleName = Annotated[str, typer.Option("--role", help="annotator, lead, researcher or admin.", metavar="ROLE")]


class CannotAsk(ValueError):
    """What was asked for cannot be done; the message says what to do instead."""


@app.callback()
def group() -> None:
    """People who log in to a study: accounts, roles, invitations."""


@app.command("add")
def add(study: Study, name: Name, role: RoleName = "annotator", as_json: AsJson = False) -> None:
    """Make an account. The password is asked for (not shown), or read as one line from standard input.

    The first account has to be an admin's. From the server's next start on everybody logs in.
    """
    from feedback_store import accounts, annotators
    from rounds import studies

    db = studies.open_or_create(study)
    name = accounts.login_name(name)
    first = not accounts.any_there(db)
    if accounts.known_role(role) != "admin" and first:
        raise CannotAsk("The first account has to be an admin's, or nobody could manage the study: add --role admin.")
    if accounts.by_name(db, name) is not None:
        raise CannotAsk(f"{name} has an account already. Change it with `tastemaker user role` or `user password`.")
    password_hash = _new_password(name)
    with db.transaction():
        person = annotators.ensure(db, name)
        made = accounts.create(db, person.id, role, password_hash, by=BY)
    _print(made, f"{made.name} can log in as {made.role}.", as_json)
    if first and not as_json:
        say("From now on people log in. A server that runs already asks for it from its next start on.")


@app.command("invite")
def invite(
    study: Study,
    name: Annotated[
        str | None, typer.Option(help="What the person is called; by default they choose.", show_default=False)
    ] = None,
    role: RoleName = "annotator",
    language: Annotated[
        list[str] | None, typer.Option(help="Language of what they are asked; can be repeated.", show_default=False)
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Tag of the prompts they are asked; can be repeated.", show_default=False)
    ] = None,
    quota: Annotated[int | None, typer.Option(help="Answers a day at most.", min=0, show_default=False)] = None,
    csv: Annotated[
        Path | None,
        typer.Option(help="Table of up to 40 people: name, role, languages, tags, quota.", show_default=False),
    ] = None,
    expires_days: Annotated[int, typer.Option(help="Days for which a link works.", min=1, max=MOST_DAYS)] = 14,
    public_url: Annotated[
        str | None,
        typer.Option(help="Address of the server, such as https://example.org; by default paths are printed."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print links by which people make their own accounts. Each works once and is shown only now.

    With --csv all of its people are invited, or none where a line cannot be taken.
    """
    from feedback_store import invitation_tables, invitations
    from rounds import studies

    base = _base(public_url)
    seconds = expires_days * 24 * 3600.0
    if csv is not None and (name or language or tag or quota is not None or role != "annotator"):
        raise CannotAsk("With --csv the table says everything about the people: leave the other options out.")
    rows = invitation_tables.from_csv(csv.read_text(encoding="utf-8")) if csv is not None else None
    db = studies.open_or_create(study)
    if rows is not None:
        made = invitation_tables.make_all(db, rows, by=BY, seconds=seconds)
    else:
        made = [
            invitations.make(
                db, role, name=name, languages=language or [], tags=tag or [], daily_quota=quota, by=BY, seconds=seconds
            )
        ]
    _print_links([(one, f"{base}/invite/{token}") for one, token in made], as_json)


@app.command("role")
def change_role(
    study: Study,
    name: Name,
    role: Annotated[str, typer.Argument(help="annotator, lead, researcher or admin.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Give an account another role. The last admin stays one."""
    from feedback_store import accounts
    from rounds import studies

    db = studies.open_or_create(study)
    changed = accounts.set_role(db, accounts.required(db, name).annotator_id, role, by=BY)
    _print(changed, f"{changed.name} is {changed.role} now.", as_json)


@app.command("password")
def change_password(study: Study, name: Name, as_json: AsJson = False) -> None:
    """Set a new password: all sessions of the person end, and waits after wrong passwords too.

    It is asked for (not shown), or read as one line from standard input.
    """
    from feedback_store import accounts
    from rounds import studies

    db = studies.open_or_create(study)
    account = accounts.required(db, name)
    password_hash = _new_password(account.name)
    changed = accounts.set_password_hash(db, account.annotator_id, password_hash, by=BY)
    _print(changed, f"{changed.name} has a new password and has to log in anew.", as_json)


@app.command("disable")
def disable(study: Study, name: Name, as_json: AsJson = False) -> None:
    """Let a person in no more; their sessions end at once. What they judged stays."""
    from feedback_store import accounts
    from rounds import studies

    db = studies.open_or_create(study)
    changed = accounts.disable(db, accounts.required(db, name).annotator_id, by=BY)
    _print(changed, f"{changed.name} can log in no more.", as_json)


@app.command("enable")
def enable(study: Study, name: Name, as_json: AsJson = False) -> None:
    """Let a disabled person in again, with the password that they had."""
    from feedback_store import accounts
    from rounds import studies

    db = studies.open_or_create(study)
    changed = accounts.enable(db, accounts.required(db, name).annotator_id, by=BY)
    _print(changed, f"{changed.name} can log in again.", as_json)


@app.command("list")
def listing(study: Study, as_json: AsJson = False) -> None:
    """All accounts, and the invitations that were not taken up yet."""
    from feedback_store import accounts, invitations
    from rounds import studies

    db = studies.open_or_create(study)
    found, still_open = accounts.listing(db), invitations.listing(db)
    if as_json:
        print_json({"accounts": [_about(one) for one in found], "invitations": still_open})
        return
    rows = [[one.name, one.role, "disabled" if one.disabled_at else "", one.created_at] for one in found]
    empty = "No accounts: the study is open to whoever starts it, on this machine only. `user add` makes the first."
    print_table(["name", "role", "", "made at"], rows, empty=empty)
    if still_open:
        invited = [[one.name or "(they choose)", one.role, one.expires_at] for one in still_open]
        print_table(["invited", "role", "until"], invited, empty="")


def _new_password(name: str) -> str:
    """The hash of a password that somebody typed, or piped in; it is never an argument, which other users could see."""
    from ui.web import passwords

    if sys.stdin.isatty():
        password = typer.prompt(f"Password for {name}", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    passwords.require_fit(password, name)
    return passwords.hashed(password)


def _base(public_url: str | None) -> str:
    if public_url is None:
        return ""
    if not public_url.startswith(("https://", "http://")):
        raise CannotAsk(f"--public-url is {public_url!r}; it has to begin with https:// or http://.")
    return public_url.rstrip("/")


def _about(account: Account) -> dict[str, Any]:
    return {
        "annotator_id": account.annotator_id,
        "name": account.name,
        "role": account.role,
        "made_at": account.created_at,
        "disabled_at": account.disabled_at,
    }


def _print(account: Account, words: str, as_json: bool) -> None:
    if as_json:
        print_json(_about(account))
    else:
        print(words)


def _print_links(made: list[tuple[Invitation, str]], as_json: bool) -> None:
    if as_json:
        names = ("id", "name", "role", "expires_at")
        print_json({"invitations": [{**{key: getattr(one, key) for key in names}, "link": link} for one, link in made]})
        return
    for one, link in made:
        called = f"{one.name}: " if one.name else ""
        print(f"{called}{link}  ({one.role}, until {one.expires_at[:10]})")
    say("Each link works once and is shown only now. Whoever has it can use it: send each to its person alone.")
