"""The book as a whole: book/ is what lessons/ say, and the website builds without a warning."""

import subprocess
import sys

import assignments
import publish


# Classes, since the tests of one class run in one worker: the site may then be built while the other one checks.
class TestPages:
    def test_book_is_as_publishing_leaves_it(self):
        complaints = publish.check()
        assert not complaints, "\n" + "\n".join(complaints)


class TestWebsite:
    def test_builds_without_a_warning(self, tmp_path):
        # `jupyter-book build . -W -n --keep-going`, of the Python that runs the tests
        command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
        command += ["build", ".", "-W", "-n", "--keep-going", "--path-output", str(tmp_path)]
        build = subprocess.run(command, cwd=publish.ROOT, capture_output=True, encoding="utf-8", errors="replace")
        lines = (build.stdout + build.stderr).splitlines()
        warnings = [line for line in lines if "WARNING" in line or "ERROR" in line]
        assert build.returncode == 0, "\n" + "\n".join(warnings or lines[-30:])
        site = tmp_path / "_build" / "html"
        assert (site / "index.html").exists()

        # of the assignments, what students get; in pages, their sources, notebooks and the index of the search
        files = [path for path in site.rglob("*") if path.suffix in {".html", ".ipynb", ".js", ".json", ".md", ".txt"}]
        assert all((site / f"book/assignments/{path.stem}.html") in files for path in assignments.sources())
        for path in files:
            text = path.read_text(encoding="utf-8")
            assert not [mark for mark in assignments.MARKS if mark in text], path.relative_to(site)
