"""Procedures: equipped, taught and upgraded, each of one employee alone."""

from typing import Any

import pytest
from factories import an_employee, an_id
from teaching import add, held, playbook, record, skill

from empla.employees.employees import Employee
from empla.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from empla.memory import procedural, shelf
from empla.memory.playbook import Playbook
from empla.memory.procedural import Procedure
from empla.storage.database import Database
from empla.storage.tx import Caller
from empla.tenancy import users

# The library


async def test_what_is_taught_comes_back_as_it_was_said(database: Database, acme: Caller, jordan: Employee):
    said = playbook(context={"size": "> 5"}, success="done", timeframe="2 weeks", goals=["pipeline.coverage"])
    taught = await add(database, acme, jordan.id, said, skill("greet"))
    found = await held(database, acme, jordan.id)
    assert sorted(taught, key=lambda procedure: procedure.procedure_name) == found
    assert [procedure.procedure_name for procedure in found] == ["call", "greet"]
    kept = found[0]
    assert (kept.playbook, kept.playbook.digest) == (said, said.digest)
    assert (kept.procedure_type, kept.version, kept.enabled, kept.standing) == ("workflow", 1, True, "established")
    assert (kept.success_rate, kept.success_count, kept.execution_count, kept.last_executed_at) == (0, 0, 0, None)
    assert (kept.learned_from, kept.shelf_digest, kept.evidence, kept.is_edited) == ("instruction", None, [], False)


async def test_what_is_learned_is_on_trial(database: Database, acme: Caller, jordan: Employee):
    (learned,) = await add(database, acme, jordan.id, playbook(), learned_from="trial_and_error")
    assert (learned.standing, learned.learned_from) == ("trial", "trial_and_error")


async def test_one_is_found_by_id_and_by_name(database: Database, acme: Caller, jordan: Employee, taught: Procedure):
    async with database.read(acme) as tx:
        assert await procedural.get(tx, employee=jordan.id, procedure=taught.id) == taught
        assert await procedural.find(tx, employee=jordan.id, name="call") == taught
        with pytest.raises(NotFoundError, match=r"^there is no such procedure$"):
            await procedural.get(tx, employee=jordan.id, procedure=an_id(1))
        with pytest.raises(NotFoundError, match=r"^there is no playbook 'sing'$"):
            await procedural.find(tx, employee=jordan.id, name="sing")


async def test_a_library_is_one_statement(database: Database, acme: Caller, taught: Procedure):
    async with database.read(acme) as tx:
        before = tx.statements
        assert await procedural.library(tx, employee=taught.employee_id) == [taught]
        assert tx.statements == before + 1


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (playbook("call", {"action": "dance"}), "call: step 1: dance is neither an action nor a skill"),
        (
            playbook("call", {"action": "task", "titel": "x"}),
            "call: step 1: task takes no titel\ncall: step 1: task needs title",
        ),
        (
            playbook("call", {"action": "pursue", "playbook": "call"}),
            "call: step 1: it would pursue itself: call → call",
        ),
        (
            playbook("call", triggers=None),
            "call: nothing starts it: it has no triggers, goals or finds_out, and no other …",
        ),
        (
            playbook("Call me"),
            "Call me: name must be small letters, digits and underscores, a letter first, at most 100",
        ),
    ],
    ids=str,
)
async def test_what_could_not_be_carried_out_is_not_taken_in(
    database: Database, acme: Caller, jordan: Employee, wrong: Playbook, sentence: str
):
    with pytest.raises(InvalidError) as refusal:
        await add(database, acme, jordan.id, wrong)
    assert str(refusal.value).replace("playbook pursues it", "…") == sentence
    assert await held(database, acme, jordan.id) == []


async def test_what_is_there_must_not_break_either(database: Database, acme: Caller, jordan: Employee):
    await add(database, acme, jordan.id, skill("greet"), playbook("call", {"action": "greet"}))
    with pytest.raises(InvalidError, match=r"^call: step 1: greet is a workflow, not a skill: pursue it$"):
        await add(database, acme, jordan.id, playbook("greet"), replace=True)
    await add(database, acme, jordan.id, playbook("write", {"action": "pursue", "playbook": "call"}))
    with pytest.raises(InvalidError, match=r"it would pursue itself: call → write → call"):
        await add(database, acme, jordan.id, playbook("call", {"action": "pursue", "playbook": "write"}), replace=True)


async def test_a_name_is_taken_once_unless_it_is_replaced(
    database: Database, acme: Caller, jordan: Employee, taught: Procedure
):
    other = playbook("call", {"action": "note", "text": "Other words"})
    with pytest.raises(ConflictError, match=r"^there is a playbook call already; replace it, or choose another name$"):
        await add(database, acme, jordan.id, other, playbook("write"))
    assert await held(database, acme, jordan.id) == [taught]
    await record(database, taught, True, False, False, False, tenant=acme.tenant)
    (replaced,) = await add(database, acme, jordan.id, other, replace=True)
    assert (replaced.id, replaced.playbook.digest, replaced.version) == (taught.id, other.digest, 2)
    assert (replaced.standing, replaced.execution_count, replaced.success_count) == ("established", 4, 1)
    assert replaced.consecutive_failures == 0
    (again,) = await add(database, acme, jordan.id, playbook("call", version=9), replace=True)
    assert again.version == 9


# Faults of what is stored


SEED_STEPS = [
    {"step": 1, "action": "research_account", "duration": "10m"},
    {"step": 2, "action": "qualify_opportunity", "criteria": "bant_score > 70"},
]


async def test_a_stored_procedure_that_can_not_be_carried_out_is_kept_and_named(
    database: Database, acme: Caller, jordan: Employee
):
    """The specification's own example names skills that come from elsewhere, and other writers know no rules."""
    insert = """
        INSERT INTO memory_procedural (tenant_id, employee_id, procedure_name, description, procedure_type, steps)
        VALUES (%(tenant)s::uuid, %(employee)s::uuid, %(name)s::text, %(description)s::text, 'workflow', %(steps)s::jsonb)
    """
    async with database.write(acme) as tx:
        for name, description, steps in (
            ("qualification_call", "d", {"workflow": "qualification_call", "steps": SEED_STEPS}),
            ("Empty one", "", {}),
        ):
            await tx.execute(insert, employee=jordan.id, name=name, description=description, steps=steps)
    empty, seeds = await held(database, acme, jordan.id)
    assert procedural.faults(seeds, [empty, seeds]) == [
        "step 1: research_account is neither an action nor a skill",
        "step 2: qualify_opportunity is neither an action nor a skill",
        "nothing starts it: it has no triggers, goals or finds_out, and no other playbook pursues it",
    ]
    assert procedural.faults(empty, []) == [
        "steps is missing",
        "name must be small letters, digits and underscores, a letter first, at most 100",
        "description must be text",
    ]
    assert procedural.faults_by_name([empty, seeds]).keys() == {"Empty one", "qualification_call"}


# The shelf


async def test_an_employee_is_equipped_with_the_shelf_of_its_role_once(database: Database, acme: Caller, rival: Caller):
    casey = await an_employee(database, acme, name="Casey", role="csm")
    await an_employee(database, rival, name="Kim", role="csm")
    async with database.write(acme) as tx:
        made = await procedural.equip(tx, employee=casey.id, role="csm")
        again = await procedural.equip(tx, employee=casey.id, role="csm")
    wanted = shelf.of_role("csm")
    found = await held(database, acme, casey.id)
    assert (made, again) == (len(wanted), 0)
    assert [(procedure.playbook, procedure.shelf_digest) for procedure in found] == [(p, p.digest) for p in wanted]
    assert {(p.standing, p.learned_from, p.enabled, p.is_edited) for p in found} == {
        ("established", "pre_built", True, False)
    }
    assert procedural.faults_by_name(found) == {}


async def test_a_custom_employee_starts_empty(database: Database, acme: Caller):
    quinn = await an_employee(database, acme, name="Quinn", role="custom")
    async with database.write(acme) as tx:
        assert await procedural.equip(tx, employee=quinn.id, role="custom") == 0
    assert await held(database, acme, quinn.id) == []


def on_the_shelf(monkeypatch: pytest.MonkeyPatch, *playbooks: Playbook) -> None:
    monkeypatch.setattr(shelf, "of_role", lambda _role: playbooks)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]


async def test_an_upgrade_takes_over_what_is_newer_and_leaves_what_was_edited(
    database: Database, acme: Caller, jordan: Employee, monkeypatch: pytest.MonkeyPatch
):
    old = [playbook(name) for name in ("call", "meet", "write", "wait")]
    on_the_shelf(monkeypatch, *old)
    async with database.write(acme) as tx:
        await procedural.equip(tx, employee=jordan.id, role="sales_ae")
    before = {procedure.procedure_name: procedure for procedure in await held(database, acme, jordan.id)}
    await record(database, before["call"], True, True, tenant=acme.tenant)
    await add(database, acme, jordan.id, playbook("write", {"action": "note", "text": "Mine"}), replace=True)
    await add(database, acme, jordan.id, playbook("greet"))
    async with database.write(acme) as tx:
        await procedural.set_enabled(tx, employee=jordan.id, procedure=before["call"].id, enabled=False)
    newer = {"action": "note", "text": "Newer"}
    on_the_shelf(
        monkeypatch,
        playbook("call", newer, version=2),
        playbook("meet", version=2),
        playbook("write", newer, version=3),
        playbook("wait", newer, version=1),
        playbook("greet", newer, version=2),
        playbook("listen", version=2),
    )
    async with database.write(acme) as tx:
        upgraded = await procedural.upgrade(tx, employee=jordan.id, role="sales_ae")
        nothing = await procedural.upgrade(tx, employee=jordan.id, role="sales_ae")
    assert upgraded.model_dump() == {"added": ["listen"], "replaced": ["call", "wait"], "left": ["write", "greet"]}
    assert nothing.model_dump() == {"added": [], "replaced": [], "left": ["write", "greet"]}
    after = {procedure.procedure_name: procedure for procedure in await held(database, acme, jordan.id)}
    call = after["call"]
    assert (call.id, call.version, call.is_edited) == (before["call"].id, 2, False)
    assert (call.execution_count, call.success_count, call.enabled, call.standing) == (2, 2, False, "established")
    assert [step.parameters for step in call.steps.steps or ()] == [{"text": "Newer"}]
    assert after["meet"].playbook.digest == old[1].digest
    assert (after["write"].is_edited, after["write"].version) == (True, 2)
    assert (after["greet"].shelf_digest, after["listen"].version) == (None, 2)


async def test_an_older_shelf_takes_nothing_back(
    database: Database, acme: Caller, jordan: Employee, monkeypatch: pytest.MonkeyPatch
):
    on_the_shelf(monkeypatch, playbook("call", version=5))
    async with database.write(acme) as tx:
        await procedural.equip(tx, employee=jordan.id, role="sales_ae")
    on_the_shelf(monkeypatch, playbook("call", {"action": "note", "text": "Older"}, version=4))
    async with database.write(acme) as tx:
        upgraded = await procedural.upgrade(tx, employee=jordan.id, role="sales_ae")
    assert upgraded.model_dump() == {"added": [], "replaced": [], "left": []}


# Who may


async def test_people_decide_and_employees_do_not(database: Database, acme: Caller, taught: Procedure):
    as_itself = Caller(acme.tenant, employee=taught.employee_id)
    with pytest.raises(ForbiddenError, match=r"^people decide which playbooks an employee uses, not the employee$"):
        async with database.work(as_itself) as tx:
            await procedural.set_enabled(tx, employee=taught.employee_id, procedure=taught.id, enabled=False)
    with pytest.raises(ForbiddenError, match=r"^people decide"):
        async with database.work(as_itself) as tx:
            await procedural.set_standing(
                tx, employee=taught.employee_id, procedure=taught.id, standing="established", reason="I am good"
            )
    async with database.write(acme) as tx:
        sam = await users.invite(tx, email="sam@acme.example", name="Sam", role="user")
        with pytest.raises(NotFoundError, match=r"^there is no such procedure$"):
            await procedural.set_enabled(tx, employee=taught.employee_id, procedure=an_id(1), enabled=False)
        with pytest.raises(NotFoundError, match=r"^there is no such procedure$"):
            await procedural.set_standing(
                tx, employee=taught.employee_id, procedure=an_id(1), standing="trial", reason="x"
            )
    with pytest.raises(ForbiddenError):
        await add(database, Caller(acme.tenant, user=sam.id), taught.employee_id, playbook("write"))


async def test_nobody_reaches_a_procedure_of_another_tenant_or_employee(
    database: Database, acme: Caller, rival: Caller, taught: Procedure
):
    other = await an_employee(database, acme, name="Robin")
    assert await held(database, rival, taught.employee_id) == []
    for caller, employee in ((rival, taught.employee_id), (acme, other.id)):
        with pytest.raises(NotFoundError):
            async with database.write(caller) as tx:
                await procedural.set_enabled(tx, employee=employee, procedure=taught.id, enabled=False)
        with pytest.raises(NotFoundError):
            async with database.write(caller) as tx:
                await procedural.record_outcome(
                    tx, employee=employee, procedure=taught.id, succeeded=True, intention=an_id(1)
                )
    with pytest.raises(NotFoundError):
        await add(database, rival, taught.employee_id, playbook("write"))
    with pytest.raises(NotFoundError):
        async with database.work(Caller(acme.tenant, employee=other.id)) as tx:
            await procedural.record_outcome(
                tx, employee=other.id, procedure=taught.id, succeeded=True, intention=an_id(1)
            )
    assert await held(database, acme, taught.employee_id) == [taught]


async def test_what_people_see_change_is_audited(database: Database, acme: Caller, taught: Procedure):
    async with database.write(acme) as tx:
        await procedural.set_enabled(tx, employee=taught.employee_id, procedure=taught.id, enabled=False)
    await record(database, taught, True, False, False, False, tenant=acme.tenant)
    told = """
        SELECT jsonb_agg(jsonb_build_array(action_type, actor_type, details) ORDER BY recorded_at, id) FROM audit_log
         WHERE tenant_id = %(tenant)s::uuid AND resource_id = %(id)s::uuid
    """
    async with database.read(acme) as tx:
        entries: Any = await tx.fetch_value(list, told, id=taught.id)  # pyright: ignore[reportUnknownVariableType]
    assert entries[0][0] == "procedure.created"
    assert entries[0][2]["version"] == 1
    assert entries[1:] == [
        ["procedure.changed", "system", {"enabled": [True, False]}],
        ["procedure.changed", "employee", {"standing": ["established", "demoted"]}],
    ]
