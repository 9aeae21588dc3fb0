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
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import browser as chromium
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
        # With PYODIDE=network, one other host: of two such flags the later one counts.
        allowed = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE cdn.jsdelivr.net"
        browser = chromium.launch(play, *([allowed] if WHERE == "network" else []))
        if browser is None:
            pytest.skip(f"the notebooks in a browser: {chromium.MISSING}")
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


# WebAssembly keeps no record of overflow and the like, so NumPy has nothing to warn of. Chapter 2 prints what it catches.
NO_RECORD = re.compile(r"^ +warning: (overflow|divide by zero|invalid value) encountered in \w+\n", re.MULTILINE)


def differences(stored, fresh):
    """The code cells that print something else than what is stored, NumPy's own warnings left aside: a list of lines."""
    found = []
    if [cell["cell_type"] for cell in stored["cells"]] != [cell["cell_type"] for cell in fresh["cells"]]:
        return ["other cells"]
    for number, (old, new) in enumerate(zip(stored["cells"], fresh["cells"]), 1):
        if old["cell_type"] == "code" and said(new) not in (said(old), without_warnings(said(old))):
            found.append(f"cell {number}:\n  stored: {said(old)}\n  here:   {said(new)}")
    return found


def without_warnings(said):
    return {kind: NO_RECORD.sub("", text) for kind, text in said.items()}


@functools.cache
def stored(name):
    return json.loads((ROOT / f"{name}.ipynb").read_text(encoding="utf-8"))


def can_run(name):
    """Whether all that a notebook loads is at hand, MNIST left aside."""
    packages, mnist = lite.packages_of(stored(name))
    return not mnist and all(package in AVAILABLE for package in packages)


ASSIGNMENTS = [name for name in NOTEBOOKS if "/assignments/" in name]
RUNNABLE = [name for name in NOTEBOOKS if can_run(name) and "/assignments/" not in name]
FEW = ["book/06_backward", "book/status"]  # the first sets NumPy's print options, and fails without mended_kernel
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
    whole = metafunc.config.option.whole and WHERE
    if "lesson" in metafunc.fixturenames:
        metafunc.parametrize("lesson", RUNNABLE if whole else FEW)
    if "assignment" in metafunc.fixturenames:
        metafunc.parametrize(
            "assignment", [name for name in ASSIGNMENTS if can_run(name)] if whole else ASSIGNMENTS[:1]
        )


def told(reader):
    """The rows of the table of sizes on the page before a notebook: what, from where, bytes; and the sum that it says."""
    parts = [row.split("\t") for row in reader.page.locator("tbody tr").all_inner_texts()]
    rows = [(what, where, float(size.removesuffix(" MB")) * 1e6) for what, where, size in parts if "MB" in size]
    return rows, float(re.search(r"downloads (?:about|more than) ([\d.]+) MB", reader.page.inner_text("main"))[1]) * 1e6


def wrong_sizes(rows, total, loaded):
    """What the page says must be what was loaded, to 4 % and the rounding of a row."""
    elsewhere = sum(size for url, size in loaded.items() if url.startswith(lite.OFFICIAL))
    pairs = {
        "from the official address": (sum(size for _, where, size in rows if "jsdelivr" in where), elsewhere),
        "from the site": (
            sum(size for _, where, size in rows if where == "this site"),
            sum(loaded.values()) - elsewhere,
        ),
        "in all": (total, sum(loaded.values())),
    }
    return {what: pair for what, pair in pairs.items() if abs(pair[0] - pair[1]) > 0.04 * pair[1] + 0.3e6}


@NEEDS_PYTHON
def test_prints_what_the_page_shows(browser, server, lesson):
    with Reader(browser, server) as reader:
        reader.to_run_page(lesson)
        sizes, before = told(reader), set(reader.bytes)
        reader.start(lesson)
        fresh, first, total = reader.run()
        elsewhere = reader.elsewhere()
        loaded = {url: size for url, size in reader.bytes.items() if url not in before and url.startswith("http")}
    found = differences(stored(lesson), fresh)
    ROWS.append(f"| {lesson.removeprefix('book/')} | {first:.0f} | {total:.0f} | {'no' if found else 'yes'} |")
    assert not found, "\n".join(found)
    assert reader.fine and not elsewhere, elsewhere
    if WHERE != "network":  # where servers compress what they send
        assert not wrong_sizes(*sizes, loaded)


def test_another_size_is_noticed():
    rows, loaded = [("x", "this site", 8e6), ("y", "cdn.jsdelivr.net", 20e6)], {"http://127.0.0.1/x": 8.1e6}
    loaded[f"{lite.OFFICIAL}y"] = 19.9e6
    assert not wrong_sizes(rows, 28e6, loaded)
    assert list(wrong_sizes(rows, 24e6, loaded)) == ["in all"]
    assert "from the site" in wrong_sizes(rows, 28e6, loaded | {"http://127.0.0.1/z": 2e6})
    assert "from the official address" in wrong_sizes(rows, 28e6, loaded | {f"{lite.OFFICIAL}z": 3e6})


# ---------------------------------------------------------------- the way there


def test_button_on_each_notebook_and_nowhere_else(site):
    for page in PAGES:
        text = (site / f"{page}.html").read_text(encoding="utf-8")
        links = re.findall(r'<p class="run-link"><a href="([^"]+)">', text)
        assert len(links) == (page in NOTEBOOKS), page
        for link in links:
            target = (site / page).parent.joinpath(link).resolve()
            assert target == site / "lite" / "run" / f"{page}.html" and target.is_file()


def requests_of(browser, server, name, without=None):
    """What a page asks for before anybody clicks, and how many bytes that are; `without` a part of its HTML."""
    if without:
        server.damage[f"{name}.html"] = lambda content: re.sub(without, "", content.decode()).encode()
    with Reader(browser, server) as reader:
        reader.open_page(name)
        reader.page.wait_for_load_state("networkidle")
        return sorted(set(reader.asked)), sum(size for url, size in reader.bytes.items() if not url.endswith(".html"))


@pytest.mark.parametrize("name", ["book/06_backward", "book/assignments/A1_one_neuron"])
def test_nothing_is_asked_for_before_the_click(browser, server, name):
    with_button = requests_of(browser, server, name)
    assert with_button == requests_of(browser, server, name, without=r'(?s)<p class="run-link">.*?</p>')
    assert not [url for url in with_button[0] if "/lite/" in url]


def test_a_request_before_the_click_is_noticed(browser, server, damage):
    damage("book/06_backward.html", "</body>", '<img src="../lite/icon-120x120.png" alt=""></body>')
    asked, _ = requests_of(browser, server, "book/06_backward")
    assert [url for url in asked if "/lite/" in url]


def test_button_by_keyboard_on_a_phone_and_in_print(browser, server):
    with Reader(browser, server) as reader:
        reader.page.set_viewport_size(test_site.PHONE)
        reader.open_page("book/06_backward")
        link = reader.page.get_by_role("link", name="Run in the browser")
        box = link.bounding_box()
        assert box["height"] >= 24 and box["x"] >= 0 and box["x"] + box["width"] <= test_site.PHONE["width"]
        reader.page.emulate_media(media="print")
        assert not link.is_visible()
        reader.page.emulate_media(media="screen")
        link.focus()
        reader.page.keyboard.press("Enter")
        reader.page.wait_for_url("**/lite/run/book/06_backward.html")
        assert not [url for url in reader.asked if re.search("/lite/(?!run/|made-of.txt$)", url)]


def test_button_without_scripts(browser, server):
    with Reader(browser, server, java_script_enabled=False) as reader:
        reader.to_run_page("book/06_backward")
        assert "It needs JavaScript" in reader.page.locator("noscript p.warning").inner_text()
        assert reader.page.locator("noscript p.warning").is_visible()


class RunPage:
    """The page before a notebook, in the shape that test_site's functions take."""

    def __init__(self, reader, name):
        reader.open_page(f"lite/run/{name}")
        self.page, self.server, self.name = reader.page, reader.server, name


def violations(page, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page.emulate_media(color_scheme=scheme)
    rules = {"type": "tag", "values": WCAG} if scheme == "light" else {"type": "rule", "values": COLOURS}
    found = Axe().run(page, options={"runOnly": rules, "resultTypes": ["violations"]}).response["violations"]
    return [f"{scheme}: {one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]


@pytest.mark.parametrize("name", ["book/06_backward", "book/22_mnist", "book/assignments/A1_one_neuron"])
def test_page_before_a_notebook(browser, server, name):
    with Reader(browser, server) as reader:
        visit = RunPage(reader, name)
        found = [*dead_links(visit), *violations(visit.page, "light"), *violations(visit.page, "dark")]
        found += scrolls_sideways(visit)
        expected = ("/lite/run/", "/lite/made-of.txt", "data:")  # the second is only asked whether it is there
        asked = [url for url in reader.asked if not any(part in url for part in expected)]
    assert not found + asked, "\n".join(found + asked)


def test_from_a_folder_it_says_why_it_cannot_work(browser, site):
    page = browser.new_page()
    page.goto((site / "book/06_backward.html").as_uri())
    page.get_by_role("link", name="Run in the browser").click()
    page.locator("#from-folder").get_by_text("It can't work here.").wait_for()
    assert page.get_by_text("python -m http.server").is_visible()
    assert not page.get_by_role("link", name="Start the notebook").is_visible()
    page.close()


def test_in_a_copy_for_reading_it_says_so(browser, site, tmp_path):
    """The zip of the website has the pages before the notebooks, and no more of them."""
    (archive,) = (site / "downloads").glob("*.zip")
    with zipfile.ZipFile(archive) as opened:
        inside = [name for name in opened.namelist() if "/lite/" in name]
        opened.extractall(tmp_path)
    (copy,) = tmp_path.iterdir()
    assert len(inside) == len(NOTEBOOKS) + 1 and all("/lite/run/" in name for name in inside)
    server = Server(copy)
    try:
        with Reader(browser, server) as reader:
            reader.to_run_page("book/06_backward")
            reader.page.get_by_text("This copy of the website is for reading").wait_for()
            assert not reader.page.get_by_role("link", name="Start the notebook").is_visible()
    finally:
        server.shutdown()
        server.server_close()


# ---------------------------------------------------------------- where Python comes from


def test_sizes_are_those_of_the_packages_of_that_notebook():
    lock = lite.distribution(None)
    assert lite.packages_of(stored("book/assignments/A1_one_neuron")) == (["numpy"], False)
    assert lite.packages_of(stored("book/status")) == ([], False)
    assert lite.packages_of(stored("book/20_batch_normalization")) == (["numpy", "matplotlib", "scikit-learn"], False)
    assert lite.packages_of(stored("book/22_mnist")) == (["numpy", "matplotlib", "scikit-learn"], True)
    sizes, unknown = lite.sizes_of(lock, ["numpy"])
    assert [what for what, _ in sizes][1:] == ["NumPy"] and not unknown
    assert sizes[1][1] == lock["packages"]["numpy"]["size"]


def complaints_about_lock(lock, official, folder):
    """What is wrong with a site's list of packages: a package that another needs and that is not there, or a wheel that differs."""
    names = set(lock["packages"])
    for name, entry in lock["packages"].items():
        needed = {part.lower().replace("_", "-") for part in entry["depends"]}
        yield from (f"{name} needs {part}" for part in needed - names)
        if entry["file_name"].startswith("https://"):
            if not entry["file_name"].startswith(lite.OFFICIAL) or entry["sha256"] != official[name]["sha256"]:
                yield f"{name} is not the official one"
        elif hashlib.sha256((folder / entry["file_name"]).read_bytes()).hexdigest() != entry["sha256"]:
            yield f"{name} has another hash"


def test_list_of_packages_is_whole(site):
    folder = site / "lite" / "pyodide"
    lock = json.loads((folder / "pyodide-lock.json").read_text(encoding="utf-8"))
    official = json.loads(lite.LOCK.read_text(encoding="utf-8"))["packages"]
    assert not list(complaints_about_lock(lock, official, folder))
    assert {"nnlib", "comm", "numpy", "matplotlib", "scipy", "scikit-learn"} <= set(lock["packages"])
    for change in (
        lambda lock: lock["packages"].pop("six"),
        lambda lock: lock["packages"]["numpy"].update(sha256="0"),
        lambda lock: lock["packages"]["numpy"].update(file_name="https://example.org/numpy.whl"),
        lambda lock: lock["packages"]["nnlib"].update(sha256="0"),
    ):
        damaged = copy.deepcopy(lock)
        change(damaged)
        assert list(complaints_about_lock(damaged, official, folder))


def test_nnlib_is_the_one_of_the_repository(site):
    (path,) = (site / "lite" / "pyodide").glob("nnlib-*.whl")
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        served = {name: archive.read(name) for name in archive.namelist() if name.endswith(".py")}
    assert served == {f"nnlib/{path.name}": path.read_bytes() for path in (ROOT / "nnlib").glob("*.py")}


def test_copies_name_the_kernel_of_the_browser(site):
    for name in NOTEBOOKS:
        copied = json.loads((site / "lite" / "files" / f"{name}.ipynb").read_text(encoding="utf-8"))
        assert copied["metadata"]["kernelspec"]["name"] == "python"
        assert copied["cells"] == stored(name)["cells"]  # with their outputs
        nbformat.validate(copied)
    assert stored(NOTEBOOKS[0])["metadata"]["kernelspec"]["name"] == publish.KERNEL["name"]


@pytest.fixture(scope="module")
def whole_site(tmp_path_factory):
    """The site with a distribution in it."""
    folder = tmp_path_factory.mktemp("whole")
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    command += ["build", ".", "-W", "-n", "--keep-going", "--path-output", str(folder)]
    environment = os.environ | {"LITE_PYODIDE": str(FOLDER.resolve())}
    build = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", errors="replace")
    assert build.returncode == 0, (build.stdout + build.stderr)[-3000:]
    return folder / "_build" / "html"


@pytest.mark.skipif(not WHERE, reason="no Pyodide: PYODIDE names no folder with a distribution")
def test_distribution_within_the_site(request, browser):
    """With `lite_pyodide`, nothing at all comes from another host."""
    if not FOLDER:
        return  # PYODIDE=network has no folder to put into the site
    server = Server(request.getfixturevalue("whole_site"))
    try:
        with Reader(browser, server, official=False) as reader:
            reader.to_run_page("book/03_depth")
            assert "cdn.jsdelivr.net" not in reader.page.inner_text("main")
            reader.start("book/03_depth")
            fresh, *_ = reader.run()
            assert not differences(stored("book/03_depth"), fresh)
            ours = (server.root.removesuffix("course/"), "data:", "blob:")
            assert not [url for url in reader.asked if not url.startswith(ours)]
    finally:
        server.shutdown()
        server.server_close()


# ---------------------------------------------------------------- a reader's work


def first_code(notebook):
    return next(i for i, cell in enumerate(notebook["cells"]) if cell["cell_type"] == "code")


def test_work_is_kept_downloaded_and_reset(browser, server):
    name = "book/03_depth"
    with Reader(browser, server) as reader:
        reader.start(name)
        notebook = reader.notebook()
        place = first_code(notebook)
        assert notebook["cells"][place]["source"] == "".join(stored(name)["cells"][place]["source"])
        assert said(notebook["cells"][-1] | {"outputs": []}) == {} and any(
            cell.get("outputs") for cell in notebook["cells"]
        )  # opened with its stored outputs
        reader.write(place, "my own line")
        reader.page.keyboard.press("Control+s")
        reader.save()

        reader.to_run_page(name)  # closes the notebook
        status = reader.page.locator("#work")
        reader.page.get_by_text("You have saved this notebook").wait_for()
        assert not reader.page.locator("#newer").is_visible()
        with reader.page.expect_download() as download:
            reader.page.get_by_role("button", name="Download my notebook").click()
        assert download.value.suggested_filename == "03_depth.ipynb"
        downloaded = nbformat.read(download.value.path(), as_version=4)
        assert downloaded.cells[place].source == "my own line"

        reader.start(name)
        assert reader.notebook()["cells"][place]["source"] == "my own line"  # kept

        reader.to_run_page(name)
        reader.page.once("dialog", lambda dialog: dialog.accept())
        reader.page.get_by_role("button", name="Reset to the original").click()
        reader.page.get_by_text("is the original again").wait_for()
        assert reader.page.get_by_role("button", name="Reset to the original").is_disabled() and status.is_visible()
        reader.start(name)
        assert reader.notebook()["cells"][place] == notebook["cells"][place]


def test_says_when_the_course_has_a_newer_notebook(browser, server):
    name = "book/03_depth"
    with Reader(browser, server) as reader:
        reader.start(name)
        reader.write(first_code(reader.notebook()), "1")
        reader.save()
        newer = re.compile(r'data-fingerprint="\w+"')
        server.damage[f"lite/run/{name}.html"] = lambda page: newer.sub(
            'data-fingerprint="new"', page.decode()
        ).encode()
        reader.to_run_page(name)
        reader.page.get_by_text("the course has changed this notebook").wait_for()


PICTURE = "document.querySelector('.jp-RenderedMarkdown img')"


def test_shows_the_images_of_the_page(browser, server):
    with Reader(browser, server) as reader:
        reader.start("book/06_backward")
        reader.page.wait_for_function(f"{PICTURE}?.complete && {PICTURE}.naturalWidth > 0")


@NEEDS_PYTHON
def test_without_the_notebooks_files(browser, server):
    """Where the browser has no service worker, as in Firefox's private windows: nnlib is there, the files are not."""
    with Reader(browser, server) as reader:
        reader.context.add_init_script("delete Navigator.prototype.serviceWorker")
        reader.start("book/06_backward")
        code = "import os\nimport nnlib\nprint(os.path.exists('/drive'), nnlib.tanh(0.0))"
        assert run_one(reader, code) == {"stdout": "False 0.0\n"}


# ---------------------------------------------------------------- MNIST


def mnist_file():
    folders = [Path(os.environ["NNLIB_DATA"])] if os.environ.get("NNLIB_DATA") else []
    import pooch

    return next(path / "mnist.npz" for path in [*folders, pooch.os_cache("nnlib")] if (path / "mnist.npz").exists())


ASK = "import nnlib\nX_train, y_train, X_test, y_test = nnlib.mnist()\nprint(X_train.shape, y_test[:5])"


def run_one(reader, source):
    """Write a cell over the notebook's first one and run it; what it says."""
    place = first_code(reader.notebook())
    reader.write(place, source)
    reader.select(place)
    reader.since = time.perf_counter()
    notebook, *_ = reader.run("notebook:run-cell")
    return said(notebook["cells"][place])


@NEEDS_PYTHON
@pytest.mark.mnist
def test_mnist_from_a_file_that_the_reader_picks(browser, server, tmp_path):
    """In another tab, while the notebook is open: it says what to do, what is wrong with a file, and then reads it."""
    (tmp_path / "mnist.npz").write_bytes(b"something else")
    with Reader(browser, server) as reader:
        reader.start("book/23_convolution")
        refused = run_one(reader, ASK)["error"]
        assert "FileNotFoundError" in refused and "choose the file there" in refused

        tab = reader.context.new_page()
        tab.goto(f"{server.root}lite/run/book/23_convolution.html")
        assert tab.get_by_text("It is not in this browser yet.").is_visible()
        tab.get_by_label("The file mnist.npz").set_input_files(tmp_path / "mnist.npz")
        tab.get_by_text("It is in this browser (0.0 MB).").wait_for()
        assert "damaged, or not MNIST" in run_one(reader, ASK)["error"]

        tab.get_by_label("The file mnist.npz").set_input_files(mnist_file())
        tab.get_by_text("It is in this browser (11.5 MB).").wait_for()
        assert run_one(reader, ASK) == {"stdout": "(60000, 784) [7 2 1 0 4]\n"}

        # No cell has imported matplotlib so far; nnlib loads what only a function asks for.
        style = "import sys\nprint('matplotlib' in sys.modules)\nnnlib.plot.use_course_style()\nprint('matplotlib' in sys.modules)"
        assert run_one(reader, style) == {"stdout": "False\nTrue\n"}


# ---------------------------------------------------------------- an assignment


def answered(name):
    """The students' notebook with the solutions in its cells for answers, and where these are."""
    (lesson,) = publish.select([name])
    source = {
        cell.metadata.nbgrader.grade_id: cell
        for cell in publish.notebook_of(lesson).cells
        if "nbgrader" in cell.metadata
    }
    page = f"book/assignments/{lesson.stem}"
    answers = {}
    for i, cell in enumerate(stored(page)["cells"]):
        role = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] == "code" and role.get("solution") and not role.get("grade"):
            answers[i] = source[role["grade_id"]].source
    return page, answers


def checks(notebook):
    """What the cells of checks say, by their names."""
    cells = [
        cell
        for cell in notebook["cells"]
        if cell["cell_type"] == "code" and cell["metadata"].get("nbgrader", {}).get("grade")
    ]
    return {cell["metadata"]["nbgrader"]["grade_id"]: said(cell) for cell in cells}


def run_here(notebook):
    """The same notebook, run by this Python."""
    import nbclient

    notebook = nbformat.from_dict(notebook)
    notebook.metadata.kernelspec = publish.KERNEL
    folder = {"metadata": {"path": str(ROOT / "book" / "assignments")}}
    nbclient.NotebookClient(
        notebook, kernel_manager_class=publish.ThisPython, resources=folder, allow_errors=True
    ).execute()
    return notebook


@NEEDS_PYTHON
def test_assignment_is_opened_answered_and_checked(browser, server, assignment):
    name, answers = answered(assignment)
    with Reader(browser, server) as reader:
        reader.start(name)
        blank, *_ = reader.run()
        assert not reader.fine and any("error" in cell for cell in checks(blank).values())
        for place, source in answers.items():
            reader.write(place, source)
        reader.since = time.perf_counter()
        fresh, *_ = reader.run()
        reader.save()
        assert reader.fine and not reader.elsewhere()
        reader.to_run_page(name)
        with reader.page.expect_download() as download:  # to hand in
            reader.page.get_by_role("button", name="Download my notebook").click()
        handed_in = nbformat.read(download.value.path(), as_version=4)
    there, here = checks(fresh), checks(run_here(fresh))
    assert there == here and len(there) > 5 and all(cell.get("stdout") for cell in there.values())
    assert handed_in.cells[min(answers)].source == answers[min(answers)]


# ---------------------------------------------------------------- each of these can fail


def test_another_output_is_noticed():
    name = "book/06_backward"
    assert not differences(stored(name), copy.deepcopy(stored(name)))
    number = next(i for i, cell in enumerate(stored(name)["cells"]) if re.search(r"\d\.\d", str(cell.get("outputs"))))

    def digit(cell):
        cell["outputs"] = json.loads(re.sub(r"(\d\.\d*)\d", r"\g<1>x", json.dumps(cell["outputs"]), count=1))

    for change in (
        digit,
        lambda cell: cell["outputs"].clear(),
        lambda cell: cell["outputs"].append({"output_type": "stream", "name": "stderr", "text": "a warning"}),
        lambda cell: cell["outputs"].append(
            {"output_type": "stream", "name": "stdout", "text": "   warning: another\n"}
        ),
        lambda cell: cell["outputs"].append({"output_type": "error", "ename": "E", "evalue": "e"}),
        lambda cell: cell["outputs"].append({"output_type": "display_data", "data": {"image/png": "A"}}),
    ):
        fresh = copy.deepcopy(stored(name))
        change(fresh["cells"][number])
        assert len(differences(stored(name), fresh)) == 1


@NEEDS_PYTHON
def test_a_wheel_that_is_not_there_is_noticed(browser, server):
    server_name = next(iter((server.site / "lite" / "pyodide").glob("nnlib-*.whl"))).name
    with Reader(browser, server) as reader:
        server.damage[f"lite/pyodide/{server_name}"] = lambda content: content[:-100]
        reader.start("book/06_backward")
        assert "ModuleNotFoundError" in run_one(reader, "import nnlib")["error"]
