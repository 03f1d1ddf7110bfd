-- Four memories. Vectors are halfvec stored inline (2 KB a row in the heap page, not out of line): exact recall reads them four times faster.
-- A zero vector has no direction, and its cosine distance, NaN, would poison every score.

CREATE TABLE empla.memory_episodes (
    tenant_id        uuid NOT NULL,
    employee_id      uuid NOT NULL,
    id               uuid NOT NULL DEFAULT uuidv7(),
    episode_type     text NOT NULL CHECK (episode_type IN ('interaction', 'event', 'observation', 'feedback')),
    description      text NOT NULL CHECK (length(btrim(description)) >= 1 AND octet_length(description) <= 65536),
    content          jsonb NOT NULL CHECK (empla.is_object(content, 1048576)),
    participants     text[] CHECK (array_position(participants, NULL) IS NULL AND cardinality(participants) <= 1000),
    location         text CHECK (length(location) <= 200),
    embedding        halfvec(1024) CHECK (l2_norm(embedding) > 0),
    importance       double precision NOT NULL DEFAULT 0.5 CHECK (importance BETWEEN 0 AND 1),
    recall_count     integer NOT NULL DEFAULT 0 CHECK (recall_count >= 0),
    last_recalled_at timestamptz,
    observation_id   uuid,
    metadata         jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    occurred_at      timestamptz NOT NULL DEFAULT ctx.now(),
    created_at       timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at       timestamptz NOT NULL DEFAULT ctx.now(),
    deleted_at       timestamptz,
    PRIMARY KEY (tenant_id, employee_id, id),
    FOREIGN KEY (tenant_id, employee_id) REFERENCES empla.employees (tenant_id, id) ON DELETE CASCADE
);
ALTER TABLE empla.memory_episodes ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE INDEX idx_episodes_employee ON empla.memory_episodes (tenant_id, employee_id, occurred_at DESC) WHERE deleted_at IS NULL;
CREATE INDEX idx_episodes_type ON empla.memory_episodes (tenant_id, employee_id, episode_type) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX idx_episodes_observation ON empla.memory_episodes (tenant_id, employee_id, observation_id);

CREATE TABLE empla.memory_semantic (
    tenant_id   uuid NOT NULL,
    employee_id uuid NOT NULL,
    id          uuid NOT NULL DEFAULT uuidv7(),
    fact_type   text NOT NULL CHECK (fact_type IN ('entity', 'relationship', 'rule', 'definition')),
    subject     text NOT NULL CHECK (subject = btrim(subject) AND length(subject) BETWEEN 1 AND 500),
    predicate   text NOT NULL CHECK (predicate = btrim(predicate) AND length(predicate) BETWEEN 1 AND 200 AND octet_length(predicate) <= 500),
    object      text NOT NULL CHECK (length(object) BETWEEN 1 AND 10000),
    confidence  double precision NOT NULL DEFAULT 1.0 CHECK (confidence BETWEEN 0 AND 1),
    decay_rate  double precision NOT NULL DEFAULT 0.0 CHECK (decay_rate BETWEEN 0 AND 1),
    reinforced_at timestamptz NOT NULL DEFAULT ctx.now(),
    source      text CHECK (length(source) <= 1000),
    verified    boolean NOT NULL DEFAULT false,
    embedding   halfvec(1024) CHECK (l2_norm(embedding) > 0),
    metadata    jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    created_at  timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at  timestamptz NOT NULL DEFAULT ctx.now(),
    deleted_at  timestamptz,
    PRIMARY KEY (tenant_id, employee_id, id),
    FOREIGN KEY (tenant_id, employee_id) REFERENCES empla.employees (tenant_id, id) ON DELETE CASCADE
);
ALTER TABLE empla.memory_semantic ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE INDEX idx_semantic_subject ON empla.memory_semantic (tenant_id, employee_id, subject) WHERE deleted_at IS NULL;
CREATE INDEX idx_semantic_type ON empla.memory_semantic (tenant_id, employee_id, fact_type) WHERE deleted_at IS NULL;
-- One live fact per triple; the object is hashed, because a long one does not fit a btree.
CREATE UNIQUE INDEX idx_semantic_live ON empla.memory_semantic (tenant_id, employee_id, subject, predicate, md5(object)) WHERE deleted_at IS NULL;

CREATE TABLE empla.memory_procedural (
    tenant_id        uuid NOT NULL,
    employee_id      uuid NOT NULL,
    id               uuid NOT NULL DEFAULT uuidv7(),
    procedure_name   text NOT NULL CHECK (length(btrim(procedure_name)) BETWEEN 1 AND 200),
    description      text NOT NULL CHECK (length(description) <= 10000),
    procedure_type   text NOT NULL CHECK (procedure_type IN ('skill', 'workflow', 'heuristic')),
    steps            jsonb NOT NULL CHECK (empla.is_object(steps, 262144)),
    conditions       jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(conditions, 65536)),
    success_rate     double precision NOT NULL DEFAULT 0.0 CHECK (success_rate BETWEEN 0 AND 1),
    execution_count  integer NOT NULL DEFAULT 0 CHECK (execution_count >= 0),
    last_executed_at timestamptz,
    learned_from     text CHECK (learned_from IN ('human_demonstration', 'trial_and_error', 'instruction', 'pre_built')),
    metadata         jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    created_at       timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at       timestamptz NOT NULL DEFAULT ctx.now(),
    deleted_at       timestamptz,
    PRIMARY KEY (tenant_id, employee_id, id),
    FOREIGN KEY (tenant_id, employee_id) REFERENCES empla.employees (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT procedural_executed_at CHECK ((execution_count > 0) = (last_executed_at IS NOT NULL))
);
CREATE UNIQUE INDEX idx_procedural_live ON empla.memory_procedural (tenant_id, employee_id, procedure_name) WHERE deleted_at IS NULL;
CREATE INDEX idx_procedural_type ON empla.memory_procedural (tenant_id, employee_id, procedure_type) WHERE deleted_at IS NULL;
CREATE INDEX idx_procedural_success ON empla.memory_procedural (tenant_id, employee_id, success_rate DESC) WHERE deleted_at IS NULL;

CREATE TABLE empla.memory_working (
    tenant_id    uuid NOT NULL,
    employee_id  uuid NOT NULL,
    id           uuid NOT NULL DEFAULT uuidv7(),
    context_type text NOT NULL CHECK (context_type IN ('current_task', 'conversation', 'scratchpad', 'recent_observation')),
    content      jsonb NOT NULL CHECK (empla.is_object(content, 262144)),
    priority     integer NOT NULL DEFAULT 5 CHECK (priority BETWEEN 1 AND 10),
    expires_at   timestamptz,
    metadata     jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    created_at   timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at   timestamptz NOT NULL DEFAULT ctx.now(),
    deleted_at   timestamptz,
    PRIMARY KEY (tenant_id, employee_id, id),
    FOREIGN KEY (tenant_id, employee_id) REFERENCES empla.employees (tenant_id, id) ON DELETE CASCADE
);
-- now() cannot stand in an index predicate: what has expired is filtered when it is read.
CREATE INDEX idx_working_employee ON empla.memory_working (tenant_id, employee_id, priority DESC, expires_at) WHERE deleted_at IS NULL;
CREATE INDEX idx_working_type ON empla.memory_working (tenant_id, employee_id, context_type) WHERE deleted_at IS NULL;
CREATE INDEX idx_working_expires ON empla.memory_working (tenant_id, expires_at) WHERE deleted_at IS NULL AND expires_at IS NOT NULL;

CALL ctx.fence('empla.memory_episodes', 'episodes_tenant_isolation');
CALL ctx.fence('empla.memory_semantic', 'semantic_tenant_isolation');
CALL ctx.fence('empla.memory_procedural', 'procedural_tenant_isolation');
CALL ctx.fence('empla.memory_working', 'working_tenant_isolation');
GRANT SELECT, INSERT, UPDATE ON empla.memory_episodes, empla.memory_semantic, empla.memory_procedural, empla.memory_working
    TO empla_app, empla_worker;
CALL empla.keep_touched('empla.memory_episodes');
CALL empla.keep_touched('empla.memory_semantic');
CALL empla.keep_touched('empla.memory_procedural');
CALL empla.keep_touched('empla.memory_working');
CALL empla.keep_key('empla.memory_episodes');
CALL empla.keep_key('empla.memory_semantic');
CALL empla.keep_key('empla.memory_procedural');
CALL empla.keep_key('empla.memory_working');
CALL empla.keep_audited('empla.memory_semantic', 'fact', 'subject,predicate,object,confidence,verified');
CALL empla.keep_audited('empla.memory_procedural', 'procedure', 'procedure_name,procedure_type,learned_from');
