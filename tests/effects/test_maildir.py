"""A mail into a Maildir is one whole file, once for each key, and only its owner's."""

import asyncio
import stat
from pathlib import Path

import pytest
from outgoing import outgoing

from empla.effects.senders import maildir
from empla.effects.senders.maildir import MaildirSender
from empla.effects.senders.message import build


def files(folder: Path) -> list[Path]:
    return [path for part in ("tmp", "new", "cur") for path in (folder / part).iterdir()]


async def test_a_mail_lies_in_new_whole_and_private(tmp_path: Path):
    folder = tmp_path / "mail"
    sender = MaildirSender(folder)
    assert (sender.can_be_asked, sender.deduplicates) == (True, True)
    assert await sender.happened(outgoing()) is False
    outcome = await sender.send(outgoing())
    assert (outcome.verdict, outcome.reason) == ("done", "")
    [path] = files(folder)
    assert path == folder / "new" / str(outcome.receipt["file"])
    assert path.read_bytes() == build(outgoing()).content
    assert await sender.happened(outgoing()) is True
    assert await sender.happened(outgoing(key="another")) is False
    modes = {stat.S_IMODE(each.stat().st_mode) for each in (folder, *folder.iterdir())}
    assert (modes, stat.S_IMODE(path.stat().st_mode)) == ({0o700}, 0o600)


async def test_the_same_key_is_one_file_also_after_it_was_read(tmp_path: Path):
    sender = MaildirSender(tmp_path)
    outcomes = await asyncio.gather(*(sender.send(outgoing()) for _ in range(8)))
    assert {outcome.verdict for outcome in outcomes} == {"done"}
    [path] = files(tmp_path)
    path.rename(tmp_path / "cur" / f"{path.name}:2,S")
    assert await sender.happened(outgoing()) is True
    assert (await sender.send(outgoing(body="changed"))).verdict == "done"
    assert len(files(tmp_path)) == 1
    assert (await sender.send(outgoing(key="../../another"))).verdict == "done"
    assert len(files(tmp_path)) == 2


async def test_what_can_not_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    blocked = MaildirSender(tmp_path / "file")
    assert (await blocked.send(outgoing())).verdict == "later"
    assert await blocked.happened(outgoing()) is None
    assert (await MaildirSender(tmp_path / "m").send(outgoing(to=()))).verdict == "failed"
    assert (await MaildirSender(tmp_path / "m", max_bytes=100).send(outgoing())).verdict == "failed"


async def test_a_disk_that_fails_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    sender = MaildirSender(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(maildir.os, "fsync", fails)
        outcome = await sender.send(outgoing())
    assert (outcome.verdict, outcome.reason) == ("later", "the Maildir can't be written: No space left on device")
    assert files(tmp_path) == []
    with monkeypatch.context() as broken:
        broken.setattr(maildir, "_settle", fails)
        assert (await sender.send(outgoing())).verdict == "uncertain"
    assert await sender.happened(outgoing()) is True
