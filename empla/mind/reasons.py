"""Why a plan was chosen, as it is kept with the plan, and what people are asked when there is none. Pure."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import JsonValue

from empla.bdi.goals import Goal
from empla.bdi.intentions import Tried
from empla.bdi.shapes import PlanContext
from empla.mind.circumstance import Held
from empla.mind.options import Event, Option

# How many of the playbooks that were not chosen are kept with the reason.
_KEPT_ALTERNATIVES = 20
# And how many of the beliefs that the choice rested on, with how much of each, so that the reasons fit their column.
_KEPT_BELIEFS = 30
_SHOWN = 500  # characters


def why(event: Event, best: Option, found: Sequence[Option], beliefs: Sequence[Held]) -> PlanContext:
    """Why this plan: what called for it, its score, the beliefs that it rested on, and what was not chosen."""
    used = {*best.judgement.used, event.metric}
    rested_on = [belief for belief in beliefs if (belief.subject, belief.predicate) in used]
    fields: dict[str, Any] = {
        "rationale": f"{event.description}: {best.procedure.procedure_name} scored best of {len(found)}"[:2000],
        "score": best.parts(),
        "beliefs": [
            {
                "id": str(belief.id),
                "subject": belief.subject,
                "predicate": belief.predicate,
                "object": _shown(belief.object),
                "confidence": round(belief.confidence, 4),
            }
            for belief in rested_on[:_KEPT_BELIEFS]
        ],
        "alternatives": [
            {
                "playbook": option.procedure.procedure_name,
                "refused": option.refused and option.refused[:_SHOWN],
                **option.parts(),
            }
            for option in found
            if option is not best
        ][:_KEPT_ALTERNATIVES],
        "event": {"kind": event.kind, "description": event.description[:2000]},
    }
    return PlanContext.parse(fields)


def _shown(value: JsonValue) -> JsonValue:
    """The value; where it is long, its beginning as text."""
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def question(goal: Goal, tried: Sequence[Tried], found: Sequence[Option]) -> str:
    """What a manager reads when an employee does not know how to go on."""
    said = [f"I can't go on with my goal “{goal.description}”: {goal.reason or 'it is not as it should be'}."]
    said += [f"I tried {attempt.plan_key}: {attempt.reason}." for attempt in tried]
    refused = [
        option
        for option in found
        if option.refused and option.procedure.procedure_name not in {t.plan_key for t in tried}
    ]
    said += [f"{option.procedure.procedure_name} does not apply: {option.refused}." for option in refused[:5]]
    if not found:
        said.append("I have no playbook for it.")
    said.append("What shall I do?")
    return "\n".join(said)[:10_000]
