"""Notices by mail, by setting: once, what is severe enough, and never in the way of anything else."""

from pathlib import Path
from typing import LiteralString

import pytest
from leaving import Leaver, a_leaver, mails

from empla.effects import integrations, notices
from empla.storage.database import Database
from empla.storage.tx import Caller

SET: LiteralString = "UPDATE tenants SET settings = %(settings)s::jsonb WHERE id = %(tenant)s::uuid"


@pytest.fixture
async def leaver(database: Database, tmp_path: Path) -> Leaver:
    return await a_leaver(database, tmp_path / "mail", stage="shadow")


async def set_to(leaver: Leaver, **settings: object) -> None:
    async with leaver.database.write(leaver.caller) as tx:
        await tx.execute(SET, settings={"notices": settings})


async def tells(leaver: Leaver, key: str, severity: notices.Severity) -> None:
    async with leaver.database.work(Caller(leaver.caller.tenant, employee=leaver.employee)) as tx:
        await notices.tell(
            tx, employee=leaver.employee, key=key, kind="information", text=f"Look at {key}\nplease", severity=severity
        )


async def test_without_the_setting_nothing_is_mailed(leaver: Leaver, tmp_path: Path):
    await tells(leaver, "a", "urgent")
    await leaver.lives()
    assert mails(tmp_path / "mail") == []


async def test_what_is_severe_enough_is_mailed_once_in_one_mail(leaver: Leaver, tmp_path: Path):
    await set_to(leaver, mail_to=["greta@acme.example", "marcus@acme.example"])
    for key, severity in (("a", "warning"), ("b", "urgent"), ("c", "info")):
        await tells(leaver, key, severity)  # type: ignore[arg-type]
    for _ in range(3):
        await leaver.lives()
    [mail] = mails(tmp_path / "mail")
    assert mail["Subject"] == "Jordan: Look at b (and 1 more)"
    assert mail["To"] == "greta@acme.example, marcus@acme.example"
    assert "Look at a\r\nplease" in mail.get_content()
    assert "Look at c" not in mail.get_content()
    await set_to(leaver, mail_to=["greta@acme.example"], least="info")
    await leaver.lives()
    assert [mail["Subject"] for mail in mails(tmp_path / "mail")] == [
        "Jordan: Look at b (and 1 more)",
        "Jordan: Look at c",
    ]


async def test_it_is_tried_again_when_the_mail_server_is_not_there(
    leaver: Leaver, tmp_path: Path, unused_tcp_port: int
):
    await set_to(leaver, mail_to=["greta@acme.example"])
    async with leaver.database.write(leaver.caller) as tx:
        nobody = {"host": "127.0.0.1", "port": unused_tcp_port, "tls": "none"}
        await integrations.connect(tx, name="smtp", capability="email", kind="smtp", settings=nobody)
    await tells(leaver, "a", "urgent")
    await leaver.lives()
    await leaver.has_mail(tmp_path / "mail", "again")
    await leaver.lives()
    assert mails(tmp_path / "mail") == []  # not yet
    await leaver.waits(0.01)
    await leaver.lives()
    assert len(mails(tmp_path / "mail")) == 1
