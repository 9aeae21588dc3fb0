"""How heavy and how quick the website's pages are, for a phone on a slow line.

    jupyter-book build . && python tests/benchmarks/website.py          every page's weight; the speed of a few
    python tests/benchmarks/website.py --site FOLDER                    of a site that lies elsewhere than in _build/html

Weight is what comes over the wire at the first visit, compressed as hosts do (gzip), with all pictures: the page is scrolled
to its end, so that those that wait are loaded, too. Speed is measured by Chromium with the network and the processor of a slow
phone: 1.6 Mbit/s, 150 ms to and fro, a quarter of this machine's processor. No test judges a time.
"""

import argparse
import gzip
import http.server
import mimetypes
import statistics
import sys
import threading
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import browser  # noqa: E402

SOME = (
    "book/index",
    "book/02_activations",
    "book/08_training",
    "book/assignments/A2_backpropagation",
    "book/reference",
)
SMALL_ALREADY = {".webp", ".png", ".woff", ".woff2", ".zip", ".whl"}
PHONE = {"width": 390, "height": 844}
SLOW_LINE = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 750e3 / 8,
}  # bytes/s
SLOWER = 4  # times, the processor

# Layout shift as web.dev defines it: the largest sum within five seconds without a second's pause between two shifts.
WATCH = """
window.shifts = [];
new PerformanceObserver(list => { for (const shift of list.getEntries())
  if (!shift.hadRecentInput) window.shifts.push([shift.startTime, shift.value]) }).observe({type: "layout-shift", buffered: true});
new PerformanceObserver(list => { window.largest = list.getEntries().at(-1).startTime })
  .observe({type: "largest-contentful-paint", buffered: true});
"""
TELL = """() => {
  let worst = 0, sum = 0, first = -Infinity, last = -Infinity;
  for (const [time, value] of window.shifts) {
    if (time - last > 1000 || time - first > 5000) { sum = 0; first = time; }
    sum += value; last = time; worst = Math.max(worst, sum);
  }
  return [performance.getEntriesByName("first-contentful-paint")[0].startTime / 1000, window.largest / 1000, worst];
}"""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        file = self.server.site / urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).lstrip("/")
        content = file.read_bytes() if file.is_file() else b""
        self.send_response(200 if file.is_file() else 404)
        self.send_header("Content-Type", mimetypes.guess_type(file.name)[0] or "application/octet-stream")
        self.send_header("Cache-Control", "max-age=600")
        if file.suffix not in SMALL_ALREADY:
            content = gzip.compress(content, 6)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


def visit(chromium, address, slow=False):
    """Open a page for the first time; returns its bytes on the wire, and first paint, largest paint (s), layout shift."""
    context = chromium.new_context(viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True)
    page = context.new_page()
    page.add_init_script(WATCH)
    wire = context.new_cdp_session(page)
    sizes = []
    wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    wire.send("Network.enable")
    if slow:
        wire.send("Network.emulateNetworkConditions", SLOW_LINE)
        wire.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(address, timeout=120_000)
    page.evaluate("Promise.resolve(window.MathJax?.startup?.promise).then(() => 0)")
    page.wait_for_timeout(1000)
    times = page.evaluate(TELL)
    before = sum(sizes)
    page.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    page.evaluate("Promise.all([...document.images].map(image => image.decode())).then(() => 0)")
    page.wait_for_timeout(100)
    context.close()
    return before, sum(sizes), *times


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--site", type=Path, default=ROOT / "_build" / "html", help="the folder of the built site")
    site = parser.parse_args().site.resolve()
    if not (site / "book/index.html").exists():
        raise SystemExit(f"there is no website in {site}; `jupyter-book build .` makes it")
    from playwright.sync_api import sync_playwright

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.site = site
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    pages = sorted(str(page.relative_to(site).with_suffix("")) for page in site.glob("book/**/*.html"))
    with sync_playwright() as play:
        chromium = browser.launch(play)
        if chromium is None:
            raise SystemExit(browser.MISSING)
        print(f"{'a slow phone':40}{'first paint':>12}{'largest':>10}{'layout shift':>14}")
        for page in SOME:
            tries = [visit(chromium, f"{address}{page}.html", slow=True)[2:] for _ in range(3)]
            first, largest, shift = (statistics.median(values) for values in zip(*tries))
            print(f"{page:40}{first:10.1f} s{largest:8.1f} s{shift:14.3f}")
        weights = {page: visit(chromium, f"{address}{page}.html")[:2] for page in pages}
        chromium.close()
    server.shutdown()
    print(f"\n{'kB on the wire, first visit':40}{'as it opens':>12}{'with all pictures':>19}")
    for page in (*SOME, max(weights, key=lambda page: weights[page][1])):
        print(f"{page:40}{weights[page][0] / 1e3:12.0f}{weights[page][1] / 1e3:19.0f}")
    before, whole = (statistics.median(values) for values in zip(*weights.values()))
    print(f"{f'median of all {len(weights)} pages':40}{before / 1e3:12.0f}{whole / 1e3:19.0f}")


if __name__ == "__main__":
    main()
