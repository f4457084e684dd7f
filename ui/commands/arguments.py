"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Study = Annotated[Path, typer.Argument(help="The study's folder.", metavar="STUDY", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Base = Annotated[
    str | None,
    typer.Option(
        help="Model of a new study: bundled:NAME, hub:ORG/NAME, a folder, or tiny:.",
        metavar="MODEL",
        show_default=False,
    ),
]
Functions = Annotated[
    Path | None,
    typer.Option("--functions", metavar="DIR", help="Folder of own reward functions: NAME.py is own:NAME."),
]
