"""Writes the generated pages of docs/: `make docs`. A test compares the pages with what this file would write."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rounds.settings import KIND_SETTINGS, StudySettings

PAGE = Path(__file__).with_name("settings.md")
HEAD = """# Settings

<!-- Written by `make docs` from the settings models; edit the models, not this page. -->

A default stands in one place, the settings model. A run takes, later over earlier: defaults, what the study sets, a
TOML file (`--config`), `--set KEY=VALUE`. The resolved values are stored with the run. Dots lead into a part:
`tastemaker run STUDY train-policy --set ppo.steps=20`. A wrong key or value is refused in words, with what is allowed.
"""


def settings_page() -> str:
    """The text of docs/settings.md."""
    parts = [HEAD, section("The study", StudySettings)]
    parts += [section(f"Kind of run: `{kind}`", model) for kind, model in KIND_SETTINGS.items()]
    return "\n".join(parts)


def section(title: str, model: type[BaseModel]) -> str:
    """A heading, the model's first sentence, and a table of its fields."""
    lines = [f"## {title}", "", (model.__doc__ or "").strip().split("\n\n")[0].replace("\n", " "), ""]
    lines += ["| setting | default | allowed | meaning |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {default(field)} | {allowed(field)} | {meaning(field)} |" for name, field in leaves(model)]
    return "\n".join([*lines, ""])


def leaves(model: type[BaseModel], lead: str = "") -> list[tuple[str, FieldInfo]]:
    """Every field by its dotted name; a part that is a model itself stands as its own fields."""
    found: list[tuple[str, FieldInfo]] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += leaves(inner, f"{lead}{name}.")
        else:
            found.append((f"{lead}{name}", field))
    return found


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "none, must be given"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, tuple):
        value = ", ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in value)
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value in (None, "") else f"{value:.4g}" if isinstance(value, float) else str(value)


def allowed(field: FieldInfo) -> str:
    """The range as the field's constraints give it."""
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "min_length": "length ≥", "max_length": "length ≤"}
    bounds: list[str] = []
    for constraint in field.metadata:
        for name, sign in signs.items():
            value: Any = getattr(constraint, name, None)
            if value is not None:
                bounds.append(f"{sign} {value}")
    choices = getattr(field.annotation, "__args__", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        bounds.append(" or ".join(f"`{choice}`" for choice in choices))
    return ", ".join(bounds) or "any"


def meaning(field: FieldInfo) -> str:
    return (field.description or "").replace("|", "\\|")


def main() -> None:
    """Write the pages."""
    PAGE.write_text(settings_page(), encoding="utf-8")
    print(f"wrote {PAGE.name}")


if __name__ == "__main__":
    main()
