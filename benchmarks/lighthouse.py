"""Ask Lighthouse what it thinks of every page of the built book, and record it.

`make lighthouse`, or `python -m benchmarks.lighthouse [NAME ...]` for the pages whose names contain
one of the words (nothing is recorded then). The pages are served on this machine, compressed as a
real host does, and loaded as on a phone. Lighthouse comes by npx, so Node is needed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.site import chromium
from tests.site.book import HTML, pages
from tests.site.server import serving
from vaetut.files import write_file

LIGHTHOUSE = "lighthouse@12.8.2"
RESULTS = Path(__file__).with_suffix(".json")
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
LOWEST = 95


def measure(url: str, browser: str) -> dict:
    """Run Lighthouse once, and return what matters of its report."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            *("npx", "--yes", LIGHTHOUSE, url, "--quiet", "--output=json"),
            *(f"--output-path={report}", f"--only-categories={','.join(CATEGORIES)}"),
            f"--chrome-flags={' '.join(['--headless=new', *chromium.FLAGS])}",
        ]
        run(command, {**os.environ, "CHROME_PATH": browser})
        return summarize(json.loads(report.read_text(encoding="utf-8")))


def run(command: list[str], environment: dict[str, str], patience: int = 120) -> None:
    """Run Lighthouse, and once more if it hangs, with all that it started ended in between."""
    for attempt in (1, 2):
        with subprocess.Popen(command, env=environment, start_new_session=True) as process:
            try:
                if process.wait(patience) == 0:
                    return
                raise SystemExit("Lighthouse failed: see above")
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                print(f"Lighthouse hangs (attempt {attempt})", file=sys.stderr)
    raise SystemExit("Lighthouse hangs")


def summarize(report: dict) -> dict:
    """Return scores, the three vital numbers, and what was transferred."""
    audits = report["audits"]
    sent: dict[str, int] = {}
    for request in audits["network-requests"]["details"]["items"]:
        kind = request["resourceType"].lower()
        sent[kind] = sent.get(kind, 0) + request["transferSize"]
    scores = {name: round(100 * report["categories"][name]["score"]) for name in CATEGORIES}
    return {
        **scores,
        "largest_paint_ms": round(audits["largest-contentful-paint"]["numericValue"]),
        "blocking_ms": round(audits["total-blocking-time"]["numericValue"]),
        "layout_shift": round(audits["cumulative-layout-shift"]["numericValue"], 3),
        "bytes": sum(sent.values()),
        "bytes_without_images": sum(sent.values()) - sent.get("image", 0),
    }


def main(words: list[str]) -> int:
    """Measure the pages, print a table, record it; return 1 if a page is below the mark."""
    browser = chromium.find()
    if browser is None or shutil.which("npx") is None:
        print(f"Lighthouse needs Node and a browser ({chromium.MISSING})", file=sys.stderr)
        return 1
    names = [name for name in pages() if not words or any(word in name for word in words)]
    results = {}
    print(f"{'page':44} perf  a11y  best   seo     kB  without images")
    with serving(HTML) as address:
        for name in names:
            result = results[name] = measure(f"{address}/{name}", browser)
            scores = "  ".join(f"{result[category]:4}" for category in CATEGORIES)
            sizes = f"{result['bytes'] / 1e3:5.0f}  {result['bytes_without_images'] / 1e3:5.0f}"
            print(f"{name:44} {scores}  {sizes}", flush=True)
    if not words:
        text = json.dumps({"lighthouse": LIGHTHOUSE, "pages": results}, indent=1)
        write_file(RESULTS, f"{text}\n".encode())
    low = [name for name, r in results.items() if min(r[c] for c in CATEGORIES) < LOWEST]
    if low:
        print(f"Below {LOWEST}: {', '.join(low)}", file=sys.stderr)
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
