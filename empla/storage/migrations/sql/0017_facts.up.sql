-- Facts: who says so, what contradicts them, what they rest on, and how sure of them the employee was at any time.

-- Names are the same whatever their case. A hash, because a name in some scripts does not fit a btree, nor does a long object.
CREATE FUNCTION empla.name_key(name text) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
    $$ SELECT md5(lower(normalize(btrim(name))))::uuid $$;
COMMENT ON FUNCTION empla.name_key IS 'Equal for names that differ in case, in outer blanks or in how an accent is composed';
REVOKE ALL ON FUNCTION empla.name_key(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empla.name_key(text) TO empla_app, empla_worker, empla_keeper, empla_migrator;

DROP INDEX empla.idx_semantic_live, empla.idx_semantic_subject;
ALTER TABLE empla.memory_semantic
    ADD COLUMN subject_key   uuid NOT NULL GENERATED ALWAYS AS (empla.name_key(subject)) STORED,
    ADD COLUMN predicate_key uuid NOT NULL GENERATED ALWAYS AS (empla.name_key(predicate)) STORED,
    ADD COLUMN object_key    uuid NOT NULL GENERATED ALWAYS AS (empla.name_key(object)) STORED,
    ADD COLUMN disputed      boolean NOT NULL DEFAULT false,
    ADD COLUMN ended         text CONSTRAINT semantic_ended_check CHECK (ended IN ('superseded', 'revised', 'forgotten'));
COMMENT ON COLUMN empla.memory_semantic.reinforced_at IS 'When it was learned or heard again last: the anchor of the decay';
COMMENT ON COLUMN empla.memory_semantic.verified IS 'A person vouches for it: certain, and it does not decay';
COMMENT ON COLUMN empla.memory_semantic.disputed IS 'It contradicts a verified fact; a person has to settle it';
COMMENT ON COLUMN empla.memory_semantic.ended IS 'Why it is no longer held, with deleted_at';

-- What was there: of triples that differ in case alone the surest stays; what is verified is certain. The index of recall hears of it.
ALTER TABLE empla.memory_semantic DISABLE TRIGGER touch, DISABLE TRIGGER audit_update;
SET LOCAL ROLE empla_migrator;
UPDATE empla.memory_semantic f SET deleted_at = f.updated_at, ended = 'superseded'
  FROM (SELECT tenant_id, employee_id, id,
               row_number() OVER (PARTITION BY tenant_id, employee_id, subject_key, predicate_key, object_key
                                  ORDER BY verified DESC, confidence DESC, id) AS place
          FROM empla.memory_semantic WHERE deleted_at IS NULL) d
 WHERE f.tenant_id = d.tenant_id AND f.employee_id = d.employee_id AND f.id = d.id AND d.place > 1;
UPDATE empla.memory_semantic SET confidence = 1, decay_rate = 0 WHERE verified AND (confidence <> 1 OR decay_rate <> 0);
SET LOCAL ROLE empla_owner;
ALTER TABLE empla.memory_semantic ENABLE TRIGGER touch, ENABLE TRIGGER audit_update;

ALTER TABLE empla.memory_semantic
    ADD CONSTRAINT semantic_verified_is_certain CHECK (NOT verified OR (confidence = 1 AND decay_rate = 0 AND NOT disputed));
-- One live fact per triple.
CREATE UNIQUE INDEX idx_semantic_live ON empla.memory_semantic (tenant_id, employee_id, subject_key, predicate_key, object_key)
    WHERE deleted_at IS NULL;
-- A walk goes by both ends, the freshest facts of a node first; what was known of a subject is asked about, too.
CREATE INDEX idx_semantic_subject ON empla.memory_semantic (tenant_id, employee_id, subject_key, reinforced_at DESC);
CREATE INDEX idx_semantic_object ON empla.memory_semantic (tenant_id, employee_id, object_key, reinforced_at DESC) WHERE deleted_at IS NULL;
CREATE INDEX idx_semantic_predicate ON empla.memory_semantic (tenant_id, employee_id, predicate_key) WHERE deleted_at IS NULL;

-- Which predicates have one object per subject, by one employee's lights.
CREATE TABLE empla.fact_predicates (
    tenant_id     uuid NOT NULL,
    employee_id   uuid NOT NULL,
    id            uuid NOT NULL DEFAULT uuidv7(),
    predicate     text NOT NULL CHECK (predicate = btrim(predicate) AND length(predicate) BETWEEN 1 AND 200 AND octet_length(predicate) <= 500),
    predicate_key uuid NOT NULL GENERATED ALWAYS AS (empla.name_key(predicate)) STORED,
    functional    boolean NOT NULL,
    metadata      jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    created_at    timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at    timestamptz NOT NULL DEFAULT ctx.now(),
    PRIMARY KEY (tenant_id, employee_id, id),
    FOREIGN KEY (tenant_id, employee_id) REFERENCES empla.employees (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN empla.fact_predicates.functional IS 'A subject has one object at a time: another one supersedes, or is disputed';
CREATE UNIQUE INDEX idx_fact_predicates ON empla.fact_predicates (tenant_id, employee_id, predicate_key);

-- What a fact rests on.
CREATE TABLE empla.fact_evidence (
    tenant_id   uuid NOT NULL,
    employee_id uuid NOT NULL,
    fact_id     uuid NOT NULL,
    episode_id  uuid NOT NULL,
    at          timestamptz NOT NULL DEFAULT ctx.now(),
    PRIMARY KEY (tenant_id, employee_id, fact_id, episode_id),
    FOREIGN KEY (tenant_id, employee_id, fact_id) REFERENCES empla.memory_semantic (tenant_id, employee_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, employee_id, episode_id) REFERENCES empla.memory_episodes (tenant_id, employee_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN empla.fact_evidence.at IS 'When the episode was counted for the fact';
CREATE INDEX idx_fact_evidence_episode ON empla.fact_evidence (tenant_id, employee_id, episode_id);

-- What moved a fact, and where that left it; its words never change and stand in the fact itself.
CREATE TABLE empla.fact_history (
    tenant_id     uuid NOT NULL,
    employee_id   uuid NOT NULL,
    id            uuid NOT NULL DEFAULT uuidv7(),
    fact_id       uuid NOT NULL,
    change        text NOT NULL CHECK (change IN ('learned', 'reinforced', 'verified', 'disputed', 'undisputed', 'changed',
                                                  'superseded', 'revised', 'forgotten', 'revived')),
    confidence    double precision NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    decay_rate    double precision NOT NULL CHECK (decay_rate BETWEEN 0 AND 1),
    reinforced_at timestamptz NOT NULL,
    source        text,
    verified      boolean NOT NULL,
    disputed      boolean NOT NULL,
    live          boolean NOT NULL,
    actor_type    text NOT NULL,
    actor_id      uuid NOT NULL,
    changed_at    timestamptz NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, employee_id, id),
    FOREIGN KEY (tenant_id, employee_id, fact_id) REFERENCES empla.memory_semantic (tenant_id, employee_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN empla.fact_history.live IS 'Whether it was held from then on';
COMMENT ON COLUMN empla.fact_history.changed_at IS 'Domain time of the change: what as_of asks by';
COMMENT ON COLUMN empla.fact_history.recorded_at IS 'Wall clock; nobody may set it';
CREATE INDEX idx_fact_history_fact ON empla.fact_history (tenant_id, employee_id, fact_id, changed_at DESC, id DESC);

-- Facts that were there were learned when they came, as they are now. Afterwards the log is closed to the migrator.
GRANT INSERT ON empla.fact_history TO empla_migrator;
SET LOCAL ROLE empla_migrator;
INSERT INTO empla.fact_history (tenant_id, employee_id, fact_id, change, confidence, decay_rate, reinforced_at, source, verified, disputed,
                                live, actor_type, actor_id, changed_at)
SELECT f.tenant_id, f.employee_id, f.id, e.change, f.confidence, f.decay_rate, f.reinforced_at, f.source, f.verified, f.disputed,
       e.live, 'system', '00000000-0000-0000-0000-000000000000', e.at
  FROM empla.memory_semantic f
 CROSS JOIN LATERAL (VALUES ('learned', true, f.created_at), (coalesce(f.ended, 'forgotten'), false, f.deleted_at)) e (change, live, at)
 WHERE e.at IS NOT NULL
ON CONFLICT DO NOTHING;
SET LOCAL ROLE empla_owner;
REVOKE INSERT ON empla.fact_history FROM empla_migrator;

CREATE FUNCTION empla.log_facts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    moment timestamptz := ctx.log_now();
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO fact_history (tenant_id, employee_id, fact_id, change, confidence, decay_rate, reinforced_at, source, verified, disputed,
                                  live, actor_type, actor_id, changed_at)
        SELECT n.tenant_id, n.employee_id, n.id, 'learned', n.confidence, n.decay_rate, n.reinforced_at, n.source, n.verified, n.disputed,
               n.deleted_at IS NULL, ctx.actor_type(), ctx.actor_id(), moment
          FROM new_rows n
        ON CONFLICT DO NOTHING;
        RETURN NULL;
    END IF;
    WITH changed AS (
        SELECT n.*, CASE
                   WHEN n.deleted_at IS NOT NULL AND o.deleted_at IS NULL THEN coalesce(n.ended, 'forgotten')
                   WHEN n.deleted_at IS NOT NULL THEN NULL
                   WHEN o.deleted_at IS NOT NULL THEN 'revived'
                   WHEN n.verified AND NOT o.verified THEN 'verified'
                   WHEN n.disputed AND NOT o.disputed THEN 'disputed'
                   WHEN o.disputed AND NOT n.disputed THEN 'undisputed'
                   WHEN n.reinforced_at <> o.reinforced_at OR n.confidence > o.confidence THEN 'reinforced'
                   WHEN (n.confidence, n.decay_rate, n.verified, n.source) IS DISTINCT FROM (o.confidence, o.decay_rate, o.verified, o.source)
                   THEN 'changed' END AS change
          FROM new_rows n JOIN old_rows o ON o.tenant_id = n.tenant_id AND o.employee_id = n.employee_id AND o.id = n.id
    )
    -- A transaction that began earlier may have waited for one that began later: its changes come after the other's all the same.
    INSERT INTO fact_history (tenant_id, employee_id, fact_id, change, confidence, decay_rate, reinforced_at, source, verified, disputed,
                              live, actor_type, actor_id, changed_at)
    SELECT c.tenant_id, c.employee_id, c.id, c.change, c.confidence, c.decay_rate, c.reinforced_at, c.source, c.verified, c.disputed,
           c.deleted_at IS NULL, ctx.actor_type(), ctx.actor_id(),
           greatest(moment, (SELECT max(h.changed_at) FROM fact_history h
                              WHERE h.tenant_id = c.tenant_id AND h.employee_id = c.employee_id AND h.fact_id = c.id))
      FROM changed c WHERE c.change IS NOT NULL
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER log_insert AFTER INSERT ON empla.memory_semantic REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION empla.log_facts();
CREATE TRIGGER log_update AFTER UPDATE ON empla.memory_semantic REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION empla.log_facts();

-- A fact is never edited: other words are another fact. What a person vouches for, an employee neither makes nor ends.
DROP TRIGGER keep_key ON empla.memory_semantic;
CALL empla.keep_key('empla.memory_semantic', '{subject,predicate,object}');
CREATE FUNCTION empla.refuse_verifying() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF ctx.is_staff() THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'people alone verify facts, and end verified ones' USING ERRCODE = 'EM403';
END $$;
CREATE TRIGGER verify_insert BEFORE INSERT ON empla.memory_semantic FOR EACH ROW WHEN (NEW.verified)
    EXECUTE FUNCTION empla.refuse_verifying();
CREATE TRIGGER verify_update BEFORE UPDATE OF verified, deleted_at ON empla.memory_semantic FOR EACH ROW
    WHEN (OLD.verified <> NEW.verified OR (OLD.verified AND OLD.deleted_at IS DISTINCT FROM NEW.deleted_at))
    EXECUTE FUNCTION empla.refuse_verifying();

-- One employee's facts are moved one transaction at a time, so that no contradiction slips in between.
CREATE FUNCTION empla.hold_facts(tenant uuid, employee uuid) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(hashtextextended(tenant::text || employee::text, 17))
$$;

-- How sure one is who was sure of this much and hears it again, as if each telling could be wrong by itself; certain is only what a
-- person vouches for.
CREATE FUNCTION empla.reinforced(held double precision, heard double precision) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT greatest(held, least(0.99, 1 - (1 - held) * (1 - heard)))
$$;

-- Hear claims (a JSON array of objects), in their order. Known: reinforced, once for each episode. Another object of a functional
-- predicate: the unverified one is superseded, and against a verified one the newcomer is disputed.
CREATE FUNCTION empla.learn_facts(tenant uuid, employee uuid, claims jsonb, at timestamptz)
    RETURNS TABLE (place integer, outcome text, superseded uuid[], fact empla.memory_semantic) LANGUAGE plpgsql AS $$
DECLARE
    claim record; held empla.memory_semantic; contested boolean; fresh integer;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'facts are learned in READ COMMITTED transactions alone' USING ERRCODE = '0A000';
    END IF;
    PERFORM empla.hold_facts(tenant, employee);
    FOR claim IN
        SELECT c.*, empla.name_key(c.subject) AS subject_key, empla.name_key(c.predicate) AS predicate_key, empla.name_key(c.object) AS object_key
          FROM ROWS FROM (jsonb_to_recordset(claims) AS (
                   subject text, predicate text, object text, fact_type text, confidence float8, source text, decay_rate float8,
                   default_decay float8, functional boolean, episodes uuid[])) WITH ORDINALITY
               AS c (subject, predicate, object, fact_type, confidence, source, decay_rate, default_decay, functional, episodes, position)
         ORDER BY c.position
    LOOP
        place := claim.position;
        superseded := '{}';
        fresh := 0;
        IF claim.functional IS NOT NULL THEN
            INSERT INTO empla.fact_predicates AS p (tenant_id, employee_id, predicate, functional)
            VALUES (tenant, employee, claim.predicate, claim.functional)
            ON CONFLICT (tenant_id, employee_id, predicate_key) DO UPDATE SET functional = EXCLUDED.functional
             WHERE p.functional <> EXCLUDED.functional;
            IF FOUND AND NOT claim.functional THEN
                UPDATE empla.memory_semantic f SET disputed = false
                 WHERE f.tenant_id = tenant AND f.employee_id = employee AND f.predicate_key = claim.predicate_key
                   AND f.deleted_at IS NULL AND f.disputed;
            END IF;
        ELSE
            claim.functional := EXISTS (SELECT FROM empla.fact_predicates p
                                         WHERE p.tenant_id = tenant AND p.employee_id = employee
                                           AND p.predicate_key = claim.predicate_key AND p.functional);
        END IF;
        contested := claim.functional AND EXISTS (
            SELECT FROM empla.memory_semantic f
             WHERE f.tenant_id = tenant AND f.employee_id = employee AND f.subject_key = claim.subject_key
               AND f.predicate_key = claim.predicate_key AND f.object_key <> claim.object_key AND f.verified AND f.deleted_at IS NULL);

        -- The unique index tells whether it is known, whatever the planner makes of a table that it has no statistics of.
        INSERT INTO empla.memory_semantic (tenant_id, employee_id, fact_type, subject, predicate, object, confidence, decay_rate,
                                           reinforced_at, source, disputed)
        VALUES (tenant, employee, claim.fact_type, claim.subject, claim.predicate, claim.object, least(0.99, claim.confidence),
                coalesce(claim.decay_rate, claim.default_decay), at, claim.source, contested)
        ON CONFLICT (tenant_id, employee_id, subject_key, predicate_key, object_key) WHERE deleted_at IS NULL DO NOTHING
        RETURNING * INTO held;
        IF FOUND THEN
            outcome := CASE WHEN contested THEN 'disputed' ELSE 'learned' END;
        ELSE
            outcome := 'known';
            SELECT * INTO STRICT held FROM empla.memory_semantic f
             WHERE f.tenant_id = tenant AND f.employee_id = employee AND f.subject_key = claim.subject_key
               AND f.predicate_key = claim.predicate_key AND f.object_key = claim.object_key AND f.deleted_at IS NULL;
        END IF;
        IF cardinality(claim.episodes) > 0 THEN
            INSERT INTO empla.fact_evidence (tenant_id, employee_id, fact_id, episode_id, at)
            SELECT tenant, employee, held.id, e, learn_facts.at FROM unnest(claim.episodes) e
            ON CONFLICT DO NOTHING;
            GET DIAGNOSTICS fresh = ROW_COUNT;
        END IF;
        IF outcome = 'known' AND NOT held.verified AND (fresh > 0 OR cardinality(claim.episodes) = 0) THEN
            outcome := 'reinforced';
            UPDATE empla.memory_semantic f
               SET confidence = empla.reinforced(empla.effective_confidence(f.confidence, f.decay_rate, 'linear', f.reinforced_at, learn_facts.at),
                                                 claim.confidence),
                   reinforced_at = greatest(f.reinforced_at, learn_facts.at), source = coalesce(claim.source, f.source),
                   decay_rate = coalesce(claim.decay_rate, f.decay_rate), disputed = contested
             WHERE f.tenant_id = tenant AND f.employee_id = employee AND f.id = held.id
            RETURNING * INTO held;
        END IF;
        IF claim.functional AND outcome <> 'known' THEN
            WITH gone AS (
                UPDATE empla.memory_semantic f SET deleted_at = learn_facts.at, ended = 'superseded'
                 WHERE f.tenant_id = tenant AND f.employee_id = employee AND f.subject_key = claim.subject_key
                   AND f.predicate_key = claim.predicate_key AND f.id <> held.id AND NOT f.verified AND f.deleted_at IS NULL
                RETURNING f.id)
            SELECT coalesce(array_agg(g.id ORDER BY g.id), '{}') INTO superseded FROM gone g;
        END IF;
        fact := held;
        RETURN NEXT;
    END LOOP;
END $$;

CALL ctx.fence('empla.fact_predicates', 'fact_predicates_tenant_isolation');
CALL ctx.fence('empla.fact_evidence', 'fact_evidence_tenant_isolation');
CALL empla.keep_touched('empla.fact_predicates');
CALL empla.keep_key('empla.fact_predicates', '{predicate}');
CALL empla.keep_key('empla.fact_evidence');
GRANT SELECT, INSERT, UPDATE ON empla.fact_predicates TO empla_app, empla_worker;
GRANT SELECT, INSERT ON empla.fact_evidence TO empla_app, empla_worker;

ALTER TABLE empla.fact_history ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY fact_history_tenant_isolation ON empla.fact_history FOR SELECT TO empla_app USING (tenant_id = ctx.tenant_id() AND ctx.is_staff());
CREATE POLICY assigned_read ON empla.fact_history FOR SELECT TO empla_app USING (tenant_id = ctx.tenant_id() AND ctx.is_assigned(employee_id));
CREATE POLICY own_rows ON empla.fact_history FOR SELECT TO empla_worker USING (tenant_id = ctx.tenant_id() AND employee_id = ctx.employee_id());
CREATE POLICY keeping ON empla.fact_history TO empla_keeper USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
GRANT SELECT ON empla.fact_history TO empla_app, empla_worker;
GRANT SELECT, INSERT ON empla.fact_history TO empla_keeper;
REVOKE TRUNCATE ON empla.fact_history FROM empla_owner;

REVOKE ALL ON FUNCTION empla.log_facts(), empla.refuse_verifying(), empla.hold_facts(uuid, uuid), empla.reinforced(double precision, double precision),
    empla.learn_facts(uuid, uuid, jsonb, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empla.hold_facts(uuid, uuid), empla.reinforced(double precision, double precision),
    empla.learn_facts(uuid, uuid, jsonb, timestamptz) TO empla_app, empla_worker;
GRANT CREATE ON SCHEMA empla TO empla_keeper;
ALTER FUNCTION empla.log_facts() OWNER TO empla_keeper;
REVOKE CREATE ON SCHEMA empla FROM empla_keeper;

-- What recall tells of a fact: how sure of it the employee is now, that it is disputed, and that it rests on what came from outside.
CREATE OR REPLACE VIEW empla.memory_details WITH (security_invoker = true) AS
SELECT tenant_id, employee_id, id AS memory_id, 'episode' AS kind, description AS said, occurred_at, importance, recall_count,
       coalesce(participants, '{}') AS participants, location, NULL::text AS source, observation_id, tainted
  FROM empla.memory_episodes WHERE deleted_at IS NULL
UNION ALL
SELECT tenant_id, employee_id, id, 'fact', subject || ' ' || predicate || ' ' || object || CASE WHEN disputed THEN ' (disputed)' ELSE '' END,
       created_at,
       CASE WHEN disputed THEN 0 ELSE empla.effective_confidence(confidence, decay_rate, 'linear', reinforced_at, ctx.now()) END, 0, '{}', NULL,
       source, NULL,
       NOT verified AND EXISTS (
           SELECT FROM empla.fact_evidence v
             JOIN empla.memory_episodes e ON e.tenant_id = v.tenant_id AND e.employee_id = v.employee_id AND e.id = v.episode_id
            WHERE v.tenant_id = f.tenant_id AND v.employee_id = f.employee_id AND v.fact_id = f.id AND e.tainted)
  FROM empla.memory_semantic f WHERE deleted_at IS NULL
UNION ALL
SELECT tenant_id, employee_id, id, 'procedure', procedure_name || ': ' || description, created_at,
       CASE execution_count WHEN 0 THEN 0.5 ELSE success_rate END, execution_count, '{}', NULL, learned_from, NULL, false
  FROM empla.memory_procedural WHERE deleted_at IS NULL;
