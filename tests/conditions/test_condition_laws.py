"""Laws of conditions: total on any input, Kleene's logic inside, one meaning in both written forms, and no peeking."""

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from driving import law
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from empla.conditions import Condition, Key, Known, View, render, resolve, template_keys
from empla.errors import InvalidError

NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
NAMES = ["stage", "amount", "qualified", "account", "deal", "self"]
WORDS = [
    *NAMES,
    "and",
    "or",
    "not",
    "in",
    "known",
    "age",
    "confidence",
    "true",
    "null",
    '"won"',
    "5",
    "14 days",
    "Hilltop",
]
SIGNS = ["=", "!=", "<", ">=", "(", ")", "[", "]", ",", ".", " ", '"', "{", "}", "3", "-"]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["won", 5, 5.0])
)
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)
texts = st.text(max_size=30) | st.lists(st.sampled_from([*WORDS, *SIGNS]), max_size=12).map(" ".join)
anything: st.SearchStrategy[Any] = st.recursive(
    scalars | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
subjects = st.sampled_from([*NAMES, "Hilltop"])
beliefs = st.builds(
    Known,
    object=values,
    confidence=st.floats(0, 1),
    since=st.timedeltas(timedelta(days=-1), timedelta(days=900)).map(lambda span: NOW - span),
)
views = st.builds(
    View,
    bindings=st.dictionaries(st.sampled_from(NAMES), values, max_size=4),
    beliefs=st.dictionaries(st.tuples(subjects, st.sampled_from(NAMES)), beliefs, max_size=12),
    now=st.just(NOW),
    floor=st.sampled_from([0.0, 0.5, 1.0]),
)

names = st.sampled_from([*NAMES, "account.stage", "deal.amount", "Hilltop.stage", "self.amount"])
literals = st.sampled_from(["5", "2.5", '"won"', "true", "null"])
atoms = (
    st.builds("{} {} {}".format, names, st.sampled_from(["=", "!="]), literals | names)
    | st.builds("{} {} {}".format, names, st.sampled_from(["<", ">="]), st.sampled_from(["5", '"won"']) | names)
    | st.builds("{} in [{}, {}]".format, names, literals, literals)
    | st.builds("{} in {}".format, names | literals, names)
    | st.builds("known {}".format, names)
    | st.builds("age {} > 14 days".format, names)
    | st.builds("confidence {} < 0.7".format, names)
    | names
    | st.sampled_from(["true", "false"])
)
conditions = st.recursive(
    atoms,
    lambda inner: (
        st.builds("({} and {})".format, inner, inner)
        | st.builds("({} or {})".format, inner, inner)
        | st.builds("not {}".format, inner)
    ),
    max_leaves=5,
)


def truth(text: str, view: View) -> bool | None:
    """Of three values: at the top, what is unknown is false, and so is its opposite."""
    holds = Condition.parse(text, what="if").judge(view).holds
    denied = Condition.parse(f"not ({text})", what="if").judge(view).holds
    assert not (holds and denied)
    return None if not holds and not denied else holds


@law(300)
@given(written=anything, view=views)
def test_whatever_is_written_is_refused_in_a_sentence_or_judged_on_any_json(written: JsonValue, view: View):
    try:
        condition = Condition.parse(written, what="if")
    except InvalidError as refusal:
        message = str(refusal)
    else:
        judged = condition.judge(view)
        message = ""
        assert 0 <= judged.held <= judged.stated == len(condition.parts)
        assert judged.holds == (judged.held == judged.stated)
    assert not message or (message.startswith("if") and "\n" not in message)


@law(200)
@given(text=conditions, view=views)
def test_a_condition_depends_on_nothing_but_the_beliefs_it_names(text: str, view: View):
    condition = Condition.parse(text, what="if")
    keys = condition.keys(view.bindings)
    judged = condition.judge(view)
    fetched = {key: known for key, known in view.beliefs.items() if key in keys}
    assert condition.judge(View(view.bindings, fetched, view.now, view.floor)) == judged
    used = {key: fetched[key] for key in judged.used}
    assert condition.judge(View(view.bindings, used, view.now, view.floor)).used == judged.used


@law(200)
@given(a=conditions, b=conditions, c=conditions, view=views)
def test_the_logic_is_kleenes(a: str, b: str, c: str, view: View):
    def value(text: str) -> bool | None:
        return truth(text, view)

    one, other = value(a), value(b)
    low: Callable[[bool | None], float] = lambda found: 0.5 if found is None else float(found)  # noqa: E731
    assert low(value(f"({a}) and ({b})")) == min(low(one), low(other))
    assert low(value(f"({a}) or ({b})")) == max(low(one), low(other))
    assert low(value(f"not ({a})")) == 1 - low(one)
    assert value(f"not (({a}) and ({b}))") == value(f"not ({a}) or not ({b})")
    assert value(f"({a}) and (({b}) or ({c}))") == value(f"({a}) and ({b}) or ({a}) and ({c})")


@law(200)
@given(
    text=conditions.filter(lambda text: "known" not in text),
    view=views,
    gone=st.sets(st.tuples(subjects, st.sampled_from(NAMES))),
)
def test_knowing_less_never_turns_an_answer_round(text: str, view: View, gone: set[Key]):
    fewer = {key: known for key, known in view.beliefs.items() if key not in gone}
    assert truth(text, View(view.bindings, fewer, view.now, view.floor)) in {None, truth(text, view)}


@law(200)
@given(text=conditions, view=views)
def test_a_condition_written_out_means_the_same(text: str, view: View):
    condition = Condition.parse(text, what="if")
    again = Condition.parse(str(condition), what="if")
    assert again == condition
    assert again.judge(view) == condition.judge(view)


members = (
    scalars.filter(lambda value: not isinstance(value, str)).map(lambda value: (value, f"= {json.dumps(value)}"))
    | st.sampled_from(["won", "> is no sign here", "not", ""]).map(
        lambda value: (f"= {json.dumps(value)}", f"= {json.dumps(value)}")
    )
    | st.sampled_from(["won", "in talks", "", "5 pm"]).map(lambda value: (value, f"= {json.dumps(value)}"))
    | st.tuples(st.sampled_from(["=", "!=", "<", ">=", "=="]), st.integers(-9, 9)).map(
        lambda both: (f"{both[0]} {both[1]}", f"{both[0]} {both[1]}")
    )
    | st.sampled_from(["!= closed won", "!=closed won"]).map(lambda value: (value, '!= "closed won"'))
    | st.lists(st.sampled_from(["won", 5, True, None, "in talks"]), min_size=1, max_size=3).map(
        lambda items: (items, f"in {json.dumps(items)}")
    )
)


@law(200)
@given(stated=st.dictionaries(names, members, max_size=4), view=views)
def test_the_object_and_its_text_mean_the_same(stated: dict[str, tuple[JsonValue, str]], view: View):
    written: JsonValue = {name: value for name, (value, _) in stated.items()}
    text = " and ".join(f"{name} {said}" for name, (_, said) in stated.items()) or "true"
    as_object, as_text = Condition.parse(written, what="if"), Condition.parse(text, what="if")
    assert as_object.judge(view).holds == as_text.judge(view).holds
    assert not stated or (as_object.parts, as_object.judge(view)) == (as_text.parts, as_text.judge(view))


@law(300)
@given(template=texts | st.lists(st.sampled_from([*NAMES, "{", "}", "account.stage", " "])).map("".join), view=views)
def test_any_text_is_filled_in_from_the_beliefs_it_names(template: str, view: View):
    keys = template_keys(template, view.bindings)
    fetched = {key: known for key, known in view.beliefs.items() if key in keys}
    assert render(template, View(view.bindings, fetched, view.now, view.floor)) == render(template, view)


@law(200)
@given(name=texts | names, view=views)
def test_a_name_is_what_its_text_says(name: str, view: View):
    value = resolve(name, view)
    if value is not None and not set(name) & set("{}"):
        assert render(f"{{{name}}}", view) != f"({name.strip()} unknown)"
    with contextlib.suppress(InvalidError):
        holds = Condition.parse(f"known {name.strip()}", what="if").judge(view).holds
        assert holds == (value is not None) or " " in name.strip()
