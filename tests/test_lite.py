"""The notebooks in the reader's browser: each is opened from its page, run from top to bottom, and prints what the page shows.

Python comes from where a reader's browser gets it, the official address of Pyodide, which a folder answers here: the one that
PYODIDE names, with a Pyodide distribution in it. Its wheels may be other builds of the same packages, so the site's list of hashes
is replaced with the folder's; nothing else is. PYODIDE=network asks the official address itself. Without either, these tests are
skipped.

    pytest -n0 tests/test_lite.py            a few notebooks, three minutes
    pytest -n0 tests/test_lite.py --whole    every one whose packages are there; writes a table, _build/lite.md
"""

import copy
import functools
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import lite
import nbformat
import publish
import pytest
import test_site
from test_site import COLOURS, NOTEBOOKS, PAGES, ROOT, WCAG, Server, dead_links, scrolls_sideways

if not lite.is_installed():
    pytest.skip("JupyterLite is not installed", allow_module_level=True)

WHERE = os.environ.get("PYODIDE", "")
FOLDER = Path(WHERE) if WHERE not in ("", "network") else None
NEEDS_PYTHON = pytest.mark.skipif(not WHERE, reason="no Pyodide: PYODIDE names no folder with a distribution")
AVAILABLE = lite.distribution(FOLDER)["packages"] if WHERE else {}
PATIENCE = 300_000  # milliseconds; a busy machine

site = test_site.site
server = test_site.server
damage = test_site.damage
TYPES = {".mjs": "text/javascript", ".wasm": "application/wasm"}


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="the notebooks in a browser: no Playwright")
    with playwright.sync_playwright() as play:
        names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
        found = [os.environ.get("CHROMIUM"), *map(shutil.which, names), play.chromium.executable_path]
        path = next((path for path in found if path and Path(path).exists()), None)
        if path is None:
            pytest.skip("the notebooks in a browser: no Chromium; set CHROMIUM, or `playwright install chromium`")
        allowed = "EXCLUDE 127.0.0.1" + (", EXCLUDE cdn.jsdelivr.net" if WHERE == "network" else "")
        flags = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
        flags += ["--disable-component-update", "--disable-sync", f"--host-resolver-rules=MAP * ~NOTFOUND, {allowed}"]
        browser = play.chromium.launch(executable_path=path, args=flags, chromium_sandbox=False)
        yield browser
        browser.close()


# ---------------------------------------------------------------- a reader


def exposed(content):
    """JupyterLite's settings, with its application in reach of the test."""
    config = json.loads(content)
    config["jupyter-config-data"]["exposeAppInBrowser"] = True
    return json.dumps(config).encode()


@functools.cache
def lock_of_the_folder():
    return json.dumps(lite.lock_for(lite.distribution(FOLDER), lite.OFFICIAL)).encode()


class Reader:
    """A browser of its own, in which someone opens pages and notebooks; and all that it asked for."""

    def __init__(self, browser, server, official=True, **options):
        self.server, self.asked, self.bytes = server, [], {}
        server.damage["lite/jupyter-lite.json"] = exposed
        if official and FOLDER:
            server.damage["lite/pyodide/pyodide-lock.json"] = lambda _: lock_of_the_folder()
        self.context = browser.new_context(viewport=test_site.WIDE, accept_downloads=True, **options)
        self.context.set_default_timeout(PATIENCE)
        if official and FOLDER:
            self.context.route(f"{lite.OFFICIAL}**", self.answer)
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.context.on("response", self.weigh)
        self.page = self.context.new_page()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.context.close()
        self.server.damage.clear()

    def answer(self, route):
        """The official address, as the folder has it."""
        file = FOLDER / route.request.url.removeprefix(lite.OFFICIAL)
        if not file.is_file():
            route.fulfill(status=404)
            return
        kind = TYPES.get(file.suffix, "application/octet-stream")
        headers = {"access-control-allow-origin": "*", "content-type": kind, "content-length": str(file.stat().st_size)}
        route.fulfill(status=200, body=file.read_bytes(), headers=headers)

    def weigh(self, response):
        if response.ok and response.request.method == "GET":
            self.bytes[response.url] = int(response.headers.get("content-length", 0))

    def elsewhere(self):
        """What was asked of any other host."""
        ours = (self.server.root.removesuffix("course/"), "data:", "blob:", lite.OFFICIAL)
        return [url for url in self.asked if not url.startswith(ours)]

    def open_page(self, name):
        self.page.goto(f"{self.server.root}{name}.html")

    def to_run_page(self, name):
        self.open_page(name)
        self.page.get_by_role("link", name="Run in the browser").click()
        self.page.wait_for_url(f"**/lite/run/{name}.html")

    def start(self, name):
        """From the page of a notebook into the notebook."""
        self.to_run_page(name)
        self.since = time.perf_counter()
        self.page.get_by_role("link", name="Start the notebook").click()
        self.wait_for_notebook()

    def wait_for_notebook(self):
        self.page.wait_for_function(
            "() => window.jupyterapp?.shell?.currentWidget?.context?.isReady"
            " && window.jupyterapp.shell.currentWidget.sessionContext.isReady"
        )

    def notebook(self):
        """The notebook as it stands now."""
        return self.page.evaluate("window.jupyterapp.shell.currentWidget.context.model.toJSON()")

    def run(self, command="notebook:run-all-cells"):
        """Run all cells; the notebook then, the seconds to the first output since the start, and to the end."""
        before = time.perf_counter() - self.since
        fine, first, total = self.page.evaluate(
            """async (command) => {
              const app = window.jupyterapp, begin = performance.now();
              let first = null;
              const outputs = ["stream", "display_data", "execute_result", "error"];
              app.shell.currentWidget.sessionContext.session.kernel.iopubMessage.connect((kernel, message) => {
                if (outputs.includes(message.header.msg_type)) first ??= performance.now() - begin;
              });
              const fine = await app.commands.execute(command);
              return [fine, first, performance.now() - begin];
            }""",
            command,
        )
        self.fine = fine
        return self.notebook(), before + (first or 0) / 1000, before + total / 1000

    def select(self, index):
        self.page.evaluate("i => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = i }", index)

    def write(self, index, source):
        self.page.evaluate(
            "([i, text]) => window.jupyterapp.shell.currentWidget.content.model.cells.get(i).sharedModel.setSource(text)",
            [index, source],
        )

    def save(self):
        self.page.evaluate("window.jupyterapp.shell.currentWidget.context.save()")


# ---------------------------------------------------------------- stored and fresh outputs


def said(cell):
    """What a cell's outputs say in words, by kind, as nbval compares them."""
    found = {}
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            parts = {output["name"]: output["text"]}
        elif output["output_type"] == "error":
            parts = {"error": f"{output['ename']}: {output['evalue']}"}
        else:
            parts = {kind: text for kind, text in output["data"].items() if kind.startswith("text/")}
            parts |= {kind: "" for kind in output["data"] if kind.startswith("image/")}  # that there is one
        for kind, text in parts.items():
            found[kind] = found.get(kind, "") + "".join(text)
    return found


def differences(stored, fresh):
    """The code cells that print something else than what is stored: a list of lines."""
    found = []
    if [cell["cell_type"] for cell in stored["cells"]] != [cell["cell_type"] for cell in fresh["cells"]]:
        return ["other cells"]
    for number, (old, new) in enumerate(zip(stored["cells"], fresh["cells"]), 1):
        if old["cell_type"] == "code" and said(old) != said(new):
            found.append(f"cell {number}:\n  stored: {said(old)}\n  here:   {said(new)}")
    return found


@functools.cache
def stored(name):
    return json.loads((ROOT / f"{name}.ipynb").read_text(encoding="utf-8"))


def can_run(name):
    """Whether all that a notebook loads is at hand, MNIST left aside."""
    packages, mnist = lite.packages_of(stored(name))
    return not mnist and all(package in AVAILABLE for package in packages)


RUNNABLE = [name for name in NOTEBOOKS if can_run(name) and "/assignments/" not in name]
FEW = ["book/06_backward", "book/03_depth", "book/status"]
ROWS = []


@pytest.fixture(scope="module", autouse=True)
def table():
    """What the run of all notebooks gave, as a table."""
    yield
    if len(ROWS) > len(FEW):
        lines = ["| Notebook | First output, s | All cells, s | Agrees |", "|---|---|---|---|", *ROWS]
        (ROOT / "_build").mkdir(exist_ok=True)
        (ROOT / "_build" / "lite.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def pytest_generate_tests(metafunc):
    if "lesson" in metafunc.fixturenames:
        metafunc.parametrize("lesson", RUNNABLE if metafunc.config.option.whole and WHERE else FEW)


@NEEDS_PYTHON
def test_prints_what_the_page_shows(browser, server, lesson):
    with Reader(browser, server) as reader:
        reader.start(lesson)
        fresh, first, total = reader.run()
        elsewhere = reader.elsewhere()
    found = differences(stored(lesson), fresh)
    ROWS.append(f"| {lesson.removeprefix('book/')} | {first:.0f} | {total:.0f} | {'no' if found else 'yes'} |")
    assert not found, "\n".join(found)
    assert reader.fine and not elsewhere, elsewhere
