"""Weights of a finished run: a checked folder first, then the row that makes it known.

A crash between the two leaves a folder without a row. Its card says which run wrote it, so the next attempt of that
run finds its own work and publishes it; a folder of another run is moved aside.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from feedback_store import clock
from language_models import folders
from language_models.errors import CorruptFolder
from language_models.machine import cpu_name
from language_models.pause_points import pause_point
from rounds.context import RunContext

CARD = "card.json"
VERSIONS = ("torch", "transformers", "peft")


def write_weights(
    context: RunContext, name: str, write: Callable[[Path], None], card: dict[str, Any]
) -> tuple[str, str]:
    """Writes models/NAME by `write(folder)` and returns its path relative to the study and its manifest's sha256."""
    final = context.study_folder / "models" / name
    manifest = _own_work(context, final)
    if manifest is None:
        _move_aside(final)
        context.check()
        context.report("writing")
        with folders.write_folder(final) as folder:
            write(folder)
            (folder / CARD).write_text(json.dumps(_card(context, name, card), indent=1, sort_keys=True))
        manifest = folders.manifest_sha256(final)
        pause_point("between-rename-and-row")
    return str(final.relative_to(context.study_folder)), manifest


def read_card(folder: Path) -> dict[str, Any]:
    """What the folder says of its origin; empty where it says nothing that can be read."""
    try:
        card = json.loads((folder / CARD).read_text())
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}


def _own_work(context: RunContext, final: Path) -> str | None:
    """The manifest's sha256 where an earlier attempt of this run wrote the folder whole."""
    if read_card(final).get("run_id") != context.run.id:
        return None
    try:
        return folders.verify(final)
    except CorruptFolder as error:
        context.log(f"An earlier attempt's weights are damaged and written anew: {error}", level="warning")
        return None


def _move_aside(final: Path) -> None:
    if final.exists():
        stamp = clock.now().replace(":", "").replace(".", "")
        final.rename(final.with_name(f"orphan-{final.name}-{stamp}"))


def _card(context: RunContext, name: str, card: dict[str, Any]) -> dict[str, Any]:
    identity = context.models.identity
    return {
        "name": name,
        "run_id": context.run.id,
        "kind": context.run.kind,
        "base": {
            "source": context.study.base,
            "sha256": identity.sha256,
            "tokenizer_sha256": identity.tokenizer_sha256,
            "template_sha256": identity.template_sha256,
        },
        "temperature": context.study.sampling.temperature,
        "system_prompt": context.study.system_prompt,
        "made_with": {
            **{package: version(package) for package in VERSIONS},
            "processor": cpu_name(),
            "threads": torch.get_num_threads(),
        },
        **card,
    }
