"""At the end of the run: how many attempts the attack made, over all of its processes, and how many leaked."""

from typing import cast

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    attempts = [
        attempt
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, found in report.user_properties
        if name == "attack"
        for attempt in cast("list[list[object]]", found)
    ]
    if not attempts:
        return
    tables, verbs, roles, tenants = (len({attempt[part] for attempt in attempts}) for part in range(4))
    leaks = sum(attempt[4] is True for attempt in attempts)
    terminalreporter.write_sep("-", "isolation")
    terminalreporter.write_line(
        f"{tables} tables × {verbs} verbs × {roles} roles × {tenants} tenants: {len(attempts):,} attempts, {leaks} leaks"
    )
