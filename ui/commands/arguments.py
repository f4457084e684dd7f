"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Study = Annotated[Path, typer.Argument(help="The study's folder.", metavar="STUDY", show_default=False)]
RunNumber = Annotated[int, typer.Argument(help="Number of the run.", metavar="RUN", show_default=False)]
DataLicence = Annotated[
    str | None, typer.Option(help="Licence of prompts and imported texts, for the card.", show_default=False)
]
BaseLicence = Annotated[str | None, typer.Option(help="Licence of the base model, for the card.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Base = Annotated[
    str | None,
    typer.Option(
        help="Model of a new study: bundled:NAME, hub:ORG/NAME[@REVISION], a folder, or tiny:.",
        metavar="MODEL",
        show_default=False,
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        help="Numbers that a new study's base is held in: auto, fp32, bf16 or 4bit; auto is bf16 on CUDA, else fp32.",
        metavar="NAME",
        show_default=False,
    ),
]
Functions = Annotated[
    Path | None,
    typer.Option("--functions", metavar="DIR", help="Folder of own reward functions: NAME.py is own:NAME."),
]
