"""The seed's ten JSON examples, word for word, are valid and come back equal."""

import json
import os
import re
from pathlib import Path

import pytest

from empla.bdi.shapes import Plan, Target
from empla.employees.shapes import EmployeeConfig, Personality
from empla.memory.shapes import Conditions, EpisodeContent, Steps, WorkingContent
from empla.shapes import Shape

FIXTURES = Path(__file__).parents[1] / "fixtures" / "seed_json"
SHARED = Path(os.environ.get("EMPLA_SHARED", Path(__file__).parents[2].parent / "shared"))

EXAMPLES: dict[str, type[Shape]] = {  # in the seed's order
    "personality": Personality,
    "config": EmployeeConfig,
    "target_sales_ae": Target,
    "target_csm": Target,
    "plan_action": Plan,
    "plan_strategy": Plan,
    "episode_content": EpisodeContent,
    "procedure_steps": Steps,
    "procedure_conditions": Conditions,
    "working_content": WorkingContent,
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_comes_back_equal(name: str):
    text = (FIXTURES / f"{name}.json").read_text()
    shape = EXAMPLES[name].parse(text)
    assert json.dumps(shape.to_json()) == json.dumps(json.loads(text))
    assert shape == EXAMPLES[name].parse(json.loads(text))


def test_every_example_has_its_fixture_and_no_more():
    assert {path.stem for path in FIXTURES.iterdir()} == set(EXAMPLES)


def test_the_fixtures_are_the_seed_s_own_words():
    seed = SHARED / "spec" / "database-schema.md"
    if not seed.exists():
        pytest.skip(f"the seed is not at {seed}; say where with EMPLA_SHARED")
    blocks = re.findall(rb"```json\n(.*?)```", seed.read_bytes(), re.DOTALL)
    assert [(FIXTURES / f"{name}.json").read_bytes() for name in EXAMPLES] == blocks


def test_the_words_of_the_examples_are_read():
    def example(name: str) -> str:
        return (FIXTURES / f"{name}.json").read_text()

    hours = EmployeeConfig.parse(example("config")).working_hours
    assert hours is not None
    assert (hours.timezone, hours.start, hours.end) == ("America/Los_Angeles", "09:00", "17:00")
    target = Target.parse(example("target_sales_ae"))
    assert target.value == 10
    assert target.deadline_at is not None
    assert target.deadline_at.isoformat() == "2025-12-31T23:59:59+00:00"
    tactics = Plan.parse(example("plan_strategy")).tactics or ()
    assert [tactic.count for tactic in tactics] == [50, 50, 50, None]
    steps = Steps.parse(example("procedure_steps")).steps
    assert steps is not None
    assert (steps[6].only_if, steps[5].criteria) == ("qualified", "bant_score > 70")
    assert EpisodeContent.parse(example("episode_content")).sender == "prospect@company.com"
