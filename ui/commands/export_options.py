"""What `export` takes: the format and its variants, and filters by which a part of a study is exported."""

from pathlib import Path
from typing import Annotated

import typer


def _of_format(name: str, help: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(name, help=help, show_default=False, metavar="NAME")
    return option


def _filter(name: str, help: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(name, help=help, show_default=False, rich_help_panel="Filters")
    return option


Format = Annotated[
    str, _of_format("--format", "comparisons, trl, hh, openai, llama-factory, helpsteer3, judgments or prompts.")
]
To = Annotated[Path | None, typer.Option("--to", help="Folder to write: a new or an empty one.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Counts and three rows; nothing is written.")]
Shape = Annotated[
    str | None,
    _of_format(
        "--shape", "trl: explicit, conversational, implicit or unpaired. llama-factory: alpaca, sharegpt or kto."
    ),
]
Rows = Annotated[
    str | None,
    _of_format("--rows", "One row a pair decided by majority (comparisons), or one a judgment (judgments)."),
]
FileType = Annotated[
    str | None, _of_format("--as", "Kind of file: jsonl, jsonl.gz, csv or parquet, as the format has it.")
]
People = Annotated[str | None, _of_format("--people", "comparisons: names, or pseudonyms that tell nothing.")]

Snapshot = Annotated[int | None, _filter("--snapshot", "Exactly the judgments that this run saw.")]
Round = Annotated[int | None, _filter("--round", "Comparisons of this round.")]
Split = Annotated[str | None, _filter("--split", "train or holdout.")]
Purpose = Annotated[str | None, _filter("--purpose", "training, evaluation, check or repeat.")]
OfPolicy = Annotated[str | None, _filter("--policy", "Comparisons with a completion of this policy.")]
Person = Annotated[str | None, _filter("--person", "Judgments of this person.")]
Language = Annotated[str | None, _filter("--language", "Prompts in this language.")]
Tags = Annotated[list[str] | None, _filter("--tag", "Prompts with this tag; again: with all of them.")]
Reliability = Annotated[
    float | None, _filter("--reliability", "Judgments of people who agree with the others at least so often, 0 to 1.")
]
Agreement = Annotated[
    float | None, _filter("--agreement", "Comparisons on which people agree at least so far, 0 to 1.")
]
Since = Annotated[str | None, _filter("--since", "Judgments from this day or moment on.")]
Until = Annotated[str | None, _filter("--until", "Judgments up to this day or moment, itself included.")]
