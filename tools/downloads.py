"""What the website offers to take along: nnlib as a wheel, and the whole website as a zip. A Sphinx extension.

Both lie in downloads/ of the built site. `lessons/how_to_run.md` links to them, and leaves a place for their sizes:
`<span data-size-of="nnlib-0.1.0-py3-none-any.whl"></span>`.
"""

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

from sphinx.errors import ExtensionError

ROOT = Path(__file__).resolve().parent.parent
WEBSITE = "neural-networks-from-scratch"  # the zip's name, and of the folder in it
LEFT_OUT = re.compile(r"downloads/|lite/(?!run/)")  # of the zip: itself, and what does not run from a folder
ALREADY_SMALL = {".webp", ".png", ".woff", ".woff2"}


@functools.cache
def nnlib_wheel():
    """nnlib as a wheel, made by its own build system: its file name and its bytes. The same sources give the same bytes.

    It is made of a copy, since setuptools leaves its traces beside the sources.
    """
    sources = [ROOT / "pyproject.toml", ROOT / "README.md", ROOT / "LICENSE", *sorted(ROOT.glob("nnlib/*.py"))]
    with tempfile.TemporaryDirectory() as copy:
        for path in sources:
            target = Path(copy, path.relative_to(ROOT))
            target.parent.mkdir(exist_ok=True)
            shutil.copy(path, target)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-build-isolation", "--no-index", "--wheel-dir", copy, copy]
        settings = os.environ | {"SOURCE_DATE_EPOCH": "315532800"}  # 1980, the first year that a zip knows
        made = subprocess.run(command, env=settings, capture_output=True, encoding="utf-8", errors="replace")
        if made.returncode:
            raise ExtensionError(f"nnlib's wheel could not be built:\n{made.stderr}")
        wheel = next(Path(copy).glob("nnlib-*.whl"))
        return wheel.name, wheel.read_bytes()


def write_zip(site, file):
    """Put the website, to be read from a folder, into a zip; written beside and renamed."""
    beside = file.with_suffix(".part")
    with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(site.rglob("*")):
            inside = path.relative_to(site).as_posix()
            if path.is_file() and not LEFT_OUT.match(inside):
                entry = zipfile.ZipInfo(f"{WEBSITE}/{inside}", (1980, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_STORED if path.suffix in ALREADY_SMALL else zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())
    beside.replace(file)


def offer_downloads(app, exception):
    """Write them when all else is written, and their sizes into the page that offers them."""
    if exception is not None or app.builder.name != "html":
        return
    site = Path(app.outdir)
    folder = site / "downloads"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    name, content = nnlib_wheel()
    (folder / name).write_bytes(content)
    write_zip(site, folder / f"{WEBSITE}.zip")

    page = site / "book/how_to_run.html"
    place = r'(<span data-size-of="([^"]+)">)[^<]*(</span>)'
    page.write_text(
        re.sub(place, lambda found: found[1] + size_in_words(folder / found[2]) + found[3], page.read_text("utf-8")),
        encoding="utf-8",
    )


def size_in_words(file):
    size = file.stat().st_size
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def setup(app):
    app.connect("build-finished", offer_downloads, priority=900)  # after all that writes into the site
    version = zlib.crc32(Path(__file__).read_bytes())
    return {"env_version": version, "parallel_read_safe": True, "parallel_write_safe": True}
