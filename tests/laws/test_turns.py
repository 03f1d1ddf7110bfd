"""Whatever workers, people and clocks do: a turn is one process's, a fence is given once, and an older one writes nothing."""

from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import pytest
from driving import Driver, law
from factories import wait
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from own_database import own_database
from shift import LEASE, Place, Shift, a_shift, a_tenant, claimed, past

from empla.employees import employees
from empla.employees.schedule import Turn, TurnLostError
from empla.errors import ConflictError, ForbiddenError
from empla.storage.tx import Caller
from empla.tenancy import tenants

if TYPE_CHECKING:
    from own_database import Cluster

PEOPLE = 4  # two in a real tenant, two in a simulated one

people = st.integers(0, PEOPLE - 1)
leases = st.sampled_from([None, LEASE])


@dataclass
class Person:
    """What the schedule should say of one employee."""

    tenant: int
    fence: int = 0
    leased: bool = False
    left: bool = False  # by somebody whose lease has ended
    due: bool = True
    active: bool = True
    failures: int = 0
    held: list[int] = field(default_factory=list[int])  # fences that some process holds, or held

    def take(self, fence: int | None, lease: timedelta | None) -> None:
        if fence is None:
            self.fence += 1
            self.held.append(self.fence)
        self.leased, self.due, self.left = lease is not None, False, False


class Turns(RuleBasedStateMachine):
    """Processes that claim, take, keep, end and forget turns, beside the model."""

    driver: ClassVar[Driver]

    @initialize()
    def hire(self) -> None:
        async def hired() -> tuple[list[Caller], list[Shift]]:
            house = [await a_tenant(self.driver.database, simulated=simulated) for simulated in (False, True)]
            return house, [await a_shift(self.driver.database, house[number % 2]) for number in range(PEOPLE)]

        self.tenants, self.shifts = self.driver.run(hired())
        self.model = [Person(tenant=number % 2) for number in range(PEOPLE)]
        self.suspended = [False, False]
        self.issued: set[tuple[UUID, int]] = set()

    # What processes do

    @rule(most=st.integers(1, PEOPLE))
    def claim(self, most: int) -> None:
        ready = {
            shift.employee: person
            for shift, person in zip(self.shifts, self.model, strict=True)
            if person.due and person.active and not person.leased and not self.suspended[person.tenant]
        }
        claims = self.driver.run(claimed(self.driver.database, most))
        assert len(claims) == len({claim.employee_id for claim in claims}) == min(most, len(ready))
        for claim in claims:
            person = ready[claim.employee_id]
            person.fence, person.leased, person.left = person.fence + 1, True, False
            person.held.append(person.fence)
            assert claim.fence == person.fence
            assert (claim.employee_id, claim.fence) not in self.issued
            self.issued.add((claim.employee_id, claim.fence))

    @rule(number=people, back=st.integers(0, 2), lease=leases)
    def take_claimed(self, number: int, back: int, lease: timedelta | None) -> None:
        person, fence = self._held(number, back)
        turn = self._enter(number, self.shifts[number].take(fence=fence, lease=lease))
        if turn is not None:
            assert (turn.fence, turn.failures) == (fence, person.failures)
            person.take(fence, lease)
        else:
            assert self._is_shut(person) or fence != person.fence

    @rule(number=people, if_due=st.booleans(), lease=leases)
    def take(self, number: int, if_due: bool, lease: timedelta | None) -> None:  # noqa: FBT001
        person = self.model[number]
        turn = self._enter(number, self.shifts[number].take(if_due=if_due, lease=lease))
        if turn is not None:
            assert not person.leased
            assert person.due or person.left or not if_due
            person.take(None, lease)
            assert turn.fence == person.fence
            assert (turn.employee_id, turn.fence) not in self.issued
            self.issued.add((turn.employee_id, turn.fence))
        else:
            assert self._is_shut(person) or person.leased or (if_due and not person.due and not person.left)

    @rule(number=people, back=st.integers(0, 2))
    def keep(self, number: int, back: int) -> None:
        person, fence = self._held(number, back)
        if self._writes(number, fence, self.shifts[number].keep(fence)):
            person.leased, person.left = True, False

    @rule(number=people, back=st.integers(0, 2), is_soon=st.booleans())
    def end(self, number: int, back: int, is_soon: bool) -> None:  # noqa: FBT001
        person, fence = self._held(number, back)
        if self._writes(number, fence, self.shifts[number].end(fence, past(days=9000) if is_soon else None)):
            person.leased, person.left, person.failures = False, False, 0
            person.due = person.due or is_soon

    @rule(number=people, back=st.integers(0, 2))
    def back_off(self, number: int, back: int) -> None:
        person, fence = self._held(number, back)
        if self._writes(number, fence, self.shifts[number].back_off(fence)):
            person.leased, person.left = False, False
            person.due, person.failures = False, person.failures + 1

    # What happens to them

    @rule(number=people)
    def is_silent_for_longer_than_the_lease(self, number: int) -> None:
        if not self.suspended[self.model[number].tenant]:
            self.driver.run(self.shifts[number].expire())
            self.model[number].left = self.model[number].left or self.model[number].leased
            self.model[number].leased = False

    @rule(number=people)
    def wake(self, number: int) -> None:
        if not self.suspended[self.model[number].tenant]:
            self.driver.run(self.shifts[number].wake(past(days=9000)))
            self.model[number].due = True

    @rule()
    def a_day_passes_where_time_is_simulated(self) -> None:
        if not self.suspended[1]:
            self.driver.run(wait(self.driver.database, self.tenants[1], 1))
            for person in self.model:
                person.due = person.due or person.tenant == 1

    @rule(number=people, wanted=st.booleans())
    def pause_or_resume(self, number: int, wanted: bool) -> None:  # noqa: FBT001
        async def changed() -> None:
            async with self.driver.database.write(self.shifts[number].operator) as tx:
                await (employees.resume if wanted else employees.pause)(tx, employee=self.shifts[number].employee)

        if not self.suspended[self.model[number].tenant]:
            self.driver.run(changed())
            self.model[number].active = wanted

    @rule(which=st.integers(0, 1), wanted=st.sampled_from(["active", "suspended", "active"]))
    def suspend_or_resume_a_tenant(self, which: int, wanted: str) -> None:
        status = "active" if wanted == "active" else "suspended"
        self.driver.run(tenants.set_status(self.driver.database, tenant=self.tenants[which].tenant, status=status))
        self.suspended[which] = wanted == "suspended"

    # What always holds

    @invariant()
    def the_schedule_is_what_the_model_says(self) -> None:
        for shift, person in zip(self.shifts, self.model, strict=True):
            if not self.suspended[person.tenant]:
                place: Place = self.driver.run(shift.place())
                assert (place.fence, place.leased, place.active) == (person.fence, person.leased, person.active)
                assert (place.failures, place.suspended) == (person.failures, False)
                assert (place.clock_now is not None) == (person.tenant == 1)

    def teardown(self) -> None:
        async def gone() -> None:
            for shift in self.shifts:
                await tenants.set_status(self.driver.database, tenant=shift.operator.tenant, status="active")
                async with self.driver.database.write(shift.operator) as tx:
                    await employees.dismiss(tx, employee=shift.employee)

        if hasattr(self, "shifts"):
            self.driver.run(gone())

    # How it is done

    def _held(self, number: int, back: int) -> tuple[Person, int]:
        """The person, and one of the latest fences that somebody holds: the present one, or a zombie's."""
        person = self.model[number]
        return person, (person.held or [0])[-1 - min(back, max(len(person.held) - 1, 0))]

    def _is_shut(self, person: Person) -> bool:
        return self.suspended[person.tenant] or not person.active

    def _enter(self, number: int, operation: Coroutine[Any, Any, Turn | None]) -> Turn | None:
        """What came of it; None when the employee may not be entered, which must be for a reason."""
        try:
            return self.driver.run(operation)
        except (ForbiddenError, ConflictError) as error:
            if isinstance(error, TurnLostError):
                raise
            assert self._is_shut(self.model[number])
            return None

    def _writes(self, number: int, fence: int, operation: Coroutine[Any, Any, object]) -> bool:
        """Whether it was let; it must be exactly the one who holds the present fence."""
        person = self.model[number]
        try:
            self.driver.run(operation)
        except TurnLostError:
            assert not self._is_shut(person)
            assert fence != person.fence
            return False
        except (ForbiddenError, ConflictError):
            assert self._is_shut(person)
            return False
        assert fence == person.fence
        return True


@pytest.fixture
def turns(cluster: "Cluster") -> Iterator[type[Turns]]:
    with own_database(cluster) as settings:
        Turns.driver = Driver(settings)
        yield Turns
        Turns.driver.close()


def test_a_turn_is_one_process_s_whatever_happens(turns: type[Turns]):
    run_state_machine_as_test(turns, settings=law(30, steps=40))
