"""What a goal, an intention and a step may become; the database holds every row to it (the SQL function `may_become`)."""

from collections.abc import Mapping
from typing import Literal, cast

GoalStatus = Literal["active", "in_progress", "completed", "abandoned", "blocked"]
IntentionStatus = Literal["planned", "in_progress", "completed", "failed", "abandoned"]
StepStatus = Literal["pending", "in_progress", "completed", "failed", "skipped", "abandoned"]

Graph = Mapping[str, frozenset[str]]
"""From each state, those that may follow; the empty name is that of a row that is not there yet."""

GOAL: Graph = {
    "": frozenset({"active", "blocked"}),
    "active": frozenset({"in_progress", "blocked", "completed", "abandoned"}),
    "in_progress": frozenset({"active", "blocked", "completed", "abandoned"}),
    "blocked": frozenset({"active", "in_progress", "completed", "abandoned"}),
    "completed": frozenset(),
    "abandoned": frozenset(),
}
INTENTION: Graph = {
    "": frozenset({"planned"}),
    "planned": frozenset({"in_progress", "abandoned"}),
    "in_progress": frozenset({"completed", "failed", "abandoned"}),
    "completed": frozenset(),
    "failed": frozenset(),
    "abandoned": frozenset(),
}
STEP: Graph = {
    "": frozenset({"pending"}),
    "pending": frozenset({"in_progress", "completed", "failed", "skipped", "abandoned"}),
    "in_progress": frozenset({"pending", "completed", "failed", "abandoned"}),
    "completed": frozenset(),
    "failed": frozenset(),
    "skipped": frozenset(),
    "abandoned": frozenset(),
}
EFFECT: Graph = {
    "": frozenset({"drafted", "awaiting_approval", "approved", "done"}),
    "drafted": frozenset({"done", "cancelled"}),
    "awaiting_approval": frozenset({"approved", "cancelled"}),
    "approved": frozenset({"started", "awaiting_approval", "cancelled"}),
    "started": frozenset({"done", "failed", "uncertain", "approved"}),
    "uncertain": frozenset({"done", "failed", "approved"}),
    "done": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
}
APPROVAL: Graph = {
    "": frozenset({"pending", "approved"}),
    "pending": frozenset({"approved", "edited", "rejected", "expired", "withdrawn"}),
    "approved": frozenset(),
    "edited": frozenset(),
    "rejected": frozenset(),
    "expired": frozenset(),
    "withdrawn": frozenset(),
}
GRAPHS: Mapping[str, Graph] = {
    "goal": GOAL,
    "intention": INTENTION,
    "step": STEP,
    "effect": EFFECT,
    "approval": APPROVAL,
}
LIVE_GOALS: frozenset[GoalStatus] = frozenset(
    cast("GoalStatus", state) for state, after in GOAL.items() if state and after
)
LIVE_INTENTIONS: frozenset[IntentionStatus] = frozenset(
    cast("IntentionStatus", state) for state, after in INTENTION.items() if state and after
)
OPEN_STEPS = frozenset(state for state, after in STEP.items() if state and after)
