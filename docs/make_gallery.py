"""Make the pictures of docs/gallery.md from real runs.

    python docs/make_gallery.py --out docs/images/gallery

Needs the `test` and `demo` extras, and chromium, chromium-driver and
fonts-noto-cjk.  Everything shown is synthetic: 1,485 records, seed 0.
"""

import argparse
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
TROPONIN = 1704
"""Number of a record with unstable angina and a troponin of 0.013."""

BIN = Path(sys.executable).parent
sys.path.insert(0, str(ROOT / "tests"))
TERMINAL = """<!DOCTYPE html><meta charset="utf-8"><title>terminal</title><style>
body { margin:0; background:#14171a; } pre { display:inline-block; margin:0; padding:18px 22px; color:#e8eaed;
font:15px/1.45 "Noto Sans Mono CJK SC",monospace; } b { color:#7db7ff; }</style><pre><b>$ %s</b>\n%s</pre>"""


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
            _page(browser, address, 900)
            browser.implicitly_wait(10)
            browser.find_element("css selector", "body[data-ready='1']:not([data-busy])")
            browser.save_screenshot(str(out / "demo.png"))
            if out == GALLERY:
                browser.save_screenshot(str(out.parent / "demo.png"))
            _edited(browser, address)
            browser.save_screenshot(str(out / "demo-edited.png"))


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


def _edited(browser, address: str):
    """Raise the troponin of a record in place, as a person does."""
    browser.get("about:blank")
    _page(browser, f"{address}#{TROPONIN}", 1000)
    browser.find_element("css selector", "body[data-ready='1']:not([data-busy])")
    browser.execute_script("""
        const node = document.querySelector('.field[data-field="诊疗经过"] .text');
        node.textContent = node.textContent.replace("0.013", "1.13");
        node.dispatchEvent(new InputEvent("input", {bubbles: true}));""")
    browser.find_element("css selector", ".target.single .row.added")
    browser.find_element("css selector", "body:not([data-busy]):not([data-typing])")
    browser.execute_script("document.querySelector('.stage').scrollIntoView()")


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
