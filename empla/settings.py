"""Every setting, its default and its unit; read once from the environment (EMPLA_…), passed down, never read elsewhere."""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def default_home() -> Path:
    """Where the embedded database lives when nobody says otherwise."""
    if os.name == "posix" and os.geteuid() == 0:
        return Path("/var/lib/empla")
    return Path("~/.local/share/empla").expanduser()


class Settings(BaseSettings):
    """One frozen object per process. Each field is the environment variable EMPLA_<NAME>; an empty one counts as unset."""

    model_config = SettingsConfigDict(env_prefix="EMPLA_", env_ignore_empty=True, frozen=True, extra="ignore")

    database_url: SecretStr | None = Field(
        default=None, description="A login that is a member of empla_app; unset means the embedded server"
    )
    worker_database_url: SecretStr | None = Field(
        default=None, description="A login that is a member of empla_worker; for cycles"
    )
    admin_database_url: SecretStr | None = Field(
        default=None, description="An administrator, for db upgrade, downgrade and retention alone"
    )
    home: Path = Field(default_factory=default_home, description="The folder of the embedded server")
    # An environment variable is text, which is no literal.
    postgres_version: Annotated[Literal[16, 18], BeforeValidator(int)] = Field(
        default=18, description="The embedded server's major version"
    )
    start_timeout: float = Field(
        default=120.0, gt=0, le=3600, description="Seconds to wait for the embedded server to start"
    )
    connect_timeout: float = Field(default=10.0, ge=1, le=600, description="Seconds to wait for a connection")
    statement_timeout: float = Field(
        default=30.0, ge=0, le=86400, description="Seconds a statement may run; 0 is no limit"
    )
    idle_timeout: float = Field(
        default=60.0, ge=0, le=86400, description="Seconds a transaction may sit idle; 0 is no limit"
    )
    pool_size: int = Field(default=8, ge=1, le=1000, description="Connections per pool")
    prepare_threshold: int = Field(
        default=5, ge=0, description="Uses after which a statement is prepared on the server; 0 never, for old poolers"
    )
    synchronous_commit: bool = Field(
        default=True, description="Wait for the disk at each commit; false may lose the last moments in a power cut"
    )
    max_content_bytes: int = Field(
        default=1_048_576, ge=1024, le=1_048_576, description="Largest JSON content of an observation or episode"
    )
    max_batch: int = Field(default=10_000, ge=1, le=100_000, description="Most observations or evidence in one call")
    max_clock_skew: float = Field(default=300.0, ge=0, description="Seconds that evidence may lie in the future")
    working_capacity: int = Field(
        default=20, ge=1, le=1000, description="Items that fit into an employee's working memory"
    )
    forget_below: float = Field(
        default=0.05, ge=0, le=1, description="Effective confidence under which a decaying belief is forgotten"
    )
    episodes_kept: int = Field(
        default=100_000,
        ge=1,
        le=10_000_000,
        description="Episodes of one employee beyond which housekeeping forgets what is worth least; never what people said, what "
        "something held rests on, or what is younger than 30 days",
    )
    retain_log_months: int = Field(
        default=0, ge=0, description="Months that audit, history and metrics are kept; 0 is for ever"
    )
    event_days: float = Field(
        default=7.0,
        ge=0.05,
        le=366,
        description="Days that the stream of events can be followed back; housekeeping forgets older ones",
    )
    webhook_tolerance: float = Field(
        default=300.0,
        gt=0,
        le=3600,
        description="Seconds that the signature of a webhook may be old, or its clock ahead",
    )
    worker_lease: float = Field(
        default=60.0, ge=1, le=3600, description="Seconds after which a silent worker's employees are another's"
    )
    worker_poll: float = Field(
        default=1.0, gt=0, le=3600, description="Seconds a worker sleeps at most before it looks who is due"
    )
    secret_keys: SecretStr | None = Field(
        default=None,
        description="Keys that secrets of integrations are sealed and access tokens signed by, separated by commas: the first seals "
        "and signs, all open and verify; unset, the embedded server has one of its own",
    )
    send_timeout: float = Field(
        default=20.0, gt=0, le=600, description="Seconds that one sending may take; at most 60 % of EMPLA_WORKER_LEASE"
    )
    send_attempts: int = Field(
        default=10,
        ge=1,
        le=1000,
        description="Attempts after which an effect that is put off again and again has failed",
    )
    send_backoff: float = Field(
        default=60.0, gt=0, le=86400, description="Seconds until the second attempt; doubled with each, up to six hours"
    )
    sends_per_cycle: int = Field(default=20, ge=1, le=1000, description="Effects that one cycle sends at most")
    max_message_bytes: int = Field(
        default=1_048_576, ge=1024, le=26_214_400, description="Largest message or call that leaves"
    )
    approval_days: float = Field(
        default=14.0, gt=0, le=90, description="Days after which a request for approval has expired"
    )
    reach_private: bool = Field(
        default=False,
        description="Whether webhooks and mail servers may have private addresses, such as this machine's",
    )
    worker_concurrency: int = Field(default=4, ge=1, le=1000, description="Cycles that a worker runs at once")
    mail_max_bytes: int = Field(
        default=10_000_000, ge=1024, le=100_000_000, description="Largest mail that is read, in bytes as it was sent"
    )
    mail_max_text: int = Field(
        default=100_000, ge=100, le=1_000_000, description="Characters of a mail's text that are kept"
    )
    mail_timeout: float = Field(
        default=30.0, ge=0.1, le=600, description="Seconds to wait for each answer of a mail server"
    )
    access_token_life: float = Field(
        default=600.0,
        ge=30,
        le=3600,
        description="Seconds that an access token is good for, unless its sign-in ends before",
    )
    sign_in_days: float = Field(
        default=30.0, gt=0, le=366, description="Days after which one signs in again, however often it was refreshed"
    )
    sign_in_idle_days: float = Field(
        default=7.0, gt=0, le=366, description="Days after which a sign-in that nobody refreshed is over"
    )
    page_hours: float = Field(
        default=12.0,
        gt=0,
        le=720,
        description="Hours after which a browser signs in again, unless its sign-in ends before",
    )
    sign_in_kept_days: float = Field(
        default=90.0,
        ge=1,
        le=3660,
        description="Days that a sign-in which is over, or a link that nobody used, is kept before housekeeping removes it",
    )
    refresh_grace: float = Field(
        default=10.0,
        ge=0,
        le=60,
        description="Seconds in which a refresh token that was just exchanged is refused and no more (a double click); later, the "
        "sign-in is over",
    )
    lockout_attempts: int = Field(
        default=10,
        ge=1,
        le=1000,
        description="Failed sign-ins after which an account is locked, whether there is one or not",
    )
    lockout_window: float = Field(
        default=900.0, ge=1, le=86400, description="Seconds within which those failures are counted"
    )
    lockout_time: float = Field(default=900.0, ge=1, le=86400, description="Seconds that a lock holds")
    address_attempts: int = Field(
        default=100,
        ge=1,
        le=1_000_000,
        description="Failed sign-ins and requests for resets from one address within that window, whatever the accounts",
    )
    reset_attempts: int = Field(
        default=5, ge=1, le=1000, description="Requests for a reset of one account within that window"
    )
    password_concurrency: int = Field(
        default=2, ge=1, le=64, description="Passwords that a process hashes at once; each takes a core and 64 MB"
    )
    invitation_days: float = Field(default=7.0, gt=0, le=90, description="Days that an invitation is good for")
    reset_minutes: float = Field(
        default=60.0, gt=0, le=10080, description="Minutes that a link to another password is good for"
    )
    mail_url: SecretStr | None = Field(
        default=None,
        description="The installation's own mail server, by which links to another password go out: smtps://login:password@host:465 (TLS), "
        "or smtp:// (STARTTLS; without TLS to this machine alone); unset, the tenant's account for e-mail is used, but not for admins",
    )
    mail_from: str | None = Field(default=None, max_length=254, description="The address that such mails come from")
    link_url: str | None = Field(
        default=None,
        max_length=2000,
        description="A page of yours that sets a password by a link: mails name it, with the token behind a #; unset, they tell the token",
    )
    imap_password: SecretStr | None = Field(
        default=None, description="The password for `empla ingest --source imap`; it is taken from nowhere else"
    )
    embedder: str = Field(
        default="static",
        max_length=500,
        description="What turns memories into vectors: static (ships with empla, needs no network), none (words decide alone), "
        "openai:MODEL (any server that speaks OpenAI's /embeddings) or sentence-transformers:MODEL (or a folder)",
    )
    embedder_url: str = Field(
        default="https://api.openai.com/v1",
        max_length=2000,
        description="What /embeddings follows on; http:// only within the own network",
    )
    embedder_key: SecretStr | None = Field(
        default=None, description="The key of that server, sent to it and to nobody else"
    )
    embedder_dimensions: int | None = Field(
        default=None,
        ge=1,
        le=1024,
        description="Numbers in a vector, of a model that can do with fewer than it has; unset, what it has, at most 1,024",
    )
    embedder_batch: int = Field(default=64, ge=1, le=2048, description="Texts that an embedder is asked at once")
    embedder_timeout: float = Field(
        default=20.0, gt=0, le=600, description="Seconds that a server's answer with vectors may take"
    )
    embedder_attempts: int = Field(
        default=4, ge=1, le=100, description="Attempts after which a server that is busy or silent is unavailable"
    )
    embedder_cache: int = Field(
        default=10_000,
        ge=0,
        le=1_000_000,
        description="Texts whose vectors a process remembers, of an embedder that is not static; 4 KB each, 0 is none",
    )
    api_host: str = Field(default="127.0.0.1", max_length=255, description="The address that the HTTP API listens at")
    api_port: int = Field(default=8300, ge=0, le=65535, description="Its port; 0 is any that is free")
    api_origins: str = Field(
        default="",
        max_length=4000,
        description="Web origins whose pages may call the API (CORS), separated by commas: https://app.acme.example; empty, none may",
    )
    api_proxies: str = Field(
        default="",
        max_length=4000,
        description="Addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, separated by commas; empty, of none",
    )
    api_max_body_bytes: int = Field(
        default=4_194_304, ge=1024, le=67_108_864, description="Largest body of a request to the API"
    )
    upload_max_bytes: int = Field(
        default=16_777_216,
        ge=1024,
        le=268_435_456,
        description="Largest file that is sent to an employee from a page, with all that is sent beside it",
    )
    api_max_json_depth: int = Field(
        default=40, ge=8, le=200, description="How deep lists and objects may stand inside one another in a body"
    )
    api_max_header_bytes: int = Field(
        default=16_384, ge=2048, le=1_048_576, description="Largest head of a request: its line and all headers"
    )
    api_rate: int = Field(
        default=600, ge=1, le=10_000_000, description="Requests a minute of one credential, in each process"
    )
    api_address_rate: int = Field(
        default=1200, ge=1, le=10_000_000, description="Requests a minute from one address, in each process"
    )
    api_max_requests: int = Field(
        default=100, ge=1, le=100_000, description="Requests that are answered at once; streams do not count"
    )
    api_max_connections: int = Field(default=2000, ge=1, le=1_000_000, description="Connections that are open at once")
    api_timeout: float = Field(
        default=30.0, gt=0, le=3600, description="Seconds that answering may take; streams may take longer"
    )
    api_head_timeout: float = Field(
        default=10.0, gt=0, le=600, description="Seconds in which a request's head must be here"
    )
    api_body_timeout: float = Field(
        default=20.0, gt=0, le=600, description="Seconds in which a request's body must be here"
    )
    api_send_timeout: float = Field(
        default=30.0, gt=0, le=3600, description="Seconds that a client may read nothing of what waits for it"
    )
    api_keep_alive: int = Field(
        default=15, ge=1, le=3600, description="Seconds that a connection may be idle between requests"
    )
    api_streams: int = Field(default=1000, ge=1, le=100_000, description="Streams of events that are open at once")
    api_streams_each: int = Field(
        default=20, ge=1, le=100_000, description="Streams of one credential that are open at once, in each process"
    )
    api_stream_life: float = Field(
        default=600.0,
        gt=0,
        le=86400,
        description="Seconds after which a stream ends, and its client comes again with a credential that is good then",
    )
    api_heartbeat: float = Field(
        default=15.0, gt=0, le=600, description="Seconds of silence after which a stream says that it is there"
    )
    idempotency_hours: float = Field(
        default=24.0, gt=0, le=720, description="Hours that the answer to an Idempotency-Key is kept"
    )
    metrics_token: SecretStr | None = Field(
        default=None, description="What /metrics is asked with, as a bearer token; unset, this machine alone may ask"
    )
