"""The console page: the loop and its next step. Scripts in static/console, routes in web/console_routes.py."""

from __future__ import annotations

from typing import Any

from ui.pages.script import script_page


def build(context: dict[str, Any]) -> None:
    """Lay the page out."""
    script_page("console", context)
