"""The website in a real browser, page by page: nothing from another host, no error, no dead link, readable by everybody.

One build, into a temporary folder; `COURSE_SITE=_build/html pytest tests/test_site.py` looks at one that is there. Playwright
drives any Chromium: the one that `CHROMIUM` names, the system's, or Playwright's own. Without them the tests are skipped.
"""

import functools
import html
import http.server
import json
import mimetypes
import os
import re
import subprocess
import sys
import threading
import urllib.parse
from collections import Counter
from pathlib import Path

import assignments
import browser as chromium
import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
COLOURS = ["color-contrast", "link-in-text-block"]

# ---------------------------------------------------------------- the pages


def listed(entry):
    """The files of _toc.yml, in order."""
    for part in entry.get("parts", []) + entry.get("chapters", []):
        if "file" in part:
            yield part["file"]
        yield from listed(part)


TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *listed(TOC)]
NOTEBOOKS = [page for page in PAGES if (ROOT / f"{page}.ipynb").exists()]
CHAPTERS = [page for page in NOTEBOOKS if re.match(r"book/\d\d_", page)]
# What Sphinx adds. The listings of nnlib's code are one template: a short one and the longest stand for all.
OTHERS = ["404", "search", "_modules/index", "_modules/nnlib/layer", "_modules/nnlib/plot"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site; a warning in the build is an error."""
    if "COURSE_SITE" in os.environ:
        return Path(os.environ["COURSE_SITE"]).resolve()
    folder = tmp_path_factory.mktemp("site")
    # `jupyter-book build . -W -n --keep-going`, of the Python that runs the tests
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    command += ["build", ".", "-W", "-n", "--keep-going", "--path-output", str(folder)]
    build = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace")
    lines = (build.stdout + build.stderr).splitlines()
    warnings = [line for line in lines if "WARNING" in line or "ERROR" in line]
    if build.returncode:
        pytest.fail("\n" + "\n".join(warnings or lines[-30:]), pytrace=False)
    return folder / "_build" / "html"


# ---------------------------------------------------------------- a server and a browser


class Server(http.server.ThreadingHTTPServer):
    """Serves the site as /course/, as a code host would; `damage` maps a path to a function of its bytes."""

    def __init__(self, site):
        self.site, self.damage = site, {}
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self.server_port}/course/"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).removeprefix("/course/")
        file = self.server.site / path
        found = file.is_file()
        content = file.read_bytes() if found else b"not found"
        content = self.server.damage.get(path, bytes)(content)
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", mimetypes.guess_type(path)[0] or "application/octet-stream")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server(site):
    server = Server(site)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="the website in a browser: no Playwright")
    with playwright.sync_playwright() as play:
        browser = chromium.launch(play)
        if browser is None:
            pytest.skip(f"the website in a browser: {chromium.MISSING}")
        yield browser
        browser.close()


class Visit:
    """One page, opened in the browser, and what went wrong while it was."""

    def __init__(self, browser, server, name, **options):
        self.server, self.name, self.complaints = server, name, []
        self.context = browser.new_context(viewport=WIDE, reduced_motion="reduce", color_scheme="light", **options)
        self.page = self.context.new_page()
        self.page.on("console", self.heard)
        self.page.on("pageerror", lambda error: self.complain(f"script error: {error}"))
        self.page.on("request", self.requested)
        self.page.on("response", lambda answer: answer.ok or self.complain(f"{answer.status}: {answer.url}"))
        self.page.goto(f"{server.root}{name}.html")
        self.page.evaluate(
            "Promise.resolve(window.MathJax?.startup?.promise).then(() => document.fonts.ready).then(() => 0)"
        )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.context.close()

    def complain(self, text):
        self.complaints.append(text)

    def heard(self, message):
        if message.type in ("error", "warning"):
            self.complain(f"console {message.type}: {message.text}")

    def requested(self, request):
        if not request.url.startswith((self.server.root, "data:", "blob:")):
            self.complain(f"request to another host: {request.url}")


# ---------------------------------------------------------------- what is looked at on every page

# Things that one look at the page's tree tells. Closed <details> are opened first, as a reader would, by their summaries.
LOOK = """async () => {
  const found = [];
  const say = (what, thing) => found.push(what + ": " + (thing.outerHTML ?? thing).toString().slice(0, 160));
  const seen = thing => thing.getClientRects().length > 0;

  for (const details of document.querySelectorAll("details:not([open])")) {
    details.querySelector("summary").click();
    const rest = [...details.children].find(child => child.tagName != "SUMMARY");
    if (!details.open || !rest || !seen(rest)) say("does not unfold", details);
  }

  for (const thing of document.querySelectorAll("[src], link[href]:not([rel=canonical])")) {
    if ((thing.src ?? thing.href).startsWith("data:")) continue;
    if (new URL(thing.src ?? thing.href, location).origin != location.origin) say("names another host", thing);
  }

  for (const image of document.images) {
    image.loading = "eager";
    await image.decode().catch(() => say("broken image", image));
    if (!(image.getAttribute("width") && image.getAttribute("height")) && image.closest("article")) say("image without a size", image);
  }

  const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter(seen);
  const levels = headings.map(heading => Number(heading.tagName[1]));
  if (levels.filter(level => level == 1).length != 1) say("not one h1", headings.map(h => h.tagName).join(" "));
  levels.forEach((level, i) => i && level > levels[i - 1] + 1 && say("a level is left out before", headings[i]));

  const formulas = document.querySelectorAll(".math");
  for (const formula of formulas) {
    const drawn = formula.querySelector("mjx-container");
    if (!drawn || !drawn.getBoundingClientRect().width) say("formula not drawn", formula);
    else if (!drawn.querySelector("mjx-assistive-mml math")) say("formula not read out", formula);
  }
  document.querySelectorAll("mjx-merror, [data-mjx-error], mjx-assistive-mml [mathcolor=red]").forEach(error => say("formula with an error", error));
  for (const raw of document.querySelectorAll("article p, article li, article td")) {
    if (/\\$\\$|\\\\begin\\{|\\\\frac/.test([...raw.childNodes].filter(n => n.nodeType == 3).map(n => n.data).join(""))) say("formula left as text", raw);
  }

  for (const icon of document.querySelectorAll("i[class*=fa-]")) {
    if (getComputedStyle(icon).maskImage == "none") say("an icon that is not drawn", icon);
  }

  const ids = [...document.querySelectorAll("[id]")].map(thing => thing.id);
  ids.filter((id, i) => ids.indexOf(id) < i).forEach(id => say("two of the same id", id));
  return found;
}"""


def look(visit):
    """What the page's tree says."""
    return visit.page.evaluate(LOOK)


@functools.cache
def anchors(file):
    return set(re.findall(r'\b(?:id|name)="([^"]+)"', file.read_text(encoding="utf-8"))) | {"", "top"}


def dead_links(visit):
    """Links within the site that lead to no file, or to no place in it."""
    site, root = visit.server.site, visit.server.root
    places = set(visit.page.evaluate("[...document.querySelectorAll('[id]')].map(thing => thing.id)")) | {"", "top"}
    links = visit.page.evaluate("[...document.querySelectorAll('a[href]')].map(link => link.href)")
    for link in sorted(set(links)):
        address, _, anchor = link.partition("#")
        anchor = urllib.parse.unquote(anchor)
        if address == visit.page.url.partition("#")[0]:
            if anchor not in places:
                yield f"dead link: #{anchor}"
        elif address.startswith(root):
            file = site / urllib.parse.unquote(address.removeprefix(root).partition("?")[0] or "index.html")
            if not file.is_file() or (file.suffix == ".html" and html.unescape(anchor) not in anchors(file)):
                yield f"dead link: {link.removeprefix(root)}"
        elif not address.startswith(("https://", "http://", "mailto:")):
            yield f"strange link: {link}"


# A word of code has the colour of its kind. One of each kind stays for axe-core; measuring the contrast of thousands of them
# would take most of the tests' time.
ONE_OF_EACH_KIND = """() => {
  const kinds = new Set();
  for (const word of document.querySelectorAll(".highlight pre span[class]:not(:has(*))")) {
    const kind = word.className + " in " + word.closest(".cell_input, .cell_output, .sig, .callout, details, article")?.className;
    if (kinds.has(kind)) word.replaceWith(word.textContent);
    kinds.add(kind);
  }
}"""


def violations(visit, scheme):
    """What axe-core finds, in one colour scheme."""
    from axe_playwright_python.sync_playwright import Axe

    visit.page.emulate_media(color_scheme=scheme)
    if visit.name != "404":  # has no script of the theme
        visit.page.wait_for_function("scheme => document.documentElement.dataset.theme == scheme", arg=scheme)
    visit.page.evaluate(ONE_OF_EACH_KIND)
    # What differs in the dark is the colours.
    rules = {"type": "tag", "values": WCAG} if scheme == "light" else {"type": "rule", "values": COLOURS}
    options = {"runOnly": rules, "resultTypes": ["violations"], "preload": False}
    # A drawn formula is thousands of boxes, hidden from screen readers: the formula beside them is looked at.
    whole = {"exclude": [["mjx-math"]]}
    for violation in Axe().run(visit.page, context=whole, options=options).response["violations"]:
        nodes = violation["nodes"]
        yield (
            f"{scheme}: {violation['id']}: {violation['help']} ({len(nodes)}): {nodes[0]['target']} "
            f"{nodes[0]['html'][:200]} {nodes[0].get('failureSummary', '')}"
        )


def scrolls_sideways(visit):
    """Whether a phone's reader has to push the page, and what sticks out."""
    visit.page.set_viewport_size(PHONE)
    wide = visit.page.evaluate("""() => {
      window.scrollTo(1000, 0);
      const moved = window.scrollX, page = document.scrollingElement.scrollWidth;
      window.scrollTo(0, 0);
      if (!moved && page <= innerWidth) return null;
      const out = [...document.querySelectorAll("main *")].filter(x => x.getBoundingClientRect().right > innerWidth + 1);
      return `${page} px: ` + out.slice(0, 3).map(x => x.outerHTML.slice(0, 120)).join(" | ");
    }""")
    if wide:
        yield f"scrolls sideways on a phone, {wide}"


def complaints(visit):
    """All that is wrong with a page."""
    found = [*look(visit), *dead_links(visit), *violations(visit, "light"), *violations(visit, "dark")]
    found += scrolls_sideways(visit)
    return visit.complaints + found


# ---------------------------------------------------------------- every page


def test_builds_without_a_warning(site):
    assert (site / "index.html").exists()


def test_shows_no_solution_of_an_assignment(site):
    """Pages, their sources, notebooks and the index of the search have of the assignments what students get."""
    files = [path for path in site.rglob("*") if path.suffix in {".html", ".ipynb", ".js", ".json", ".md", ".txt"}]
    assert all(site / f"book/assignments/{path.stem}.html" in files for path in assignments.sources())
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert not [mark for mark in assignments.MARKS if mark in text], path.relative_to(site)


def test_every_kind_of_page_is_looked_at(site):
    built = {str(page.relative_to(site).with_suffix("")) for page in site.rglob("*.html")}
    looked_at = {*PAGES, *OTHERS}
    left = {page for page in built - looked_at if not page.startswith(("_modules/nnlib/", "_static/", "lite/"))}
    assert left == {"index"}  # leads to the first page, as test_address_of_the_site sees
    assert looked_at <= built


@pytest.mark.parametrize("name", PAGES + OTHERS)
def test_page(browser, server, name):
    with Visit(browser, server, name) as visit:
        found = complaints(visit)
    assert not found, "\n" + "\n".join(found)


def test_address_of_the_site(browser, server):
    page = browser.new_page()
    page.goto(f"{server.root}index.html")
    page.wait_for_url(f"{server.root}{PAGES[0]}.html")
    assert page.title() == "Neural Networks from Scratch in NumPy"
    page.close()


def test_missing_page_leads_to_the_course(browser, server):
    """A host shows 404.html at the address of the missing page."""
    server.damage["book/nowhere.html"] = lambda _: (server.site / "404.html").read_bytes()
    page = browser.new_page()
    page.goto(f"{server.root}book/nowhere.html")
    page.get_by_role("link").click()
    page.wait_for_url(f"{server.root}{PAGES[0]}.html")
    page.go_back()
    page.get_by_role("searchbox").fill("softmax")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{server.root}search.html?q=softmax")
    page.close()


def test_works_from_a_folder(browser, site):
    """By file://, without a server: formulas, pictures and the search are there."""
    page, failed = browser.new_page(), []
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.goto((site / "book/06_backward.html").as_uri())
    page.wait_for_selector("mjx-container")
    assert not failed
    page.goto((site / "search.html").as_uri() + "?q=softmax")
    page.wait_for_selector(
        "#search-results li a"
    )  # without the lines of text, which a browser won't fetch from a folder
    page.close()


# ---------------------------------------------------------------- what a reader does


def words(site, page):
    """The words of a page's article."""
    text = (site / f"{page}.html").read_text(encoding="utf-8").partition("<article")[2].partition("</article>")[0]
    text = re.sub(r"<(pre|script|style).*?</\1>|<[^>]+>", " ", text, flags=re.DOTALL)
    return Counter(re.findall(r"\b[a-z]{6,}\b", html.unescape(text)))


def test_search_finds_a_word_of_each_chapter(browser, server, site):
    """The word that is most this chapter's own: in the fewest other pages, and most often in this one."""
    texts = {page: words(site, page) for page in PAGES}
    pages_with = Counter(word for text in texts.values() for word in text)
    with Visit(browser, server, "search") as visit:
        for chapter in CHAPTERS:
            word = min(texts[chapter], key=lambda word: (pages_with[word], -texts[chapter][word], word))
            visit.page.goto(f"{server.root}search.html?q={word}")
            link = visit.page.locator(f'#search-results li a[href*="{chapter}.html"]')
            link.first.wait_for(timeout=5_000)
        assert not visit.complaints


def test_search_by_keyboard(browser, server):
    with Visit(browser, server, "book/06_backward") as visit:
        visit.page.keyboard.press("Control+k")
        visit.page.keyboard.type("perceptron")
        visit.page.keyboard.press("Enter")
        visit.page.locator('#search-results li a[href*="01_neuron.html"]').first.wait_for()


def test_solution_unfolds_by_keyboard(browser, server):
    with Visit(browser, server, "book/06_backward") as visit:
        for details in (
            visit.page.locator("article details.hide").first,
            visit.page.locator("article details:not(.hide)").first,
        ):
            details.locator("summary").focus()
            visit.page.keyboard.press("Enter")
            assert details.evaluate("details => details.open")
            visit.page.keyboard.press("Enter")
            assert not details.evaluate("details => details.open")


def with_slider():
    return [page for page in NOTEBOOKS if '"slider-' in (ROOT / f"{page}.ipynb").read_text(encoding="utf-8")]


@pytest.mark.parametrize("name", with_slider())
def test_slider_by_keyboard(browser, server, name):
    with Visit(browser, server, name) as visit:
        assert visit.page.locator(".slider input").count()
        for figure in visit.page.locator(".slider").all():
            slider, image = figure.locator("input"), figure.locator("img")
            image.evaluate("image => { image.loading = 'eager'; return image.decode() }")
            slider.focus()
            first = image.bounding_box()
            for key, place in (("ArrowRight", "2"), ("End", slider.get_attribute("max")), ("Home", "1")):
                visit.page.keyboard.press(key)
                assert slider.get_attribute("aria-valuetext").startswith(f"panel {place} of ")
                assert (image.bounding_box() == first) == (key == "Home")
            visit.page.keyboard.press("Tab")  # to the button that shows all panels
            visit.page.keyboard.press("Enter")
            assert image.bounding_box()["width"] <= figure.bounding_box()["width"] + 1


def test_download_of_a_notebook(browser, server):
    name = CHAPTERS[0]
    with Visit(browser, server, name, accept_downloads=True) as visit:
        visit.page.locator(".dropdown-download-buttons > button").click()
        with visit.page.expect_download() as download:
            visit.page.locator(".dropdown-download-buttons a[href$='.ipynb']").click()
        assert download.value.suggested_filename == f"{Path(name).name}.ipynb"
        notebook = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    nbformat.validate(notebook)
    assert notebook == json.loads((ROOT / f"{name}.ipynb").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_notebook_can_be_downloaded(site, name):
    page = (site / f"{name}.html").read_text(encoding="utf-8")
    (link,) = re.findall(r'href="([^"]+\.ipynb)"', page.partition("dropdown-download-buttons")[2].partition("</ul>")[0])
    notebook = json.loads((site / name).parent.joinpath(link).read_text(encoding="utf-8"))
    nbformat.validate(notebook)
    assert notebook == json.loads((ROOT / f"{name}.ipynb").read_text(encoding="utf-8"))


# ---------------------------------------------------------------- each of these can fail

PAGE, WITH_FORMULAS = "book/how_to_run", "book/02_activations"
ARTICLE = r'(<article class="bd-article">)'


NOT_READ_OUT = """addEventListener("load", () => MathJax.startup.promise.then(
    () => document.querySelectorAll("mjx-assistive-mml").forEach(part => part.remove())))"""


@pytest.fixture
def damage(server):
    """damage(path, pattern, replacement): the server sends this file damaged, until the test ends."""

    def damage(path, pattern, replacement, count=1):
        def damaged(content):
            text, found = re.subn(pattern, replacement, content.decode(), count=count, flags=re.DOTALL)
            assert found, f"{pattern} is not in {path}"
            return text.encode()

        server.damage[path] = damaged

    yield damage
    server.damage.clear()


@pytest.mark.parametrize(
    ("put", "complaint"),
    [
        ('<script src="https://example.org/x.js"></script>', "request to another host"),
        ('<img src="https://example.org/x.png" alt="" width="1" height="1">', "request to another host"),
        ('<img src="nowhere.png" alt="" width="1" height="1">', "404: "),
        ('<img src="../_static/logo.svg" alt="">', "image without a size"),
        ('<img src="../_static/logo.svg" width="9" height="9">', "light: image-alt"),
        ("<script>nothing.at.all</script>", "script error: nothing is not defined"),
        ('<script>console.error("x")</script>', "console error: x"),
        ('<p style="color: #aaa">faint</p>', "light: color-contrast"),
        ('<p style="color: #333">faint at night</p>', "dark: color-contrast"),
        ('<a href="#nowhere">a link</a>', "dead link: #nowhere"),
        ('<a href="index.html#nowhere">a link</a>', "dead link: book/index.html#nowhere"),
        ('<a href="nowhere.html">a link</a>', "dead link: book/nowhere.html"),
        ('<table style="width: 900px"><tr><td>wide</td></tr></table>', "scrolls sideways on a phone"),
        ("<h1>Another title</h1>", "not one h1"),
        ("<h1>Title</h1><h3>Too deep</h3>", "a level is left out before"),
        ("<details><summary>Hint</summary></details>", "does not unfold"),
        ('<details onclick="event.preventDefault()"><summary>Hint</summary><p>x</p></details>', "does not unfold"),
        (r'<p class="math">\\(\\nothing\\)</p>', "formula not drawn"),
        (r"<p>$$\\frac{1}{2}$$</p>", "formula left as text"),
        ('<p id="twice"></p><p id="twice"></p>', "two of the same id"),
        ('<i class="fa-solid fa-unknown"></i>', "an icon that is not drawn"),
    ],
)
def test_damaged_page_is_noticed(browser, server, damage, put, complaint):
    damage(f"{PAGE}.html", ARTICLE, rf"\1{put}")
    with Visit(browser, server, PAGE) as visit:
        found = complaints(visit)
    assert any(text.startswith(complaint) for text in found), found


@pytest.mark.parametrize(
    ("pattern", "put", "complaint"),
    [
        (r"\\\(", r"\\(x^1^2 ", "formula with an error"),
        (r"\\\(", r"\\(\\nothing ", "formula with an error"),
        (r"<script[^>]*mathjax/tex[^>]*></script>", "", "formula not drawn"),
        ("</head>", f"<script>{NOT_READ_OUT}</script></head>", "formula not read out"),
    ],
)
def test_damaged_formulas_are_noticed(browser, server, damage, pattern, put, complaint):
    damage(f"{WITH_FORMULAS}.html", pattern, put)
    with Visit(browser, server, WITH_FORMULAS) as visit:
        found = look(visit)
    assert any(text.startswith(complaint) for text in found), found


def test_faint_word_of_code_is_noticed(browser, server, damage):
    damage("_static/course.css", "$", "\n.highlight .k { color: #aaa !important; }")
    with Visit(browser, server, WITH_FORMULAS) as visit:
        assert [text for text in violations(visit, "light") if text.startswith("light: color-contrast")]


def test_damaged_search_is_noticed(browser, server, site, damage):
    from playwright.sync_api import TimeoutError as NotFound

    damage("searchindex.js", "terms", "nothing", count=0)
    with pytest.raises((AssertionError, NotFound)):
        test_search_finds_a_word_of_each_chapter(browser, server, site)


def test_damaged_slider_is_noticed(browser, server, damage):
    damage("_static/slider.js", '"input", showPanel', '"nothing", showPanel')
    with pytest.raises(AssertionError):
        test_slider_by_keyboard(browser, server, with_slider()[0])


def test_damaged_download_is_noticed(browser, server, damage):
    damage(f"_sources/{CHAPTERS[0]}.ipynb", r"^\{", "")
    with pytest.raises(json.JSONDecodeError):
        test_download_of_a_notebook(browser, server)
