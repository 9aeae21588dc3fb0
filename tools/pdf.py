"""The whole course as one PDF, with bookmarks and links, from the same notebooks as the website: `python tools/pdf.py`

Sphinx puts all pages into one, and Chromium prints it with the print style of book/_static/course.css. It takes a
minute or two and writes _build/neural-networks-from-scratch.pdf.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import browser
import yaml
from downloads import WEBSITE

ROOT = Path(__file__).resolve().parent.parent
# A page of the course begins on a new sheet of paper; so does what Sphinx calls a document.
NEW_SHEET = 'span[id^="document-"] + section { break-before: page; }'
FOOT = '<div style="width: 100%; font: 8px sans-serif; text-align: center; color: #555"><span class="pageNumber"></span></div>'
MARGINS = {"top": "18mm", "bottom": "18mm", "left": "16mm", "right": "16mm"}


def one_page(book, folder):
    """Build `book` as one page in `folder`; returns its file."""
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(book)]
    command += ["--builder", "singlehtml", "--path-output", str(folder)]
    build = subprocess.run(command, cwd=book, capture_output=True, encoding="utf-8", errors="replace")
    if build.returncode:
        raise SystemExit(f"the course could not be built as one page:\n{build.stdout[-2000:]}{build.stderr[-2000:]}")
    # The page lies in the folder of its first page, and names styles and pictures as if it lay above.
    built = Path(folder, "_build", "singlehtml")
    first = yaml.safe_load((book / "_toc.yml").read_text(encoding="utf-8"))["root"]
    page = built / "whole.html"
    shutil.move(built / f"{first}.html", page)
    return page


def print_page(page, file):
    """Print `page` into `file`; written beside and renamed."""
    from playwright.sync_api import sync_playwright

    beside = file.with_suffix(".part")
    with sync_playwright() as play:
        chromium = browser.launch(play)
        if chromium is None:
            raise SystemExit(browser.MISSING)
        tab = chromium.new_page()
        tab.set_default_timeout(600_000)  # ms
        tab.goto(page.as_uri())
        tab.evaluate("MathJax.startup.promise.then(() => 0)")
        tab.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
        tab.evaluate("Promise.all([...document.images].map(image => image.decode())).then(() => 0)")
        tab.add_style_tag(content=NEW_SHEET)
        tab.pdf(
            path=beside,
            format="A4",
            margin=MARGINS,
            outline=True,
            tagged=True,
            display_header_footer=True,
            header_template="<div></div>",
            footer_template=FOOT,
        )
        chromium.close()
    beside.replace(file)


def make(book, file):
    with tempfile.TemporaryDirectory() as folder:
        print_page(one_page(book, folder), file)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    target = ROOT / "_build" / f"{WEBSITE}.pdf"
    target.parent.mkdir(exist_ok=True)
    make(ROOT, target)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1e6:.0f} MB")
