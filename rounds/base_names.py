"""The name by which others find a study's base."""

from language_models.sources import BUNDLED_HUB_ID, parse


def base_name(source: str) -> str:
    """The hub id where there is one, else what the study says."""
    parsed = parse(source) if ":" in source else None
    if parsed is not None and parsed.kind == "bundled":
        return BUNDLED_HUB_ID
    return parsed.name if parsed is not None and parsed.kind == "hub" else source
