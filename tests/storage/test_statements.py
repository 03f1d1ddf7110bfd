"""Every SQL constant is held to the migrated schema: what types can't check, the server does."""

import importlib.util
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest
from sql_constants import read, read_package
from statement_checks import NEVER_NULL, Catalogue, Connections, faults, numbered

from empla.storage.embedded import Login

if TYPE_CHECKING:
    from conftest import Cluster


@pytest.fixture
def catalogue(cluster: "Cluster") -> Iterator[Catalogue]:
    with cluster.admin() as admin:
        yield Catalogue(admin)


@pytest.fixture
def connections(cluster: "Cluster") -> Iterator[Connections]:
    """The search path is the one that `ctx.enter` sets, for it is what sets it here."""
    with ExitStack() as stack:
        logins: dict[str, Login] = {
            "app": "app",
            "worker": "worker",
            "outside": "app",
            "worker_outside": "worker",
            "admin": "admin",
        }
        opened = {name: stack.enter_context(psycopg.connect(cluster.url(login))) for name, login in logins.items()}
        with psycopg.connect(cluster.url("app")) as provisioning:
            row = provisioning.execute(
                "SELECT empla.provision_tenant(%s, 'Acme')", (f"t-{uuid4().hex[:12]}",)
            ).fetchone()
        assert row is not None
        for name in ("app", "worker"):
            opened[name].execute("SELECT ctx.enter(%s)", (row[0],))
        yield Connections(**opened)
        for connection in opened.values():
            connection.rollback()


def test_every_statement_prepares_under_its_login_and_fits_its_record(
    connections: Connections, catalogue: Catalogue
) -> None:
    found = faults(read_package(), connections, catalogue)
    assert not found, "\n".join(found)


def test_what_is_said_never_to_be_null_is_a_record_s_field_still() -> None:
    places = {f"{run.constant}: {run.record.__name__}" for run in read_package().runs if run.record}
    assert {place.rpartition(".")[0] for place in NEVER_NULL} <= places


def test_the_statements_are_found_where_they_are() -> None:
    source = read_package()
    found = {str(constant) for constant in source.constants}
    assert {"empla.bdi.beliefs.OBSERVE", "empla.tenancy.users.LIST", "empla.storage.database._READY"} <= found
    assert {str(constant) for constant in source.in_cycle} >= {
        "empla.mind.perceive.PERCEIVE",
        "empla.mind.pipeline.EVALUATE",
        "empla.bdi.beliefs.OBSERVE",
        "empla.bdi.beliefs.RETRACT",
        "empla.employees.schedule.TAKE",
    }
    assert "empla.tenancy.users.INVITE" not in {str(constant) for constant in source.in_cycle}
    assert len(source.runs) >= len([constant for constant in found if ".storage." not in constant])


def test_a_parameter_keeps_its_number_wherever_it_stands() -> None:
    query = "SELECT %(b)s::int, %(a)s::text, %(b)s::int, '10 %%'"
    assert numbered(query) == "SELECT $1::int, $2::text, $1::int, '10 %'"


SOUND = '''
from datetime import datetime
from typing import Literal, LiteralString
from uuid import UUID

from pydantic import BaseModel

from empla.storage.tx import ReadTx, Tx


class Person(BaseModel):
    id: UUID
    email: str
    role: Literal["admin", "manager", "user"]
    deleted_at: datetime | None
    remark: str = ""


LIST: LiteralString = """
    SELECT id, email, role, deleted_at FROM users
     WHERE tenant_id = %(tenant)s::uuid AND (%(role)s::text IS NULL OR role = %(role)s::text)
"""
COUNT: LiteralString = "SELECT count(*)::int FROM users WHERE tenant_id = %(tenant)s::uuid"
RENAME: LiteralString = "UPDATE users SET name = %(name)s::text WHERE tenant_id = %(tenant)s::uuid"


async def everyone(tx: ReadTx, role: str | None) -> list[Person]:
    """SELECT is a word that a docstring may begin with."""
    return await tx.fetch_all(Person, LIST, role=role)


async def count(tx: ReadTx) -> int | None:
    return await tx.fetch_value(int, COUNT)


async def rename(tx: Tx, name: str) -> int:
    return await tx.execute(RENAME, name=name)
'''

PLANTED = {
    "a misspelling": ("SELECT id, email", "SELECT id, emial", 'column "emial" does not exist'),
    "a missing column": ("role, deleted_at FROM", "role FROM", "Person.deleted_at has no column"),
    "an extra column": ("deleted_at FROM", "deleted_at, name FROM", "the column name is no field of Person"),
    "a column twice": ("deleted_at FROM", "deleted_at, id FROM", "the column id comes twice"),
    "another type": ("id: UUID", "id: str", "Person.id is annotated"),
    "a float where an int is counted": ("value(int", "value(float", "count is int4, fetched as float"),
    "two values": ("SELECT count(*)::int", "SELECT 1, count(*)::int", "2 columns where one value is fetched"),
    "a null that the record does not take": (
        "datetime | None",
        "datetime",
        "may be null, its annotation is not optional",
    ),
    "a null that never comes": ("email: str", "email: str | None", "is never null, its annotation is optional"),
    "a word that the record does not know": ('"manager", ', "", "its CHECK ['admin', 'manager', 'user']"),
    "a missing parameter": (", role=role)", ")", "fetch_all does not pass role"),
    "a parameter for nothing": ("COUNT)", "COUNT, role=1)", "passes role, which it does not name"),
    "a parameter without a cast": ("%(name)s::text", "%(name)s", "the parameter name has no cast"),
    "a right that the login has not": (
        "UPDATE users SET name = %(name)s::text",
        "UPDATE empla.belief_history SET reason = %(name)s::text",
        "permission denied for table belief_history",
    ),
    "a statement that nobody runs": ("COUNT)", 'LIST, role="")', "COUNT: nobody runs it"),
    "a statement without a name": (
        "tx.fetch_value(int, COUNT)",
        'tx.fetch_value(int, COUNT) or await tx.fetch_value(int, "SELECT 1")',
        "SQL that is not a constant annotated LiteralString",
    ),
    "a statement chosen at run time": ("(Person, LIST,", "(Person, LIST or COUNT,", "fetch_all names no SQL constant"),
    "a record that is none": ("fetch_all(Person", "fetch_all(int", "int is no record"),
}


@pytest.mark.parametrize("change", PLANTED)
def test_a_planted_fault_is_found(change: str, tmp_path: Path, connections: Connections, catalogue: Catalogue) -> None:
    old, new, said = PLANTED[change]
    assert SOUND.count(old) == 1
    found = _faults_in(SOUND.replace(old, new), tmp_path, connections, catalogue)
    assert any(said in fault for fault in found), found


def test_sound_sql_has_no_fault(tmp_path: Path, connections: Connections, catalogue: Catalogue) -> None:
    assert _faults_in(SOUND, tmp_path, connections, catalogue) == []


def _faults_in(text: str, folder: Path, connections: Connections, catalogue: Catalogue) -> list[str]:
    path = folder / "planted.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("planted", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return faults(read([module]), connections, catalogue)
