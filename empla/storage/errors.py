"""Every error of the driver becomes one of ours, in one place: by SQLSTATE, and by the name of the constraint that held."""

from collections.abc import Generator
from contextlib import contextmanager

import psycopg
from psycopg import errors as pg
from psycopg.conninfo import conninfo_to_dict

from empla.errors import (
    ConflictError,
    EmplaError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnauthorizedError,
    UnavailableError,
)

# What a person is told when a constraint holds. A cluster adds a shard number to the name, so the beginning decides.
_UNIQUE: dict[str, str] = {
    "tenant_slugs_pkey": "a tenant with this slug exists already",
    "idx_users_email": "a user with this e-mail exists already",
    "idx_employees_email": "an employee with this e-mail exists already",
    "employee_assignments_pkey": "this employee is assigned to this user already",
    "idx_semantic_live": "this fact is known already",
    "idx_goals_key": "a goal of this key is live already",
    "idx_intentions_live_plan": "this plan is pursued for it already",
    "idx_procedural_live": "a playbook of this name exists already",
    "idx_capabilities_name": "a capability of this name is offered already",
    "idx_integrations_name": "an integration of this name exists already",
    "idx_integrations_carrier": "another integration carries this capability already",
    "idx_effects_once": "the step brought this about already",
    "idx_approvals_one": "a human was asked about this effect already",
    "idx_budgets_one": "this budget is set already",
    "idx_messages_key": "this message was written already",
    "idempotency_keys_pkey": "a request with this Idempotency-Key was answered meanwhile: ask again",
}
_CHECK: dict[str, str] = {
    "users_email_check": "this is not an e-mail address",
    "employees_email_check": "this is not an e-mail address",
    "tenants_slug_check": "a slug is 1 to 63 lower-case letters, digits and inner hyphens",
    "intention_dependencies_not_itself": "an intention cannot depend on itself",
    "beliefs_reason_check": "a reason has at most 2,000 characters",
    "belief_conflicts_reason_check": "a reason has 1 to 2,000 characters",
    "belief_conflicts_reason": "a conflict is settled with a reason",
    "belief_supports_not_itself": "a belief cannot rest on itself",
    "memory_episodes_description_check": "a description has 1 to 65,536 bytes",
    "memory_episodes_importance_check": "an importance lies between 0 and 1",
    "memory_episodes_location_check": "a location has at most 200 characters",
    "memory_episodes_participants_check": "participants are at most 1,000 names",
    "episodes_ended_check": "an episode ends forgotten, evicted or merged",
    "episodes_ended_is_deleted": "an episode that has ended is no longer remembered",
    "episodes_merged": "an episode is merged into another one",
    "episodes_forgotten_is_erased": "an episode that is forgotten keeps no words",
    "memory_semantic_subject_check": "the subject of a fact has 1 to 500 characters",
    "memory_semantic_predicate_check": "the predicate of a fact has 1 to 200 characters and at most 500 bytes",
    "memory_semantic_object_check": "the object of a fact has 1 to 10,000 characters",
    "memory_semantic_confidence_check": "a confidence lies between 0 and 1",
    "memory_semantic_decay_rate_check": "a decay rate lies between 0 and 1",
    "memory_semantic_source_check": "a source has at most 1,000 characters",
    "memory_semantic_fact_type_check": "a fact is an entity, a relationship, a rule or a definition",
    "semantic_verified_is_certain": "what a person vouches for is certain, does not decay and is not disputed",
    "semantic_ended_check": "a fact ends superseded, revised or forgotten",
    "fact_predicates_predicate_check": "the predicate of a fact has 1 to 200 characters and at most 500 bytes",
    "memory_procedural_procedure_name_check": "the name of a playbook has 1 to 200 characters",
    "memory_procedural_description_check": "the description of a playbook has at most 10,000 characters",
    "memory_procedural_steps_check": "the steps of a playbook are too large",
    "memory_procedural_conditions_check": "the conditions of a playbook are too large",
    "memory_procedural_standing_check": "a playbook is on trial, established or demoted",
    "memory_procedural_version_check": "the versions of a playbook begin at 1",
    "memory_procedural_recent_check": "a playbook remembers its last 20 intentions",
    "memory_procedural_evidence_check": "a playbook keeps the last 20 moves of its standing",
    "procedural_executed_at": "a playbook that was carried out says when it was last",
    "procedural_success_count": "a playbook succeeds at most as often as it is carried out",
    "procedural_success_rate": "the success rate of a playbook is what was counted",
    "procedural_failures": "a playbook fails at most as often as it is carried out",
    "observations_source_check": "a source is 1 to 60 lower-case letters, digits, hyphens and underscores, a letter first",
    "observations_external_id_check": "an external id has 1 to 500 characters",
    "observations_kind_check": "a kind has 1 to 100 characters",
    "observations_description_check": "a description has 1 to 65,536 bytes",
    "observations_participants_check": "participants are at most 1,000 names",
    "goals_key_check": "a goal's key has 1 to 300 characters",
    "goals_importance_check": "an importance lies between 0 and 1",
    "goals_reason_check": "a reason has at most 2,000 characters",
    "goals_not_its_own_parent": "a goal is not its own parent",
    "intentions_not_its_own_parent": "an intention is not its own parent",
    "steps_depend_on_earlier_ones": "a step depends on earlier steps alone",
    "effects_title_check": "a title has 1 to 1,000 characters",
    "effects_body_check": "a text has at most 65,536 bytes",
    "effects_kind_check": "an effect is a task, a note, a draft, a message or a call",
    "effects_recipients_check": "recipients are at most 50 addresses, of 12,800 bytes together",
    "effects_recipient_zone_check": "the name of a time zone has 1 to 64 characters",
    "effects_reason_check": "a reason has at most 2,000 characters",
    "effects_leave_with_a_capability": "a message or a call needs a capability",
    "effects_leave_by_a_step": "a message or a call is asked for by the step of a plan",
    "effects_started_at": "an effect that was tried says when it was started",
    "approvals_reason_check": "a reason has at most 2,000 characters",
    "approvals_decided": "an approval that was decided says by whom and when",
    "approvals_used": "only what was approved is used",
    "capabilities_name_check": "the name of a capability is 1 to 60 lower-case letters, digits and underscores, a letter first",
    "capabilities_description_check": "the description of a capability has 1 to 1,000 characters",
    "capabilities_parameters_check": "the parameters of a capability are a JSON schema of at most 65,536 bytes",
    "capabilities_repeat_window_check": "the window of repeats is 0 to 366 days",
    "capabilities_recipient_per_day_check": "the same recipient has 1 to 100,000 a day",
    "capabilities_tenant_per_hour_check": "a tenant has 1 to 1,000,000 an hour",
    "capabilities_costs_check": "costs are numbers from 0 on, of effects, calls, tokens or money",
    "capabilities_quiet_hours": "quiet hours begin and end, and not at the same time",
    "integrations_name_check": "the name of an integration is 1 to 60 lower-case letters, digits, hyphens and underscores",
    "integrations_kind_check": "an integration is smtp, maildir, webhook, imap or webhook_in",
    "integrations_conversation_is_within": "answers in conversations leave through no integration",
    "integrations_settings_check": "the settings of an integration are a JSON object of at most 65,536 bytes",
    "integrations_sealed_check": "a secret has at most 65,536 bytes",
    "integrations_deleted_is_disabled": "an integration that is gone is off and keeps no secret",
    "budgets_resource_check": "a budget is of effects, calls, tokens or money",
    "budgets_daily_check": "a budget is a number from 0 on",
    "budget_reservations_actual": "what was spent is known once it is settled, and not before",
    "notices_text_check": "a notice has 1 to 10,000 characters",
    "notices_severity_check": "a notice is info, warning or urgent",
    "notices_answer_check": "an answer has at most 10,000 characters",
    "api_keys_name_check": "the name of a key has 1 to 200 characters",
    "api_keys_scopes_check": "a key has 1 to 50 scopes",
    "api_keys_employees_check": "a key is narrowed to 1 to 1,000 employees, or not at all",
    "memory_working_priority_check": "a priority is 1 to 10",
    "conversations_title_check": "the title of a conversation has 1 to 300 characters",
    "messages_body_check": "a message has words, at most 65,536 bytes of them",
    "messages_visitor_check": "a visitor's name has 1 to 320 characters",
    "messages_key_check": "the key of a message has 1 to 200 characters",
    "events_kind_check": "there is no such kind of event",
    "idempotency_keys_key_check": "an Idempotency-Key is 1 to 200 visible ASCII characters",
    "idempotency_keys_digest_check": "the digest of a request has 32 bytes",
    "idempotency_keys_status_check": "only what was done is kept under an Idempotency-Key",
    "idempotency_keys_headers_check": "the headers of an answer are at most 8,192 bytes",
    "idempotency_keys_body_check": "an answer that is kept has at most 1,048,576 bytes",
    "employees_onboarding_is_shadow": "an employee that is still onboarding works in shadow",
}
_RAISED: dict[str, type[EmplaError]] = {
    "EM401": UnauthorizedError,
    "EM403": ForbiddenError,
    "EM404": NotFoundError,
    "EM409": ConflictError,
}


def translated(error: psycopg.Error) -> EmplaError | None:
    """What to raise instead of the driver's error; None for one that is a defect of ours and should stay loud."""
    state = error.sqlstate or ""
    message = error.diag.message_primary or str(error).partition("\n")[0]
    constraint = error.diag.constraint_name or ""
    found: EmplaError | None = None
    if state in _RAISED:
        found = _RAISED[state](message)
    elif isinstance(error, pg.UniqueViolation):
        found = ConflictError(_sentence(_UNIQUE, constraint, "it exists already"))
    elif isinstance(error, pg.ForeignKeyViolation):
        found = NotFoundError("it refers to something that does not exist here")
    elif isinstance(error, pg.CheckViolation):
        found = InvalidError(
            _sentence(_CHECK, constraint, f"refused by the rule {constraint}" if constraint else message)
        )
    elif isinstance(error, pg.NotNullViolation):
        found = InvalidError(f"{error.diag.column_name} is missing")
    elif isinstance(error, pg.InsufficientPrivilege | pg.ReadOnlySqlTransaction):
        found = ForbiddenError("the caller's role does not allow this")
    elif isinstance(error, pg.UndefinedTable | pg.UndefinedFunction | pg.InvalidSchemaName):
        found = UnavailableError("the database is not at this version of empla: run empla db upgrade")
    elif isinstance(error, psycopg.DataError):
        found = InvalidError(message)
    elif isinstance(error, psycopg.OperationalError):
        found = UnavailableError(f"the database can't be used now: {message}")
    return found


def _sentence(known: dict[str, str], constraint: str, otherwise: str) -> str:
    for name, sentence in known.items():
        if constraint.startswith(name):
            return sentence
    return otherwise


@contextmanager
def connecting(url: str, setting: str = "EMPLA_DATABASE_URL") -> Generator[None]:
    """A failed connection is one sentence that names the setting and the server, never the password."""
    try:
        yield
    except psycopg.OperationalError as error:
        raise UnavailableError(f"no connection to {place(url)} ({setting}): {_why(error)}") from None
    except psycopg.ProgrammingError as error:
        if error.sqlstate is not None:  # the server's own word on a statement, not on the URL
            raise
        # The driver quotes the part it does not understand, which may be the password.
        raise UnavailableError(f"{setting} is not a PostgreSQL URL like postgresql://user@host:5432/database") from None


def not_a_member(login: str, role: str) -> UnavailableError:
    """What is wrong when a login is refused the schema."""
    return UnavailableError(f"{login} may not use empla's schema: GRANT {role} TO {login}")


def place(url: str) -> str:
    """Where the URL leads, without its password: host:port/database."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return "the database"
    host = str(parts.get("host") or parts.get("hostaddr") or "/")
    port = f":{parts['port']}" if parts.get("port") and not host.startswith("/") else ""
    return f"{'the local socket' if host.startswith('/') else host}{port}/{parts.get('dbname') or ''}".rstrip("/")


def _why(error: psycopg.Error) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # libpq asks "Is the server running …?" under its reason.
    said = [line for line in lines if not line.endswith("?")] or ["no answer"]
    reason = said[-1].removeprefix("FATAL:").strip().rpartition("failed: ")[2].removeprefix("FATAL:").strip()
    return reason if len(said) == len(lines) else f"{reason}; is the server running there?"
