"""What the CRM says about deals."""

from datetime import datetime

from pydantic import JsonValue

from empla.senses.observation import NewObservation


def deal(
    name: str,
    stage: str,
    at: datetime,
    *,
    price: float = 1000,
    value: float | None = None,
    engaged: datetime | None = None,
) -> NewObservation:
    """What the CRM says about one deal when it changes."""
    content: dict[str, JsonValue] = {
        "opportunity": name,
        "stage": stage,
        "list_price": price,
        "close_value": value,
        "engaged_on": (engaged or at).date().isoformat(),
        "closed_on": None if stage == "open" else at.date().isoformat(),
    }
    return NewObservation(
        source="crm",
        external_id=f"{name}:{stage}",
        recipient="jordan",
        kind=f"deal_{stage}",
        occurred_at=at,
        description=f"{name} is {stage}",
        participants=(),
        content=content,
    )
