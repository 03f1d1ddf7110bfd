"""What an employee knows how to do, in plain sentences, and how far it is trusted; people judge, allow, forbid and teach."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from markupsafe import Markup, escape
from pydantic import Field
from starlette.datastructures import UploadFile
from starlette.responses import Response

from empla.api.doors import STAFF
from empla.bdi import intention_listing
from empla.dashboard.pages import Room
from empla.dashboard.visits import Fields, Told, Visit
from empla.employees import employees
from empla.errors import EmplaError, InvalidError, NotFoundError
from empla.memory import demonstration, procedural
from empla.memory.lesson_file import lesson_of
from empla.memory.playbook_file import MAX_FILE_BYTES, checked, read
from empla.memory.playbook_words import Told as InWords
from empla.memory.playbook_words import told
from empla.memory.procedural import Procedure
from empla.memory.standing import Standing, wilson_lower, wilson_upper
from empla.storage.tx import Tx

room = Room("playbooks")
_PLANS = 15
_MAX_BODY = 4 * MAX_FILE_BYTES  # a file in a form takes more than it is long
EXAMPLES = {
    "playbooks": """role: every
playbooks:
  - name: thank_for_the_deal
    description: Thank for a deal that was won.
    triggers: [deal_won]
    context: known account
    steps:
      - action: task
        title: Thank {account}
        due: 1 day
""",
    "demonstrations": """demonstrations:
  - by: Ann
    event:
      kind: deal_won
      content: {account: Initech}
    steps:
      - action: task
        title: Thank Initech
  - by: Bob
    event:
      kind: deal_won
      content: {account: Hooli}
    steps:
      - action: task
        title: Thank Hooli
""",
}
_CODE, _STRONG, _SKILL = re.compile(r"`([^`]+)`"), re.compile(r"\*\*(.+?)\*\*"), re.compile(r"\*(.+?)\*")
Which = Literal["usable", "learned", "trial", "demoted", "disabled", "all"]


class Asked(Fields):
    """Which playbooks."""

    which: Which = "usable"
    search: str | None = Field(default=None, max_length=100)
    told: str | None = Field(default=None, max_length=40)


def _is_asked(each: Procedure, asked: Asked) -> bool:
    is_of = {
        "usable": each.enabled and each.standing != "demoted",
        "learned": each.learned_from not in {None, "pre_built"},
        "trial": each.standing == "trial",
        "demoted": each.standing == "demoted",
        "disabled": not each.enabled,
        "all": True,
    }
    words = f"{each.procedure_name} {each.procedure_name.replace('_', ' ')} {each.description}".lower()
    return is_of[asked.which] and (asked.search is None or asked.search.lower() in words)


@room.shows("/employees/{employee:uuid}/playbooks")
async def listed(visit: Visit, employee: UUID) -> Response:
    """All of its library, the most used first; one statement. Whether one can be carried out is said on its own page: it takes time."""
    asked = visit.asked(Asked)
    async with visit.read() as tx:
        person = await employees.get(tx, employee=employee)
        library = await procedural.library(tx, employee=employee)
    found = [each for each in library if _is_asked(each, asked)]
    found.sort(key=lambda each: (-each.execution_count, each.procedure_name))
    return visit.show(
        "playbooks.html",
        person=person,
        asked=asked,
        playbooks=found,
        known=len(library),
    )


@dataclass(frozen=True, slots=True)
class Record:
    """How often it worked, and what that lets one believe."""

    least: float  # 0..1
    seen: float | None
    most: float


@room.shows("/employees/{employee:uuid}/playbooks/{procedure:uuid}")
async def one(visit: Visit, employee: UUID, procedure: UUID) -> Response:
    """The playbook in words is one statement, for it names others; the plans that carried it out are one more."""
    visit.asked(Told)
    async with visit.read() as tx:
        person = await employees.get(tx, employee=employee)
        library = await procedural.library(tx, employee=employee)
        plans = (
            await intention_listing.lines(tx, employee=employee, procedure=procedure, limit=_PLANS)
            if visit.wants("plans")
            else []
        )
    found = next((each for each in library if each.id == procedure), None)
    if found is None:
        raise NotFoundError("there is no such playbook")
    succeeded, executed = found.success_count, found.execution_count
    return visit.show(
        "playbook.html",
        person=person,
        playbook=found,
        words=_in_words(found, library),
        faults=procedural.faults(found, library),
        record=Record(
            wilson_lower(succeeded, executed),
            succeeded / executed if executed else None,
            wilson_upper(succeeded, executed),
        ),
        spoken=_spoken({each.procedure_name: f"/employees/{employee}/playbooks/{each.id}" for each in library}),
        plans=plans,
    )


def _in_words(found: Procedure, library: Sequence[Procedure]) -> InWords | None:
    """None for one that can't be read; its faults say why."""
    try:
        return told(found.playbook, {each.procedure_name: each.playbook for each in library})
    except EmplaError:
        return None


def _spoken(there: Mapping[str, str]) -> Callable[[str], Markup]:
    """A sentence with its names set off as in a handbook, those of playbooks as ways to them."""

    def name(found: re.Match[str]) -> str:
        told = found[1]
        return f'<a href="{there[told]}">{told.replace("_", " ")}</a>' if told in there else f"<code>{told}</code>"

    def spoken(sentence: str) -> Markup:
        text = _CODE.sub(name, str(escape(sentence)))
        text = _STRONG.sub(r"<strong>\1</strong>", text)
        return Markup(_SKILL.sub(r"<em>\1</em>", text))  # noqa: S704 — it was escaped first

    return spoken


class Decided(Fields):
    """Whether it may be used."""

    act: Literal["enable", "disable"]


@room.takes("/employees/{employee:uuid}/playbooks/{procedure:uuid}/use")
async def use(visit: Visit, employee: UUID, procedure: UUID) -> Response:
    """Staff allows and forbids it; what is under way goes on."""
    act = (await visit.sent(Decided)).act
    async with visit.write(roles=STAFF) as tx:
        await procedural.set_enabled(tx, employee=employee, procedure=procedure, enabled=act == "enable")
    return visit.go(f"/employees/{employee}/playbooks/{procedure}", told=f"{act}d")


class Judged(Fields):
    """How far it is trusted from now on, and why."""

    standing: Standing
    reason: str = Field(min_length=1, max_length=procedural.MAX_REASON)


@room.takes("/employees/{employee:uuid}/playbooks/{procedure:uuid}/judge")
async def judge(visit: Visit, employee: UUID, procedure: UUID) -> Response:
    """Staff decides, whatever its record says."""
    sent = await visit.sent(Judged)
    async with visit.write(roles=STAFF) as tx:
        await procedural.set_standing(
            tx, employee=employee, procedure=procedure, standing=sent.standing, reason=sent.reason
        )
    return visit.go(f"/employees/{employee}/playbooks/{procedure}", told="judged")


class Taught(Fields):
    """What is written down, and of which kind it is."""

    kind: Literal["playbooks", "demonstrations"] = "playbooks"
    name: str | None = Field(default=None, max_length=200)  # of what is learned
    text: str | None = Field(default=None, max_length=MAX_FILE_BYTES)
    replace: bool = False
    file: object = None  # read before


@room.shows("/employees/{employee:uuid}/playbooks/teach")
async def form(visit: Visit, employee: UUID) -> Response:
    """Where one writes it down, or chooses a file."""
    visit.asked(Told)
    return await _form(visit, employee, Taught(), [])


async def _form(visit: Visit, employee: UUID, draft: Taught, faults: list[str], *, status: int = 200) -> Response:
    async with visit.read(roles=STAFF) as tx:
        person = await employees.get(tx, employee=employee)
    return visit.show_whole(
        "playbook_teach.html", status=status, person=person, draft=draft, faults=faults, examples=EXAMPLES
    )


@room.takes("/employees/{employee:uuid}/playbooks/teach", max_bytes=_MAX_BODY)
async def teach(visit: Visit, employee: UUID) -> Response:
    """All of the file, or none: what is wrong is said line by line, above what was written."""
    file = await _file(visit)
    sent = await visit.sent(Taught)
    if file:
        sent = sent.model_copy(update={"text": file.decode("utf-8", "replace")})
    data = file or (sent.text or "").replace("\r\n", "\n").encode()
    try:
        async with visit.write(roles=STAFF) as tx:
            added = await _added(tx, employee, sent, data)
    except EmplaError as error:
        if error.kind not in {"invalid", "usage", "conflict"}:
            raise
        return await _form(visit, employee, sent, str(error).splitlines(), status=422)
    here = f"/employees/{employee}/playbooks"
    (first, *others) = added
    return visit.go(here if others else f"{here}/{first.id}", told="taught" if sent.kind == "playbooks" else "learned")


async def _file(visit: Visit) -> bytes:
    """What was chosen; the form goes on without it. Read here once, starlette keeps the form."""
    form = await visit.request.form(max_files=1, max_fields=10, max_part_size=2 * MAX_FILE_BYTES)
    chosen = form.get("file")
    return await chosen.read() if isinstance(chosen, UploadFile) and chosen.size else b""


async def _added(tx: Tx, employee: UUID, sent: Taught, data: bytes) -> list[Procedure]:
    if not data.strip():
        raise InvalidError("write it down, or choose a file")
    if sent.kind == "demonstrations":
        if not sent.name:
            raise InvalidError("what is learned from demonstrations needs a name")
        lesson = lesson_of(data, file="line", name=sent.name)
        learned = await demonstration.learn_from_demonstrations(
            tx, employee=employee, lesson=lesson, replace=sent.replace
        )
        return [learned.procedure]
    known = [each.playbook for each in await procedural.library(tx, employee=employee)]
    taught = checked(read(data, file="line", shelf=known)).playbooks
    if not taught:
        raise InvalidError("it holds no playbooks")
    return await procedural.add(tx, employee=employee, playbooks=taught, replace=sent.replace)
