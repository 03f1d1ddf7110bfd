-- The world model: beliefs, how evidence moves them, and the history that only the database writes.

CREATE TABLE empla.beliefs (
    tenant_id       uuid NOT NULL,
    employee_id     uuid NOT NULL,
    id              uuid NOT NULL DEFAULT uuidv7(),
    belief_type     text NOT NULL CHECK (belief_type IN ('state', 'event', 'causal', 'evaluative')),
    subject         text NOT NULL CHECK (subject = btrim(subject) AND length(subject) BETWEEN 1 AND 500),
    predicate       text NOT NULL CHECK (predicate = btrim(predicate) AND length(predicate) BETWEEN 1 AND 200
                                        AND octet_length(predicate) <= 500),  -- or subject and predicate would not fit one index entry
    -- 64 KiB of text can take four times as much as jsonb: [1, 1, 1, …].
    object          jsonb NOT NULL CHECK (pg_column_size(object) <= 262208),
    confidence      double precision NOT NULL DEFAULT 0.5 CHECK (confidence BETWEEN 0 AND 1),
    source          text NOT NULL CHECK (source IN ('observation', 'inference', 'told_by_human', 'prior')),
    evidence        jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(evidence) = 'array' AND pg_column_size(evidence) <= 65536),
    formed_at       timestamptz NOT NULL DEFAULT ctx.now(),
    last_updated_at timestamptz NOT NULL DEFAULT ctx.now(),
    -- 0 never decays; below 1e-9 a day floating point would underflow.
    decay_rate      double precision NOT NULL DEFAULT 0.1 CHECK (decay_rate = 0 OR decay_rate BETWEEN 1e-9 AND 1),
    decay_model     text NOT NULL DEFAULT 'linear' CHECK (decay_model IN ('linear', 'exponential')),
    log_odds        double precision NOT NULL DEFAULT 0 CHECK (empla.is_finite(log_odds)),
    grounds         jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(grounds) = 'array' AND jsonb_array_length(grounds) <= 201
                                                           AND pg_column_size(grounds) <= 16777216),
    silenced        jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(silenced) = 'array' AND jsonb_array_length(silenced) <= 100
                                                           AND pg_column_size(silenced) <= 65536),
    revision        jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(revision) = 'array' AND pg_column_size(revision) <= 16777216),
    version         bigint NOT NULL DEFAULT 1,
    logged_at       timestamptz NOT NULL DEFAULT ctx.now(),
    reason          text CHECK (length(reason) <= 2000),
    metadata        jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    created_at      timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at      timestamptz NOT NULL DEFAULT ctx.now(),
    deleted_at      timestamptz,
    PRIMARY KEY (tenant_id, employee_id, id),
    FOREIGN KEY (tenant_id, employee_id) REFERENCES empla.employees (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN empla.beliefs.confidence IS 'What the last evidence left, .01 to .99; the effective one decays from last_updated_at on, when it is read';
COMMENT ON COLUMN empla.beliefs.last_updated_at IS 'When the last evidence was observed in the world: the anchor of the decay';
COMMENT ON COLUMN empla.beliefs.log_odds IS 'Sum of the counted grounds before the clamp, so that the order of evidence does not matter';
COMMENT ON COLUMN empla.beliefs.grounds IS 'The evidence about the present state of the world, with its reliability; what it was before is carried in one entry';
COMMENT ON COLUMN empla.beliefs.silenced IS 'The ids of the guesses that contradicted a human''s word, the last hundred: heard again, they are known';
COMMENT ON COLUMN empla.beliefs.revision IS 'The evidence that was heard last, each with the verdict on it; history is written from it';
COMMENT ON COLUMN empla.beliefs.logged_at IS 'The anchor that history knows; it lags last_updated_at while the difference is worth at most .01';
CREATE UNIQUE INDEX idx_beliefs_live ON empla.beliefs (tenant_id, employee_id, subject, predicate) WHERE deleted_at IS NULL;

CREATE TABLE empla.belief_history (
    tenant_id      uuid NOT NULL,
    employee_id    uuid NOT NULL,
    id             uuid NOT NULL DEFAULT uuidv7(),
    belief_id      uuid NOT NULL,
    change_type    text NOT NULL CHECK (change_type IN ('created', 'updated', 'deleted', 'decayed',
                                                        'revised', 'confirmed', 'late', 'contradicted')),
    subject        text NOT NULL,
    predicate      text NOT NULL,
    belief_type    text NOT NULL,
    old_value      jsonb,
    new_value      jsonb,
    old_confidence double precision CHECK (old_confidence BETWEEN 0 AND 1),
    new_confidence double precision CHECK (new_confidence BETWEEN 0 AND 1),
    source         text NOT NULL,
    evidence       jsonb NOT NULL DEFAULT '[]',
    grounds        jsonb NOT NULL DEFAULT '[]',
    formed_at      timestamptz NOT NULL,
    evidence_at    timestamptz NOT NULL,
    decay_rate     double precision NOT NULL CHECK (decay_rate BETWEEN 0 AND 1),
    decay_model    text NOT NULL,
    reason         text,
    actor_type     text NOT NULL,
    actor_id       uuid NOT NULL,
    changed_at     timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    erased_digest  bytea,
    PRIMARY KEY (tenant_id, employee_id, id)
) PARTITION BY RANGE (id);
COMMENT ON COLUMN empla.belief_history.changed_at IS 'Domain time of the change: what as_of asks by';
COMMENT ON COLUMN empla.belief_history.evidence_at IS 'When the evidence was observed in the world: the anchor of the decay';
COMMENT ON COLUMN empla.belief_history.recorded_at IS 'Wall clock; nobody may set it';
CREATE INDEX idx_belief_history_belief ON empla.belief_history (tenant_id, employee_id, belief_id, changed_at DESC);
CREATE INDEX idx_belief_history_employee ON empla.belief_history (tenant_id, employee_id, changed_at DESC);

-- confidence at a moment. linear: max(0, c - rate * days); exponential: c * (1 - rate)^days; days are elapsed, with fractions.
-- bdi/confidence.py says the same in Python; a property test holds the two equal.
CREATE FUNCTION empla.effective_confidence(confidence double precision, decay_rate double precision, decay_model text,
                                           anchor timestamptz, at timestamptz) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        -- What is smaller than 1e-300 is nothing, and a product with it would underflow, which PostgreSQL raises as an error.
        WHEN decay_rate < 1e-300 OR at <= anchor THEN confidence
        WHEN confidence < 1e-30 THEN 0
        WHEN decay_model = 'linear' THEN greatest(0, confidence - decay_rate * (extract(epoch FROM at - anchor)::float8 / 86400))
        WHEN decay_rate = 1 THEN 0
        -- ln(1 - rate) * days below -600 is nothing that a confidence could show either.
        ELSE confidence * exp(greatest(-600, ln(1 - decay_rate) * (extract(epoch FROM at - anchor)::float8 / 86400)))
    END
$$;

CREATE FUNCTION empla.log_odds(probability double precision) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT ln(least(0.99, greatest(0.01, probability)) / (1 - least(0.99, greatest(0.01, probability)))) $$;
CREATE FUNCTION empla.probability(log_odds double precision) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT round(least(0.99, greatest(0.01, 1 / (1 + exp(-least(100, greatest(-100, log_odds))))))::numeric, 12)::float8 $$;
CREATE FUNCTION empla.source_rank(source text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT array_position(ARRAY['prior', 'inference', 'observation', 'told_by_human'], source) $$;

-- The grounds that count, each with its weight: ln(r/(1-r)), or the log-odds that are carried. A guess (inference, prior) does not
-- count while a human says otherwise, now or in what is carried; what is carried counts only where fresh evidence still supports it.
CREATE FUNCTION empla.counted(grounds jsonb) RETURNS TABLE (ground jsonb, object jsonb, weight double precision, rank integer)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH heard AS (
        -- Not jsonb_to_recordset, which would make an object that is null unknown.
        SELECT g AS ground, g -> 'object' AS object, g ? 'carried' AS is_carried, empla.source_rank(g ->> 'source') AS rank
          FROM jsonb_array_elements(grounds) g
    ), heeded AS (
        SELECT h.* FROM heard h
         WHERE h.rank > 2 OR NOT EXISTS (SELECT FROM heard w WHERE w.rank = 4 AND w.object <> h.object)
    )
    SELECT h.ground, h.object,
           coalesce((h.ground ->> 'carried')::float8, empla.log_odds((h.ground ->> 'reliability')::float8)), h.rank
      FROM heeded h
     WHERE NOT h.is_carried OR EXISTS (SELECT FROM heeded f WHERE NOT f.is_carried AND f.object = h.object)
$$;

-- What the grounds add up to. The object with the most support is believed, a human's before any other; the others' support is
-- taken off. The result depends on the set of grounds, not on their order, nor on the last bits of a sum, nor on the collation.
CREATE FUNCTION empla.weigh(grounds jsonb, OUT object jsonb, OUT log_odds double precision, OUT source text, OUT evidence jsonb)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH counted AS MATERIALIZED (
        SELECT * FROM empla.counted(grounds)
    ), candidate AS (
        SELECT c.object, sum(c.weight ORDER BY c.weight) AS support, max(c.rank) AS rank
          FROM counted c GROUP BY c.object
    ), believed AS (
        SELECT * FROM candidate
         ORDER BY (rank = 4) DESC, round(support::numeric, 9) DESC, candidate.object::text COLLATE "C" LIMIT 1
    )
    SELECT b.object,
           b.support - coalesce((SELECT sum(o.support ORDER BY o.support) FROM candidate o WHERE o.object <> b.object), 0),
           (ARRAY['prior', 'inference', 'observation', 'told_by_human'])[b.rank],
           coalesce((SELECT jsonb_agg(i.id ORDER BY i.id)
                       FROM (SELECT c.ground ->> 'id' AS id FROM counted c WHERE c.object = b.object AND c.ground ->> 'id' IS NOT NULL
                              UNION
                             SELECT jsonb_array_elements_text(c.ground -> 'evidence') FROM counted c WHERE c.object = b.object) i),
                    '[]')
      FROM believed b
$$;

-- Whether this evidence was heard: of the present grounds, of what they carry, or silenced by a human; older ones would come late.
CREATE FUNCTION empla.has_heard(evidence jsonb, grounds jsonb, id text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT id IS NOT NULL
       AND (evidence ? id OR grounds @> jsonb_build_array(jsonb_build_object('id', id))
            OR grounds @> jsonb_build_array(jsonb_build_object('evidence', jsonb_build_array(id))))
$$;

-- One belief, having heard the news (a JSON array of evidence, oldest first): the row as it should be now.
-- Newer evidence of another object replaces (the world changed); of the same object, it is weighed on top of what has not yet
-- decayed. Evidence of the same moment is weighed with its peers. Older evidence goes to history alone, as does a guess
-- against a human's word. The same evidence id counts once.
CREATE FUNCTION empla.revise(held empla.beliefs, news jsonb) RETURNS empla.beliefs LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    b empla.beliefs := held;
    e jsonb; happened timestamptz; ground jsonb; outcome record; verdict text; left_over double precision;
    quiet boolean := held.object IS NOT NULL;
BEGIN
    b.revision := '[]';
    b.silenced := coalesce(held.silenced, '[]');
    b.version := coalesce(held.version, 0) + 1;
    FOR e IN SELECT value FROM jsonb_array_elements(news) LOOP
        happened := (e ->> 'occurred_at')::timestamptz;
        ground := jsonb_build_object('id', e -> 'id', 'object', e -> 'object', 'source', e -> 'source',
                                     'reliability', e -> 'reliability', 'occurred_at', e -> 'occurred_at');
        IF empla.has_heard(b.evidence || b.silenced, b.grounds, e ->> 'id') THEN
            verdict := 'duplicate';
        ELSIF b.object IS NULL THEN
            verdict := 'formed';
            b.grounds := jsonb_build_array(ground);
        ELSIF happened < b.last_updated_at THEN
            verdict := 'late';
        ELSIF empla.source_rank(e ->> 'source') <= 2
              AND (CASE WHEN happened > b.last_updated_at THEN b.source = 'told_by_human' AND b.object <> e -> 'object'
                       ELSE EXISTS (SELECT FROM jsonb_array_elements(b.grounds) g
                                     WHERE g ->> 'source' = 'told_by_human' AND g -> 'object' <> e -> 'object') END) THEN
            verdict := 'contradicted';
            b.silenced := jsonb_path_query_array(b.silenced || jsonb_path_query_array(e, '$.id ? (@ != null)'), '$[last - 99 to last]');
        ELSIF happened > b.last_updated_at THEN
            verdict := CASE WHEN e -> 'object' = b.object THEN 'confirmed' ELSE 'replaced' END;
            -- Decay takes confidence back towards not knowing (log-odds 0), never into disbelief.
            left_over := empla.effective_confidence(b.confidence, b.decay_rate, b.decay_model, b.last_updated_at, happened);
            b.grounds := jsonb_build_array(
                jsonb_build_object('object', b.object, 'source', b.source, 'since', b.formed_at,
                                   'evidence', jsonb_path_query_array(b.evidence, '$[last - 99 to last]'),
                                   'carried', CASE WHEN left_over < b.confidence AND b.log_odds > 0
                                                   THEN greatest(0, empla.log_odds(left_over)) ELSE b.log_odds END),
                ground);
        ELSIF jsonb_array_length(b.grounds) > 200 THEN
            verdict := 'late';
        ELSE
            verdict := 'weighed';
            b.grounds := b.grounds || ground;
        END IF;
        b.revision := b.revision || (e || jsonb_build_object('verdict', verdict));
        CONTINUE WHEN verdict IN ('duplicate', 'late', 'contradicted');

        IF verdict IN ('formed', 'replaced') THEN
            -- The only ground that counts: what weigh() would say of it, at a tenth of the price.
            SELECT e -> 'object' AS object, empla.log_odds((e ->> 'reliability')::float8) AS log_odds, e ->> 'source' AS source,
                   CASE WHEN e ->> 'id' IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(e -> 'id') END AS evidence
              INTO outcome;
        ELSE
            SELECT * INTO outcome FROM empla.weigh(b.grounds);
        END IF;
        -- What was believed when this moment opened has been believed since then, whatever was thought for a while within it.
        b.formed_at := CASE WHEN b.grounds -> 0 ? 'carried' AND b.grounds -> 0 -> 'object' = outcome.object
                            THEN (b.grounds -> 0 ->> 'since')::timestamptz ELSE happened END;
        b.object := outcome.object;
        -- Beyond +-40 log-odds more evidence changes nothing that a float8 could show.
        b.log_odds := least(40, greatest(-40, outcome.log_odds));
        b.confidence := empla.probability(b.log_odds);
        b.source := outcome.source;
        b.evidence := outcome.evidence;
        b.last_updated_at := happened;
        -- What has happened has happened: an event does not decay unless somebody says so.
        b.decay_rate := coalesce((e ->> 'decay_rate')::float8,
                                 CASE WHEN e ->> 'belief_type' = 'event' AND b.belief_type IS DISTINCT FROM 'event' THEN 0 END,
                                 b.decay_rate, 0.1);
        b.belief_type := coalesce(e ->> 'belief_type', b.belief_type, 'state');
        b.decay_model := coalesce(e ->> 'decay_model', b.decay_model, 'linear');
        b.reason := coalesce(e ->> 'reason', CASE verdict
            WHEN 'formed' THEN 'first evidence' WHEN 'replaced' THEN 'newer evidence of another state'
            WHEN 'confirmed' THEN 'newer evidence of the same state' ELSE 'evidence about the same moment was weighed' END);
    END LOOP;
    quiet := quiet AND b.object = held.object AND abs(b.confidence - held.confidence) < 1e-9 AND b.source = held.source
             AND b.formed_at = held.formed_at AND b.belief_type = held.belief_type AND b.decay_rate = held.decay_rate AND b.decay_model = held.decay_model
             AND held.confidence - empla.effective_confidence(held.confidence, held.decay_rate, held.decay_model,
                                                              held.logged_at, b.last_updated_at) <= 0.01;
    b.logged_at := CASE WHEN quiet THEN held.logged_at ELSE b.last_updated_at END;
    RETURN b;
END $$;

-- History and audit of beliefs, one statement at a time.
CREATE FUNCTION empla.log_beliefs() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    moment timestamptz := ctx.log_now(); actor text := ctx.actor_type(); actor_id uuid := ctx.actor_id();
    -- What was heard and did not count is told once, by the id of the evidence.
    asides CONSTANT jsonpath := '$[*] ? (@.verdict == "late" || @.verdict == "contradicted")';
BEGIN
    -- A transaction that began earlier may have waited for one that began later: its changes come after the other's all the same.
    SELECT greatest(moment, max(h.changed_at)) INTO moment
      FROM belief_history h
     WHERE h.tenant_id = ctx.tenant_id() AND h.employee_id IN (SELECT employee_id FROM new_rows) AND h.changed_at > moment;
    IF TG_OP = 'INSERT' THEN
        WITH logged AS (
            INSERT INTO belief_history (tenant_id, employee_id, belief_id, change_type, subject, predicate, belief_type, new_value,
                                        new_confidence, source, evidence, grounds, formed_at, evidence_at, decay_rate, decay_model,
                                        reason, actor_type, actor_id, changed_at)
            SELECT n.tenant_id, n.employee_id, n.id, 'created', n.subject, n.predicate, n.belief_type, n.object, n.confidence, n.source,
                   n.evidence, n.grounds, n.formed_at, n.last_updated_at, n.decay_rate, n.decay_model, n.reason, actor, actor_id, moment
              FROM new_rows n
            RETURNING tenant_id, belief_id, change_type, subject, predicate)
        INSERT INTO audit_log (tenant_id, actor_type, actor_id, action_type, resource_type, resource_id, details, occurred_at)
        SELECT tenant_id, actor, actor_id, 'belief.' || change_type, 'belief', belief_id,
               jsonb_build_object('subject', subject, 'predicate', predicate), moment
          FROM logged
        ON CONFLICT DO NOTHING;
        -- The news of a first belief may hold a guess against a human's word.
        IF EXISTS (SELECT FROM new_rows n WHERE n.revision @? asides) THEN
            INSERT INTO belief_history (tenant_id, employee_id, belief_id, change_type, subject, predicate, belief_type, old_value, new_value,
                                        old_confidence, new_confidence, source, evidence, formed_at, evidence_at, decay_rate, decay_model,
                                        reason, actor_type, actor_id, changed_at)
            SELECT DISTINCT ON (n.id, coalesce(e.value ->> 'id', e.position::text))
                   n.tenant_id, n.employee_id, n.id, e.value ->> 'verdict', n.subject, n.predicate, n.belief_type, n.object, e.value -> 'object',
                   n.confidence, (e.value ->> 'reliability')::float8, e.value ->> 'source', jsonb_path_query_array(e.value, '$.id ? (@ != null)'),
                   n.formed_at, (e.value ->> 'occurred_at')::timestamptz, n.decay_rate, n.decay_model, e.value ->> 'reason', actor, actor_id, moment
              FROM new_rows n
             CROSS JOIN LATERAL jsonb_array_elements(n.revision) WITH ORDINALITY e (value, position)
             WHERE e.value ->> 'verdict' IN ('late', 'contradicted')
               AND NOT EXISTS (SELECT FROM belief_history h
                                WHERE h.tenant_id = n.tenant_id AND h.employee_id = n.employee_id AND h.belief_id = n.id
                                  AND has_heard(h.evidence, h.grounds, e.value ->> 'id'))
             ORDER BY n.id, coalesce(e.value ->> 'id', e.position::text), e.position
            ON CONFLICT DO NOTHING;
        END IF;
        RETURN NULL;
    END IF;
    WITH changed AS (
        SELECT n AS now, o AS before,
               CASE WHEN n.deleted_at IS NOT NULL AND o.deleted_at IS NULL
                    THEN CASE WHEN n.revision @> '[{"verdict": "decayed"}]' THEN 'decayed' ELSE 'deleted' END
                    WHEN n.deleted_at IS NOT NULL THEN NULL
                    WHEN o.deleted_at IS NOT NULL THEN 'created'
                    WHEN n.object <> o.object THEN 'updated'
                    WHEN n.confidence <> o.confidence OR n.source <> o.source THEN 'revised'
                    WHEN n.logged_at <> o.logged_at OR n.decay_rate <> o.decay_rate OR n.decay_model <> o.decay_model
                         OR n.belief_type <> o.belief_type THEN 'confirmed' END AS change
          FROM new_rows n JOIN old_rows o ON o.tenant_id = n.tenant_id AND o.employee_id = n.employee_id AND o.id = n.id
    ), logged AS (
        INSERT INTO belief_history (tenant_id, employee_id, belief_id, change_type, subject, predicate, belief_type, old_value, new_value,
                                    old_confidence, new_confidence, source, evidence, grounds, formed_at, evidence_at, decay_rate,
                                    decay_model, reason, actor_type, actor_id, changed_at)
        SELECT (now).tenant_id, (now).employee_id, (now).id, change, (now).subject, (now).predicate, (now).belief_type, (before).object,
               CASE WHEN change NOT IN ('deleted', 'decayed') THEN (now).object END, (before).confidence,
               CASE WHEN change NOT IN ('deleted', 'decayed') THEN (now).confidence END, (now).source, (now).evidence, (now).grounds,
               (now).formed_at, (now).last_updated_at, (now).decay_rate, (now).decay_model, (now).reason, actor, actor_id, moment
          FROM changed WHERE change IS NOT NULL
        RETURNING tenant_id, belief_id, change_type, subject, predicate)
    INSERT INTO audit_log (tenant_id, actor_type, actor_id, action_type, resource_type, resource_id, details, occurred_at)
    SELECT tenant_id, actor, actor_id, 'belief.' || change_type, 'belief', belief_id,
           jsonb_build_object('subject', subject, 'predicate', predicate), moment
      FROM logged
    ON CONFLICT DO NOTHING;
    IF EXISTS (SELECT FROM new_rows n WHERE n.revision @? asides) THEN
        INSERT INTO belief_history (tenant_id, employee_id, belief_id, change_type, subject, predicate, belief_type, old_value, new_value,
                                    old_confidence, new_confidence, source, evidence, formed_at, evidence_at, decay_rate, decay_model,
                                    reason, actor_type, actor_id, changed_at)
        SELECT DISTINCT ON (n.id, coalesce(e.value ->> 'id', e.position::text))
               n.tenant_id, n.employee_id, n.id, e.value ->> 'verdict', n.subject, n.predicate, n.belief_type, n.object, e.value -> 'object',
               n.confidence, (e.value ->> 'reliability')::float8, e.value ->> 'source', jsonb_path_query_array(e.value, '$.id ? (@ != null)'),
               n.formed_at, (e.value ->> 'occurred_at')::timestamptz, n.decay_rate, n.decay_model, e.value ->> 'reason', actor, actor_id, moment
          FROM new_rows n
          JOIN old_rows o ON o.tenant_id = n.tenant_id AND o.employee_id = n.employee_id AND o.id = n.id AND o.version <> n.version
         CROSS JOIN LATERAL jsonb_array_elements(n.revision) WITH ORDINALITY e (value, position)
         WHERE e.value ->> 'verdict' IN ('late', 'contradicted')
           AND NOT EXISTS (SELECT FROM belief_history h
                            WHERE h.tenant_id = n.tenant_id AND h.employee_id = n.employee_id AND h.belief_id = n.id
                              AND has_heard(h.evidence, h.grounds, e.value ->> 'id'))
         ORDER BY n.id, coalesce(e.value ->> 'id', e.position::text), e.position
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER log_insert AFTER INSERT ON empla.beliefs REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION empla.log_beliefs();
CREATE TRIGGER log_update AFTER UPDATE ON empla.beliefs REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION empla.log_beliefs();

CALL ctx.fence('empla.beliefs', 'beliefs_tenant_isolation');
GRANT SELECT, INSERT, UPDATE ON empla.beliefs TO empla_app, empla_worker;
CALL empla.keep_touched('empla.beliefs');
CALL empla.keep_key('empla.beliefs', '{subject,predicate}');

ALTER TABLE empla.belief_history ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY belief_history_tenant_isolation ON empla.belief_history FOR SELECT TO empla_app
    USING (tenant_id = ctx.tenant_id() AND ctx.is_staff());
CREATE POLICY assigned_read ON empla.belief_history FOR SELECT TO empla_app
    USING (tenant_id = ctx.tenant_id() AND ctx.is_assigned(employee_id));
CREATE POLICY own_rows ON empla.belief_history FOR SELECT TO empla_worker
    USING (tenant_id = ctx.tenant_id() AND employee_id = ctx.employee_id());
CREATE POLICY keeping ON empla.belief_history TO empla_keeper USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
CREATE POLICY retention ON empla.belief_history TO empla_retention USING (true) WITH CHECK (true);
GRANT SELECT ON empla.belief_history TO empla_app, empla_worker;
GRANT SELECT, INSERT ON empla.belief_history TO empla_keeper;
REVOKE TRUNCATE ON empla.belief_history FROM empla_owner;
GRANT SELECT, UPDATE (old_value, new_value, evidence, grounds, reason, erased_digest), DELETE ON empla.belief_history TO empla_retention;

REVOKE ALL ON FUNCTION empla.log_beliefs(), empla.revise(empla.beliefs, jsonb), empla.weigh(jsonb), empla.counted(jsonb), empla.has_heard(jsonb, jsonb, text), empla.source_rank(text),
    empla.probability(double precision), empla.log_odds(double precision),
    empla.effective_confidence(double precision, double precision, text, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empla.revise(empla.beliefs, jsonb), empla.weigh(jsonb), empla.counted(jsonb), empla.has_heard(jsonb, jsonb, text), empla.source_rank(text),
    empla.probability(double precision), empla.log_odds(double precision),
    empla.effective_confidence(double precision, double precision, text, timestamptz, timestamptz)
    TO empla_app, empla_worker, empla_migrator;
GRANT EXECUTE ON FUNCTION empla.has_heard(jsonb, jsonb, text) TO empla_keeper;
GRANT CREATE ON SCHEMA empla TO empla_keeper;
ALTER FUNCTION empla.log_beliefs() OWNER TO empla_keeper;
REVOKE CREATE ON SCHEMA empla FROM empla_keeper;
SELECT empla.ensure_partitions();
