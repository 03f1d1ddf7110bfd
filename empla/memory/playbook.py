"""A playbook as it is written down: what it is for, when it applies, and its steps. A procedure is one that an employee has."""

import hashlib
import json
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, JsonValue

from empla.errors import InvalidError
from empla.memory.actions import call
from empla.memory.shapes import Conditions, Step, Steps

ProcedureType = Literal["skill", "workflow", "heuristic"]

OF_CONDITIONS = tuple(Conditions.model_fields)
OF_STEPS = ("steps", "success", "timeframe", "commitment", "on_failed_dependency", "templates")
KEYS: dict[ProcedureType, tuple[str, ...]] = {
    "workflow": ("name", "version", "type", "description", *OF_CONDITIONS, *OF_STEPS),
    "skill": ("name", "version", "type", "description", "steps", "templates"),
    "heuristic": ("name", "version", "type", "description", "context", "steps"),
}
"""What a playbook of each type may hold."""


class Playbook(BaseModel):
    """One playbook without a fault of form; whether it can be carried out depends on the others: `playbook_rules`."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: int = 1
    type: ProcedureType = "workflow"
    description: str
    steps: Steps
    conditions: Conditions

    @classmethod
    def of(cls, written: dict[str, JsonValue]) -> Self:
        """The playbook of a file's keys, which have been checked. Raises `InvalidError` where a shape does not take them."""
        kind: ProcedureType = written.get("type", "workflow")  # pyright: ignore[reportAssignmentType]
        whole: dict[str, JsonValue] = {"workflow": written["name"]} if kind == "workflow" else {}
        return cls(
            name=str(written["name"]),
            version=int(str(written.get("version", 1))),
            type=kind,
            description=str(written["description"]),
            steps=Steps.parse(whole | {key: written[key] for key in OF_STEPS if key in written}),
            conditions=Conditions.parse({key: written[key] for key in OF_CONDITIONS if key in written}),
        )

    def to_file(self) -> dict[str, JsonValue]:
        """The keys of a file that it is made from; keys that files do not know are kept."""
        steps = self.steps.to_json()
        if steps.get("workflow") == self.name:
            del steps["workflow"]
        named: dict[str, JsonValue] = {
            "name": self.name,
            "version": self.version,
            "type": self.type,
            "description": self.description,
        }
        return named | self.conditions.to_json() | steps

    @property
    def digest(self) -> str:
        """SHA-256 of its content, hexadecimal: equal content, equal digest, whatever the version says."""
        content = {
            "type": self.type,
            "description": self.description,
            "steps": self.steps.to_json(),
            "conditions": self.conditions.to_json(),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    @property
    def skill_step(self) -> Step | None:
        """The one step of a skill; None when it is no skill."""
        steps = self.steps.steps or ()
        return steps[0] if self.type == "skill" and len(steps) == 1 else None

    def resolved(self, step: Step, skill: "Playbook | None" = None) -> dict[str, JsonValue]:
        """One of its steps as it is carried out: an action with the skill's parameters and the named text filled in.

        `skill` is the playbook that the step's action names, if it names one; the answer then says so under "skill". Raises
        `InvalidError` when the action is neither an action nor such a skill, and when there is no text of that name.
        """
        made = call(step, skill=None if skill is None else skill.skill_step)
        if made is None:
            raise InvalidError(f"{step.action} is neither an action nor a skill")
        definition = made.step.to_json() | ({} if made.skill is None else {"skill": made.skill})
        name = made.step.template
        if name is None:
            return definition
        texts = (skill.steps.templates or {} if skill is not None else {}) | (self.steps.templates or {})
        if name not in texts:
            raise InvalidError(f"there is no template {name}")
        return definition | {"text": texts[name]}
