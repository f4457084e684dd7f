"""`doctor`: whether this machine can carry the loop, and what is missing."""

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import typer

from ui.commands.arguments import AsJson
from ui.commands.output import print_json

PACKAGES = ("tastemaker", "torch", "transformers", "peft", "gradio", "fastapi", "sqlite-utils", "pandas")
CHROMIUM_NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
MEMORY_GB = 4.0
DISK_GB = 2.0

# In a child process: this one never loads torch.
TORCH_PROBE = """
import json, torch
device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
print(json.dumps({"version": torch.__version__, "device": device}))
"""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `ok` None: worth knowing, but nothing depends on it."""

    what: str
    found: str
    ok: bool | None
    advice: str = ""


def doctor(as_json: AsJson = False) -> None:
    """Look at versions, SQLite, device, model, browser, disk and memory. Exit code 0: usable."""
    findings = [python(), packages(), sqlite(), torch_device(), model(), memory(), disk(), browser()]
    usable = all(finding.ok is not False for finding in findings)
    if as_json:
        print_json({"usable": usable, "findings": findings})
    else:
        for finding in findings:
            mark = {True: "ok", False: "!!", None: "--"}[finding.ok]
            print(
                f"{mark}  {finding.what:<9} {finding.found}"
                + (f"\n              {finding.advice}" if finding.advice else "")
            )
        print("Usable." if usable else "Not usable: see the lines that begin with !!")
    raise typer.Exit(0 if usable else 2)


def python() -> Finding:
    return Finding(
        "python",
        f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        True,
    )


def packages() -> Finding:
    versions = {name: version_of(name) for name in PACKAGES}
    missing = [name for name, version in versions.items() if version is None]
    words = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    advice = f"Missing: {', '.join(missing)}. `make install` brings them." if missing else ""
    return Finding("packages", words, not missing, advice)


def version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def sqlite() -> Finding:
    from feedback_store import database

    version, warning = database.sqlite_version(), database.sqlite_warning()
    return Finding("sqlite", version, None if warning else True, warning or "")


def torch_device() -> Finding:
    from language_models.threads import wanted_threads

    done = subprocess.run([sys.executable, "-c", TORCH_PROBE], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return Finding("torch", "cannot be loaded", False, last)
    seen: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    try:
        threads = wanted_threads()
    except ValueError as error:
        return Finding("torch", f"{seen['version']}, device {seen['device']}", False, str(error))
    return Finding("torch", f"{seen['version']}, device {seen['device']}, {threads} threads", True)


def model() -> Finding:
    from language_models import sources

    source = sources.parse(sources.default_source())
    if source.kind != "bundled":
        return Finding(
            "model", f"the default is {source}", None, "`tastemaker model fetch` installs the bundled model."
        )
    if sources.cached(source).is_dir():
        return Finding("model", f"{source}, converted", True)
    return Finding(
        "model", f"{source}, not converted yet", True, "`tastemaker model fetch` converts it (half a minute, once)."
    )


def memory() -> Finding:
    import psutil

    seen = psutil.virtual_memory()
    free, total = seen.available / 1e9, seen.total / 1e9
    advice = f"Training the bundled model takes about {MEMORY_GB:.0f} GB." if free < MEMORY_GB else ""
    return Finding("memory", f"{free:.1f} GB free of {total:.1f} GB", None if advice else True, advice)


def disk() -> Finding:
    free = shutil.disk_usage(".").free / 1e9
    advice = f"A study of some rounds takes about {DISK_GB:.0f} GB." if free < DISK_GB else ""
    return Finding("disk", f"{free:.1f} GB free here", None if advice else True, advice)


def browser() -> Finding:
    names = (os.environ["CHROMIUM"],) if os.environ.get("CHROMIUM") else CHROMIUM_NAMES
    path = next(filter(None, map(shutil.which, names)), None)
    if path:
        return Finding("chromium", path, True)
    return Finding("chromium", "none found", None, "Only the browser tests need it; any browser opens the pages.")
