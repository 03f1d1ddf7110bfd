-- The inbox: what sources saw, each perceived once by its employee, in order, or with a visible error.

CREATE TABLE empla.observations (
    tenant_id      uuid NOT NULL,
    employee_id    uuid NOT NULL,
    id             uuid NOT NULL DEFAULT uuidv7(),
    source         text NOT NULL CHECK (source ~ '^[a-z][a-z0-9_-]{0,59}$'),
    external_id    text NOT NULL CHECK (length(external_id) BETWEEN 1 AND 500),
    kind           text NOT NULL CHECK (length(kind) BETWEEN 1 AND 100),
    description    text NOT NULL CHECK (length(btrim(description)) >= 1 AND octet_length(description) <= 65536),
    participants   text[] NOT NULL DEFAULT '{}' CHECK (array_position(participants, NULL) IS NULL AND cardinality(participants) <= 1000),
    content        jsonb NOT NULL CHECK (empla.is_object(content, 1048576)),
    status         text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'perceived', 'failed')),
    perceived_at   timestamptz,
    error          text,
    metadata       jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    occurred_at    timestamptz NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at     timestamptz NOT NULL DEFAULT ctx.now(),
    PRIMARY KEY (tenant_id, employee_id, id),
    FOREIGN KEY (tenant_id, employee_id) REFERENCES empla.employees (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT observations_perceived_at CHECK ((status = 'perceived') = (perceived_at IS NOT NULL)),
    CONSTRAINT observations_error CHECK ((status = 'failed') = (error IS NOT NULL))
);
CREATE UNIQUE INDEX idx_observations_external ON empla.observations (tenant_id, employee_id, source, external_id);
CREATE INDEX idx_observations_pending ON empla.observations (tenant_id, employee_id, occurred_at, id) WHERE status = 'pending';
CREATE INDEX idx_observations_failed ON empla.observations (tenant_id, employee_id, occurred_at) WHERE status = 'failed';

ALTER TABLE empla.memory_episodes ADD CONSTRAINT episodes_observation_fkey
    FOREIGN KEY (tenant_id, employee_id, observation_id) REFERENCES empla.observations (tenant_id, employee_id, id) ON DELETE CASCADE;

CALL ctx.fence('empla.observations', 'observations_tenant_isolation');
GRANT SELECT, INSERT, UPDATE (status, perceived_at, error) ON empla.observations TO empla_app, empla_worker;
CALL empla.keep_touched('empla.observations');
CALL empla.keep_key('empla.observations');
