"""A small book with the settings of the course, as a published one: its links to the repository, and what can be downloaded."""

import re
import shutil
import subprocess
import sys
import urllib.parse
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import browser as chromium
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
URL, ADDRESS = "https://github.com/teachers/course", "https://teachers.github.io/course/"
PARTS = ("book/_static", "book/_inv", "lessons/images", "nnlib", "tools")
FILES = ("_config.yml", "pyproject.toml", "README.md", "LICENSE", "lessons/references.bib")
PAGES = ("book/how_to_run.md", "book/02_activations.ipynb", "book/bibliography.md")


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """Three pages of the course, with a repository and an address."""
    book = tmp_path_factory.mktemp("book")
    for part in PARTS:
        shutil.copytree(ROOT / part, book / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (*FILES, *PAGES):
        (book / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, book / file)
    config = yaml.safe_load((book / "_config.yml").read_text(encoding="utf-8"))
    config["repository"]["url"], config["html"]["baseurl"] = URL, ADDRESS
    config["launch_buttons"]["jupyterhub_url"] = "https://hub.school.org"
    (book / "_config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    first, *rest = (page.partition(".")[0] for page in PAGES)
    toc = {"format": "jb-book", "root": first, "chapters": [{"file": page} for page in rest]}
    (book / "_toc.yml").write_text(yaml.safe_dump(toc), encoding="utf-8")
    return book


@pytest.fixture(scope="module")
def site(book):
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(book)]
    build = subprocess.run(command, cwd=book, capture_output=True, encoding="utf-8", errors="replace")
    assert build.returncode == 0, build.stdout + build.stderr
    return book / "_build" / "html"


def links(page):
    return set(re.findall(r'href="([^"]+)"', page.read_text(encoding="utf-8")))


def test_links_to_the_repository(site):
    """A notebook is edited in its lesson, and launched as a notebook."""
    found = links(site / "book/02_activations.html")
    assert f"{URL}/edit/main/lessons/02_activations.md" in found
    assert any(link.startswith(f"{URL}/issues/new") for link in found)
    assert "https://mybinder.org/v2/gh/teachers/course/main?urlpath=lab/tree/book/02_activations.ipynb" in found
    (hub,) = [link for link in found if link.startswith("https://hub.school.org/hub/user-redirect/git-pull?")]
    assert URL in urllib.parse.unquote(hub) and "book/02_activations.ipynb" in hub
    assert f"{URL}/edit/main/lessons/how_to_run.md" in links(site / "book/how_to_run.html")


def test_address_in_previews_and_sitemap(site):
    page = (site / "book/02_activations.html").read_text(encoding="utf-8")
    assert f'<meta property="og:url" content="{ADDRESS}book/02_activations.html">' in page
    assert f'<meta property="og:image" content="{ADDRESS}_static/preview.png">' in page
    assert '<meta property="og:title" content="2. Activation functions">' in page
    assert (site / "_static/preview.png").exists()
    places = {place.text for place in ET.parse(site / "sitemap.xml").findall(".//{*}loc")}
    assert places == {f"{ADDRESS}{name.partition('.')[0]}.html" for name in PAGES}


def test_without_a_repository_no_button_needs_one(tmp_path):
    """The settings as they are in the course, before it has an address."""
    import website

    class Config:
        html_theme_options = {"repository_url": "", "launch_buttons": {"binderhub_url": "https://mybinder.org"}}
        html_context = {}

    website.switch_repository_buttons(None, Config)
    assert Config.html_theme_options["launch_buttons"] == {}
    assert not any(Config.html_theme_options[f"use_{what}_button"] for what in ("repository", "issues", "edit_page"))


def test_wheel_can_be_installed(site, tmp_path):
    (wheel,) = (site / "downloads").glob("nnlib-*.whl")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        tmp_path,
        wheel,
    ]
    subprocess.run(command, check=True)
    program = "import nnlib; print(nnlib.__file__); print(nnlib.mlp([2, 3, 1], rng=__import__('numpy').random.default_rng(0)))"
    run = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    assert Path(run.stdout.splitlines()[0]).is_relative_to(tmp_path)
    there = {path.name for path in (tmp_path / "nnlib").glob("*.py")}
    assert there == {path.name for path in (ROOT / "nnlib").glob("*.py")}


def test_same_sources_same_wheel(site):
    import downloads

    name, content = downloads.nnlib_wheel()
    assert content == (site / "downloads" / name).read_bytes()


def test_zip_holds_the_website(site, tmp_path):
    (file,) = (site / "downloads").glob("*.zip")
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path)
    folder = tmp_path / file.stem
    files = {path.relative_to(site) for path in site.rglob("*") if path.is_file()}
    expected = {
        path for path in files if path.parts[0] not in ("downloads", "lite") or path.parts[:2] == ("lite", "run")
    }
    assert {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()} == expected


def test_sizes_stand_on_the_page(site):
    page = (site / "book/how_to_run.html").read_text(encoding="utf-8")
    sizes = dict(re.findall(r'<span data-size-of="([^"]+)">([^<]*)</span>', page))
    assert sizes.keys() == {path.name for path in (site / "downloads").iterdir()}
    for name, words in sizes.items():
        number, unit = words.split()
        size = (site / "downloads" / name).stat().st_size
        assert float(number) * {"kB": 1e3, "MB": 1e6}[unit] == pytest.approx(size, rel=0.2)


def test_whole_book_as_a_pdf(book, tmp_path):
    """Printed by Chromium: each page of the book has a bookmark, and there are links."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="the book as a PDF: no Playwright")
    import pdf

    with sync_api.sync_playwright() as play:
        found = chromium.launch(play)
        if found is None:
            pytest.skip(f"the book as a PDF: {chromium.MISSING}")
        found.close()
    file = tmp_path / "book.pdf"
    pdf.make(book, file)
    content = file.read_bytes()
    assert content.startswith(b"%PDF") and content.rstrip().endswith(b"%%EOF")
    # Titles of bookmarks: plain ones, and as Chromium writes those with other letters, in UTF-16.
    plain = {title.decode("latin-1") for title in re.findall(rb"/Title \(([^)]*)\)", content)}
    assert {"How to run", "2. Activation functions", "Bibliography"} <= plain
    assert b"/Dest" in content
    assert not list(tmp_path.glob("*.part"))
