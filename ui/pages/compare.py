"""The compare page: where people judge. Scripts in static/compare, routes in web/judgment_routes.py."""

from __future__ import annotations

from typing import Any

from ui.pages.script import script_page


def build(context: dict[str, Any]) -> None:
    """Lay the page out."""
    script_page("compare", context)
