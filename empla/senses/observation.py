"""What a source saw becomes observations; what it could not use is reported, never silently dropped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, JsonValue, StringConstraints

_Text = Annotated[str, StringConstraints(min_length=1)]
_UtcDatetime = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]


class NewObservation(BaseModel):
    """What a source saw, addressed to one employee; (recipient, source, external_id) names it for good."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: _Text  # "crm"
    external_id: _Text  # the same in every run and every later export of the same thing
    recipient: _Text  # e-mail of the employee that perceives it
    kind: _Text  # the source's word: "deal_won"
    occurred_at: _UtcDatetime  # when it happened in the world
    description: _Text  # one sentence for a person
    participants: tuple[str, ...]  # identifiers: account names, e-mail addresses
    content: dict[str, JsonValue]
    tainted: bool = True  # it came from outside, so what it says is nobody's word


class Oddity(BaseModel):
    """Something in the input that a person should know of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    line: int | None  # 1-based, the header is line 1; None: the file as a whole
    reason: str
    kept: bool  # False: this is why the row was left out; True: it did not keep the row from being read
    item: str | None = None  # which one, where a folder is read and not the lines of a file


@dataclass(slots=True)
class Findings:
    """What is wrong with one row: a fault leaves it out, a note does not."""

    faults: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])

    def oddities(self, file: str, line: int | None, item: str | None = None) -> Iterable[Oddity]:
        for reason in self.faults:
            yield Oddity(file=file, line=line, reason=reason, kept=False, item=item)
        for reason in self.notes:
            yield Oddity(file=file, line=line, reason=reason, kept=True, item=item)


@dataclass(frozen=True, slots=True)
class OddityGroup:
    """The oddities of one file that have the same reason."""

    reason: str
    kept: bool
    count: int
    first: str  # "sales_pipeline.csv:12", "Maildir/new/1709.host", or the file alone


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one pass over a source gave: a row is observed, or left out and an oddity says why."""

    observations: list[NewObservation]  # by occurred_at, then external_id
    oddities: list[Oddity]
    rows_read: int  # data rows of the file that carries the observations
    rows_left_out: int  # of these; each has at least one oddity with kept=False
    digest: str  # SHA-256 of the input, hexadecimal: equal input, equal digest


def summary(oddities: Sequence[Oddity]) -> list[OddityGroup]:
    """The oddities grouped by file and reason, the most frequent first."""
    groups: dict[tuple[str, str, bool], list[Oddity]] = {}
    for oddity in oddities:
        groups.setdefault((oddity.file, oddity.reason, oddity.kept), []).append(oddity)
    found = [
        OddityGroup(reason=reason, kept=kept, count=len(group), first=_place(group[0]))
        for (_, reason, kept), group in groups.items()
    ]
    return sorted(found, key=lambda group: -group.count)


def _place(oddity: Oddity) -> str:
    if oddity.item is not None:
        return f"{oddity.file}/{oddity.item}"
    return oddity.file if oddity.line is None else f"{oddity.file}:{oddity.line}"
