"""The page that says where we part from the seed is true, and leaves nothing of the seed out."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest
from seed_schema import SPECIFICATION, Object, Objects, objects_of, run_specification

if TYPE_CHECKING:
    from conftest import Cluster

PAGE = Path(__file__).parents[2] / "docs" / "decisions" / "0001-where-we-part-from-the-seed.md"
KINDS = {"column", "key", "check", "index", "policy"}
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Row:
    """One row of the page: what the seed has (nothing where it is ours alone), what there is now, and why."""

    table: str
    kind: str
    seed: tuple[str, ...]
    now: str
    why: str

    def full(self, name: str) -> tuple[str, str]:
        """The object's kind and name; columns and policies are named within their table."""
        return self.kind, f"{self.table}.{name}" if self.kind in {"column", "policy"} else name


def _rows() -> Iterator[Row]:
    for section in PAGE.read_text(encoding="utf-8").split("\n### ")[1:]:
        title, _, body = section.partition("\n")
        if table := _CODE.fullmatch(title):
            for line in body.splitlines():
                cells = [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
                if cells and cells[0] in KINDS:
                    kind, seed, now, why = cells
                    yield Row(table[1], kind, tuple(_CODE.findall(seed)), now, why)


ROWS = list(_rows())


@pytest.fixture
def ours(cluster: "Cluster") -> Objects:
    with cluster.admin() as admin:
        return objects_of(admin, "empla")


@pytest.fixture
def seed(cluster: "Cluster") -> Objects:
    """What the specification's own statements make, in a database of their own."""
    if not SPECIFICATION.exists():
        pytest.skip(f"the specification is not at {SPECIFICATION}: set EMPLA_SHARED to the folder that holds it")
    name = f"seed_{uuid4().hex[:12]}"
    cluster.clone(name, "template1")
    with cluster.admin(name) as admin:
        failed = run_specification(admin)
        found = objects_of(admin, "seed")
    cluster.drop(name)
    assert failed == {"CREATE INDEX idx_working_employee": "42P17"}
    return {**found, ("index", "idx_working_employee"): Object("memory_working", "can't be created")}


def test_every_object_of_the_seed_is_listed_once(seed: Objects) -> None:
    listed = Counter(row.full(name) for row in ROWS for name in row.seed)
    assert {name: times for name, times in listed.items() if times > 1} == {}
    assert set(listed) == set(seed)


def test_what_is_said_of_each_object_of_the_seed_is_so_now(ours: Objects) -> None:
    wrong = [f"{row.table}: {name}: {fault}" for row in ROWS for name in row.seed for fault in _faults(row, name, ours)]
    assert not wrong, "\n".join(wrong)


def test_kept_means_to_the_letter_and_nothing_kept_is_called_changed(seed: Objects, ours: Objects) -> None:
    said = {row.full(name): row.now == "kept" for row in ROWS for name in row.seed}
    kept = {name: ours.get(name) == found for name, found in seed.items()}
    assert {name: kept[name] for name in said if said[name] != kept[name]} == {}


def test_what_is_ours_alone_is_listed_and_exists(ours: Objects) -> None:
    added = [row.full(name) for row in ROWS if not row.seed for name in _CODE.findall(row.now)]
    assert [name for name in added if name not in ours] == []
    assert max(Counter(added).values()) == 1
    tables = {row.table for row in ROWS}
    replacing = {code[0] for row in ROWS if row.seed and len(code := _CODE.findall(row.now)) == 2}
    from_seed = {row.full(name) for row in ROWS for name in row.seed}
    # Checks of size and form are added by the dozen, and say themselves what they want.
    unlisted = [
        name
        for name, found in ours.items()
        if name[0] != "check"
        and found.table in tables
        and name[1] not in replacing
        and name not in {*from_seed, *added}
    ]
    assert unlisted == []


def test_every_change_has_its_reason() -> None:
    assert [row for row in ROWS if bool(row.why) == (row.now == "kept")] == []


def test_every_table_is_either_the_seed_s_or_listed_as_ours(cluster: "Cluster") -> None:
    with cluster.admin() as admin:
        tables = {
            name
            for (name,) in admin.execute("""
                SELECT relname FROM pg_class WHERE relnamespace = 'empla'::regnamespace AND relkind IN ('r', 'p')
                   AND NOT relispartition AND relname <> 'alembic_version'""")
        }
    own = PAGE.read_text(encoding="utf-8").partition("### Tables of our own")[2]
    assert {row.table for row in ROWS} | set(re.findall(r"^\| `(\w+)` \|", own, re.MULTILINE)) == tables


@pytest.mark.parametrize(
    ("statement", "changed"),
    [
        ("DROP INDEX empla.idx_goals_priority", "idx_goals_priority"),
        ("CREATE INDEX idx_beliefs_confidence ON empla.beliefs (tenant_id, confidence)", "idx_beliefs_confidence"),
        ("ALTER POLICY goals_tenant_isolation ON empla.employee_goals USING (true)", "goals_tenant_isolation"),
        ("ALTER TABLE empla.beliefs ALTER COLUMN formed_at SET DEFAULT now()", "formed_at"),
        ("DROP INDEX empla.idx_users_email", "users_tenant_id_email_key"),
    ],
)
def test_a_change_of_the_schema_makes_the_page_untrue(cluster: "Cluster", statement: str, changed: str) -> None:
    with psycopg.connect(cluster.url("admin")) as admin:
        admin.execute(statement.encode())
        after = objects_of(admin, "empla")
        admin.rollback()
    assert any(list(_faults(row, changed, after)) for row in ROWS if changed in row.seed)


def _faults(row: Row, name: str, ours: Objects) -> Iterator[str]:
    code = _CODE.findall(row.now)
    found = ours.get(row.full(name))
    if row.now == "kept":
        if found is None:
            yield "there is none"
    elif row.now == "dropped":
        if found is not None:
            yield f"there is one: {found}"
    elif len(code) == 2:
        instead = [other.definition for (_, called), other in ours.items() if called == code[0]]
        if instead != [code[1]]:
            yield f"{code[0]} is {instead}"
    elif found is None or code != [found.definition]:
        yield f"it is {found}"
