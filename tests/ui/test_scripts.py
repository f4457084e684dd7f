"""The pages' scripts: unit tests by node's own runner where node is found; what no script may do."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "scripts"
STATIC = Path(__file__).resolve().parents[2] / "ui" / "static"
NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="node is not installed: the scripts' unit tests did not run")
@pytest.mark.parametrize("test", sorted(SCRIPTS.glob("*.test.mjs")), ids=lambda path: path.stem)
def test_scripts_by_node(test: Path):
    done = subprocess.run([str(NODE), "--test", str(test)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", sorted(STATIC.rglob("*.js")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_script_makes_html_of_a_text_or_reaches_outside(script: Path):
    source = script.read_text(encoding="utf-8")
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert forbidden not in source, forbidden
    assert set(re.findall(r"https?://[^\s\"'`]+", source)) <= {"http://www.w3.org/2000/svg"}
    assert len(source.splitlines()) < 350
