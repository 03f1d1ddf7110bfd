"""At the end of the run: what came of every delivery that was broken off, and of those among workers that fell."""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = [
        str(found)
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, found in report.user_properties
        if name == "outbox"
    ]
    if not lines:
        return
    terminalreporter.write_sep("-", "outbox")
    for line in lines:
        terminalreporter.write_line(line)
