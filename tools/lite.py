"""The notebooks in the reader's browser: JupyterLite as a part of the website, nnlib in it, and a page before each notebook.

A Sphinx extension, named in _config.yml. It adds the folder lite/ to the site, and "Run in the browser" to each page that is a
notebook; where JupyterLite is not installed, it does nothing. Python itself is Pyodide, which the reader's browser loads from
its official address, or from the site: see `lite_pyodide` in _config.yml.

    python tools/lite.py --lock npm/package ../shared/pyodide

writes tools/pyodide-lock.json anew: what the official distribution has of the packages that the course uses, with the hashes
by which the browser checks them, from the npm package `pyodide`; and their sizes, from a folder that has such files.
"""

import argparse
import base64
import hashlib
import html
import importlib.metadata
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from urllib.parse import quote

from downloads import nnlib_wheel
from sphinx.util import logging

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = Path(__file__).resolve().parent / "templates"
LOCK = Path(__file__).resolve().parent / "pyodide-lock.json"

VERSION = "314.0.7"
OFFICIAL = f"https://cdn.jsdelivr.net/pyodide/v{VERSION}/full/"
CORE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")  # Python, without any package

APPS = ("notebooks", "tree", "edit")  # one notebook; the list of files, with its upload; a text
KERNEL = "@jupyterlite/pyodide-kernel-extension"
# What the notebook's page loads of JupyterLite, in bytes, without the notebook: tests/test_lite.py measures it.
APP_BYTES = 7_250_000

# What the kernel itself needs: from the distribution, and from the site. Loaded at once, so that nobody asks another host.
PRELOADED = ("micropip", "ipython", "jedi")
FROM_SITE = ("piplite", "pyodide-kernel", "ipykernel", "comm")
# By the name that a cell imports: the packages of a notebook. nnlib asks for scikit-learn when its data are asked for.
PACKAGES = {"numpy": "numpy", "matplotlib": "matplotlib", "scipy": "scipy", "sklearn": "scikit-learn"}
SPOKEN = {"numpy": "NumPy", "matplotlib": "Matplotlib", "scipy": "SciPy", "scikit-learn": "scikit-learn"}

logger = logging.getLogger(__name__)


def is_installed():
    return all(importlib.util.find_spec(name) for name in ("jupyterlite_core", "jupyterlite_pyodide_kernel"))


def version_of(package):
    return importlib.metadata.version(package)


def dumps(thing):
    return json.dumps(thing, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


# ---------------------------------------------------------------- packages


def closure(lock, names):
    """These packages of a lock and all that they need, sorted; what the lock does not have is left out."""
    found, left = set(), list(names)
    while left:
        name = left.pop().lower().replace("_", "-")
        if name in lock["packages"] and name not in found:
            found.add(name)
            left += lock["packages"][name]["depends"]
    return sorted(found)


def wheel(name, version, files):
    """A wheel with these files (a dict of path: bytes), the same bytes each time; returns its file name and its content."""
    folder = f"{name}-{version}.dist-info"
    files = dict(files)
    files.setdefault(f"{folder}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode())
    files[f"{folder}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: tools/lite.py\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    hashes = {path: base64.urlsafe_b64encode(hashlib.sha256(content).digest()) for path, content in files.items()}
    lines = [f"{path},sha256={hashes[path].decode().rstrip('=')},{len(files[path])}" for path in sorted(files)]
    files[f"{folder}/RECORD"] = "\n".join([*lines, f"{folder}/RECORD,,", ""]).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            archive.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), files[path], zipfile.ZIP_DEFLATED)
    return f"{name}-{version}-py3-none-any.whl", buffer.getvalue()


def comm_wheel():
    """The official distribution has no comm, which the kernel needs: it is made of the one that is installed."""
    distribution = importlib.metadata.distribution("comm")
    paths = [path for path in distribution.files if ".." not in path.parts and path.suffix != ".pyc"]
    paths = [path for path in paths if path.name not in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")]
    return wheel("comm", distribution.version, {path.as_posix(): path.read_binary() for path in paths})


def own_wheels():
    """The wheels that come from the site: a dict of package: (file name, content)."""
    found = {"nnlib": nnlib_wheel(), "comm": comm_wheel()}
    for path in sorted((extension() / "static" / "pypi").glob("*.whl")):
        name = path.name.split("-")[0].replace("_", "-")
        if name in FROM_SITE:
            found[name] = (path.name, path.read_bytes())
    found["pyodide-kernel"] = mended_kernel(found["pyodide-kernel"][1])
    return found


# Cells share their context variables, as in ipykernel since 7.0.1; else np.set_printoptions would last for one cell only.
ONE_CELL = "self.interpreter.run_cell(\n"
MENDED = "_CONTEXT.run(\n                self.interpreter.run_cell,\n"


def mended_kernel(content):
    """The kernel's wheel with that one change."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/RECORD")}
    code = files["pyodide_kernel/kernel.py"].decode()
    if code.count(ONE_CELL) != 1:
        raise RuntimeError(
            "jupyterlite-pyodide-kernel runs cells in another way now: see mended_kernel in tools/lite.py"
        )
    code = code.replace(ONE_CELL, MENDED) + "\n\nimport contextvars\n\n_CONTEXT = contextvars.copy_context()\n"
    return wheel(
        "pyodide_kernel", version_of("jupyterlite-pyodide-kernel"), {**files, "pyodide_kernel/kernel.py": code.encode()}
    )


def extension():
    """The folder of the kernel's extension, as it was installed."""
    files = importlib.metadata.files("jupyterlite-pyodide-kernel")
    return next(path for path in files if path.name == "install.json").locate().resolve().parent


def lock_for(lock, base):
    """The lock of the site: the course's packages at `base`, and the wheels that lie beside the lock."""
    names = closure(lock, [*PRELOADED, *PACKAGES.values()])
    packages = {name: dict(lock["packages"][name]) for name in names if name not in FROM_SITE}
    for entry in packages.values():
        entry["file_name"] = base + entry["file_name"]
        entry.pop("size", None)
    depends = {"nnlib": ["numpy"], "piplite": ["micropip"], "pyodide-kernel": ["ipython", "comm"]}
    for name, (file, content) in own_wheels().items():
        packages[name] = {
            "name": name,
            "version": file.split("-")[1],
            "file_name": file,
            "install_dir": "site",
            "sha256": hashlib.sha256(content).hexdigest(),
            "package_type": "package",
            "imports": [name.replace("-", "_")],
            "depends": depends.get(name, []),
            "unvendored_tests": False,
        }
    return {"info": lock["info"], "packages": packages}


def distribution(folder):
    """The lock of a distribution in a folder with, for each file, its size; without a folder, of the official one."""
    if not folder:
        return json.loads(LOCK.read_text(encoding="utf-8"))
    lock = json.loads((folder / "pyodide-lock.json").read_text(encoding="utf-8"))
    lock["core"] = {name: (folder / name).stat().st_size for name in CORE}
    names = closure(lock, [*PRELOADED, *PACKAGES.values()])
    lock["packages"] = {name: lock["packages"][name] for name in names}
    for entry in lock["packages"].values():
        entry["size"] = (folder / entry["file_name"]).stat().st_size
    return lock


def write_lock(package, folder):
    """tools/pyodide-lock.json, from the npm package `pyodide` (unpacked) and a folder with files to measure."""
    official = json.loads((package / "pyodide-lock.json").read_text(encoding="utf-8"))
    version = json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
    if version != VERSION:
        raise SystemExit(f"{package} is {version}; VERSION in tools/lite.py is {VERSION}")
    at_hand = distribution(folder)["packages"]
    packages = {name: official["packages"][name] for name in closure(official, [*PRELOADED, *PACKAGES.values()])}
    for name, entry in packages.items():
        entry.pop("tool", None)
        entry["size"] = at_hand.get(name, {}).get("size")
    core = {name: (package / name).stat().st_size for name in CORE}
    LOCK.write_text(dumps({"info": official["info"], "core": core, "packages": packages}), encoding="utf-8")


# ---------------------------------------------------------------- JupyterLite


def build_app(out, folder):
    """JupyterLite's own files into `out`, with the kernel, without what the course does not use. Two seconds."""
    with tempfile.TemporaryDirectory() as scratch:
        site = Path(scratch, "site")
        command = [sys.executable, "-m", "jupyterlite_core", "build", "--lite-dir", scratch, "--output-dir", str(site)]
        command += [part for app in APPS for part in ("--apps", app)] + [
            "--no-sourcemaps",
            "--no-unused-shared-packages",
        ]
        done = subprocess.run(command, cwd=scratch, capture_output=True, encoding="utf-8", errors="replace")
        if done.returncode:
            raise RuntimeError(f"JupyterLite could not be built:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        for unused in [*site.glob("rspack.*"), site / "package.json", *site.glob("*/package.json"), site / "doc"]:
            remove(unused)
        for unused in [path for path in site.rglob("fa-*") if path.suffix in {".eot", ".svg", ".ttf", ".woff"}]:
            unused.unlink()  # browsers take the fifth format
        # The extensions of whatever else is installed beside the course; only the kernel is wanted.
        for other in [*site.glob("extensions/*"), *site.glob("extensions/@*/*")]:
            if not KERNEL.startswith(other.relative_to(site / "extensions").as_posix()):
                remove(other)
        for unused in [*site.glob(f"extensions/{KERNEL}/static/pypi/*.whl"), *site.rglob("*.map")]:
            unused.unlink()
        config = json.loads((site / "jupyter-lite.json").read_text(encoding="utf-8"))
        configure(config["jupyter-config-data"], folder)
        (site / "jupyter-lite.json").write_text(dumps(config), encoding="utf-8")
        remove(out)
        shutil.copytree(site, out)
    wheels = out / "pyodide"
    wheels.mkdir()
    lock = distribution(folder)
    for file, content in own_wheels().values():
        (wheels / file).write_bytes(content)
    (wheels / "pyodide-lock.json").write_text(dumps(lock_for(lock, "" if folder else OFFICIAL)), encoding="utf-8")
    if folder:
        for name in [*CORE, *(lock["packages"][name]["file_name"] for name in lock["packages"])]:
            shutil.copyfile(folder / name, wheels / name)


def configure(config, folder):
    """JupyterLite's settings."""
    config["appName"] = "Neural Networks from Scratch in NumPy"
    config["appUrl"] = "./tree"
    config["faviconUrl"] = "./tree/favicon.ico"
    config["contentsAllJsonFile"] = "all.json"
    config["fileTypes"]["svg"]["fileFormat"] = "base64"  # as text, a picture with a letter outside Latin-1 is not shown
    kept = [extension for extension in config["federated_extensions"] if extension["name"] == KERNEL]
    config["federated_extensions"] = kept
    config["litePluginSettings"] = {
        f"{KERNEL}:kernel": {
            "pyodideUrl": "./pyodide/pyodide.mjs" if folder else f"{OFFICIAL}pyodide.mjs",
            "disablePyPIFallback": True,  # no other host
            "loadPyodideOptions": {
                "lockFileURL": "./pyodide/pyodide-lock.json",
                "packages": [*PRELOADED, *FROM_SITE],
                # where nnlib.mnist() looks: the top folder of the notebook's files
                "env": {"HOME": "/home/pyodide", "NNLIB_DATA": "/drive"},
            },
        }
    }
    config["settingsOverrides"] = {"@jupyterlab/docmanager-extension:plugin": {"autosaveInterval": 15}}


def remove(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def key_of(folder):
    """Changes when JupyterLite's files have to be made anew."""
    parts = [version_of(name) for name in ("jupyterlite-core", "jupyterlite-pyodide-kernel", "comm")]
    parts += [Path(__file__).read_bytes(), LOCK.read_bytes(), nnlib_wheel()[1], str(folder)]
    parts += [(folder / "pyodide-lock.json").read_bytes()] if folder else []
    return hashlib.sha256(repr(parts).encode()).hexdigest()


# ---------------------------------------------------------------- the notebook's files


def served_files(notebooks):
    """What lies beside a notebook when it runs, as in the repository: a dict of path: bytes."""
    found = {}
    for page in notebooks:
        notebook = json.loads((ROOT / f"{page}.ipynb").read_text(encoding="utf-8"))
        notebook["metadata"]["kernelspec"] = {
            "name": "python",
            "display_name": "Python (Pyodide)",
            "language": "python",
        }
        found[f"{page}.ipynb"] = dumps(notebook).encode()
    others = [*ROOT.glob("book/*.md"), *ROOT.glob("lessons/images/*"), *ROOT.glob("lessons/results/*.json")]
    for path in [*others, *ROOT.glob("tests/wrong_versions.py")]:  # which chapter 21 borrows
        found[path.relative_to(ROOT).as_posix()] = path.read_bytes()
    return found


def write_files(out, files):
    """The files, and for each folder the list by which JupyterLite knows them."""
    for name in ("files", "api/contents"):
        remove(out / name)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    folders = {"": {}}
    for path, content in files.items():
        target = out / "files" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        *parents, name = path.split("/")
        for depth, folder in enumerate(parents):
            above, here = "/".join(parents[:depth]), "/".join(parents[: depth + 1])
            folders.setdefault(here, {})
            folders[above][folder] = {"type": "directory", "size": None, "mimetype": None}
        kind = "notebook" if name.endswith(".ipynb") else "file"
        folders["/".join(parents)][name] = {"type": kind, "size": len(content), "mimetype": None}
    common = {"content": None, "format": None, "created": now, "last_modified": now, "writable": True}
    for folder, children in folders.items():
        listing = [
            {**common, **child, "name": name, "path": f"{folder}/{name}".lstrip("/")}
            for name, child in sorted(children.items())
        ]
        whole = {**common, "type": "directory", "name": folder.rpartition("/")[2], "path": folder, "size": None}
        whole |= {"mimetype": None, "format": "json", "content": listing}
        target = out / "api" / "contents" / folder / "all.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(whole), encoding="utf-8")


# ---------------------------------------------------------------- the page before a notebook


def packages_of(notebook):
    """The packages that a notebook's code loads, and whether it asks for MNIST."""
    code = "\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    imported = set(re.findall(r"^\s*(?:import|from) (\w+)", code, re.MULTILINE))
    names = {package for module, package in PACKAGES.items() if module in imported}
    if "nnlib" in imported:
        names.add("numpy")
    if re.search(r"\b(digits|iris)\(\)", code):
        names.add("scikit-learn")
    return [name for name in PACKAGES.values() if name in names], bool(re.search(r"\bmnist\(\)", code))


def sizes_of(lock, names):
    """What a notebook with these packages downloads: a list of (what, bytes), and the packages whose size is not known."""
    kernel = closure(lock, PRELOADED)
    sizes, done, unknown = [], set(kernel), []
    core = sum(lock["core"].values()) + sum(lock["packages"][name]["size"] or 0 for name in kernel)
    sizes.append((f"Python (Pyodide {VERSION}) and what a notebook needs", core))
    for name in names:
        mine = [part for part in closure(lock, [name]) if part not in done]
        done.update(mine)
        missing = [part for part in mine if lock["packages"][part]["size"] is None]
        unknown += [part for part in missing if part in PACKAGES.values()]
        if name in lock["packages"] and name not in missing:
            sizes.append((SPOKEN[name], sum(lock["packages"][part]["size"] or 0 for part in mine)))
    return sizes, unknown


def megabytes(size):
    return f"{size / 1e6:.1f} MB" if size < 9.95e6 else f"{size / 1e6:.0f} MB"


# A check with np.errstate(over="raise") needs what WebAssembly does not have.
OVERFLOW = (
    " A check of this assignment that waits for one lets an answer pass here that your teacher's computer does not. "
    "Think about large numbers yourself."
)


def run_page(page, title, notebook, lock, in_site):
    """The page between a chapter and its notebook: what is downloaded, how large that is, and where work is kept."""
    names, mnist = packages_of(notebook)
    sizes, unknown = sizes_of(lock, names)
    host = "this site" if in_site else OFFICIAL.split("/")[2]
    rows = [
        ("The notebook and its editor (JupyterLite)", "this site", APP_BYTES + len(dumps(notebook))),
        *((what, host, size) for what, size in sizes),
    ]
    table = [f"<tr><td>{what}</td><td>{where}</td><td>{megabytes(size)}</td></tr>" for what, where, size in rows]
    table += [f"<tr><td>{SPOKEN[name]}</td><td>{host}</td><td>not measured</td></tr>" for name in unknown]
    total = f"{'more than' if unknown else 'about'} {megabytes(sum(size for *_, size in rows))}"
    lacking = [SPOKEN[name] for name in names if name not in lock["packages"]]
    values = {
        "title": html.escape(title),
        "total": total,
        "rows": "\n".join(table),
        "lacking": f"<p><strong>The Python of this site has no {' and no '.join(lacking)}.</strong> "
        "The cells that need it will fail.</p>"
        if lacking
        else "",
        "back": "../" * (page.count("/") + 2) + f"{page}.html",
        "up": "../" * (page.count("/") + 2),
        "lite": "../" * (page.count("/") + 1),
        "path": f"{page}.ipynb",
        "query": quote(f"{page}.ipynb"),
        "fingerprint": notebook["metadata"].get("fingerprint", ""),
        "mnist": (TEMPLATES / "run_mnist.html").read_text(encoding="utf-8") if mnist else "",
        "overflow": OVERFLOW if "errstate" in json.dumps(notebook["cells"]) and "/assignments/" in page else "",
    }
    text = (TEMPLATES / "run.html").read_text(encoding="utf-8")
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)


# ---------------------------------------------------------------- Sphinx


def folder_of(config):
    """The distribution that goes into the site, or None for the official address."""
    path = os.environ.get("LITE_PYODIDE", config.lite_pyodide)
    return (ROOT / path).resolve() if path else None


def is_notebook(app, page):
    return (Path(app.srcdir) / f"{page}.ipynb").exists()


def add_button(app, pagename, templatename, context, doctree):
    """Under the title of a page that is a notebook: a link to the page before it. No script, and no request."""
    if doctree is None or app.builder.name != "html" or not is_notebook(app, pagename):
        return
    target = "../" * pagename.count("/") + f"lite/run/{pagename}.html"
    link = f'<p class="run-link"><a href="{target}"><span aria-hidden="true">▶</span> Run in the browser</a></p>'
    context["body"] = context["body"].replace("</h1>", f"</h1>\n{link}", 1)


def write_lite(app, exception):
    if exception is not None or app.builder.name != "html":
        return
    out, folder = Path(app.outdir) / "lite", folder_of(app.config)
    stamp = out / "made-of.txt"
    if not (stamp.exists() and stamp.read_text() == key_of(folder)):
        build_app(out, folder)
        stamp.write_text(key_of(folder))
    pages = sorted(page for page in app.env.found_docs if is_notebook(app, page))
    files = served_files(pages)
    write_files(out, files)
    lock = distribution(folder)
    remove(out / "run")
    for page in pages:
        target = out / "run" / f"{page}.html"
        target.parent.mkdir(parents=True, exist_ok=True)
        title = app.env.titles[page].astext()
        target.write_text(
            run_page(page, title, json.loads(files[f"{page}.ipynb"]), lock, bool(folder)), encoding="utf-8"
        )
    shutil.copyfile(TEMPLATES / "run.js", out / "run" / "run.js")


def setup(app):
    app.add_config_value("lite_pyodide", "", "")
    if is_installed():
        app.connect("html-page-context", add_button)
        app.connect("build-finished", write_lite)
    else:
        logger.info("JupyterLite is not installed: the site is made without 'Run in the browser'")
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lock", nargs=2, type=Path, metavar=("PACKAGE", "FOLDER"), required=True)
    write_lock(*parser.parse_args().lock)


if __name__ == "__main__":
    main()
