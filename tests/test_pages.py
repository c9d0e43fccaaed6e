"""The pages that people open, in a real browser."""

import pytest
from chromium import complaints, serious_findings

from icdbase.html_report import write_report


@pytest.fixture(scope="module")
def report(coder, held_out, tmp_path_factory):
    path = tmp_path_factory.mktemp("pages") / "report.html"
    return write_report(path, coder, held_out, coder.predict(held_out), n_bootstrap=50, with_text=True).as_uri()


def test_the_report_opens_without_complaint(browser, report):
    browser.get(report)
    assert complaints(browser) == []
    assert serious_findings(browser) == []
