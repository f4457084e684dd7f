"""A page part that is drawn by a script of ours inside Gradio."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

# The template holds nothing but a word for browsers without scripts: Gradio rebuilds a template that contains values.
WAITING = '<p class="tm-waiting">…</p>'


def script_page(name: str, context: dict[str, Any]) -> gr.HTML:
    """Mount static/NAME/page.js; its `mount(element, context)` may be called again when Gradio shows the part again."""
    source = f"/static/tastemaker/{name}/page.js"
    return gr.HTML(
        "",
        html_template=WAITING,
        js_on_load=f"import({json.dumps(source)}).then((page) => page.mount(element, {json.dumps(context)}))",
        apply_default_css=False,
        elem_id=f"tm-{name}",
    )
