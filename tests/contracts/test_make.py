"""make on a machine that lacks something: words, before anything is installed."""

import re
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def make(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *words], cwd=REPOSITORY, capture_output=True, text=True, timeout=30
    )


def test_make_alone_lists_its_targets():
    done = make()
    assert done.returncode == 0
    for target in ("install", "serve", "test", "check", "accept", "bench"):
        assert re.search(rf"^ +{target}\b", done.stdout, re.M), target


def test_without_a_python_it_says_which_one_it_wants(tmp_path):
    done = make("install", f"VENV={tmp_path}/venv", "PYTHON=")
    assert done.returncode == 2
    assert "Python 3.11 or newer" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_without_venv_support_it_says_what_to_install(tmp_path):
    bare = tmp_path / "python3"
    bare.write_text('#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\necho "Python 3.11.2"\n')
    bare.chmod(0o755)
    done = make("serve", f"VENV={tmp_path}/venv", f"PYTHON={bare}")
    assert done.returncode == 2
    assert "apt-get install python3-venv" in done.stderr
    assert not (tmp_path / "venv").exists()
