"""The name by which others find a study's base, and whether it names those very weights."""

from language_models.sources import BUNDLED_HUB_ID, parse


class NotElsewhere(ValueError):
    """A base that exists nowhere else under a name, so that naming it would not be enough."""


def base_name(source: str) -> str:
    """The hub id where there is one, else what the study says."""
    parsed = parse(source) if ":" in source else None
    if parsed is not None and parsed.kind == "bundled":
        return BUNDLED_HUB_ID
    return parsed.name if parsed is not None and parsed.kind == "hub" else source


def hub_id(source: str) -> str | None:
    """The hub id under which the very weights of a base lie; None where they lie nowhere else.

    The bundled model's do not: they are the hub's, rounded to four bits (Q4_1) and back.
    """
    return base_name(source) if source.startswith("hub:") else None


def origin_of(source: str) -> str:
    """What a base is, in words for those who get an export."""
    if source.startswith("bundled:"):
        return (
            f"the weights of {BUNDLED_HUB_ID} rounded to four bits (GGUF, Q4_1) and back to 32: they differ from those "
            "on the hub, and an adapter for these gives other texts on those"
        )
    if source.startswith("tiny:"):
        return "a tiny random model, made from a seed by this program"
    if hub_id(source):
        return f"{base_name(source)} on the hub"
    return "a folder that was given to the study"


def require_elsewhere(source: str, policy: str) -> str:
    """The hub id of a base whose weights others can have by it. Raises NotElsewhere with what to do instead."""
    found = hub_id(source)
    if found is None:
        raise NotElsewhere(
            f"{policy} cannot be exported as an adapter alone: its base {source} is {origin_of(source)}. An adapter "
            "means nothing without its base: export it with the base (--with-base), or merged into it (--merged)."
        )
    return found
