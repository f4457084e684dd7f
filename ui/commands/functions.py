"""`functions`: which reward functions there are, what they measure, in which languages, and what can be set."""

from typing import Any

import typer

from ui.commands.arguments import AsJson, Functions
from ui.commands.output import print_json, print_table


def functions(
    name: str = typer.Argument(None, metavar="[NAME]", help="One function, with all that its file says."),
    own: Functions = None,
    as_json: AsJson = False,
) -> None:
    """List the reward functions that `train-policy` takes in its setting `rewards`, or tell one wholly."""
    from rounds.function_list import listed, one

    if name is not None:
        found = one(name)
        if as_json:
            print_json(found)
        else:
            print(f"{found['name']}\n\n{found['about']}\n")
            print(f"languages: {', '.join(found['languages'])}")
            print_table(
                ("setting", "default", "meaning"),
                [(field["name"], field["default"], field["about"]) for field in found["settings"]],
                empty="It has no settings.",
            )
        return
    rows = listed(own)
    if as_json:
        print_json({"functions": rows})
    else:
        print_table(("function", "languages", "settings", "what it measures"), map(_row, rows), empty="There are none.")


def _row(function: dict[str, Any]) -> tuple[str, str, str, str]:
    settings = ", ".join(field["name"] for field in function["settings"])
    return function["name"], ", ".join(function["languages"]), settings, function["about"].split("\n\n")[0]
