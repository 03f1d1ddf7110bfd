"""What an agent's pipeline was at the end of a day, computed from the export with the csv module alone."""

import csv
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

# The export writes one product in two ways.
_SPELLINGS = {"GTXPro": "GTX Pro", "WeirStation": "Weir Station"}


@dataclass(frozen=True)
class Deal:
    agent: str
    list_price: int
    stage: str
    engaged_on: date
    closed_on: date | None
    close_value: int


class Export:
    def __init__(self, folder: Path) -> None:
        prices = {row["product"]: int(row["sales_price"]) for row in _rows(folder / "products.csv")}
        self.offices = {row["sales_agent"]: row["regional_office"].lower() for row in _rows(folder / "sales_teams.csv")}
        self.deals = [
            Deal(
                agent=row["sales_agent"],
                list_price=prices[_SPELLINGS.get(row["product"], row["product"])],
                stage=row["deal_stage"],
                engaged_on=date.fromisoformat(row["engage_date"]),
                closed_on=date.fromisoformat(row["close_date"]) if row["close_date"] else None,
                close_value=int(row["close_value"] or 0),
            )
            for row in _rows(folder / "sales_pipeline.csv")
            if row["engage_date"]
        ]
        self.agents = sorted({deal.agent for deal in self.deals})

    def events(self, day: date) -> int:
        """How many deals were taken up or closed until the end of the day."""
        return sum(
            (deal.engaged_on <= day) + (deal.closed_on is not None and deal.closed_on <= day) for deal in self.deals
        )

    def pipeline(self, agent: str, day: date) -> dict[str, float]:
        """The eight figures, without those that have no value."""
        mine = [deal for deal in self.deals if deal.agent == agent and deal.engaged_on <= day]
        closed = [deal for deal in mine if deal.closed_on is not None and deal.closed_on <= day]
        still_open = [deal for deal in mine if deal not in closed]
        won = [deal for deal in closed if deal.stage == "Won"]
        quarter_began = day - timedelta(days=90)
        won_lately = sum(deal.close_value for deal in won if deal.closed_on and deal.closed_on > quarter_began)
        found: dict[str, float] = {
            "open_count": len(still_open),
            "open_value": sum(deal.list_price for deal in still_open),
            "won_count": len(won),
            "won_value": sum(deal.close_value for deal in won),
            "lost_count": len(closed) - len(won),
            "stale_count": sum((day - deal.engaged_on).days > 90 for deal in still_open),
        }
        if closed:
            found["win_rate"] = len(won) / len(closed)
        if won_lately:
            found["coverage"] = found["open_value"] / won_lately
        return found


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
