"""What several demonstrations have in common becomes one list of steps; what differs in them is explained by their events, or left out.

Deterministic, and no model is asked: steps are aligned by their actions, and a text's words that are a value of the event become its name.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from empla.conditions import Condition, template_names
from empla.conditions_tree import Name
from empla.conditions_values import in_a_text
from empla.errors import InvalidError
from empla.memory.actions import ACTIONS, OF_EVERY_STEP, Kind
from empla.memory.playbook import Playbook

Seen = Mapping[str, JsonValue]
"""A step as it was seen: an action, and what was said with it."""

Place = tuple[int, ...]

LEAST_NAMED = 3
"""A value that was the same in every demonstration is taken for the event's from so many characters on: a 3 may be any 3."""

_TEMPLATES: frozenset[Kind] = frozenset({"text", "name", "names", "value", "metric"})
_BOUND_ANYWAY = frozenset({"event", "description", "source"})  # by whatever is perceived, whatever its content says
_PLACE_OF_A_STEP = "step"
# What a step can do without when people do not agree on it, besides what is optional for its action.
_BESIDES = frozenset({"duration", "retries", "backoff", "timeout"})
_NEVER_OPEN = frozenset({"arguments"})  # of a call of another system
_MAX_PLACES = 100_000
_DIFFER = "they differ in its {}, and the events do not say why"
_NOT_ALL_SAY = "not all of them say its {}"


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What one person was seen to do, once."""

    by: str
    steps: Sequence[Seen]
    content: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])  # of the event that it answered


@dataclass(frozen=True, slots=True)
class General:
    """What all demonstrations are instances of."""

    steps: list[dict[str, JsonValue]]
    names: list[str]  # of the event's content, that the steps speak of
    left_out: list[str]  # what only some did, or what nothing explains; each a sentence


def generalised(demonstrations: Sequence[Demonstration], *, skills: Mapping[str, Playbook]) -> General:
    """The steps that all of them have, in their order; no steps when they share nothing."""
    reader = _Reader(demonstrations, skills)
    profile: list[Place] = [(index,) for index in range(len(demonstrations[0].steps))]
    for count in range(2, len(demonstrations) + 1):
        profile = _aligned(profile, count, reader)
    reader.used.clear()
    steps: list[dict[str, JsonValue]] = []
    left_out: list[str] = []
    for number, place in enumerate(profile, start=1):
        made = reader.step(place)
        steps.append(made.step)
        left_out += [f"step {number} ({made.step['action']}): {reason}" for reason in made.open]
    return General(steps, sorted(reader.used), [*left_out, *_lost(profile, reader)])


def _aligned(profile: Sequence[Place], count: int, reader: "_Reader") -> list[Place]:
    """The longest common sequence of what the first ones share and the next one's steps; of equals, the one that says most, soonest."""
    steps = range(len(reader.demonstrations[count - 1].steps))
    weights = {
        (row, column): 1000 + made.said
        for row, place in enumerate(profile)
        for column in steps
        if not (made := reader.step((*place, column))).fault
    }
    best = [[0] * (len(steps) + 1) for _ in range(len(profile) + 1)]
    for row in reversed(range(len(profile))):
        for column in reversed(steps):
            together = weights.get((row, column))
            best[row][column] = max(
                best[row + 1][column],
                best[row][column + 1],
                0 if together is None else together + best[row + 1][column + 1],
            )
    found: list[Place] = []
    row = column = 0
    while row < len(profile) and column < len(steps):
        together = weights.get((row, column))
        if together is not None and best[row][column] == together + best[row + 1][column + 1]:
            found.append((*profile[row], column))
            row, column = row + 1, column + 1
        elif best[row][column] == best[row][column + 1]:
            column += 1
        else:
            row += 1
    return found


def _lost(profile: Sequence[Place], reader: "_Reader") -> Iterator[str]:
    """What one did and not all, each with the reason."""
    kept = [{place[who] for place in profile} for who in range(len(reader.demonstrations))]
    for who, one in enumerate(reader.demonstrations):
        for index, step in enumerate(one.steps):
            if index not in kept[who]:
                yield f"{one.by}'s step {index + 1} ({step['action']}): {_why_lost(who, index, kept, reader)}"


def _why_lost(who: int, index: int, kept: Sequence[set[int]], reader: "_Reader") -> str:
    step = reader.demonstrations[who].steps[index]
    alike = [
        (-sum(_same(step.get(key), value) for key, value in found.items()), abs(place - index), other, place)
        for other, demonstration in enumerate(reader.demonstrations)
        for place, found in enumerate(demonstration.steps)
        if other != who and place not in kept[other] and found["action"] == step["action"]
    ]
    if not alike:
        return "it is not in every demonstration"
    *_, other, place = min(alike)
    return reader.pair((who, index), (other, place)).fault or "it does not come at the same place in all demonstrations"


@dataclass(frozen=True, slots=True)
class _Made:
    """One step that several are instances of; or why they are not of one."""

    step: dict[str, JsonValue]
    open: tuple[str, ...] = ()  # what it does not say, because they differ in it
    fault: str | None = None

    @property
    def said(self) -> int:
        return len(self.step)


class _DifferError(Exception):
    """Why values are no instances of one."""


class _Reader:
    """Makes one step of several; remembers the names that it used."""

    def __init__(self, demonstrations: Sequence[Demonstration], skills: Mapping[str, Playbook]) -> None:
        self.demonstrations = demonstrations
        self.used: dict[str, None] = {}
        self._skills = skills
        self._values = _values(demonstrations)

    def step(self, place: Place) -> _Made:
        """The step of the first demonstrations at these indices."""
        return self._made([(who, index) for who, index in enumerate(place)])

    def pair(self, *seen: tuple[int, int]) -> _Made:
        """The step of these, each a demonstration and an index."""
        return self._made(list(seen))

    def _made(self, seen: Sequence[tuple[int, int]]) -> _Made:
        steps = [self.demonstrations[who].steps[index] for who, index in seen]
        action = str(steps[0]["action"])
        if any(step["action"] != action for step in steps):
            return _Made({}, fault="they are different actions")
        who = [demonstration for demonstration, _ in seen]
        made: dict[str, JsonValue] = {"action": action}
        left: list[str] = []
        for key in dict.fromkeys(key for step in steps for key in step):
            if key in made or key == _PLACE_OF_A_STEP:
                continue
            try:
                made[key] = self._value(_said(steps, key), who, is_template=self._is_template(action, key))
            except _DifferError as error:
                if not _is_open(action, key):
                    return _Made({}, fault=str(error).format(key))
                left.append(str(error).format(key))
        return _Made(made, tuple(left))

    def _is_template(self, action: str, key: str) -> bool:
        """Whether names are filled in there when it is carried out: of a skill, wherever a text stands."""
        known = ACTIONS.get(action)
        if known is None:
            return key not in OF_EVERY_STEP
        parameter = known.parameters().get(key)
        return (
            parameter is not None
            and parameter.kind in _TEMPLATES
            and not parameter.choices
            and key not in OF_EVERY_STEP
        )

    def _value(self, values: Sequence[JsonValue], who: Sequence[int], *, is_template: bool) -> JsonValue:
        """What all of them are instances of. Raises `_DifferError`."""
        first = values[0]
        texts = [value for value in values if isinstance(value, str)]
        if is_template and len(texts) == len(values):
            return self._text(texts, who)
        lists = [value for value in values if isinstance(value, list)]
        if is_template and len(lists) == len(values) and len({len(each) for each in lists}) == 1:
            return [self._value(list(column), who, is_template=True) for column in zip(*lists, strict=True)]
        objects = [value for value in values if isinstance(value, dict)]
        if is_template and len(objects) == len(values) and all(each.keys() == objects[0].keys() for each in objects):
            return {key: self._value([each[key] for each in objects], who, is_template=True) for key in objects[0]}
        if not all(_same(value, first) for value in values):
            raise _DifferError(_DIFFER)
        return first

    def _text(self, texts: Sequence[str], who: Sequence[int]) -> str:
        found = _template(texts, {name: [each[one] for one in who] for name, each in self._values.items()})
        if found is None:
            raise _DifferError(_DIFFER)
        self.used |= dict.fromkeys(str(name) for name in template_names(found, what="a text"))
        return found


def _said(steps: Sequence[Seen], key: str) -> list[JsonValue]:
    """Raises `_DifferError` where one does not say it."""
    if any(step.get(key) is None for step in steps):
        raise _DifferError(_NOT_ALL_SAY)
    return [step[key] for step in steps]


def _is_open(action: str, key: str) -> bool:
    """Whether a step may go without it where people differ in it. A skill's arguments are words of its texts: it may not."""
    known = ACTIONS.get(action)
    if known is None:
        return key in _BESIDES
    optional = {each.name for each in known.optional} - {"template"} - _NEVER_OPEN
    return key in optional or (key in _BESIDES and key not in {each.name for each in known.required})


def _same(one: JsonValue, other: JsonValue) -> bool:
    """Equal, and of one kind: true is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _values(demonstrations: Sequence[Demonstration]) -> dict[str, list[str]]:
    """What can be spoken of: the names that the content of every event has, each with its value in each, as a text shows it."""
    found: dict[str, list[str]] = {}
    for name in demonstrations[0].content:
        values = [one.content.get(name) for one in demonstrations]
        if not _is_a_name(name) or not all(
            isinstance(value, str | int | float) and not isinstance(value, bool) for value in values
        ):
            continue
        shown = [in_a_text(value) for value in values]
        is_varied = len(set(shown)) > 1
        if all(text.strip() for text in shown) and (is_varied or len(shown[0]) >= LEAST_NAMED):
            found[name] = shown
    return found


def _is_a_name(written: str) -> bool:
    """A bare name of conditions and templates, that the event's content binds."""
    if written in _BOUND_ANYWAY:
        return False
    try:
        Condition.parse(f"known {written}", what="it")
        return template_names(f"{{{written}}}", what="it") == frozenset({Name(None, written)})
    except InvalidError:
        return False


def _template(texts: Sequence[str], values: Mapping[str, Sequence[str]]) -> str | None:
    """The template that gives all these texts, each with its own values; None when there is none.

    All texts are read at once. Where each has a whole value of the same name, the name may stand; else they must go on with the
    same character. Long values first; where that leads nowhere, the next way is tried.
    """
    order = sorted(values, key=lambda name: (-len(values[name][0]), list(values).index(name)))
    end = tuple(len(text) for text in texts)

    def onward(place: Place) -> Iterator[tuple[Place, str]]:
        for name in order:
            if all(_stands(value, text, at) for value, text, at in zip(values[name], texts, place, strict=True)):
                lengths = (len(value) for value in values[name])
                yield tuple(at + length for at, length in zip(place, lengths, strict=True)), f"{{{name}}}"
        here = {text[at : at + 1] for text, at in zip(texts, place, strict=True)}
        if len(here) == 1 and (character := here.pop()):
            yield tuple(at + 1 for at in place), character * 2 if character in "{}" else character

    start: Place = (0,) * len(texts)
    seen: set[Place] = {start}
    path: list[tuple[Place, str, Iterator[tuple[Place, str]]]] = [(start, "", onward(start))]
    while path and len(seen) <= _MAX_PLACES:
        if path[-1][0] == end:
            return "".join(piece for _, piece, _ in path)
        step = next((step for step in path[-1][2] if step[0] not in seen), None)
        if step is None:
            path.pop()
        else:
            seen.add(step[0])
            path.append((*step, onward(step[0])))
    return None


def _stands(value: str, text: str, at: int) -> bool:
    """The value stands there as words of its own."""
    end = at + len(value)
    if not text.startswith(value, at):
        return False
    is_cut_before = at > 0 and text[at - 1].isalnum() and value[0].isalnum()
    is_cut_after = end < len(text) and text[end].isalnum() and value[-1].isalnum()
    return not (is_cut_before or is_cut_after)
