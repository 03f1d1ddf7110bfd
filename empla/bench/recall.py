"""How much of what answers a question is recalled: conversations whose questions name their evidence, and no language model.

Each conversation is an employee's memory, through the public operations, as the app role under row security; the anchors are computed
beside it, from the same words and the same vectors.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, LiteralString, cast, get_args
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from empla.bench.cycle import throw_away
from empla.bench.plot import Axis, Line, chart
from empla.embedding.embedder import Embedder
from empla.employees import employees
from empla.errors import InvalidError, UsageError
from empla.memory import episodic, indexing
from empla.memory import recall as recalling
from empla.memory.episodic import NewEpisode
from empla.memory.question import Filters
from empla.memory.ranking import DEFAULT, Ranking
from empla.settings import Settings
from empla.storage.database import Database
from empla.storage.tx import Caller, ReadTx
from empla.tenancy import tenants

Form = Literal["structured", "dated", "text"]
FORMS: tuple[Form, ...] = get_args(Form)
KS = (5, 10, 20)
CURVE = (1, 2, 3, 5, 7, 10, 15, 20)
_MOST = max(CURVE)
_HEADLINE = 10
WHERE = (
    "it needs a data set: get data/locomo10.json of https://github.com/snap-research/locomo (CC BY-NC 4.0, for measuring only) "
    "and say where it is with --data"
)
_ADVERSARIAL = 5  # the category whose questions nothing answers
_EVIDENCE = re.compile(r"D\s*:?\s*(\d+)\s*:\s*(\d+)")
_SESSION = re.compile(r"session_(\d+)")
_K1, _B = 0.9, 0.4
_POOL = 100  # of each list, for the hybrid
_RESAMPLES = 4000
_SMALLEST_SPREAD = 1e-9

Scores = NDArray[np.float64]

# Ours, and ours without each of its parts.
RANKINGS: Mapping[str, Ranking] = {
    "ours": DEFAULT,
    "ours without people": DEFAULT.model_copy(update={"people": 0.0}),
    "ours without neighbours": DEFAULT.model_copy(update={"neighbours": 0.0}),
    "ours without words": DEFAULT.model_copy(update={"words": 0.0}),
    "ours without the vector": DEFAULT.model_copy(update={"vector": 0.0}),
}
_EPISODES = Filters(kinds=("episode",))


class Turn(BaseModel):
    """One turn of a conversation: one memory."""

    model_config = ConfigDict(frozen=True)

    speaker: str
    text: str
    at: datetime  # when its session began
    minute: int  # its place in its session


class Question(BaseModel):
    """A question, and the turns that answer it."""

    model_config = ConfigDict(frozen=True)

    text: str
    evidence: frozenset[int]  # places in the conversation


class Conversation(BaseModel):
    """What one employee remembers."""

    model_config = ConfigDict(frozen=True)

    name: str
    turns: list[Turn]
    questions: list[Question]


class Measured(BaseModel):
    """How one way to recall did."""

    model_config = ConfigDict(frozen=True)

    name: str
    at: dict[int, float]  # k: the share of evidence among the first k, over all questions
    conversations: dict[str, dict[int, float]]


class Difference(BaseModel):
    """How much more of the evidence ours recalls at 10, with the middle 95 % of resampled questions."""

    model_config = ConfigDict(frozen=True)

    than: str
    mean: float
    low: float
    high: float


class Report(BaseModel):
    """One run."""

    model_config = ConfigDict(frozen=True)

    form: Form
    embedder: str | None
    questions: int
    memories: int
    measured: list[Measured]
    differences: list[Difference]


def read(path: Path | None) -> list[Conversation]:
    """The conversations of a file, or of all JSON files of a folder. Raises `UsageError` without any, `InvalidError`."""
    if path is None:
        raise UsageError(WHERE)
    if not path.exists():
        raise UsageError(f"there is no {path}: {WHERE}")
    found = [
        conversation
        for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])
        for conversation in _of(file)
    ]
    if not found:
        raise InvalidError(f"{path} holds no conversation with questions: {WHERE}")
    return found


def _of(file: Path) -> list[Conversation]:
    try:
        told: Any = json.loads(file.read_text(encoding="utf-8"))
        return [_conversation(each) for each in told if "conversation" in each]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidError(f"{file} does not read as conversations in LoCoMo's form: {error}") from error


def _conversation(told: Mapping[str, Any]) -> Conversation:
    sessions = cast("Mapping[str, Any]", told["conversation"])
    turns: list[Turn] = []
    places: dict[tuple[int, int], int] = {}
    for number in sorted(int(found[1]) for key in sessions if (found := _SESSION.fullmatch(key))):
        at = datetime.strptime(sessions[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
        for minute, turn in enumerate(cast("Sequence[Mapping[str, Any]]", sessions[f"session_{number}"])):
            said = turn["text"] + (f" [image: {turn['blip_caption']}]" if turn.get("blip_caption") else "")
            places[_place(turn["dia_id"])[0]] = len(turns)
            turns.append(Turn(speaker=turn["speaker"], text=said or "-", at=at, minute=minute))
    questions = [
        Question(text=asked["question"], evidence=evidence)
        for asked in told["qa"]
        if asked.get("category") != _ADVERSARIAL
        and (
            evidence := frozenset(
                places[place] for said in asked.get("evidence") or () for place in _place(str(said)) if place in places
            )
        )
    ]
    return Conversation(name=told["sample_id"], turns=turns, questions=questions)


def _place(said: str) -> list[tuple[int, int]]:
    return [(int(session), int(turn)) for session, turn in _EVIDENCE.findall(said)]


async def run(
    settings: Settings, *, conversations: Sequence[Conversation], form: Form, progress: Callable[[str], None]
) -> Report:
    """Measure on a server of its own. `progress` is told what comes next."""
    progress("starting a server")
    async with throw_away(settings) as (database, _):
        caller = Caller(await tenants.create(database, slug="bench", name="Bench"))
        shares: dict[str, list[Scores]] = {}
        for conversation in conversations:
            progress(f"{conversation.name}: {len(conversation.turns):,} memories")
            employee, ids = await _remember(database, caller, conversation, form)
            async with database.read(caller) as tx:
                anchors = await _anchors(tx, conversation, database.embedder)
            for name, ranks in anchors.items():
                shares.setdefault(name, []).append(_shares(ranks, conversation.questions))
            for name, ranking in RANKINGS.items():
                progress(f"{conversation.name}: {name}")
                ranks = await _recalled(database, caller, employee, conversation, ids, ranking)
                shares.setdefault(name, []).append(_shares(ranks, conversation.questions))
        embedder = database.embedder
    names = [conversation.name for conversation in conversations]
    return Report(
        form=form,
        embedder=embedder.name if embedder else None,
        questions=sum(len(each.questions) for each in conversations),
        memories=sum(len(each.turns) for each in conversations),
        measured=[_measured(name, names, each) for name, each in shares.items()],
        differences=[
            _difference(than, shares["ours"], shares[than]) for than in ("BM25", "z-score hybrid") if than in shares
        ],
    )


async def _remember(
    database: Database, caller: Caller, conversation: Conversation, form: Form
) -> tuple[UUID, list[UUID]]:
    most = database.settings.max_batch
    episodes = [_episode(turn, form) for turn in conversation.turns]
    ids: list[UUID] = []
    async with database.write(caller) as tx:
        hired = await employees.hire(
            tx, name=conversation.name, role="custom", email=f"{conversation.name}@bench.example"
        )
        for start in range(0, len(episodes), most):
            ids += await episodic.record_many(tx, employee=hired.id, episodes=episodes[start : start + most])
    await indexing.catch_up(database, caller, employee=hired.id, embedder=database.embedder)
    return hired.id, ids


def _episode(turn: Turn, form: Form) -> NewEpisode:
    """As a transcript is told: who spoke and when as facts of their own, or in the text alone."""
    if form == "structured":
        at = turn.at + timedelta(minutes=turn.minute)
        return NewEpisode(description=turn.text, participants=(turn.speaker,), occurred_at=at)
    return NewEpisode(description=_line(turn), occurred_at=turn.at if form == "dated" else None)


def _line(turn: Turn) -> str:
    return f"{turn.speaker}: {turn.text}"


async def _recalled(
    database: Database,
    caller: Caller,
    employee: UUID,
    conversation: Conversation,
    ids: Sequence[UUID],
    ranking: Ranking,
) -> list[list[int]]:
    places = {memory: place for place, memory in enumerate(ids)}
    found: list[list[int]] = []
    for question in conversation.questions:
        async with database.ask(caller) as tx:
            hits = await recalling.recall(
                tx,
                employee=employee,
                query=question.text,
                embedder=database.embedder,
                limit=_MOST,
                filters=_EPISODES,
                ranking=ranking,
            )
        found.append([places[hit.id] for hit in hits])
    return found


WORDS: LiteralString = """
    SELECT place::int AS place, word, times
      FROM unnest(%(texts)s::text[]) WITH ORDINALITY AS t (body, place) CROSS JOIN LATERAL empla.words(t.body)
"""


class _Word(BaseModel):
    place: int
    word: int
    times: int


async def _anchors(tx: ReadTx, conversation: Conversation, embedder: Embedder | None) -> dict[str, list[list[int]]]:
    lines, asked = [_line(turn) for turn in conversation.turns], [each.text for each in conversation.questions]
    bm25 = _bm25(
        await tx.fetch_all(_Word, WORDS, texts=lines),
        await tx.fetch_all(_Word, WORDS, texts=asked),
        len(lines),
        len(asked),
    )
    found = {"BM25": _orders(bm25)}
    if embedder is None:
        return found
    cosine = (await _embedded(embedder, asked) @ (await _embedded(embedder, lines)).T).astype(np.float64)
    return found | {
        "vectors alone": _orders(cosine),
        "z-score hybrid": [_hybrid(one, other) for one, other in zip(cosine, bm25, strict=True)],
    }


async def _embedded(embedder: Embedder, texts: Sequence[str]) -> NDArray[np.float32]:
    most = embedder.max_batch
    return np.concatenate([await embedder.embed(texts[start : start + most]) for start in range(0, len(texts), most)])


def _bm25(words: Sequence[_Word], asked: Sequence[_Word], memories: int, questions: int) -> Scores:
    """Every memory's score for every question (Robertson and Zaragoza 2009)."""
    known = {word: column for column, word in enumerate({each.word for each in words})}
    times = np.zeros((memories, len(known)))
    for each in words:
        times[each.place - 1, known[each.word]] = each.times
    length = times.sum(1, keepdims=True)
    found = (times > 0).sum(0)
    idf = np.log(1 + (memories - found + 0.5) / (found + 0.5))
    weight = idf * times * (_K1 + 1) / (times + _K1 * (1 - _B + _B * length / length.mean()))
    wanted = np.zeros((questions, len(known)))
    for each in asked:
        if each.word in known:
            wanted[each.place - 1, known[each.word]] = 1
    return wanted @ weight.T


def _hybrid(cosine: Scores, bm25: Scores) -> list[int]:
    """The best hundred of each, all of them measured in both ways, by the sum of their deviations."""
    pool = np.union1d(_order(cosine)[:_POOL], [place for place in _order(bm25)[:_POOL] if bm25[place] > 0]).astype(
        np.intp
    )
    total = _deviations(cosine[pool]) + _deviations(bm25[pool])
    return [int(pool[place]) for place in _order(total)]


def _deviations(measured: Scores) -> Scores:
    spread = float(measured.std())
    return (measured - measured.mean()) / spread if spread > _SMALLEST_SPREAD else np.zeros_like(measured)


def _order(scores: Scores) -> list[int]:
    return [int(place) for place in np.argsort(-scores, kind="stable")]


def _orders(scores: Scores) -> list[list[int]]:
    return [_order(row)[:_MOST] for row in scores]


def _shares(found: Iterable[Sequence[int]], questions: Sequence[Question]) -> Scores:
    """A row for each question, a column for each k of the curve: how much of its evidence is among the first k."""
    return np.array(
        [
            [len(question.evidence.intersection(places[:k])) / len(question.evidence) for k in CURVE]
            for places, question in zip(found, questions, strict=True)
        ]
    )


def _measured(name: str, names: Sequence[str], shares: Sequence[Scores]) -> Measured:
    return Measured(
        name=name,
        at=_at(np.concatenate(shares)),
        conversations={each: _at(share) for each, share in zip(names, shares, strict=True)},
    )


def _at(shares: Scores) -> dict[int, float]:
    return {k: float(mean) for k, mean in zip(CURVE, shares.mean(0), strict=True)}


def _difference(than: str, ours: Sequence[Scores], others: Sequence[Scores]) -> Difference:
    column = CURVE.index(_HEADLINE)
    apart = np.concatenate(ours)[:, column] - np.concatenate(others)[:, column]
    generator = np.random.default_rng(0)
    means = apart[generator.integers(0, len(apart), (_RESAMPLES, len(apart)))].mean(1)
    low, high = (float(edge) for edge in np.percentile(means, (2.5, 97.5)))
    return Difference(than=than, mean=float(apart.mean()), low=low, high=high)


def plot(report: Report) -> str:
    """Recall against k."""
    shown = [each for each in report.measured if not each.name.startswith("ours without")]
    return chart(
        f"Evidence recalled, {report.questions:,} questions",
        x=Axis("k: memories recalled", at=CURVE),
        y=Axis("share of the evidence among them"),
        lines=[
            Line(each.name, sorted(each.at.items())) for each in sorted(shown, key=lambda each: -each.at[_HEADLINE])
        ],
    )
