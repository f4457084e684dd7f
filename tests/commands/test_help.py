"""--help answers at once: nothing heavy is loaded for it."""

import json
import os
import subprocess
import sys

import pytest
from typer.main import get_command

from ui.commands.main import app

HEAVY = ("torch", "transformers", "peft", "gradio", "pandas", "fastapi", "numpy", "scipy", "sqlite_utils")
PROBE = f"""
import contextlib, io, json, sys
from ui.commands.main import main
for words in json.load(sys.stdin):
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        try:
            code = main([*words, "--help"])
        except SystemExit as ended:
            code = ended.code
    print(json.dumps([text.getvalue(), code, sorted(set({HEAVY!r}) & set(sys.modules))]))
"""


def every_command() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [()]
    for name, command in get_command(app).commands.items():
        found.append((name,))
        found += [(name, inner) for inner in getattr(command, "commands", {})]
    return found


@pytest.fixture(scope="module")
def helps() -> dict[tuple[str, ...], tuple[str, object, list[str]]]:
    """Of each command: its help, the exit code, and what is loaded by then. One process for all: what none of them
    loads there, none loads alone."""
    commands = every_command()
    done = subprocess.run(
        [sys.executable, "-c", PROBE], input=json.dumps(commands), capture_output=True, text=True, check=True
    )
    return dict(zip(commands, map(tuple, map(json.loads, done.stdout.splitlines())), strict=True))


@pytest.mark.parametrize("words", every_command(), ids=" ".join)
def test_help_is_quick_and_loads_nothing_heavy(words, helps):
    text, code, loaded = helps[words]
    assert text.startswith("Usage: ")
    assert (code, loaded) == (0, [])


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
