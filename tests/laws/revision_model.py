"""How a belief is revised, said once more in plain Python, from the words of docs/beliefs.md and not from the SQL.

A belief is about one subject and predicate. Evidence is heard piece by piece. What matters is *when* it was so in the world:

- The first piece forms the belief.
- A piece that is older than the belief's last evidence is late: history takes it, the belief does not move.
- A piece that is newer opens a new moment. What was believed before is carried into it, as far as it has not decayed; decay
  leads back to not knowing, never into disbelief.
- Pieces of one moment are weighed together, in no order: each object has the log-odds of those that speak for it, less those
  that speak for others. What was carried speaks only for an object that somebody still supports.
- The guesses (inference, prior) are silent where a human's word says otherwise: one of this moment, or one that was carried.
  They are contradicted by it, and history takes them.
- The same evidence counts once.
- An inference may rest on other beliefs, as they were then. A belief rests on what the inferences that speak for it rest on. A guess
  that rests on something that is not so any more is no belief any more; what somebody else vouches for as well stays.
"""

import json
import math
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from pydantic import JsonValue

from empla.bdi import confidence
from empla.bdi.confidence import DecayModel, Source

Verdict = Literal["formed", "duplicate", "late", "contradicted", "replaced", "confirmed", "weighed"]
STRENGTH: dict[Source, int] = {"prior": 1, "inference": 2, "observation": 3, "told_by_human": 4}
HUMAN, GUESS = 4, 2
Support = tuple[str, int, str]  # what it is about, which belief about it, and what that said
REMEMBERED = 100  # ids of what is carried, and of what was silenced
MOST_GROUNDS = 201  # about one moment, what was carried included
FARTHEST = 40.0  # log-odds


def name_of(value: JsonValue) -> str:
    """The text that PostgreSQL gives to this JSON, equal for equal values: 1 and 1.0 are one number, true and 1 are not one thing."""
    match value:
        case bool() | None | str():
            return json.dumps(value, ensure_ascii=False)
        case int() | float():
            return json.dumps(int(value) if float(value).is_integer() else value)
        case list():
            return f"[{', '.join(name_of(item) for item in value)}]"
        case dict():
            members = sorted(value.items(), key=lambda member: (len(member[0].encode()), member[0].encode()))
            return "{" + ", ".join(f"{name_of(key)}: {name_of(member)}" for key, member in members) + "}"


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Evidence, as somebody hands it over."""

    object: JsonValue
    at: datetime
    source: Source = "observation"
    reliability: float | None = None
    id: str | None = None
    decay_rate: float | None = None
    decay_model: DecayModel | None = None
    rests_on: frozenset[Support] = frozenset()

    @property
    def weight(self) -> float:
        return confidence.log_odds(self.reliability or confidence.RELIABILITY[self.source])

    @property
    def is_a_guess(self) -> bool:
        return STRENGTH[self.source] <= GUESS


@dataclass(frozen=True)
class Carried:
    """What was believed when the moment opened."""

    object: JsonValue
    source: Source
    weight: float
    ids: tuple[str, ...]
    since: datetime
    rests_on: frozenset[Support] = frozenset()


@dataclass(frozen=True)
class Model:
    """A belief; there is none while nothing was heard."""

    object: JsonValue = None
    log_odds: float = 0.0
    source: Source = "prior"
    ids: tuple[str, ...] = ()
    at: datetime | None = None  # the last evidence
    since: datetime | None = None  # this object is believed
    decay_rate: float = 0.1
    decay_model: DecayModel = "linear"
    carried: Carried | None = None
    peers: tuple[Piece, ...] = ()
    silenced: tuple[str, ...] = ()  # ids of the guesses that a human contradicts
    rests_on: frozenset[Support] = frozenset()
    verdicts: tuple[Verdict, ...] = field(default=(), compare=False)

    @property
    def confidence(self) -> float:
        return confidence.probability(self.log_odds)

    @property
    def is_a_guess(self) -> bool:
        return STRENGTH[self.source] <= GUESS

    def without(self, gone: frozenset[Support]) -> "Model":
        """It rests on these no more, whoever said so."""
        return replace(
            self,
            rests_on=self.rests_on - gone,
            peers=tuple(replace(peer, rests_on=peer.rests_on - gone) for peer in self.peers),
            carried=self.carried and replace(self.carried, rests_on=self.carried.rests_on - gone),
        )

    def confidence_at(self, moment: datetime) -> float:
        assert self.at is not None
        return confidence.effective(
            self.confidence, decay_rate=self.decay_rate, decay_model=self.decay_model, anchor=self.at, at=moment
        )

    def hear(self, *news: Piece) -> "Model":
        """The belief after these pieces came together; they are heard in the order of the world."""
        found = self
        for piece in sorted(news, key=lambda piece: piece.at):
            found = found._hear(piece)
        return found

    def _hear(self, piece: Piece) -> "Model":
        verdict = self._verdict(piece)
        told = replace(self, verdicts=(*self.verdicts, verdict))
        match verdict:
            case "duplicate" | "late":
                return told
            case "contradicted":
                return replace(told, silenced=(*self.silenced, piece.id)[-REMEMBERED:] if piece.id else self.silenced)
            case "formed":
                moment = replace(told, carried=None, peers=(piece,))
            case "confirmed" | "replaced":
                moment = replace(told, carried=self._left_at(piece.at), peers=(piece,))
            case "weighed":
                moment = replace(told, peers=(*self.peers, piece))
        rate = self.decay_rate if piece.decay_rate is None else piece.decay_rate
        return replace(
            moment, at=piece.at, decay_rate=rate, decay_model=piece.decay_model or self.decay_model
        )._judged()

    def _verdict(self, piece: Piece) -> Verdict:
        if piece.id is not None and piece.id in self._heard():
            return "duplicate"
        if self.at is None:
            return "formed"
        if piece.at < self.at:
            return "late"
        is_new = piece.at > self.at
        if piece.is_a_guess and any(word != name_of(piece.object) for word in self._human_words(standing=is_new)):
            return "contradicted"
        if is_new:
            return "confirmed" if name_of(piece.object) == name_of(self.object) else "replaced"
        return "weighed" if len(self.peers) + (self.carried is not None) < MOST_GROUNDS else "late"

    def _heard(self) -> set[str]:
        carried = self.carried.ids if self.carried else ()
        return {*self.ids, *carried, *self.silenced, *(peer.id for peer in self.peers if peer.id is not None)}

    def _human_words(self, *, standing: bool) -> set[str]:
        """What a human says: as the belief stands when a new moment opens, else within this moment."""
        if standing:
            return {name_of(self.object)} if self.source == "told_by_human" else set()
        words = {name_of(peer.object) for peer in self.peers if peer.source == "told_by_human"}
        if self.carried and self.carried.source == "told_by_human":
            words.add(name_of(self.carried.object))
        return words

    def _left_at(self, moment: datetime) -> Carried:
        left = self.confidence_at(moment)
        weight = max(0.0, confidence.log_odds(left)) if left < self.confidence else self.log_odds
        if self.log_odds <= 0:
            weight = self.log_odds  # disbelief does not grow by waiting
        assert self.since is not None
        return Carried(self.object, self.source, weight, self.ids[-REMEMBERED:], self.since, self.rests_on)

    def _judged(self) -> "Model":
        words = self._human_words(standing=False)
        speaking = [piece for piece in self.peers if not piece.is_a_guess or words <= {name_of(piece.object)}]
        objects = {name_of(piece.object): piece.object for piece in speaking}
        carried = self.carried
        if carried and (
            name_of(carried.object) not in objects
            or (STRENGTH[carried.source] <= GUESS and not words <= {name_of(carried.object)})
        ):
            carried = None

        def weights(name: str) -> list[float]:
            found = [piece.weight for piece in speaking if name_of(piece.object) == name]
            return [*found, carried.weight] if carried and name_of(carried.object) == name else found

        def strength(name: str) -> int:
            found = [STRENGTH[piece.source] for piece in speaking if name_of(piece.object) == name]
            return max([*found, STRENGTH[carried.source]] if carried and name_of(carried.object) == name else found)

        support = {name: math.fsum(weights(name)) for name in objects}
        # A human's word first, then the most support; between equals any choice is right if it is always the same.
        best = min(objects, key=lambda name: (strength(name) != HUMAN, -round(support[name], 9), name))
        odds = support[best] - math.fsum(support[name] for name in objects if name != best)
        ids = {piece.id for piece in speaking if name_of(piece.object) == best and piece.id is not None}
        rests_on = {on for piece in speaking if name_of(piece.object) == best for on in piece.rests_on}
        if carried and name_of(carried.object) == best:
            ids |= set(carried.ids)
            rests_on |= carried.rests_on
        same_as_before = self.carried is not None and name_of(self.carried.object) == best
        return replace(
            self,
            object=objects[best],
            log_odds=max(-FARTHEST, min(FARTHEST, odds)),
            source=next(source for source, rank in STRENGTH.items() if rank == strength(best)),
            ids=tuple(sorted(ids)),
            rests_on=frozenset(rests_on),
            since=self.carried.since if self.carried and same_as_before else self.at,
        )


Standing = dict[str, tuple[int, Model]]  # which belief about each thing is held, and what it is


def is_so(support: Support, held: Standing) -> bool:
    about, number, said = support
    return about in held and held[about][0] == number and name_of(held[about][1].object) == said


def settled(held: Standing) -> Standing:
    """What is left once all that rests on nothing has fallen."""
    while hollow := {
        about: [support for support in model.rests_on if not is_so(support, held)] for about, (_, model) in held.items()
    }:
        falling = {about for about, gone in hollow.items() if gone and held[about][1].is_a_guess}
        if not falling:
            return {about: (number, model.without(frozenset(hollow[about]))) for about, (number, model) in held.items()}
        held = {about: found for about, found in held.items() if about not in falling}
    return held


def sureness(about: str, held: Standing, at: datetime) -> float:
    """How sure one is of it then: what was only inferred is no surer than the weakest that it rests on."""
    model = held[about][1]
    below = [on for on, _, _ in model.rests_on] if model.source == "inference" else []
    return min([model.confidence_at(at), *(sureness(on, held, at) for on in below)])
