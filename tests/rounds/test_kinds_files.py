"""Each kind of run has settings and a file; a new kind needs both."""

from pathlib import Path

import pytest

from rounds import kinds
from rounds.settings import KIND_SETTINGS
from rounds.worker import load_kind


def test_every_kind_has_settings_and_a_file():
    folder = Path(kinds.__path__[0])
    files = {path.stem.replace("_", "-") for path in folder.glob("*.py") if path.stem != "__init__"}
    assert files == set(KIND_SETTINGS)


@pytest.mark.parametrize("kind", KIND_SETTINGS)
def test_a_kind_says_what_it_does_and_can_be_executed(kind):
    module = load_kind(kind)
    assert module.__doc__
    assert callable(module.run)
    assert module.run.__doc__
