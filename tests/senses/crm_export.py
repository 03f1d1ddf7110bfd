"""A small good CRM export that each test spoils in its own way."""

from collections.abc import Sequence
from pathlib import Path

from empla.senses.crm import CrmReading

HEADER = "opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value"
WON = "W1,Ada Quill,Lamp Pro,Northwind Mill,Won,2025-01-07,2025-02-03,950"
LOST = "L1,Ada Quill,Lamp Basic,Northwind Mill,Lost,2025-01-08,2025-02-04,0"
OPEN = "E1,Ben-Omar Tiel,Lamp Pro,Fenlock,Engaging,2025-01-09,,"
PROSPECT = "P1,Ben-Omar Tiel,Lamp Pro,Fenlock,Prospecting,,,"
FILES = {
    "accounts.csv": "account,sector,year_established,revenue,employees,office_location,subsidiary_of\n"
    "Northwind Mill,food,1990,12.5,80,Norway,\nFenlock,technology,2001,7,9,Korea,Northwind Mill\n",
    "products.csv": "product,series,sales_price\nLamp Basic,Lamp,55\nLamp Pro,Lamp,1000.5\n",
    "sales_teams.csv": "sales_agent,manager,regional_office\n"
    "Ada Quill,Mo Reyk,Central\nBen-Omar Tiel,Mo Reyk,East\nCy Idle,Mo Reyk,East\n",
}


def write(folder: Path, pipeline: Sequence[str] | bytes, **replaced: str | bytes | None) -> Path:
    """The export in this folder: good files, but for those replaced (by name without .csv; None: missing)."""
    data = pipeline if isinstance(pipeline, bytes) else "\n".join([HEADER, *pipeline, ""]).encode()
    contents: dict[str, str | bytes | None] = {**FILES, "sales_pipeline.csv": data}
    contents |= {f"{name}.csv": content for name, content in replaced.items()}
    for name, content in contents.items():
        if content is not None:
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def reasons(reading: CrmReading, *, kept: bool) -> list[str]:
    return [f"{each.file}:{each.line} {each.reason}" for each in reading.oddities if each.kept is kept]


def opportunities(reading: CrmReading) -> set[str]:
    return {str(each.content["opportunity"]) for each in reading.observations}
