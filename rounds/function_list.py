"""The reward functions with their settings, for commands and documents. Torch-free; no code of one's own is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reward_training import function_registry
from rounds import own_functions
from rounds.setting_fields import fields_of
from rounds.supervisor import require_folder


def listed(own: Path | None = None) -> list[dict[str, Any]]:
    """Every function of the house, then those of a folder, which only their files' names are known of. Raises
    NoSuchFolder."""
    require_folder(own)
    found = [one(name) for name in function_registry.names()]
    if own is not None:
        about = "A function of one's own; only a worker that is started with its folder runs it."
        for name in own_functions.names(own):
            found.append({"name": name, "about": about, "languages": [], "needs": [], "settings": []})
    return found


def one(name: str) -> dict[str, Any]:
    """A function: {name, about, languages, needs, settings: [{name, kind, default, least, most, options, about}]}.

    Raises RewardFunctionError that lists the valid names.
    """
    described = function_registry.describe(name)
    settings = function_registry.settings_class(name)
    required = {key for key, field in settings.model_fields.items() if field.is_required()}
    return {
        "name": name,
        "about": described.about,
        "languages": list(described.languages),
        "needs": [function_registry.NEEDED_WORDS[need] for need in described.needs],
        "settings": [
            {
                "name": field.name,
                "kind": field.kind or "JSON",
                "default": "must be given" if field.name in required else field.default,
                "least": field.least,
                "most": field.most,
                "options": field.options,
                "about": field.about,
            }
            for field in fields_of(settings, name)
        ],
    }
