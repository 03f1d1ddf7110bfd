"""Writes docs/shapes.md from the models: `python docs/make_shapes.py`; with `--check` it only compares."""

import inspect
import sys
from pathlib import Path
from typing import Any

from empla.bdi.shapes import GoalConditions, Plan, PlanContext, Progress, Tactic, Target
from empla.employees.shapes import EmployeeConfig, PerformanceMetrics, Personality, WorkingHours
from empla.memory.shapes import Conditions, EpisodeContent, Step, Steps, WorkingContent
from empla.shapes import MAX_JSON_BYTES, MAX_JSON_DEPTH, Shape
from empla.tenancy.shapes import NoticeSettings, TenantSettings, UserSettings

HERE = Path(__file__).parent
PAGE = HERE / "shapes.md"
EXAMPLES = HERE.parent / "tests" / "fixtures" / "seed_json"

SHAPES: dict[type[Shape], list[str]] = {  # in the schema's order, each with the seed's examples of it
    TenantSettings: [],
    NoticeSettings: [],
    UserSettings: [],
    Personality: ["personality"],
    EmployeeConfig: ["config"],
    WorkingHours: [],
    PerformanceMetrics: [],
    Target: ["target_sales_ae", "target_csm"],
    Progress: [],
    GoalConditions: [],
    Plan: ["plan_action", "plan_strategy"],
    Tactic: [],
    PlanContext: [],
    EpisodeContent: ["episode_content"],
    Steps: ["procedure_steps"],
    Step: [],
    Conditions: ["procedure_conditions"],
    WorkingContent: ["working_content"],
}

INTRODUCTION = f"""\
# The shapes of JSON

*Made from the models by `python docs/make_shapes.py`; change those, not this page.*

Each JSONB column below has a shape: a Pydantic model that checks what goes in. The rules are the same for
all.

- **Unknown keys are kept**, at every level. What comes out equals what went in: the same keys with the same
  values, and no defaults filled in.
- **Wrong types are refused**, without guessing: `"300"` is not a number, `true` is not 1. The error is one
  sentence that names the path: `config.working_hours.end must be text, not 17`.
- A key that is not required may be absent or null; both mean the same.
- **What PostgreSQL can't store, or would give back changed, is refused**: NUL characters, lone surrogates,
  NaN and Infinity, numbers beyond ±1.8e308, floats such as 1e23 that come back as another number, the same
  key twice in one object.
- Lists and objects stand inside one another at most {MAX_JSON_DEPTH} deep.
- Each column has its size limit, counted in bytes of UTF-8 text with one space after each colon and comma.

The other JSONB columns are free within the same limits, and at most {MAX_JSON_BYTES // 1024:,} KiB each:
a belief's `object` and `evidence`, its history's `old_value` and `new_value`, an observation's `content`,
the `details` of the audit log, the `tags` of a metric, and every `metadata`.

```python
from empla.employees.shapes import EmployeeConfig

config = EmployeeConfig.parse({{"loop_interval_seconds": 300, "desk": "4b"}})  # or the JSON as text
config.loop_interval_seconds  # 300
config.to_json()  # {{"loop_interval_seconds": 300, "desk": "4b"}}
```
"""

KINDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "object",
}


def page() -> str:
    """The whole page, as the models are now."""
    return "\n".join([INTRODUCTION, *(section(shape, names) for shape, names in SHAPES.items())])


def section(shape: type[Shape], examples: list[str]) -> str:
    """One shape: its meaning, its fields, and the seed's examples of it."""
    schema = shape.model_json_schema()
    required = schema.get("required", [])
    rows = [
        f"| `{key}` | {kind(field)} | {'required' if key in required else 'absent'} | {limits(field)} "
        f"| {field['description']}{python_name(shape, key)} |"
        for key, field in schema["properties"].items()
    ]
    table = ["| key | type | default | limits | meaning |", "|---|---|---|---|---|", *rows]
    size = f"At most {shape.max_bytes // 1024:,} KiB.\n\n" if shape.column else ""
    title = f"`{shape.column}`: {shape.__name__}" if shape.column else f"{shape.__name__}, inside the one above"
    jsons = [f"\n```json\n{(EXAMPLES / f'{name}.json').read_text()}```\n" for name in examples]
    return f"## {title}\n\n{inspect.getdoc(shape)}\n\n{size}" + "\n".join(table) + "\n" + "".join(jsons)


def kind(field: dict[str, Any]) -> str:
    """What may stand there, in words: "text or list of text"."""
    if "anyOf" in field:
        kinds = [kind(branch) for branch in field["anyOf"] if branch.get("type") != "null"]
        return "number" if kinds == ["whole number", "number"] else " or ".join(kinds)
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return "any JSON" if name == "JsonValue" else name
    if field["type"] == "array":
        return f"list of {kind(field['items'])}"
    return KINDS[field["type"]]


def limits(field: dict[str, Any]) -> str:
    """The bounds and vocabularies that hold there, those of a list's items included."""
    found: list[str] = []
    for branch in [field, *field.get("anyOf", []), *(inner["items"] for inner in arrays(field))]:
        if "enum" in branch:
            found.append(", ".join(f"`{word}`" for word in branch["enum"]))
        if "minimum" in branch:
            highest = branch.get("maximum")
            found.append(f"{branch['minimum']:,} to {highest:,}" if highest else f"≥ {branch['minimum']}")
        if branch.get("minLength") or branch.get("minItems"):
            found.append("not empty")
    return "; ".join(found)


def arrays(field: dict[str, Any]) -> list[dict[str, Any]]:
    """The lists that may stand there."""
    return [branch for branch in [field, *field.get("anyOf", [])] if branch.get("type") == "array"]


def python_name(shape: type[Shape], key: str) -> str:
    """Where the key is a word of Python's own, how the field is called there."""
    return (
        ""
        if key in shape.model_fields
        else next(
            f" In Python: `{name}`." for name, field in shape.model_fields.items() if field.serialization_alias == key
        )
    )


def main() -> None:
    """Write the page, or with `--check` exit with a sentence when it is out of date."""
    if "--check" not in sys.argv:
        PAGE.write_text(page())
    elif not PAGE.exists() or PAGE.read_text() != page():
        sys.exit("docs/shapes.md is out of date: run python docs/make_shapes.py")


if __name__ == "__main__":
    main()
