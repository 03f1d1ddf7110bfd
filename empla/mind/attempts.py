"""What becomes of a step after an attempt: done, waiting, tried again later, or failed for good. Pure."""

from datetime import datetime, timedelta

from pydantic import JsonValue

from empla.bdi.intentions import Step, StepChange
from empla.durations import duration

FIRST_BACKOFF = timedelta(hours=1)
LONGEST_BACKOFF = timedelta(days=7)


def backoff(first: timedelta, attempts: int) -> timedelta:
    """The pause after so many attempts: the first one, doubled each time, at most seven days."""
    doublings = min(max(attempts - 1, 0), 30)  # beyond, the longest is reached from any first one
    return min(first * 2**doublings, LONGEST_BACKOFF)


def question_key(step: Step, *, attempt: int) -> str:
    """What the question of one attempt is known by: an answer to an earlier one is none to this."""
    return f"{step.idempotency_key}#{attempt}"


def done(step: Step, result: dict[str, JsonValue] | None = None) -> StepChange:
    """It is complete, with what came of it."""
    return _changed(step, "completed", result=result or {}, attempts=step.attempts + (step.status == "pending"))


def skipped(step: Step, why: str) -> StepChange:
    """Its condition does not hold."""
    return _changed(step, "skipped", result={"skipped": why}, attempts=step.attempts)


def abandoned(step: Step) -> StepChange:
    """It can never run."""
    return _changed(step, "abandoned", result=step.result, attempts=step.attempts)


def waiting(step: Step, *, until: datetime | None, result: dict[str, JsonValue] | None = None) -> StepChange:
    """It has begun, and waits for the world; it has failed at `until`."""
    change = _changed(step, "in_progress", result=result or {}, attempts=step.attempts + 1)
    return change.model_copy(update={"timeout_at": until})


def failed(step: Step, error: str, *, now: datetime) -> StepChange:
    """The attempt failed: the step is tried again after a pause, or has failed for good."""
    attempts = step.attempts + (step.status == "pending")
    if attempts >= step.max_attempts:
        return _changed(step, "failed", result=step.result, attempts=attempts, error=error)
    written = step.definition.get("backoff")
    first = duration(written) if isinstance(written, str) else FIRST_BACKOFF
    change = _changed(step, "pending", result=step.result, attempts=attempts, error=error)
    return change.model_copy(update={"not_before": now + backoff(first, attempts)})


def _changed(
    step: Step, status: str, *, result: dict[str, JsonValue], attempts: int, error: str | None = None
) -> StepChange:
    return StepChange.model_validate(
        {
            "intention_id": step.intention_id,
            "position": step.position,
            "status": status,
            "attempts": attempts,
            "result": result,
            "error": None if error is None else error[:2000],
        }
    )
