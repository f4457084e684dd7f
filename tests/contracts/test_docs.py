"""The documents say what is there: commands, folders, settings, links."""

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from docs.generate import functions_page, settings_page
from policy_training.settings import GuardSettings
from ui.commands.main import app

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted([REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *(REPOSITORY / "docs").rglob("*.md")])
LONGEST_DECISION = 40


def command_lines(page: Path) -> list[list[str]]:
    """Every `tastemaker ...` of a page, as words."""
    found = re.findall(
        r"(?:^|[`(/ ])tastemaker ((?:[a-z][\w-]*)(?: [^`\n|]*)?)", page.read_text(encoding="utf-8"), re.M
    )
    return [line.split("  ")[0].split() for line in found]


def commands() -> dict[str, object]:
    found: dict[str, object] = {}
    for name, command in get_command(app).commands.items():
        found[name] = command
        found |= {f"{name} {inner}": sub for inner, sub in getattr(command, "commands", {}).items()}
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_of_a_page_exist(page):
    known = commands()
    for words in command_lines(page):
        name = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
        assert name in known, f"{page.name}: tastemaker {' '.join(words)}"
        options = {option for parameter in known[name].params for option in parameter.opts} | {"--help"}
        for word in words:
            if word.startswith("--"):
                assert word.partition("=")[0] in options, f"{page.name}: tastemaker {' '.join(words)}"


def test_readme_names_every_command():
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    missing = [
        name
        for name, command in commands().items()
        if not hasattr(command, "commands") and f"tastemaker {name}" not in text
    ]
    assert missing == []


def test_changelog_names_every_command_group():
    text = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert [name for name in get_command(app).commands if name not in text] == []


def test_the_tree_of_the_readme_is_the_tree_of_the_repository():
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8").split("## The tree")[1].split("\n## ")[0]
    listed: list[str] = []
    inside: list[str] = []
    for indent, name in re.findall(r"^    ( *)([a-z_]+)/  ", text, re.M):
        inside[len(indent) // 2 :] = [name]
        listed.append("/".join(inside))
    assert [path for path in listed if not (REPOSITORY / path).is_dir()] == []
    packages = {
        path.parent.relative_to(REPOSITORY).as_posix()
        for top in REPOSITORY.iterdir()
        if (top / "__init__.py").is_file()
        for path in top.rglob("__init__.py")
    }
    assert packages - set(listed) == set()


def test_settings_page_is_what_the_models_say():
    page = (REPOSITORY / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == settings_page(), "docs/settings.md is out of date: run `make docs`"


def test_the_page_of_reward_functions_is_what_their_files_say():
    page = (REPOSITORY / "docs" / "reward-functions.md").read_text(encoding="utf-8")
    assert page == functions_page(), "docs/reward-functions.md is out of date: run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_decisions_are_short_and_say_what_would_change_them():
    pages = sorted((REPOSITORY / "docs" / "decisions").glob("*.md"))
    assert len(pages) >= 4
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= LONGEST_DECISION, page.name
        for part in ("**Context.**", "**Choice.**", "**What would change our mind.**"):
            assert part in text, f"{page.name} lacks {part}"


def test_every_make_target_of_a_page_exists():
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.M))
    for page in PAGES:
        for name in re.findall(r"(?:^ {4}|`)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.M):
            assert name in targets, f"{page.name}: make {name}"


def test_what_is_cited_is_what_is_installed():
    cited = (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
    own = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert re.findall(r"^(version|license): (.+)$", cited, re.M) == [
        ("version", own["version"]),
        ("license", own["license"]),
    ]


def test_buttons_that_the_readme_names_are_on_the_pages():
    words = json.loads((REPOSITORY / "ui" / "static" / "languages" / "en.json").read_text(encoding="utf-8")).values()
    text = (
        (REPOSITORY / "README.md")
        .read_text(encoding="utf-8")
        .split("## Ten minutes")[1]
        .split("**What to expect.**")[0]
    )
    named = re.findall(r"\*\*([^*]+)\*\*", text)
    assert len(named) >= 3
    assert [name for name in named if name not in words] == []


def named_in_code(package: Path) -> dict[str, set[str]]:
    """Of each module all functions, classes, methods and attributes that it names."""
    found: dict[str, set[str]] = {}
    for path in package.rglob("*.py"):
        tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        names = found.setdefault(path.stem, set())
        for node in tree:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Name):
                names.add(node.id)
    return found


def test_every_function_beside_a_formula_exists():
    page = (REPOSITORY / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    code: dict[str, set[str]] = {}
    for package in ("policy_training", "language_models", "reward_training"):
        for module, names in named_in_code(REPOSITORY / package).items():
            code.setdefault(module, set()).update(names)
    written = re.findall(r"`([a-z_]+)\.([A-Za-z_]+)(?:\.[a-z_]+)?(?:\([^`]*)?`", page)
    code["guards"] |= GuardSettings.model_fields.keys()
    settings = settings_page()  # groups of them have the names of modules
    functions = {
        (module, name)
        for module, name in written
        if module in code and name != "py" and f"`{module}.{name}" not in settings
    }
    assert len(functions) > 15
    assert {f"{module}.{name}" for module, name in functions if name not in code[module]} == set()
