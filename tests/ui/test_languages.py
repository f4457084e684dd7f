"""Every language says everything."""

import ast
import json
import re
from pathlib import Path
from typing import get_args

import pytest

from feedback_store.questions import State
from rounds import setting_fields
from rounds.settings import KIND_SETTINGS
from ui.web import errors, run_routes
from ui.web.access import AccountAccess, LocalAccess

STATIC = Path(__file__).resolve().parents[2] / "ui" / "static"
LANGUAGES = {path.stem: path for path in (STATIC / "languages").glob("*.json")}

REPORTING = ("report", "between_steps")


def texts(name: str) -> dict[str, str]:
    pairs = json.loads(LANGUAGES[name].read_text(encoding="utf-8"), object_pairs_hook=list)
    assert len({key for key, _ in pairs}) == len(pairs), f"{name} has a key twice"
    return dict(pairs)


@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_all_languages_have_the_same_keys_and_places(name: str):
    english, other = texts("en"), texts(name)
    assert sorted(other) == sorted(english)
    for key, text in english.items():
        assert other[key].strip(), key
        assert sorted(re.findall(r"\{\w+\}", other[key])) == sorted(re.findall(r"\{\w+\}", text)), key


def test_every_key_that_the_scripts_name_is_there():
    known = texts("en")
    named = set()
    for script in STATIC.rglob("*.js"):
        named |= set(re.findall(r'(?:words|has)\("([a-z_]+\.[A-Za-z_.-]+)"', script.read_text(encoding="utf-8")))
    assert len(named) > 60
    assert named <= set(known)


def test_what_the_server_names_by_a_code_has_words():
    place = {"say": 0, "_step": 1}
    codes = {
        code.value
        for name in ("said", "missing", "next_step")
        for call in ast.walk(ast.parse((STATIC.parents[1] / "rounds" / f"{name}.py").read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in place
        if isinstance(code := call.args[place[call.func.id]], ast.Constant)
    }
    assert len(codes) > 18
    assert {f"reason.{code}" for code in codes} <= set(texts("en"))


def test_every_phase_of_a_run_has_words():
    told = set()
    for script in (STATIC.parents[1] / "rounds").rglob("*.py"):
        for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
            told |= {one.value for one in phases_of(node) if isinstance(one, ast.Constant)}
    assert len(told) > 18
    assert {f"phase.{phase}" for phase in told} <= set(texts("en"))


def phases_of(node: ast.AST) -> list[ast.expr]:
    """What a run is told to be doing where a line of its code says so: in a call, by default, or in PHASES."""
    if isinstance(node, ast.Call):
        first = node.args[:1] if isinstance(node.func, ast.Attribute) and node.func.attr in REPORTING else []
        return [*first, *(one.value for one in node.keywords if one.arg == "phase")]
    if isinstance(node, ast.arguments):
        defaults = zip(node.kwonlyargs, node.kw_defaults, strict=True)
        return [default for argument, default in defaults if argument.arg == "phase" and default is not None]
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict) and ast.unparse(node.targets[0]) == "PHASES":
        return node.value.values
    return []


def test_refusals_that_the_server_names_are_said_in_every_language():
    named = re.search(r"NAMED = new Set\(\[(.*?)\]\)", (STATIC / "page" / "http.js").read_text("utf-8"), re.S)
    assert named is not None
    codes = {*errors.CODES.values(), LocalAccess.locked, AccountAccess.locked}
    assert set(re.findall(r'"(\w+)"', named[1])) == codes
    assert {f"error.code.{code}" for code in codes} <= set(texts("en"))


def test_every_state_of_the_hand_out_has_words():
    named = {f"state.{state}.{part}" for state in get_args(State) if state != "ready" for part in ("title", "words")}
    assert named <= set(texts("en"))


def test_chinese_is_chinese():
    untranslated = {key for key, text in texts("zh").items() if not re.search(r"[一-鿿]", text)}
    assert untranslated <= {"app.name", "active.steps", "sides.position"}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_setting_of_a_run_has_words(language: str):
    words = texts(language)
    asked = [
        field
        for kind in run_routes.IN_FORM
        for field in setting_fields.fields_of(KIND_SETTINGS[kind], kind)
        if field.name not in run_routes.NO_FIELD
    ]
    assert len(asked) > 40
    missing = {
        f"{lead}.{name}{tail}"
        for field in asked
        for lead, name, tail in (
            ("runs.set", field.name, ".label"),
            ("runs.set", field.name, ".help"),
            ("runs.part", field.part, ""),
        )
        # The algorithms' settings of one name mean the same and share their words.
        if not {f"{lead}.{name}{tail}", f"{lead}.training.{name.partition('.')[2]}{tail}"} & words.keys()
    }
    assert missing == set()
