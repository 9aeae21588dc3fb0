"""The Chromium that the website is tested, measured and printed with: one that `CHROMIUM` names, the system's, or Playwright's."""

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
QUIET = ("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
QUIET += ("--disable-component-update", "--disable-sync")
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"  # no other host, whatever a page asks for
MISSING = "no Chromium; set CHROMIUM, or `playwright install chromium`"


def launch(play, *flags):
    """The browser, without a window and without a network; `play` is Playwright's. None where there is no Chromium."""
    found = [os.environ.get("CHROMIUM"), *map(shutil.which, NAMES), play.chromium.executable_path]
    path = next((path for path in found if path and Path(path).exists()), None)
    if path is None:
        return None
    # Its sandbox is switched off: it refuses to start as root, as in most containers, and the pages are our own.
    return play.chromium.launch(executable_path=path, args=[*QUIET, OFFLINE, *flags], chromium_sandbox=False)
