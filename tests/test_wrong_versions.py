"""Each wrong version of nnlib (see wrong_versions) makes nnlib's own tests fail; and those tests pass without it."""

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from wrong_versions import KINDS, WRONG_VERSIONS, applied, wrong

from nnlib import Dense

FOLDER = Path(__file__).parent
# What shows a mistake: a comparison that fails, an error that did not come, a warning that did. A crash does not count.
SHOWN = (AssertionError, pytest.fail.Exception, Warning)
# The proof that a change can go unseen: this one is no mistake.
HARMLESS = wrong("harmless", "Nothing.", "gradient check", (Dense.backward, "x.T @ d_out", "(d_out.T @ x).T"))
# Plugins that nobody needs here, one of which collects garbage at length.
WITHOUT = [word for name in ("nbval", "cacheprovider", "unraisableexception") for word in ("-p", f"no:{name}")]


class Watch:
    """A plugin of pytest that stops at the first test that shows a mistake, and keeps its name."""

    test = None

    def pytest_runtest_makereport(self, item, call):
        if call.excinfo is not None and call.excinfo.errisinstance(SHOWN) and self.test is None:
            self.test = item.nodeid
            item.session.shouldstop = "the mistake is shown"


def run_tests(arguments):
    """pytest's exit code, and the test that shows a mistake."""
    watch = Watch()
    with contextlib.redirect_stdout(io.StringIO()):
        code = pytest.main(["-q", "--tb=no", "-o", "addopts=", *WITHOUT, *arguments], plugins=[watch])
    return int(code), watch.test


def main():
    """Print, as JSON, for each version the test that shows it, or None; and how these tests do without any mistake."""
    found = {}
    for version in [*WRONG_VERSIONS, HARMLESS]:
        with applied(version):
            _, found[version.name] = run_tests([str(FOLDER / file) for file in KINDS[version.shown_by]])
    code, _ = run_tests(sorted({str(FOLDER.parent / test) for test in found.values() if test}))
    print(json.dumps({"found": found, "exit code without": code}))


@pytest.fixture(scope="module")
def results():
    """From a Python of its own, in which pytest may run inside pytest and functions may change."""
    done = subprocess.run([sys.executable, __file__], cwd=FOLDER.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", [version.name for version in WRONG_VERSIONS])
def test_a_wrong_version_is_shown_by_nnlibs_own_tests(results, name):
    assert results["found"][name] is not None, f"no test fails for: {name}"


def test_the_tests_that_show_mistakes_pass_without_them(results):
    assert results["exit code without"] == 0


def test_what_is_no_mistake_is_not_shown(results):
    assert results["found"]["harmless"] is None


def test_there_are_many_and_each_is_said_in_words():
    assert len(WRONG_VERSIONS) >= 20
    assert len({version.name for version in WRONG_VERSIONS}) == len(WRONG_VERSIONS)
    assert {version.shown_by for version in WRONG_VERSIONS} == set(KINDS)
    for version in WRONG_VERSIONS:
        assert version.mistake.endswith(".") and len(version.mistake) > 20 and len(version.changes) > 0


def test_a_mistake_is_taken_out_again_whatever_happens():
    code = Dense.backward.__code__
    with pytest.raises(ZeroDivisionError), applied(HARMLESS):
        assert Dense.backward.__code__ is not code
        raise ZeroDivisionError
    assert Dense.backward.__code__ is code


def test_a_line_that_is_not_there_is_an_error():
    old = wrong("old", "Nnlib has changed since.", "values", (Dense.backward, "x.transpose() @ d_out", "x"))
    with pytest.raises(ValueError, match="old: 'x.transpose.*' stands 0 times in Dense.backward"), applied(old):
        pass


if __name__ == "__main__":
    main()
