"""--help answers at once: nothing heavy is loaded for it."""

import os
import subprocess
import sys

import pytest
from typer.main import get_command

from ui.commands.main import app

HEAVY = ("torch", "transformers", "peft", "gradio", "pandas", "fastapi", "numpy", "scipy", "sqlite_utils")
PROBE = f"""
import sys
from ui.commands.main import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    code = ended.code
print("LOADED", sorted(set({HEAVY!r}) & set(sys.modules)), code)
"""


def every_command() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [()]
    for name, command in get_command(app).commands.items():
        found.append((name,))
        found += [(name, inner) for inner in getattr(command, "commands", {})]
    return found


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_help_is_quick_and_loads_nothing_heavy(words):
    done = subprocess.run([sys.executable, "-c", PROBE, *words, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: ")
    assert done.stdout.splitlines()[-1] == "LOADED [] 0"


def test_help_takes_less_than_a_second_of_computing():
    before = os.times()
    subprocess.run([sys.executable, "-m", "ui.commands.main", "--help"], capture_output=True, check=True)
    after = os.times()
    assert (after.children_user - before.children_user) + (after.children_system - before.children_system) < 1.0


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_every_command_has_help_and_takes_json(words):
    command = get_command(app)
    for word in words:
        command = command.commands[word]
    assert command.help
    if not hasattr(command, "commands"):
        assert "--json" in {option for parameter in command.params for option in parameter.opts}


def test_a_bare_name_shows_the_commands(tastemaker):
    assert "Commands:" in tastemaker().out
    assert "export" in tastemaker("policy").out
