"""How long does one wait for the demo?

    python benchmarks/demo.py [--records 40] [--without-browser]

Start: ``icdbase demo`` until it prints its address, the first time, when it
trains its models, and again; then until the page in a headless Chromium shows
the first record with its codes.  Prediction: through the web
page's own requests, codes with evidence of synthetic records of 2,300 to 2,500
characters, reading and counting included.  Beside the wall clock stands the
server's processor time, which does not depend on who else uses the machine.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

GOAL_COLD, GOAL_START, GOAL_PREDICTION = 10.0, 5.0, 0.2
LENGTHS = range(2300, 2501)
COMMAND = [sys.executable, "-c", "from icdbase.cli.main import main; main()", "demo", "--port", "0", "--no-open"]


def main():
    """Train if need be, start, ask, print."""
    options = _options()
    with TemporaryDirectory() as folder:
        _measure(Path(folder), options)


def _measure(folder: Path, options):
    with _Demo(folder) as demo:
        print(f"first start, models trained: {demo.started:.2f} s, {demo.cpu():.2f} s of processor time (goal {GOAL_COLD:g} s)")
    with _Demo(folder) as demo:
        print(f"address printed after {demo.started:.2f} s, {demo.cpu():.2f} s of processor time")
        if not options.without_browser:
            print(f"page usable after {_usable(demo):.2f} s (goal {GOAL_START:g} s; the browser's own start not counted)")
        for setting in ("default", "plain"):
            _predictions(demo, setting, options.records)


class _Demo:
    """A demo in a process of its own."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __enter__(self):
        self.begin = time.perf_counter()
        self.process = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True, cwd=self.folder)
        self.address = self.process.stdout.readline().split()[0]
        self.started = time.perf_counter() - self.begin
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def cpu(self) -> float:
        """Processor seconds of the process so far (Linux)."""
        spent = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK")

    def ask(self, what, body):
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}api/{what}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


def _usable(demo: _Demo) -> float:
    """Open the page; return seconds from the demo's start, the browser's start left out."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    import chromium

    begin = time.perf_counter()
    browser = chromium.start()
    opened = time.perf_counter() - begin
    begin = time.perf_counter()
    browser.get(demo.address)
    while not browser.execute_script("return document.body.dataset.ready"):
        time.sleep(0.01)
    took = time.perf_counter() - begin
    browser.quit()
    print(f"  of this the page {took:.2f} s; Chromium itself took {opened:.2f} s")
    return demo.started + took


def _predictions(demo: _Demo, setting: str, n: int):
    records, number = [], 0
    while len(records) < n:
        texts = demo.ask("record", {"number": number})["texts"]
        number += 1
        if sum(map(len, texts.values())) in LENGTHS:
            records.append(texts)
    demo.ask("predict", {"model": setting, "record": records[0]})
    walls, cpu = [], demo.cpu()
    for texts in records:
        begin = time.perf_counter()
        demo.ask("predict", {"model": setting, "record": texts})
        walls.append(time.perf_counter() - begin)
    cpu = (demo.cpu() - cpu) / n
    walls.sort()
    print(f"{setting}: codes with evidence of {n} records of {LENGTHS[0]} to {LENGTHS[-1]} characters: "
          f"median {1000 * statistics.median(walls):.0f} ms, slowest {1000 * walls[-1]:.0f} ms; "
          f"processor time {1000 * cpu:.0f} ms each (goal {1000 * GOAL_PREDICTION:.0f} ms)")


def _options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=40)
    parser.add_argument("--without-browser", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
