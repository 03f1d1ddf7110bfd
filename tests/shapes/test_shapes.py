"""Shapes refuse wrong types in one sentence, keep what they do not know, and have limits."""

import json
import re
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from empla.bdi.shapes import GoalConditions, GoalType, Plan, PlanContext, Progress, Tactic, Target
from empla.employees.shapes import EmployeeConfig, PerformanceMetrics, Personality, WorkingHours
from empla.errors import InvalidError
from empla.memory.shapes import Conditions, EpisodeContent, Step, Steps, WorkingContent
from empla.shapes import MAX_JSON_BYTES, MAX_JSON_DEPTH, SMALL_JSON_BYTES, Shape, check_json, read_json
from empla.tenancy.shapes import NoticeSettings, TenantSettings, UserSettings

LEAST: dict[type[Shape], dict[str, JsonValue]] = {  # the least that each shape takes
    NoticeSettings: {"mail_to": ["greta@acme.example"]},
    TenantSettings: {},
    UserSettings: {},
    Personality: {},
    WorkingHours: {"timezone": "Europe/Berlin", "start": "09:00", "end": "17:00"},
    EmployeeConfig: {},
    PerformanceMetrics: {},
    Target: {"metric": "deals_closed", "value": 10},
    Progress: {},
    GoalConditions: {},
    Tactic: {"type": "research_accounts"},
    Plan: {"type": "send_email"},
    PlanContext: {},
    EpisodeContent: {},
    Step: {"action": "join_call"},
    Steps: {},
    Conditions: {},
    WorkingContent: {},
}

OPEN_DAY = LEAST[WorkingHours]
NOT_A_MOMENT = 'must be a date and time with its offset, such as "2025-12-31T23:59:59Z"'

WRONG: list[tuple[type[Shape], str, JsonValue, str]] = [
    (TenantSettings, "llm", "claude", 'settings.llm must be an object, not "claude"'),
    (TenantSettings, "branding", [], "settings.branding must be an object, not a list"),
    (TenantSettings, "notices", "greta", 'settings.notices must be an object, not "greta"'),
    (
        NoticeSettings,
        "mail_to",
        "greta@acme.example",
        'NoticeSettings.mail_to must be a list, not "greta@acme.example"',
    ),
    (NoticeSettings, "least", "grave", "NoticeSettings.least must be 'info', 'warning' or 'urgent', not \"grave\""),
    (UserSettings, "notifications", True, "settings.notifications must be an object, not true"),
    (UserSettings, "ui", 1.5, "settings.ui must be an object, not 1.5"),
    (Personality, "tone", 5, "personality.tone must be text, not 5"),
    (Personality, "risk_tolerance", 0.5, "personality.risk_tolerance must be text, not 0.5"),
    (Personality, "communication_style", {}, "personality.communication_style must be text, not an object"),
    (Personality, "traits", "persistent", 'personality.traits must be a list, not "persistent"'),
    (Personality, "traits", ["persistent", 5], "personality.traits[1] must be text, not 5"),
    (
        WorkingHours,
        "timezone",
        "Mars/Base",
        'WorkingHours.timezone must be an IANA time zone such as "Europe/Berlin", not "Mars/Base"',
    ),
    (
        WorkingHours,
        "timezone",
        "America",
        'WorkingHours.timezone must be an IANA time zone such as "Europe/Berlin", not "America"',
    ),
    (
        WorkingHours,
        "start",
        "9:00",
        'WorkingHours.start must be a time of day such as "09:00", from "00:00" to "23:59", not "9:00"',
    ),
    (
        WorkingHours,
        "end",
        "24:00",
        'WorkingHours.end must be a time of day such as "09:00", from "00:00" to "23:59", not "24:00"',
    ),
    (
        WorkingHours,
        "days",
        ["mon", "someday"],
        "WorkingHours.days[1] must be 'mon', 'tue', 'wed', 'thu', 'fri', 'sat' or 'sun', not \"someday\"",
    ),
    (WorkingHours, "days", [], "WorkingHours.days must not be empty"),
    (
        WorkingHours,
        "end",
        "09:00",
        "WorkingHours must end at another time than it starts; leave it out for work around the clock",
    ),
    (
        EmployeeConfig,
        "loop_interval_seconds",
        "300",
        'config.loop_interval_seconds must be a whole number, not "300"',
    ),
    (
        EmployeeConfig,
        "loop_interval_seconds",
        0,
        "config.loop_interval_seconds must be greater than or equal to 1, not 0",
    ),
    (
        EmployeeConfig,
        "loop_interval_seconds",
        604801,
        "config.loop_interval_seconds must be less than or equal to 604800, not 604801",
    ),
    (EmployeeConfig, "llm_model", "", "config.llm_model must not be empty"),
    (
        EmployeeConfig,
        "max_concurrent_tasks",
        True,
        "config.max_concurrent_tasks must be a whole number, not true",
    ),
    (
        EmployeeConfig,
        "max_concurrent_tasks",
        0,
        "config.max_concurrent_tasks must be greater than or equal to 1, not 0",
    ),
    (EmployeeConfig, "working_hours", "9 to 5", 'config.working_hours must be an object, not "9 to 5"'),
    (
        EmployeeConfig,
        "working_hours",
        {**OPEN_DAY, "end": 17},
        "config.working_hours.end must be text, not 17",
    ),
    (EmployeeConfig, "working_hours", {"timezone": "UTC"}, "config.working_hours.start is missing"),
    (
        PerformanceMetrics,
        "goals_achieved",
        -1,
        "performance_metrics.goals_achieved must be greater than or equal to 0, not -1",
    ),
    (
        PerformanceMetrics,
        "tasks_completed",
        2.5,
        "performance_metrics.tasks_completed must be a whole number, not 2.5",
    ),
    (
        PerformanceMetrics,
        "tasks_failed",
        -1,
        "performance_metrics.tasks_failed must be greater than or equal to 0, not -1",
    ),
    (
        PerformanceMetrics,
        "tasks_abandoned",
        -1,
        "performance_metrics.tasks_abandoned must be greater than or equal to 0, not -1",
    ),
    (
        PerformanceMetrics,
        "steps_completed",
        -1,
        "performance_metrics.steps_completed must be greater than or equal to 0, not -1",
    ),
    (
        PerformanceMetrics,
        "goal_violations",
        -1,
        "performance_metrics.goal_violations must be greater than or equal to 0, not -1",
    ),
    (
        PerformanceMetrics,
        "goals_restored",
        -1,
        "performance_metrics.goals_restored must be greater than or equal to 0, not -1",
    ),
    (
        PerformanceMetrics,
        "eventful_cycles",
        -1,
        "performance_metrics.eventful_cycles must be greater than or equal to 0, not -1",
    ),
    (
        PerformanceMetrics,
        "success_rate",
        1.5,
        "performance_metrics.success_rate must be less than or equal to 1, not 1.5",
    ),
    (
        PerformanceMetrics,
        "mean_days_to_restore",
        "3",
        'performance_metrics.mean_days_to_restore must be a number, not "3"',
    ),
    (PerformanceMetrics, "mean_cycle_seconds", "1", 'performance_metrics.mean_cycle_seconds must be a number, not "1"'),
    (Target, "metric", "", "target.metric must not be empty"),
    (Target, "value", "10", 'target.value must be a number, not "10"'),
    (Target, "value", True, "target.value must be a number, not true"),
    (Target, "value", None, "target must have either a value or a threshold"),
    (Target, "threshold", [70], "target.threshold must be a number, not a list"),
    (Target, "threshold", 70, "target must have either a value or a threshold"),
    (Target, "comparator", "≥", "target.comparator must be '>=', '<=', '>', '<', '==' or '!=', not \"≥\""),
    (Target, "timeframe", 90, "target.timeframe must be text, not 90"),
    (
        Target,
        "deadline",
        "2025-12-31T23:59:59",
        f'target.deadline {NOT_A_MOMENT}, not "2025-12-31T23:59:59"',
    ),
    (Target, "deadline", 1767225599, "target.deadline must be text, not 1767225599"),
    (Target, "accounts", "account-1", 'target.accounts must be a list, not "account-1"'),
    (Target, "restore", "1.1", 'target.restore must be a number, not "1.1"'),
    (
        Target,
        "window",
        "fortnight",
        'target.window must be a duration such as "30 days", or day, week, month, quarter or year, not "fortnight"',
    ),
    (Target, "measure", "sum", "target.measure must be 'last', 'change', 'min', 'max' or 'mean', not \"sum\""),
    (Target, "min_confidence", 2, "target.min_confidence must be less than or equal to 1, not 2"),
    (Progress, "value", False, "current_progress.value must be a number, not false"),
    (
        Progress,
        "state",
        "done",
        "current_progress.state must be 'met', 'violated' or 'unknown', not \"done\"",
    ),
    (
        Progress,
        "since",
        "yesterday",
        f'current_progress.since {NOT_A_MOMENT}, not "yesterday"',
    ),
    (Progress, "known_state", "unknown", "current_progress.known_state must be 'met' or 'violated', not \"unknown\""),
    (Progress, "baseline", "0", 'current_progress.baseline must be a number, not "0"'),
    (Progress, "violations", -1, "current_progress.violations must be greater than or equal to 0, not -1"),
    (Progress, "note", 3, "current_progress.note must be text, not 3"),
    (
        Progress,
        "blocked_by",
        "fate",
        "current_progress.blocked_by must be 'creation', 'context' or 'no_plan', not \"fate\"",
    ),
    (GoalConditions, "creation", 1, "conditions.creation must be text or an object or a list, not 1"),
    (GoalConditions, "context", False, "conditions.context must be text or an object or a list, not false"),
    (GoalConditions, "drop", 0.5, "conditions.drop must be text or an object or a list, not 0.5"),
    (
        GoalConditions,
        "recur_after",
        "soon",
        'conditions.recur_after must be a duration such as "48h" or "2 weeks", not "soon"',
    ),
    (Tactic, "type", None, "Tactic.type must be text, not null"),
    (Tactic, "count", -1, "Tactic.count must be greater than or equal to 0, not -1"),
    (Tactic, "cadence", 3, "Tactic.cadence must be text, not 3"),
    (Plan, "type", "", "plan.type must not be empty"),
    (Plan, "params", "to all", 'plan.params must be an object, not "to all"'),
    (Plan, "steps", {}, "plan.steps must be a list, not an object"),
    (Plan, "steps", ["call"], 'plan.steps[0] must be an object, not "call"'),
    (Plan, "tactics", [{"count": 50}], "plan.tactics[0].type is missing"),
    (Plan, "required_capabilities", "email", 'plan.required_capabilities must be a list, not "email"'),
    (Plan, "expected_outcome", {}, "plan.expected_outcome must be text, not an object"),
    (Plan, "success_criteria", 10, "plan.success_criteria must be text or an object or a list, not 10"),
    (Plan, "impossible", True, "plan.impossible must be text or an object or a list, not true"),
    (Plan, "context", 1, "plan.context must be text or an object or a list, not 1"),
    (Plan, "timeframe", 14, "plan.timeframe must be text, not 14"),
    (PlanContext, "rationale", [], "context.rationale must be text, not a list"),
    (PlanContext, "alternatives", "none", 'context.alternatives must be a list, not "none"'),
    (PlanContext, "score", 0.5, "context.score must be an object, not 0.5"),
    (PlanContext, "beliefs", {}, "context.beliefs must be a list, not an object"),
    (PlanContext, "event", "deal_won", 'context.event must be an object, not "deal_won"'),
    (EpisodeContent, "interaction_type", 1, "content.interaction_type must be text, not 1"),
    (EpisodeContent, "from", [], "content.from must be text, not a list"),
    (EpisodeContent, "to", 5, "content.to must be text or a list, not 5"),
    (EpisodeContent, "to", ["jane@acme.example", 5], "content.to[1] must be text, not 5"),
    (EpisodeContent, "subject", True, "content.subject must be text, not true"),
    (EpisodeContent, "body", {}, "content.body must be text, not an object"),
    (EpisodeContent, "sentiment", 0.9, "content.sentiment must be text, not 0.9"),
    (EpisodeContent, "intent", 0, "content.intent must be text, not 0"),
    (EpisodeContent, "entities", "pricing", 'content.entities must be a list, not "pricing"'),
    (EpisodeContent, "outcome", 1, "content.outcome must be text, not 1"),
    (Step, "step", "1", 'Step.step must be a whole number, not "1"'),
    (Step, "step", 0, "Step.step must be greater than or equal to 1, not 0"),
    (Step, "action", 7, "Step.action must be text, not 7"),
    (Step, "if", True, "Step.if must be text or an object or a list, not true"),
    (Step, "criteria", 70, "Step.criteria must be text or an object or a list, not 70"),
    (Step, "duration", 10, "Step.duration must be text, not 10"),
    (Step, "template", {}, "Step.template must be text, not an object"),
    (Step, "capability", ["email"], "Step.capability must be text, not a list"),
    (Step, "capability", "", "Step.capability must not be empty"),
    (Step, "after", 1, "Step.after must be a list, not 1"),
    (Step, "after", [0], "Step.after[0] must be greater than or equal to 1, not 0"),
    (Step, "timeout", "soon", 'Step.timeout must be a duration such as "48h" or "2 weeks", not "soon"'),
    (Step, "retries", 11, "Step.retries must be less than or equal to 10, not 11"),
    (Step, "backoff", 60, "Step.backoff must be text, not 60"),
    (Step, "as", "", "Step.as must not be empty"),
    (Steps, "workflow", 1, "steps.workflow must be text, not 1"),
    (Steps, "steps", [{"step": 1, "action": "call"}, {"step": 2}], "steps.steps[1].action is missing"),
    (Steps, "success", 3, "steps.success must be text or an object or a list, not 3"),
    (Steps, "timeframe", "quarter", 'steps.timeframe must be a duration such as "48h" or "2 weeks", not "quarter"'),
    (
        Steps,
        "commitment",
        "full",
        "steps.commitment must be 'blind', 'single_minded' or 'open_minded', not \"full\"",
    ),
    (
        Steps,
        "on_failed_dependency",
        "wait",
        "steps.on_failed_dependency must be 'replan', 'abandon' or 'proceed', not \"wait\"",
    ),
    (Steps, "templates", {"bant": 7}, "steps.templates.bant must be text, not 7"),
    (Conditions, "triggers", [None], "conditions.triggers[0] must be text, not null"),
    (Conditions, "context", 10000, "conditions.context must be text or an object or a list, not 10000"),
    (Conditions, "prefers", True, "conditions.prefers must be text or an object or a list, not true"),
    (Conditions, "goals", "pipeline.coverage", 'conditions.goals must be a list, not "pipeline.coverage"'),
    (Conditions, "finds_out", [1], "conditions.finds_out[0] must be text, not 1"),
    (Conditions, "impossible", 0.5, "conditions.impossible must be text or an object or a list, not 0.5"),
    (WorkingContent, "task", {}, "content.task must be text, not an object"),
    (WorkingContent, "context", [], "content.context must be an object, not a list"),
    (WorkingContent, "progress", 0.5, "content.progress must be an object, not 0.5"),
]


def keys_of(shape: type[Shape]) -> set[str]:
    return {field.serialization_alias or name for name, field in shape.model_fields.items()}


@pytest.mark.parametrize(("shape", "key", "value", "sentence"), WRONG)
def test_a_wrong_type_is_refused_in_one_sentence(shape: type[Shape], key: str, value: JsonValue, sentence: str):
    with pytest.raises(InvalidError) as refusal:
        shape.parse({**LEAST[shape], key: value})
    assert str(refusal.value) == sentence


def test_every_field_of_every_shape_has_a_wrong_type_above():
    assert set(LEAST) == set(Shape.__subclasses__())
    for shape in LEAST:
        assert {key for tested, key, _, _ in WRONG if tested is shape} == keys_of(shape), shape.__name__


@pytest.mark.parametrize("shape", LEAST)
def test_the_least_that_a_shape_takes_comes_back(shape: type[Shape]):
    least = LEAST[shape]
    assert shape.parse(least).to_json() == least
    for required in least.keys() - {"value"}:
        with pytest.raises(InvalidError, match=f"{required} is missing$"):
            shape.parse({key: value for key, value in least.items() if key != required})


@pytest.mark.parametrize("shape", LEAST)
def test_null_means_the_same_as_absent_and_is_kept(shape: type[Shape]):
    nulls: dict[str, JsonValue] = dict.fromkeys(sorted(keys_of(shape) - LEAST[shape].keys()))
    parsed = shape.parse({**LEAST[shape], **nulls})
    assert parsed.to_json() == {**LEAST[shape], **nulls}
    least = shape.parse(LEAST[shape])
    assert all(getattr(parsed, name) == getattr(least, name) for name in shape.model_fields)


unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # machines may be busy

json_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15)
    | json_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(json_text, inner, max_size=4),
    max_leaves=20,
)
awkward_keys = st.sampled_from(
    [
        "_order",
        "_members",
        "__class__",
        "model_config",
        "model_fields",
        "to_json",
        "parse",
        "column",
        "only_if",
    ]
)


@unhurried
@given(extras=st.dictionaries(json_text | awkward_keys, json_values, max_size=6), data=st.data())
def test_unknown_keys_come_back_word_for_word(extras: dict[str, JsonValue], data: st.DataObject):
    shape = data.draw(st.sampled_from(list(LEAST)))
    members = LEAST[shape] | {key: value for key, value in extras.items() if key not in keys_of(shape)}
    shuffled = dict(data.draw(st.permutations(list(members.items()))))
    text = json.dumps(shuffled)
    assert json.dumps(shape.parse(shuffled).to_json()) == text
    assert json.dumps(shape.parse(text).to_json()) == text
    assert json.dumps(shape.parse(text.encode()).to_json()) == text


@unhurried
@given(data=st.data())
def test_whatever_comes_is_kept_or_refused_in_one_sentence(data: st.DataObject):
    shape = data.draw(st.sampled_from(list(LEAST)))
    known = data.draw(st.dictionaries(st.sampled_from(sorted(keys_of(shape))), json_values, max_size=4))
    came = LEAST[shape] | known
    try:
        outcome = json.dumps(shape.parse(came).to_json())
    except InvalidError as refusal:
        outcome = str(refusal)
    assert outcome == json.dumps(came) or re.fullmatch(r"\w[^\n]{1,300}", outcome)


@unhurried
@given(value=json_values)
def test_what_passes_the_check_is_unchanged_and_can_be_read_again(value: JsonValue):
    assert check_json(value, what="object") is value
    assert read_json(json.dumps(value), what="object") == value


def test_unknown_keys_and_their_order_are_kept_inside_inner_shapes():
    came: dict[str, JsonValue] = {
        "pace": 1.0,
        "working_hours": {"end": "06:00", "lunch": ["12:00"], "start": "22:00", "timezone": "UTC"},
    }
    assert json.dumps(EmployeeConfig.parse(came).to_json()) == json.dumps(came)


@pytest.mark.parametrize(
    "came",
    [{"only_if": 5}, {"if": None, "only_if": 5}, {"only_if": 5, "if": "qualified"}, {"if": "qualified"}],
)
def test_a_key_that_has_the_python_name_of_another_is_unknown_and_kept(came: dict[str, JsonValue]):
    step = Step.parse({"action": "call", **came})
    assert step.only_if == came.get("if")
    assert json.dumps(step.to_json()) == json.dumps({"action": "call", **came})


def test_a_time_zone_may_be_any_text_without_a_crash():
    for name in ["a" * 5000, "", "é", "America", "zone.tab", "../UTC", "/etc/localtime", "UTC "]:
        with pytest.raises(InvalidError, match="must be an IANA time zone"):
            WorkingHours.parse({**OPEN_DAY, "timezone": name})


def test_a_shape_is_equal_by_its_json_and_frozen():
    one = Target.parse('{"metric": "coverage", "threshold": 3, "why": {"a": 1}}')
    other = Target.parse('{"why": {"a": 1}, "threshold": 3.0, "metric": "coverage"}')
    assert one == other
    assert hash(one) == hash(other)
    assert one != Target.parse('{"metric": "coverage", "threshold": 3, "why": {"a": 2}}')
    assert one != Progress.parse('{"metric": "coverage", "threshold": 3, "why": {"a": 1}}')
    with pytest.raises(ValueError, match="frozen"):
        one.metric = "quota"


def test_what_is_given_and_what_is_returned_may_change_without_touching_the_shape():
    came: dict[str, JsonValue] = {"params": {"to": ["jane"]}, "type": "send_email", "extra": ["kept"]}
    plan = Plan.parse(came)
    returned = plan.to_json()
    cast("list[str]", came["extra"]).append("given")
    cast("dict[str, list[str]]", returned["params"])["to"].append("returned")
    assert plan.to_json() == {"params": {"to": ["jane"]}, "type": "send_email", "extra": ["kept"]}


def test_a_shape_made_in_python_is_held_to_the_same_limits():
    assert Step(action="call", only_if="qualified").to_json() == {"action": "call", "if": "qualified"}
    config = EmployeeConfig(working_hours=WorkingHours(timezone="UTC", start="22:00", end="06:00"))
    assert config.to_json() == {"working_hours": {"timezone": "UTC", "start": "22:00", "end": "06:00"}}
    changed = EmployeeConfig.parse({"llm_model": "a"}).model_copy(update={"llm_model": "b"})
    assert changed.to_json() == {"llm_model": "b"}
    for value, sentence in [
        (float("nan"), "target.value is nan, which is not a number that can be stored"),
        (float("-inf"), "target.value is -inf, which is not a number that can be stored"),
    ]:
        with pytest.raises(InvalidError) as refusal:
            Target(metric="coverage", value=value).to_json()
        assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"a": 1e400}', "plan holds a number that can't be kept: 1e400"),
        ('{"a": -1e-400}', "plan holds a number that can't be kept: -1e-400"),
        ('{"a": [NaN]}', "plan holds NaN, which is not a JSON number"),
        ('{"a": -Infinity}', "plan holds -Infinity, which is not a JSON number"),
        (f'{{"a": {"9" * 400}}}', f"plan holds a number that is too large to be stored: {'9' * 40}…"),
        (f'{{"a": {"9" * 309}}}', "plan.a is too large an integer, which is not a number that can be stored"),
        ('{"a": 1e23}', "plan.a is 1e+23, which would not come back the same; send it as an integer"),
        (
            '{"a": {"b c": ["x\\u0000"]}}',
            'plan.a["b c"][0] contains a NUL character, which PostgreSQL can\'t store',
        ),
        ('{"a\\u0000": 1}', "a key of plan contains a NUL character, which PostgreSQL can't store"),
        (
            '{"a": "\\ud800"}',
            "plan.a contains half of a character (a lone surrogate), which PostgreSQL can't store",
        ),
        ('{"a": 1, "a": 2}', 'plan has the key "a" twice in one object'),
        ("[]", "plan must be an object, not a list"),
        ("{", "plan is not JSON: Expecting property name enclosed in double quotes at line 1, column 2"),
        ("", "plan is not JSON: Expecting value at line 1, column 1"),
        ("[" * 50_000, "plan is nested more than 32 deep"),
    ],
)
def test_a_text_that_would_not_survive_is_refused(text: str, sentence: str):
    with pytest.raises(InvalidError) as refusal:
        Plan.parse(text)
    assert str(refusal.value) == sentence


def test_a_broken_byte_is_refused():
    with pytest.raises(InvalidError, match=r"^plan is not UTF-8 text: byte 1 is broken$"):
        Plan.parse(b"{\xff}")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ((1, 2), "object is a tuple, which is not JSON"),
        ({"a": {1, 2}}, "object.a is a set, which is not JSON"),
        ({1: 2}, "object has the key 1, but the keys of an object are text"),
        ([1.0, float("nan")], "object[1] is nan, which is not a number that can be stored"),
        ("\udfff", "object contains half of a character (a lone surrogate), which PostgreSQL can't store"),
        (-(10**400), "object is too large an integer, which is not a number that can be stored"),
    ],
)
def test_what_is_not_json_is_refused(value: object, sentence: str):
    with pytest.raises(InvalidError) as refusal:
        check_json(value, what="object")
    assert str(refusal.value) == sentence


def test_large_whole_floats_are_kept_when_jsonb_gives_back_the_same_number():
    assert check_json(1e22, what="object") == 10**22
    with pytest.raises(InvalidError, match="send it as an integer"):
        check_json(2.0**60, what="object")


def nested(depth: int) -> JsonValue:
    value: JsonValue = 1
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def test_nesting_is_limited():
    check_json(nested(MAX_JSON_DEPTH), what="object")
    with pytest.raises(InvalidError, match=r"^object is nested more than 32 deep$"):
        check_json(nested(MAX_JSON_DEPTH + 1), what="object")


def test_size_is_limited_to_the_byte_by_default_and_by_shape():
    check_json("é" * ((MAX_JSON_BYTES - 2) // 2), what="object")
    with pytest.raises(InvalidError) as refusal:
        check_json("é" * (MAX_JSON_BYTES // 2), what="object")
    assert str(refusal.value) == "object has 1,048,578 bytes of JSON, but at most 1,048,576 are allowed"
    spare = SMALL_JSON_BYTES - len('{"a": ""}')
    Personality.parse({"a": "x" * spare})
    one_more = {"a": "x" * (spare + 1)}
    for too_large in (one_more, json.dumps(one_more)):
        with pytest.raises(InvalidError, match=r"^personality has 65,537 bytes of JSON, but at most 65,536"):
            Personality.parse(too_large)


@pytest.mark.parametrize(
    ("goal_type", "comparator"), [("achievement", ">="), ("maintenance", ">="), ("prevention", "<=")]
)
def test_a_target_compares_upwards_unless_the_goal_prevents(goal_type: GoalType, comparator: str):
    assert Target(metric="churn", threshold=5).comparator_for(goal_type) == comparator
    assert Target(metric="churn", threshold=5, comparator="<").comparator_for(goal_type) == "<"
