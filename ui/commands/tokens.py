"""`token add|list|revoke`: tokens by which programs use the HTTP interface."""

from __future__ import annotations

from typing import Annotated

import typer

from ui.commands.arguments import AsJson, Study
from ui.commands.output import print_json, print_table, say

app = typer.Typer(help="Tokens by which programs use the HTTP interface.", rich_markup_mode=None)
BY = "tastemaker token"


@app.callback()
def group() -> None:
    """Tokens by which programs use the HTTP interface."""


@app.command("add")
def add(
    study: Study,
    name: Annotated[str, typer.Argument(help="What will use it.", show_default=False)],
    scope: Annotated[list[str], typer.Option(help="read, judge, runs, data or settings; may be repeated.")],
    person: Annotated[
        str | None, typer.Option("--for", help="Name of the account that it acts for.", show_default=False)
    ] = None,
    days: Annotated[int, typer.Option(help="How long it lasts.")] = 90,
    as_json: AsJson = False,
) -> None:
    """Make a token. It is printed once, and acts as a researcher at most."""
    from feedback_store import accounts, annotators, api_tokens
    from feedback_store.errors import InvalidInput
    from rounds import studies

    db = studies.open_or_create(study)
    if person is None and accounts.any_there(db):
        raise InvalidInput("People log in to this study: say for whom the token acts, with --for NAME.")
    account = accounts.by_name(db, person) if person else None
    if person and account is None:
        raise InvalidInput(f"Nobody named {person!r} has an account. `tastemaker user list` shows who has one.")
    acts_for = account.annotator_id if account else annotators.ensure(db, "local").id
    made, text = api_tokens.make(db, acts_for, name, scope, days=days, by=BY)
    if as_json:
        print_json(
            {"id": made.id, "name": made.name, "scopes": made.scopes, "expires_at": made.expires_at, "token": text}
        )
        return
    say(f"Token {made.id} ({', '.join(made.scopes)}) until {made.expires_at}. It is shown this once:")
    print(text)


@app.command("list")
def listing(study: Study, as_json: AsJson = False) -> None:
    """All tokens, the newest first, without their text."""
    from feedback_store import api_tokens
    from rounds import studies

    found = api_tokens.listing(studies.open_or_create(study))
    if as_json:
        print_json(found)
        return
    rows = [[one.id, one.name, one.scopes, one.expires_at, one.seen_at, one.revoked_at] for one in found]
    columns = ["token", "name", "scopes", "expires at", "seen at", "revoked at"]
    print_table(columns, rows, empty="No tokens yet: `tastemaker token add` makes one.")


@app.command("revoke")
def revoke(
    study: Study,
    number: Annotated[int, typer.Argument(help="Number of the token.", metavar="TOKEN", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """End a token at once."""
    from feedback_store import api_tokens
    from rounds import studies

    ended = api_tokens.revoke(studies.open_or_create(study), number, by=BY)
    if as_json:
        print_json(ended)
    else:
        print(f"Token {ended.id} ({ended.name}) is revoked.")
