"""Conditions by example: how they are written, what they mean, and what they say about what they can't know."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import JsonValue

from empla.conditions import Condition, Key, Known, View, render, resolve, template_keys, template_names
from empla.errors import InvalidError

NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)


def known(value: JsonValue, confidence: float = 0.9, *, days: float = 1) -> Known:
    return Known(value, confidence, NOW - timedelta(days=days))


BINDINGS: dict[str, JsonValue] = {
    "account": " Hilltop Foods ",
    "event": {"amount": 5, "tags": ["new", 7], "gone": None},
    "deal": {"stage": "lost"},
    "qualified": True,
    "tries": 3,
    "nothing": None,
}
BELIEFS: dict[Key, Known] = {
    ("self", "bant_score"): known(80),
    ("self", "stage"): known("open"),
    ("self", "tries"): known(99),
    ("self", "mood"): known("low", 0.4, days=20),
    ("Hilltop Foods", "health"): known(55),
    ("Hilltop Foods", "last_contact"): known("call", 0.3, days=20),
    ("a.b", "c"): known(True),
    ("jane@hilltop.example", "interest"): known("high"),
    ("tries", "left"): known(2),
}
VIEW = View(BINDINGS, BELIEFS, NOW)


def condition(written: JsonValue) -> Condition:
    return Condition.parse(written, what="if")


HOLDS: list[JsonValue] = [
    "bant_score > 70",
    "qualified",
    "true",
    "not false",
    'account.health < 60 and not (deal.stage = "won")',
    '"Hilltop Foods".health <= 55.0',
    "account.health in [54, 55]",
    "account.health not in [1, 2]",
    '"new" in event.tags',
    "7 in event.tags",
    "8 not in [1, 2] or unheard_of",
    "known account.health",
    "not known account.usage",
    "not known mood",
    "not known nothing",
    "not known event.gone",
    "age account.last_contact > 14 days",
    "age account.last_contact <= 20d",
    "age bant_score = 24 hours",
    "age account.last_contact > age bant_score",
    "confidence account.health >= 0.9",
    "confidence mood < .5",
    "confidence tries = 1",
    "event.amount == 5",
    "event.gone = null",
    "bant_score != null",
    "tries = 3",
    "tries.left = 2",
    "self.tries = 99",
    'stage >= "apex" and stage != "won"',
    "a.b.c",
    '"a.b".c',
    'jane@hilltop.example.interest = "high"',
    "bant_score > tries",
    "not (unheard_of and false)",
    "unheard_of or qualified",
    "not not qualified",
    {},
    [],
    {"bant_score": "> 70", "stage": ["open", "won"], "qualified": True},
    {"bant_score": [90, "< 81"], "tries": 3.0},
    {"tries": "> 2", "stage": "!= closed won", "event.amount": "= 5"},
    {"stage": '= "open"', "qualified": "!= false", "age account.last_contact": "> 2 weeks"},
    ["qualified", []],
    ["qualified", {"stage": "open"}, ["tries = 3"]],
]


@pytest.mark.parametrize("written", HOLDS, ids=str)
def test_what_holds(written: JsonValue):
    judged = condition(written).judge(VIEW)
    assert (judged.holds, judged.held) == (True, judged.stated)


@pytest.mark.parametrize(
    ("written", "notes"),
    [
        ("bant_score > 80", []),
        ("account.health in [1, 2]", []),
        ("qualified = false", []),
        ("tries != 3", []),
        ("nothing != null", []),
        ("known nothing", []),
        ("usage > 3", ["usage is not known"]),
        ("not (usage > 3)", ["usage is not known"]),
        ("event.colour = null", ["event.colour is not known"]),
        ('mood = "low"', ["mood is believed with 0.40 only, under 0.5"]),
        ("tries", ["tries is 3, neither true nor false"]),
        ("stage", ['stage is "open", neither true nor false']),
        ("stage > 3", ['stage is "open", which can\'t be compared with 3']),
        ('not (tries = "3")', ['tries is 3, which can\'t be compared with "3"']),
        ("qualified = tries", ["qualified is true, which can't be compared with 3"]),
        ("event.gone = 3", ["event.gone is null, which can't be compared with 3"]),
        ("qualified >= qualified", ["qualified is true, which can't be compared with true"]),
        ("event = event", ["event is an object, which can't be compared with an object"]),
        ("tries in stage", ['stage is "open", not a list']),
        ("tries in usage", ["usage is not known"]),
        ("usage in [1]", ["usage is not known"]),
        ("qualified in event.tags", ["qualified is true, which can't be compared with all of a list"]),
        ("age tries > 1 day", ["tries is no belief, so it has no age"]),
        ("age usage > 1 day", ["usage is not known"]),
        ("confidence usage > 0.1", ["usage is not known"]),
        ("usage > 3 and usage > 4", ["usage is not known"]),
        ({"usage": "> 3", "stage": "won"}, ["usage is not known"]),
    ],
    ids=str,
)
def test_what_does_not_hold_and_why(written: JsonValue, notes: list[str]):
    judged = condition(written).judge(VIEW)
    assert (judged.holds, list(judged.notes)) == (False, notes)


def test_the_floor_may_be_moved():
    assert condition('mood = "low"').judge(View(BINDINGS, BELIEFS, NOW, floor=0.4)).holds
    assert not condition("qualified and bant_score > 1").judge(View(BINDINGS, BELIEFS, NOW, floor=0.95)).holds


def test_the_parts_that_hold_are_counted_and_the_beliefs_that_counted_are_named():
    judged = condition('bant_score > 70 and (stage = "won" or mood = "low") and account.health < 60').judge(VIEW)
    assert (judged.held, judged.stated) == (2, 3)
    assert judged.used == (("self", "bant_score"), ("self", "stage"), ("Hilltop Foods", "health"))
    nothing = condition([]).judge(VIEW)
    assert (nothing.holds, nothing.held, nothing.stated, nothing.used) == (True, 0, 0, ())


def test_reading_stops_within_a_part_once_the_answer_is_certain():
    judged = condition("qualified or bant_score > 70 or usage").judge(VIEW)
    assert (judged.holds, judged.used, judged.notes) == (True, (), ())


def test_the_beliefs_it_may_need_depend_on_what_is_bound():
    asked = condition(
        "account.health < 60 and event.amount > 1 and event.colour = 1 and tries > 1 and usage and known tries.left"
    )
    assert asked.keys(BINDINGS) == {("Hilltop Foods", "health"), ("self", "usage"), ("tries", "left")}
    assert asked.keys({}) == {
        ("account", "health"),
        ("event", "amount"),
        ("event", "colour"),
        ("self", "tries"),
        ("self", "usage"),
        ("tries", "left"),
    }


REFUSED: list[tuple[JsonValue, str]] = [
    ("", "if: nothing is written here"),
    (" \n", "if: nothing is written here"),
    ("and", "if: a name or a value must stand here, not and, at character 1"),
    ("qualified and", "if: a name or a value must stand here, not the end, at character 14"),
    ("a.b..c", "if: . means nothing here, at character 4"),
    ('a."".c', "if: a name has an empty part, at character 1"),
    ("(a or b", "if: a closing ) must stand here, not the end, at character 8"),
    ("a or b)", "if: ) does not belong, at character 7"),
    ("1 < tries < 5", "if: < does not belong, at character 11"),
    ("tries = 'x'", "if: a text stands in straight double quotation marks, at character 9"),
    ('tries = "x', "if: a text without its closing quotation mark, at character 9"),
    ('tries = "\\q"', 'if: a backslash in a text stands only in \\", \\\\, \\n, \\t or \\u, at character 9'),
    ("tries $ 3", "if: $ means nothing here, at character 7"),
    ("tries\x00", "if: U+0000 means nothing here, at character 6"),
    ("amount > 10k", "if: k is no unit of time, at character 12"),
    ("amount > 1e999", "if: 1e999 is too large a number, at character 10"),
    ("7", "if: 7 alone is neither true nor false, at character 1"),
    ('"x"', 'if: "x" alone is neither true nor false, at character 1'),
    ("null", "if: null alone is neither true nor false, at character 1"),
    ("age x", "if: age alone is neither true nor false, at character 1"),
    ("age 7 > 1 day", "if: a name must stand here, not 7, at character 5"),
    ("known true", "if: a name must stand here, not true, at character 7"),
    ("age x > 14", "if: an age and a duration, such as 14 days, compare only with each other, at character 7"),
    ("x > 14 days", "if: an age and a duration, such as 14 days, compare only with each other, at character 3"),
    ("age x > 11 years", "if: years is no unit of time, at character 12"),
    ("age x > 4000 days", 'if: "4000 days" is longer than ten years, at character 9'),
    ("age x > -5 days", 'if: "-5 days" is no time at all, at character 9'),
    ('confidence x > "high"', "if: a number and a text never compare, at character 14"),
    ("x >= true", "if: true or false compares only by = and !=, at character 3"),
    ("null < x", "if: null compares only by = and !=, at character 6"),
    ("x in []", "if: a name or a value must stand here, not ], at character 7"),
    ("x in [y]", "if: a list holds numbers, texts, true, false and null alone, at character 7"),
    ("x in [1, 2", "if: a closing ] must stand here, not the end, at character 11"),
    ("x in 5", "if: a list or a name must stand here, not 5, at character 6"),
    ("x not 5", "if: in must follow not here, at character 7"),
    ({"a": {}}, "if.a: must be a value, a list of values, or a comparison"),
    ({"a": []}, "if.a: an empty list is never met"),
    ({"a": ["x", ["y"]]}, "if.a: must be a value, a list of values, or a comparison"),
    ({"a": ">"}, "if.a: a value must follow the operator"),
    ({"a": "> 3 days"}, "if.a: an age and a duration, such as 14 days, compare only with each other"),
    ({"a": "> true"}, "if.a: true or false compares only by = and !="),
    ({"a": "> 1e999"}, "if.a: 1e999 is too large a number"),
    ({"not": 1}, "if.not: a name or a value must stand here, not not, at character 1"),
    ({"5": 1}, "if.5: a name must stand here, at character 1"),
    (
        {"Hilltop Foods.size": 1},
        (
            'if["Hilltop Foods.size"]: Foods.size does not belong; a name with blanks or signs stands in quotation marks: '
            '"Hilltop Foods".interest, at character 9'
        ),
    ),
    (["a", {"b": [{}]}], "if[1].b: must be a value, a list of values, or a comparison"),
    (["a", ["b and"]], "if[1][0]: a name or a value must stand here, not the end, at character 6"),
    (5, "if: must be a text, an object, or a list of them"),
    (None, "if: must be a text, an object, or a list of them"),
    (["a", True], "if[1]: must be a text, an object, or a list of them"),
]


@pytest.mark.parametrize(("written", "sentence"), REFUSED, ids=str)
def test_what_is_no_condition_is_refused_with_its_place(written: JsonValue, sentence: str):
    with pytest.raises(InvalidError) as refusal:
        condition(written)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("x" * 2000, None),
        ("x" * 2001, "if: has 2,001 characters, but at most 2,000 are allowed"),
        ({"x": "y" * 2000}, "if: has 2,009 characters, but at most 2,000 are allowed"),
        ("not " * 32 + "x", None),
        ("not " * 33 + "x", "if: nested more than 32 deep, at character 129"),
        ("(" * 33 + "x", "if: nested more than 32 deep, at character 33"),
        (" or ".join("x" * 200), None),
        (" or ".join("x" * 201), "if: more than 200 names, values and operators, at character 1001"),
        ({f"x{number}": number for number in range(100)}, None),
        (
            {f"x{number}": number for number in range(101)},
            "if.x100: more than 200 names, values and operators, at character 1",
        ),
        ({"x": [*range(199)]}, None),
        ({"x": [*range(200)]}, "if.x: more than 200 names, values and operators"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_condition_has_bounds(written: JsonValue, sentence: str | None):
    if sentence is None:
        condition(written)
        return
    with pytest.raises(InvalidError) as refusal:
        condition(written)
    assert str(refusal.value) == sentence


def test_lists_in_lists_have_bounds():
    written: Any = "x"
    for _ in range(32):
        written = [written]
    condition(written)
    with pytest.raises(InvalidError, match=r"nested more than 32 deep$"):
        condition([written])
    for _ in range(100_000):
        written = [written]
    with pytest.raises(InvalidError, match=r"^if: is not JSON, or is nested too deep$"):
        condition(written)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("account", " Hilltop Foods "),
        ("account.health", 55),
        (' "Hilltop Foods".health ', 55),
        ("event.tags", ["new", 7]),
        ("tries", 3),
        ("mood", None),
        ("usage", None),
        ("not a name", None),
        ("age account.health", None),
    ],
)
def test_a_name_resolves_to_what_is_trusted(name: str, value: JsonValue):
    assert resolve(name, VIEW) == value


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Call {account.health}%", "Call 55%"),
        ("{ tries } tries, {usage} left", "3 tries, (usage unknown) left"),
        ("{mood}", "(mood unknown)"),
        ("{event.gone}", "(event.gone unknown)"),
        ("{event.tags}", "new, 7"),
        ("{event}", "amount: 5, tags: …, gone: unknown"),
        ("{qualified}", "yes"),
        ('{"Hilltop Foods".health}', "55"),
        ("{{account}} {{", "{account} {"),
        ("{a b} {} { } } {", "{a b} {} { } } {"),
        ("", ""),
    ],
)
def test_a_text_is_filled_in(template: str, text: str):
    assert render(template, VIEW) == text


def test_numbers_are_written_as_people_write_them_and_long_values_are_cut():
    many: list[JsonValue] = [[1]] * 5000
    view = View({"a": 3.0, "b": 0.1, "c": 10**400, "d": -2e300, "e": "x" * 5000, "f": many}, {}, NOW)
    assert render("{a} {b} {c} {d}", view) == "3 0.1 a huge number -2e+300"
    assert render("{e}", view) == "x" * 999 + "…"
    assert len(render("{f}", view)) == 1000
    assert len(render("{e}" * 100, view)) == 16_384
    assert len(render("x" * 20_000, view)) == 16_384


def test_a_text_names_the_beliefs_it_needs():
    template = '{account} {account.health} {usage} {"Hilltop Foods".size} {{tries.left}} {a b}'
    assert template_keys(template, BINDINGS) == {
        ("Hilltop Foods", "health"),
        ("self", "usage"),
        ("Hilltop Foods", "size"),
    }


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("{a b}", "text: {a b} holds no name; write {{ and }} for braces"),
        ("{account", "text: a brace stands alone; write {{ or }}"),
        ("}", "text: a brace stands alone; write {{ or }}"),
        ("{}", "text: a brace stands alone; write {{ or }}"),
    ],
)
def test_a_text_with_a_loose_brace_is_refused(template: str, sentence: str):
    with pytest.raises(InvalidError) as refusal:
        template_names(template, what="text")
    assert str(refusal.value) == sentence


def test_the_names_of_a_text_are_found():
    assert {str(name) for name in template_names('{a} {{b}} {c.d} {"e f".g}', what="text")} == {"a", "c.d", '"e f".g'}
