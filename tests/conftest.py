"""What all tests share: no network but loopback, one Chromium, and the schema of a new study."""

import contextlib
import os
import runpy
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
REPOSITORY = TESTS.parent
CHROMIUM_NAMES = (
    "chromium-headless-shell",  # first: it takes a third of the processor time of the whole browser without a window
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that spin while other processes want the cores cost tenfold
}

# When this file is loaded, before any test module is imported: libraries read these at import.
runpy.run_path(str(TESTS / "loopback_only" / "sitecustomize.py"))
os.environ.update(OFFLINE)
if "PYTEST_XDIST_WORKER" in os.environ:  # several share the cores, and no tensor here is worth a second thread
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(TESTS / "loopback_only"), str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]
)

NO_CHROMIUM = "no Chromium: set CHROMIUM to its path, or install it (Debian: apt-get install chromium-headless-shell)"
skipped_for_want_of_chromium: list[str] = []


@pytest.fixture(scope="session", autouse=True)
def schema_made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The schema of a new study is made once and copied from then on: making it takes ten times as long as all else
    about a new study, some two thousand times a session. Processes that a test starts make it themselves.
    """
    from feedback_store.database import FILE_NAME, Database

    made = tmp_path_factory.mktemp("schema") / "study"
    Database.create(made).close()
    opened = Database._opened.__func__

    def opened_with_schema(cls: type[Database], folder: Path, *, readonly: bool, new: bool = False) -> Database:
        if new and not (folder / FILE_NAME).exists():
            part = folder / f"{FILE_NAME}.{secrets.token_hex(4)}.part"
            shutil.copyfile(made / FILE_NAME, part)
            with contextlib.suppress(FileExistsError):  # two threads may make the same study at the same time
                os.link(part, folder / FILE_NAME)
            part.unlink()
        return opened(cls, folder, readonly=readonly, new=new)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "_opened", classmethod(opened_with_schema))
        yield


def find_chromium() -> str | None:
    """CHROMIUM, else the first known name on PATH."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    path = find_chromium()
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail(NO_CHROMIUM)
        skipped_for_want_of_chromium.append(os.environ.get("PYTEST_CURRENT_TEST", "?"))
        pytest.skip(NO_CHROMIUM)
    return path


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator:
    """One Chromium for the whole session; it resolves no name but loopback's."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path,
            args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"],
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser) -> Iterator:
    """A page in a context of its own, 1280 by 800."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(20_000)
    yield page
    context.close()


def pytest_terminal_summary(terminalreporter) -> None:
    if skipped_for_want_of_chromium:
        terminalreporter.section("BROWSER TESTS DID NOT RUN", red=True)
        terminalreporter.write_line(NO_CHROMIUM)
