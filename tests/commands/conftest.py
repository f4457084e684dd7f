"""Running commands inside the test process, and small studies on the tiny model."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ui.commands.main import main


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def tastemaker(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a command line; arguments are turned into text."""

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def refused(tastemaker) -> Callable[..., str]:
    """Run a command that has to end with exit code 2 and one line on stderr; return that line."""

    def run(*arguments: object) -> str:
        outcome = tastemaker(*arguments)
        assert outcome.code == 2, outcome
        assert outcome.out == ""
        lines = outcome.err.strip().splitlines()
        assert len(lines) == 1, outcome.err
        assert "Traceback" not in outcome.err
        return lines[0].removeprefix("tastemaker: ")

    return run


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study on the tiny model with three prompts, and nothing in its queue."""
    from feedback_store import prompts
    from rounds import studies

    folder = tmp_path / "study"
    with studies.open_or_create(folder, base="tiny:", create=True, refill=False) as db:
        texts = ("Say one thing.", "Say another.", "Say a third.")
        new = [prompts.NewPrompt(messages=[{"role": "user", "content": text}], split="train") for text in texts]
        prompts.add(db, new, holdout_share=0.0, seed=0)
    return folder
