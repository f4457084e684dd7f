"""The walls of the house: who may import whom, what the torch-free side loads, what a name may be."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("feedback_store", "language_models", "policy_training", "reward_training", "rounds", "ui")
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc"}
SQL = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s+(OR\s+\w+\s+)?INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+TABLE|PRAGMA\s+\w+)\b"
)


def sources(*packages: str) -> list[Path]:
    return [path for package in packages or PACKAGES for path in sorted((REPOSITORY / package).rglob("*.py"))]


def test_import_contracts_are_kept():
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_init_files_are_empty():
    assert [path for path in sources() if path.name == "__init__.py" and path.stat().st_size] == []


def test_every_folder_with_code_is_a_package():
    folders = {path.parent for path in sources()}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_no_file_hides_behind_an_empty_name():
    names = [path for path in sources() if path.stem in FORBIDDEN_NAMES or path.parent.name in FORBIDDEN_NAMES]
    assert names == []


def test_sql_stands_only_in_the_store():
    packages = [package for package in PACKAGES if package != "feedback_store"]
    assert [path for path in sources(*packages) if SQL.search(path.read_text(encoding="utf-8"))] == []


def test_nothing_is_unpickled_and_no_remote_code_is_trusted():
    pattern = re.compile(r"import pickle|pickle\.load|trust_remote_code\s*=\s*True|weights_only\s*=\s*False")
    assert [path for path in sources() if pattern.search(path.read_text(encoding="utf-8"))] == []


def test_every_module_says_what_it_is_for():
    silent = [
        path
        for path in sources()
        if path.name != "__init__.py" and not path.read_text(encoding="utf-8").lstrip().startswith(('"""', 'r"""'))
    ]
    assert silent == []


SETTINGS = """
import importlib, json, sys
for name in %r:
    importlib.import_module(name)
print(json.dumps(sorted({"torch", "transformers", "peft", "gradio"} & set(sys.modules))))
"""


def test_settings_load_nothing_heavy():
    names = [
        ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        for path in sources()
        if path.stem == "settings" or path.parent.name == "settings"
    ]
    assert len(names) >= 4
    done = subprocess.run(
        [sys.executable, "-c", SETTINGS % names], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []


@pytest.mark.timeout(120)
def test_web_process_never_loads_torch(tmp_path):
    """The application is built, every page and form fetched, a judgment saved, every kind of run started, every --help
    printed: no torch."""
    done = subprocess.run(
        [sys.executable, "tests/contracts/web_process.py", str(tmp_path / "study")],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        env={**os.environ, "TASTEMAKER_CACHE": str(tmp_path / "cache")},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    assert seen["loaded"] == []
    assert (seen["saved"], seen["failed"]) == (True, [])
    assert seen["forms"] == 8
    assert seen["helps"] >= 16
    assert len(seen["pages"]) >= 2
    assert set(seen["pages"].values()) == {200}
