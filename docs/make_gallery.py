"""Make the pictures of docs/gallery.md from real runs.

    python docs/make_gallery.py --out docs/images/gallery

Needs the `test` and `demo` extras, and chromium, chromium-driver and
fonts-noto-cjk.  Everything shown is synthetic: 1,485 records, seed 0.  Beside
the pictures it writes the checksum of what draws them; a test compares it.  Of
changed predictions it says nothing.
"""

import argparse
import hashlib
import html
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GALLERY = ROOT / "docs" / "images" / "gallery"
DRAWN_BY = ("docs/make_gallery.py", "icdbase/demo/static/*", "icdbase/report/*.j2")
"""Files that decide what the pages look like."""

CHECKSUM = GALLERY / "drawn-by.sha256"
TROPONIN = 1704
"""Number of a record with unstable angina and a troponin of 0.013."""

BIN = Path(sys.executable).parent
sys.path.insert(0, str(ROOT / "tests"))
TERMINAL = """<!DOCTYPE html><meta charset="utf-8"><title>terminal</title><style>
body { margin:0; background:#14171a; } pre { display:inline-block; margin:0; padding:18px 22px; color:#e8eaed;
font:15px/1.45 "Noto Sans Mono CJK SC",monospace; } b { color:#7db7ff; }</style><pre><b>$ %s</b>\n%s</pre>"""


def checksum() -> str:
    """Return the SHA-256 of the files in `DRAWN_BY`."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in DRAWN_BY for path in ROOT.glob(pattern)):
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def main():
    """Run the tool in a folder of its own, and take pictures of what it shows."""
    import chromium

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=GALLERY)
    out = parser.parse_args().out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, _browser(chromium) as browser:
        work = Path(folder)
        shutil.copy(ROOT / "run_baseline.py", work)
        data = "runs/demo/data"
        ran = [
            _run(work, "icdbase", "synth", "--n", "1485", "--seed", "0", "--out", data),
            _run(work, "python", "run_baseline.py", "--train", f"{data}/ICD-Coding-train.json",
                 "--test", f"{data}/ICD-Coding-test.json", "--out", "runs/demo"),
        ]
        _terminal(browser, work, "make run", "".join(ran), out / "run.png")
        explain = ["icdbase", "explain", "--model", "runs/demo/model", "--input", f"{data}/ICD-Coding-test.json",
                   "--record", "ZY0008023729", "--code", "I20.800x007"]
        _terminal(browser, work, " ".join(explain), _run(work, *explain), out / "explain.png")
        _run(work, "icdbase", "report", "--model", "runs/demo/model", "--gold", f"{data}/ICD-Coding-test.json",
             "--pred", "runs/demo/predictions.json", "--train", f"{data}/ICD-Coding-train.json",
             "--out", "text.html")
        _report(browser, work, out)
        with _demo(work) as address:
            _demo_pages(browser, address, out)
    if out == GALLERY:
        shutil.copy(out / "demo.png", out.parent)
        CHECKSUM.write_text(f"{checksum()}\n", encoding="ascii")


@contextmanager
def _browser(chromium):
    browser = chromium.start()
    try:
        yield browser
    finally:
        browser.quit()


def _run(work: Path, program: str, *arguments: str) -> str:
    done = subprocess.run([BIN / program, *arguments], cwd=work, capture_output=True, text=True, check=True,
                          env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"})
    return done.stdout


def _page(browser, address: str, height: int, width: int = 1180):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
    browser.get(address)


def _terminal(browser, work: Path, command: str, text: str, path: Path):
    page = work / "terminal.html"
    page.write_text(TERMINAL % (html.escape(command), html.escape(text)), encoding="utf-8")
    _page(browser, page.as_uri(), 1000)
    browser.find_element("css selector", "pre").screenshot(str(path))


def _report(browser, work: Path, out: Path):
    """The top in light, the same in dark and Chinese, and two sections further down."""
    _page(browser, (work / "text.html").as_uri(), 1260)
    browser.save_screenshot(str(out / "report-light.png"))
    for name in ("swaps", "codes", "coupled", "threshold", "hardest"):
        browser.execute_script("document.getElementById(arguments[0]).scrollIntoView()", name)
        browser.save_screenshot(str(out / f"report-{name}.png"))
    browser.execute_script("scrollTo(0, 0)")
    browser.find_element("id", "theme").click()
    browser.save_screenshot(str(out / "report-dark.png"))
    browser.find_element("id", "lang").click()
    browser.execute_script("document.getElementById('calibration').scrollIntoView()")
    browser.save_screenshot(str(out / "report-zh.png"))
    _page(browser, (work / "text.html").as_uri(), 844, 390)
    browser.save_screenshot(str(out / "report-phone.png"))


def _demo_pages(browser, address: str, out: Path):
    browser.implicitly_wait(30)

    def pictured(name: str, number: str = "", height: int = 1000, width: int = 1180, do: tuple = (), to: str = ".stage"):
        browser.get("about:blank")
        _page(browser, f"{address}{number}", height, width)
        browser.find_element("css selector", "body[data-ready='1']:not([data-busy])")
        for step in do:
            browser.execute_script(step)
            browser.find_element("css selector", "body:not([data-busy]):not([data-typing])")
        if do:
            browser.execute_script("document.querySelector(arguments[0]).scrollIntoView()", to)
        browser.save_screenshot(str(out / name))

    pictured("demo.png", height=900)
    pictured("demo-edited.png", f"#{TROPONIN}", do=("""
        const node = document.querySelector('.field[data-field="诊疗经过"] .text');
        node.textContent = node.textContent.replace("0.013", "1.13");
        node.dispatchEvent(new InputEvent("input", {bubbles: true}));""",))
    pictured("demo-compare.png", do=(
        "document.querySelector('#compare').click()",
        """document.querySelector('.field[data-field="诊疗经过"] .switch.B').click()"""))
    pictured("demo-quiz.png", do=("""
        document.querySelector("#quiz").click();
        for (let n = 0; n < 7; n++) document.querySelectorAll(".vote button:last-child")[n % 3].click();
        document.querySelector("#reveal").click();""",))
    pictured("demo-unlike.png", "#100000", height=700)
    pictured("demo-phone.png", height=844, width=390, do=(
        "document.querySelector('#language').click()", "document.querySelector('#theme').click()"), to="#codes")


@contextmanager
def _demo(work: Path):
    """Serve the demo; yields its address."""
    server = subprocess.Popen([BIN / "icdbase", "demo", "--port", "0", "--no-open", "--model", "runs/demo/model"],
                              cwd=work, stdout=subprocess.PIPE, text=True)
    try:
        yield server.stdout.readline().split()[0]
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


if __name__ == "__main__":
    main()
