"""Whatever is refreshed, repeated, revoked or waited for: at most one refresh token of a sign-in is good, and what ended stays so."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import psycopg
import pytest
from driving import Driver, law
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from insider import Person, a_house, a_person, cheap, with_keys
from own_database import admin_url, own_database

from empla.access import doors, sign_ins
from empla.errors import UnauthorizedError

if TYPE_CHECKING:
    from own_database import Cluster


class Rotation(RuleBasedStateMachine):
    """One sign-in, all tokens that it ever gave out, and the model of which are good."""

    driver: ClassVar[Driver]
    admin: ClassVar[psycopg.Connection]

    @initialize()
    def sign_in(self) -> None:
        async def person() -> Person:
            return await a_person(self.driver.database, await a_house(self.driver.database))

        self.person = self.driver.run(person())
        got = self.driver.run(self.person.sign_in())
        self.id, self.given, self.access = got.sign_in, [got.refresh_token], got.access_token
        self.alive, self.in_grace = True, False

    def _tried(self, text: str) -> bool:
        try:
            got = self.driver.run(sign_ins.refresh(self.driver.database, text))
        except UnauthorizedError:
            return False
        assert got.sign_in == self.id
        assert got.refresh_token not in self.given
        self.given.append(got.refresh_token)
        return True

    @rule()
    def refresh(self) -> None:
        assert self._tried(self.given[-1]) == self.alive
        self.in_grace = self.in_grace or self.alive

    @precondition(lambda self: len(self.given) > 1)
    @rule(back=st.integers(2, 5))
    def use_an_old_one(self, back: int) -> None:
        place = max(0, len(self.given) - back)
        is_last = place == len(self.given) - 2
        assert not self._tried(self.given[place])
        if not (is_last and self.in_grace):
            self.alive = False

    @rule()
    def wait_for_the_grace_to_end(self) -> None:
        self.admin.execute(
            "UPDATE empla.user_secrets SET changed_at = changed_at - interval '11 seconds' WHERE id = %s", (self.id,)
        )
        self.in_grace = False

    @precondition(lambda self: self.alive)
    @rule()
    def revoke(self) -> None:
        async def revoked() -> None:
            async with self.driver.database.write(self.person.caller) as tx:
                await sign_ins.revoke(tx, sign_in=self.id)

        self.driver.run(revoked())
        self.alive = False

    @invariant()
    def the_door_is_as_the_model_says(self) -> None:
        async def entered() -> bool:
            try:
                async with self.driver.database.read((await doors.by_token(self.driver.database, self.access)).caller):
                    return True
            except UnauthorizedError:
                return False

        assert self.driver.run(entered()) == self.alive


@pytest.fixture
def rotation(cluster: "Cluster", monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Rotation]]:
    cheap(monkeypatch)
    with own_database(cluster) as settings, psycopg.connect(admin_url(settings), autocommit=True) as admin:
        Rotation.driver, Rotation.admin = Driver(with_keys(settings)), admin
        yield Rotation
        Rotation.driver.close()


def test_one_refresh_token_is_good_at_most(rotation: type[Rotation]):
    run_state_machine_as_test(rotation, settings=law(30, steps=25))
