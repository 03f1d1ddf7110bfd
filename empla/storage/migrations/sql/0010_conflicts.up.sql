-- What a person has to settle: guesses against a human's word. And what a derived belief rests on, so that it falls with it.

-- Before PostgreSQL 18: the twelve bits after the version tell the fraction of the millisecond, as they do in PostgreSQL's own. A belief may
-- be formed and fall in one statement, and history is read in the order of its ids.
DO $$ BEGIN
    IF to_regprocedure('empla.uuidv7()') IS NOT NULL THEN
        EXECUTE $f$
            CREATE OR REPLACE FUNCTION empla.uuidv7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $b$
                SELECT encode(overlay(uuid_send(gen_random_uuid())
                                      PLACING substring(int8send(floor(c.ms)::bigint) FROM 3) || int2send((28672 + floor((c.ms - floor(c.ms)) * 4096))::int2)
                                      FROM 1 FOR 8), 'hex')::uuid
                  FROM (SELECT extract(epoch FROM clock_timestamp()) * 1000 AS ms) c
            $b$ $f$;
    END IF;
END $$;

-- The same for equal objects, and short. The hash of jsonb knows that 1 and 1.0 are one number but takes [null] for null; the text, bare
-- of digits, knows the rest.
CREATE FUNCTION empla.fingerprint(object jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_hash_extended(object, 0) || ':' || hashtextextended(translate(object::text, '0123456789.', ''), 0)
$$;

CREATE TABLE empla.belief_conflicts (
    tenant_id        uuid NOT NULL,
    employee_id      uuid NOT NULL,
    id               uuid NOT NULL DEFAULT uuidv7(),
    belief_id        uuid NOT NULL,
    subject          text NOT NULL,
    predicate        text NOT NULL,
    held             jsonb NOT NULL CHECK (pg_column_size(held) <= 262208),
    claimed          jsonb NOT NULL CHECK (pg_column_size(claimed) <= 262208),
    claimed_source   text NOT NULL CHECK (claimed_source IN ('inference', 'prior')),
    evidence         jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(evidence) = 'array' AND pg_column_size(evidence) <= 65536),
    times            integer NOT NULL DEFAULT 1 CHECK (times >= 1),
    status           text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'kept', 'overturned', 'lapsed')),
    opened_at        timestamptz NOT NULL DEFAULT ctx.now(),
    resolved_at      timestamptz,
    resolved_by_type text CHECK (resolved_by_type IN ('employee', 'user', 'system')),
    resolved_by      uuid,
    reason           text CHECK (length(btrim(reason)) BETWEEN 1 AND 2000),
    metadata         jsonb NOT NULL DEFAULT '{}' CHECK (empla.is_object(metadata, 65536)),
    created_at       timestamptz NOT NULL DEFAULT ctx.now(),
    updated_at       timestamptz NOT NULL DEFAULT ctx.now(),
    PRIMARY KEY (tenant_id, employee_id, id),
    FOREIGN KEY (tenant_id, employee_id, belief_id) REFERENCES empla.beliefs (tenant_id, employee_id, id) ON DELETE CASCADE,
    CONSTRAINT belief_conflicts_resolved CHECK ((status = 'open') = (resolved_at IS NULL) AND (resolved_at IS NULL) = (resolved_by IS NULL)
                                                AND (resolved_at IS NULL) = (resolved_by_type IS NULL)),
    CONSTRAINT belief_conflicts_reason CHECK ((status = 'open') = (reason IS NULL))
);
COMMENT ON COLUMN empla.belief_conflicts.held IS 'What the belief said when the claim was heard last';
COMMENT ON COLUMN empla.belief_conflicts.evidence IS 'The ids of the evidence for the claim, the last hundred';
COMMENT ON COLUMN empla.belief_conflicts.times IS 'How often the claim was made';
CREATE UNIQUE INDEX idx_conflicts_open ON empla.belief_conflicts (tenant_id, employee_id, belief_id, empla.fingerprint(claimed)) WHERE status = 'open';
CREATE INDEX idx_conflicts_belief ON empla.belief_conflicts (tenant_id, employee_id, belief_id);

-- Only live beliefs are on either side, and no circle is ever closed. Written by the trigger below alone, from the inferences' `rests_on`.
CREATE TABLE empla.belief_supports (
    tenant_id   uuid NOT NULL,
    employee_id uuid NOT NULL,
    belief_id   uuid NOT NULL,
    rests_on    uuid NOT NULL,
    PRIMARY KEY (tenant_id, employee_id, belief_id, rests_on),
    CONSTRAINT belief_supports_not_itself CHECK (belief_id <> rests_on),
    FOREIGN KEY (tenant_id, employee_id, belief_id) REFERENCES empla.beliefs (tenant_id, employee_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, employee_id, rests_on) REFERENCES empla.beliefs (tenant_id, employee_id, id) ON DELETE CASCADE
);
CREATE INDEX idx_belief_supports_on ON empla.belief_supports (tenant_id, employee_id, rests_on);

-- Conflicts. A row trigger with a condition: the thousand other rows of a batch cost nothing, not even a transition table.
CREATE FUNCTION empla.open_conflict() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    -- What a person decided to keep is decided for as long as the belief says so: the claim is counted, and nobody is asked again.
    UPDATE belief_conflicts c
       SET times = c.times + 1, evidence = jsonb_path_query_array(c.evidence || NEW.evidence, '$[last - 99 to last]')
     WHERE c.tenant_id = NEW.tenant_id AND c.employee_id = NEW.employee_id AND c.belief_id = NEW.belief_id
       AND c.claimed = NEW.new_value AND c.held = NEW.old_value AND c.status = 'kept';
    IF FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO belief_conflicts AS c (tenant_id, employee_id, belief_id, subject, predicate, held, claimed, claimed_source, evidence, opened_at)
    VALUES (NEW.tenant_id, NEW.employee_id, NEW.belief_id, NEW.subject, NEW.predicate, NEW.old_value, NEW.new_value, NEW.source,
            NEW.evidence, NEW.changed_at)
    ON CONFLICT (tenant_id, employee_id, belief_id, fingerprint(claimed)) WHERE status = 'open' DO UPDATE
       SET times = c.times + 1, held = EXCLUDED.held,
           evidence = jsonb_path_query_array(c.evidence || EXCLUDED.evidence, '$[last - 99 to last]');
    RETURN NULL;
END $$;
CREATE TRIGGER open_conflict AFTER INSERT ON empla.belief_history
    FOR EACH ROW WHEN (NEW.change_type = 'contradicted' AND NEW.old_value <> NEW.new_value) EXECUTE FUNCTION empla.open_conflict();

-- Who settled it, and when, comes from the context alone; what is settled stays as it was settled.
CREATE FUNCTION empla.sign_resolution() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status = OLD.status THEN
        NEW.reason := OLD.reason;
    ELSIF OLD.status <> 'open' THEN
        RAISE EXCEPTION 'this conflict is % already', OLD.status USING ERRCODE = 'EM409';
    ELSE
        NEW.resolved_at := ctx.now();
        NEW.resolved_by_type := ctx.actor_type();
        NEW.resolved_by := ctx.actor_id();
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sign_resolution BEFORE UPDATE OF status, reason ON empla.belief_conflicts
    FOR EACH ROW EXECUTE FUNCTION empla.sign_resolution();

-- Supports. The beliefs that `believed` rests on, by the inferences that count for it, each with the fingerprint of what it said then.
CREATE FUNCTION empla.resting(grounds jsonb, believed jsonb) RETURNS TABLE (id uuid, said text) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT DISTINCT r.key::uuid, r.value
      FROM empla.counted(grounds) c CROSS JOIN LATERAL jsonb_each_text(c.ground -> 'rests_on') r (key, value)
     WHERE c.object = believed
$$;

-- Before anything is formed on beliefs they are held, to the end of the transaction, so that nothing is left on nothing; returns what
-- they say. `derived` is a list of {subject, predicate, rests_on}. One employee's circles are looked for one transaction at a time.
CREATE FUNCTION empla.hold_supports(tenant uuid, employee uuid, derived jsonb) RETURNS TABLE (support uuid, said text)
    LANGUAGE plpgsql AS $$
DECLARE
    wanted uuid[]; circle record; held integer;
BEGIN
    IF derived = '[]' THEN
        RETURN;
    ELSIF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'beliefs are derived in READ COMMITTED transactions alone' USING ERRCODE = '0A000';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(tenant::text || employee::text, 10));
    SELECT array_agg(DISTINCT i::uuid) INTO wanted
      FROM jsonb_array_elements(derived) d CROSS JOIN LATERAL jsonb_array_elements_text(d -> 'rests_on') i;
    -- In the order in which evidence is heard, so that the two do not wait for each other.
    RETURN QUERY SELECT b.id, empla.fingerprint(b.object) FROM empla.beliefs b
                  WHERE b.tenant_id = tenant AND b.employee_id = employee AND b.id = ANY (wanted) AND b.deleted_at IS NULL
                  ORDER BY b.subject, b.predicate FOR SHARE;
    GET DIAGNOSTICS held = ROW_COUNT;
    IF held < cardinality(wanted) THEN
        RAISE EXCEPTION 'what an inference rests on is not believed' USING ERRCODE = 'EM404';
    END IF;
    WITH RECURSIVE below (subject, predicate, id) AS (
        SELECT d ->> 'subject', d ->> 'predicate', i::uuid
          FROM jsonb_array_elements(derived) d CROSS JOIN LATERAL jsonb_array_elements_text(d -> 'rests_on') i
         UNION
        SELECT u.subject, u.predicate, s.rests_on
          FROM below u JOIN empla.belief_supports s ON s.tenant_id = tenant AND s.employee_id = employee AND s.belief_id = u.id
    )
    SELECT u.subject, u.predicate INTO circle
      FROM below u JOIN empla.beliefs b ON b.tenant_id = tenant AND b.employee_id = employee AND b.id = u.id
     WHERE b.subject = u.subject AND b.predicate = u.predicate AND b.deleted_at IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'a belief can''t rest on itself: % would, directly or around', circle.subject || '.' || circle.predicate
            USING ERRCODE = '23514';
    END IF;
END $$;

-- One belief, having heard the news (a JSON array of evidence, oldest first): the row as it should be now.
-- Newer evidence of another object replaces (the world changed); of the same object, it is weighed on top of what has not yet
-- decayed. Evidence of the same moment is weighed with its peers. Older evidence goes to history alone, as does a guess
-- against a human's word. The same evidence id counts once. An inference's ground, and what is carried, say what they rest on.
CREATE OR REPLACE FUNCTION empla.revise(held empla.beliefs, news jsonb) RETURNS empla.beliefs LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    b empla.beliefs := held;
    e jsonb; happened timestamptz; ground jsonb; carried jsonb; outcome record; verdict text; left_over double precision;
    quiet boolean := held.object IS NOT NULL;
BEGIN
    b.revision := '[]';
    b.silenced := coalesce(held.silenced, '[]');
    b.version := coalesce(held.version, 0) + 1;
    FOR e IN SELECT value FROM jsonb_array_elements(news) LOOP
        happened := (e ->> 'occurred_at')::timestamptz;
        ground := jsonb_build_object('id', e -> 'id', 'object', e -> 'object', 'source', e -> 'source',
                                     'reliability', e -> 'reliability', 'occurred_at', e -> 'occurred_at');
        IF e ->> 'source' = 'inference' AND jsonb_typeof(e -> 'rests_on') = 'object' THEN
            ground := ground || jsonb_build_object('rests_on', e -> 'rests_on');
        END IF;
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
            carried := jsonb_build_object('object', b.object, 'source', b.source, 'since', b.formed_at,
                                          'evidence', jsonb_path_query_array(b.evidence, '$[last - 99 to last]'),
                                          'carried', CASE WHEN left_over < b.confidence AND b.log_odds > 0
                                                          THEN greatest(0, empla.log_odds(left_over)) ELSE b.log_odds END);
            -- A sub-select within an expression would cost plain beliefs the fast path of expressions, here and below.
            IF b.grounds @? '$[*].rests_on' THEN
                carried := carried || coalesce((SELECT jsonb_build_object('rests_on', jsonb_object_agg(r.id::text, r.said ORDER BY r.said))
                                                  FROM empla.resting(b.grounds, b.object) r HAVING count(*) > 0), '{}');
            END IF;
            b.grounds := jsonb_build_array(carried, ground);
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
    IF quiet AND b.grounds @? '$[*].rests_on' THEN
        quiet := NOT EXISTS (SELECT * FROM empla.resting(b.grounds, b.object) EXCEPT SELECT * FROM empla.resting(held.grounds, held.object));
    END IF;
    b.logged_at := CASE WHEN quiet THEN held.logged_at ELSE b.last_updated_at END;
    RETURN b;
END $$;

-- The same grounds, resting no more on what is gone.
CREATE FUNCTION empla.without_supports(grounds jsonb, gone uuid[]) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(jsonb_agg(CASE WHEN NOT g.value ? 'rests_on' THEN g.value
                                   WHEN (g.value -> 'rests_on') - gone::text[] = '{}' THEN g.value - 'rests_on'
                                   ELSE jsonb_set(g.value, '{rests_on}', (g.value -> 'rests_on') - gone::text[]) END ORDER BY g.position), '[]')
      FROM jsonb_array_elements(grounds) WITH ORDINALITY g (value, position)
$$;

-- These beliefs are retired, or say something else now. What was inferred from them falls, and what was inferred from that; what an
-- observation or a human vouches for as well stays, and rests on them no more.
-- OFFSET 0, and deleted_at outside, make each look-up one by the whole key: without statistics the planner thinks that an employee has
-- one belief, and reads all of the live ones for each.
CREATE FUNCTION empla.let_fall(tenant uuid, employee uuid, moved uuid[], moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    above uuid[]; locked uuid[] := '{}'; falling uuid[]; reasons jsonb;
BEGIN
    LOOP
        WITH RECURSIVE shaken (id, is_guess) AS (
            SELECT m, true FROM unnest(moved) m
             UNION
            SELECT d.id, d.is_guess
              FROM shaken u
             CROSS JOIN LATERAL (SELECT s.belief_id FROM empla.belief_supports s
                                  WHERE s.tenant_id = tenant AND s.employee_id = employee AND s.rests_on = u.id OFFSET 0) s
             CROSS JOIN LATERAL (SELECT d.id, empla.source_rank(d.source) <= 2 AS is_guess, d.deleted_at FROM empla.beliefs d
                                  WHERE d.tenant_id = tenant AND d.employee_id = employee AND d.id = s.belief_id OFFSET 0) d
             WHERE u.is_guess AND d.deleted_at IS NULL
        )
        SELECT array_agg(DISTINCT u.id), array_agg(DISTINCT u.id) FILTER (WHERE u.is_guess) INTO above, falling
          FROM shaken u WHERE u.id <> ALL (moved);
        -- Whoever was changing one of them is done once it is locked; what he made of it is looked at again.
        EXIT WHEN coalesce(above <@ locked, true);
        PERFORM FROM empla.beliefs d
          WHERE d.tenant_id = tenant AND d.employee_id = employee AND d.id = ANY (above) ORDER BY d.subject, d.predicate FOR NO KEY UPDATE;
        locked := locked || above;
    END LOOP;
    IF above IS NULL THEN
        RETURN;
    END IF;
    SELECT jsonb_object_agg(f.id, f.names) INTO reasons
      FROM (SELECT s.belief_id AS id, string_agg(b.name || CASE WHEN g.is_falling OR b.is_gone THEN ', which is believed no more'
                                                                ELSE ', which says something else now' END, '; ' ORDER BY b.name) AS names
              FROM (SELECT m AS id, false AS is_falling FROM unnest(moved) m UNION ALL SELECT f, true FROM unnest(falling) f) g
             CROSS JOIN LATERAL (SELECT s.belief_id FROM empla.belief_supports s
                                  WHERE s.tenant_id = tenant AND s.employee_id = employee AND s.rests_on = g.id OFFSET 0) s
             CROSS JOIN LATERAL (SELECT b.subject || '.' || b.predicate AS name, b.deleted_at IS NOT NULL AS is_gone FROM empla.beliefs b
                                  WHERE b.tenant_id = tenant AND b.employee_id = employee AND b.id = g.id OFFSET 0) b
             GROUP BY s.belief_id) f;
    UPDATE empla.beliefs d
       SET deleted_at = moment, revision = '[]', version = d.version + 1, reason = left('rested on ' || (reasons ->> d.id::text), 2000)
     WHERE d.tenant_id = tenant AND d.employee_id = employee AND d.id = ANY (falling);
    UPDATE empla.beliefs d SET grounds = empla.without_supports(d.grounds, moved)
     WHERE d.tenant_id = tenant AND d.employee_id = employee AND d.id = ANY (above) AND d.id <> ALL (coalesce(falling, '{}'))
       AND d.id IN (SELECT s.belief_id FROM empla.belief_supports s
                     WHERE s.tenant_id = tenant AND s.employee_id = employee AND s.rests_on = ANY (moved));
END $$;

-- The edges of these beliefs are what their grounds say. A guess that rests on what is not so (any more) falls at once.
CREATE FUNCTION empla.keep_supports(tenant uuid, employee uuid, changed uuid[], moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    derived uuid[]; supports uuid[]; said text[]; fresh uuid[]; is_so boolean[];
BEGIN
    SELECT array_agg(d.id), array_agg(r.id), array_agg(r.said) INTO derived, supports, said
      FROM empla.beliefs d CROSS JOIN LATERAL empla.resting(d.grounds, d.object) r
     WHERE d.tenant_id = tenant AND d.employee_id = employee AND d.id = ANY (changed) AND d.deleted_at IS NULL;
    SELECT array_agg(DISTINCT w.support) INTO fresh
      FROM unnest(derived, supports) w (id, support)
     WHERE NOT EXISTS (SELECT FROM empla.belief_supports s
                        WHERE s.tenant_id = tenant AND s.employee_id = employee AND s.belief_id = w.id AND s.rests_on = w.support);
    IF fresh IS NOT NULL THEN
        -- hold_supports has done both for what was just heard; this is for evidence that had counted for nothing until now.
        PERFORM pg_advisory_xact_lock(hashtextextended(tenant::text || employee::text, 10));
        PERFORM FROM empla.beliefs b
          WHERE b.tenant_id = tenant AND b.employee_id = employee AND b.id = ANY (fresh) ORDER BY b.subject, b.predicate FOR SHARE;
    END IF;
    SELECT array_agg(coalesce((SELECT b.deleted_at IS NULL AND empla.fingerprint(b.object) = w.said FROM empla.beliefs b
                                WHERE b.tenant_id = tenant AND b.employee_id = employee AND b.id = w.support), false) ORDER BY w.position)
      INTO is_so FROM unnest(supports, said) WITH ORDINALITY w (support, said, position);
    DELETE FROM empla.belief_supports s
     WHERE s.tenant_id = tenant AND s.employee_id = employee AND s.belief_id = ANY (changed)
       AND (s.belief_id, s.rests_on) NOT IN (SELECT w.id, w.support FROM unnest(derived, supports, is_so) w (id, support, is_so) WHERE w.is_so);
    IF fresh IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO empla.belief_supports (tenant_id, employee_id, belief_id, rests_on)
    SELECT tenant, employee, w.id, w.support FROM unnest(derived, supports, is_so) w (id, support, is_so) WHERE w.is_so
    ON CONFLICT DO NOTHING;
    -- No circle goes through a belief that nothing rests on, such as a new one.
    IF EXISTS (
        WITH RECURSIVE below (first, id) AS (
            SELECT DISTINCT s.rests_on, s.rests_on
              FROM empla.belief_supports s WHERE s.tenant_id = tenant AND s.employee_id = employee AND s.rests_on = ANY (derived)
             UNION
            SELECT u.first, s.rests_on
              FROM below u JOIN empla.belief_supports s ON s.tenant_id = tenant AND s.employee_id = employee AND s.belief_id = u.id
        ) SELECT FROM below u JOIN empla.belief_supports s ON s.tenant_id = tenant AND s.employee_id = employee
                                                          AND s.belief_id = u.id AND s.rests_on = u.first
    ) THEN
        RAISE EXCEPTION 'these beliefs would rest on each other in a circle' USING ERRCODE = '23514';
    END IF;
    UPDATE empla.beliefs d
       SET deleted_at = moment, revision = '[]', version = d.version + 1, reason = left('rests on ' || h.names || ', which is not so any more', 2000)
      FROM (SELECT w.id, string_agg(DISTINCT coalesce(b.subject || '.' || b.predicate, w.support::text), ', ') AS names
              FROM unnest(derived, supports, is_so) w (id, support, is_so)
              LEFT JOIN empla.beliefs b ON b.tenant_id = tenant AND b.employee_id = employee AND b.id = w.support
             WHERE NOT w.is_so GROUP BY w.id) h
     WHERE d.tenant_id = tenant AND d.employee_id = employee AND d.id = h.id AND d.deleted_at IS NULL AND empla.source_rank(d.source) <= 2;
END $$;

-- What follows for other rows when beliefs change, one statement at a time: conflicts lapse, derived beliefs fall, edges are kept.
CREATE FUNCTION empla.settle_beliefs() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
DECLARE
    whose record; tenant uuid := ctx.tenant_id(); moment timestamptz := ctx.now();
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF EXISTS (SELECT FROM new_rows n WHERE n.grounds @? '$[*].rests_on') THEN
            FOR whose IN SELECT n.employee_id AS id, array_agg(n.id) AS derived
                           FROM new_rows n WHERE n.grounds @? '$[*].rests_on' GROUP BY n.employee_id LOOP
                PERFORM keep_supports(tenant, whose.id, whose.derived, moment);
            END LOOP;
        END IF;
        RETURN NULL;
    -- Most beliefs support nothing, rest on nothing and are disputed by nobody.
    ELSIF NOT EXISTS (
        SELECT 1 FROM new_rows n WHERE n.grounds @? '$[*].rests_on'
         UNION ALL
        SELECT 1 FROM old_rows o JOIN belief_supports s ON s.tenant_id = tenant AND s.employee_id = o.employee_id AND s.rests_on = o.id
         UNION ALL
        SELECT 1 FROM old_rows o JOIN belief_supports s ON s.tenant_id = tenant AND s.employee_id = o.employee_id AND s.belief_id = o.id
         UNION ALL
        SELECT 1 FROM old_rows o JOIN belief_conflicts c ON c.tenant_id = tenant AND c.employee_id = o.employee_id AND c.belief_id = o.id
                                                        AND c.status = 'open') THEN
        RETURN NULL;
    END IF;
    -- Sets and no join: the plan is made once per session, often for one row, and must not be a nested loop for a thousand.
    FOR whose IN
        SELECT c.employee_id AS id, array_agg(c.id) FILTER (WHERE c.has_moved) AS moved, array_agg(c.id) FILTER (WHERE NOT c.has_moved) AS derived
          FROM (SELECT m.employee_id, m.id, true AS has_moved
                  FROM (SELECT o.employee_id, o.id, o.object FROM old_rows o WHERE o.deleted_at IS NULL
                        EXCEPT SELECT n.employee_id, n.id, n.object FROM new_rows n WHERE n.deleted_at IS NULL) m
                UNION ALL
                (SELECT n.employee_id, n.id, false FROM new_rows n WHERE n.grounds @? '$[*].rests_on'
                 UNION SELECT o.employee_id, o.id, false FROM old_rows o WHERE o.grounds @? '$[*].rests_on')) c
         GROUP BY c.employee_id
    LOOP
        IF whose.moved IS NOT NULL THEN
            UPDATE belief_conflicts c
               SET status = 'lapsed', reason = CASE WHEN b.deleted_at IS NULL THEN 'it is believed now' ELSE 'the belief is held no more' END
              FROM beliefs b
             WHERE c.tenant_id = tenant AND c.employee_id = whose.id AND c.belief_id = ANY (whose.moved) AND c.status = 'open'
               AND b.tenant_id = tenant AND b.employee_id = whose.id AND b.id = c.belief_id
               AND (b.deleted_at IS NOT NULL OR b.object = c.claimed);
            PERFORM let_fall(tenant, whose.id, whose.moved, moment);
        END IF;
        IF whose.derived IS NOT NULL THEN
            PERFORM keep_supports(tenant, whose.id, whose.derived, moment);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
GRANT CREATE ON SCHEMA empla TO empla_keeper;
-- Two things about log_beliefs. An observation fires the triggers of both, INSERT and UPDATE, one of the two for no row: that one has
-- nothing to do. And before and after meet in a FULL JOIN, which is never a nested loop: the plan is made once per session, often for
-- one row, and took a second for some thousand.
SET LOCAL ROLE empla_keeper;
DO $$ BEGIN
    EXECUTE replace(replace(pg_get_functiondef('empla.log_beliefs()'::regprocedure), E'\nBEGIN\n',
                            E'\nBEGIN\n    IF NOT EXISTS (SELECT FROM new_rows) THEN\n        RETURN NULL;\n    END IF;\n'),
                    'FROM new_rows n JOIN old_rows o ON', 'FROM new_rows n FULL JOIN old_rows o ON');
END $$;
SET LOCAL ROLE empla_owner;
-- After log_insert and log_update, by their names: history tells the cause before its consequences.
CREATE TRIGGER settle_insert AFTER INSERT ON empla.beliefs REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION empla.settle_beliefs();
CREATE TRIGGER settle_update AFTER UPDATE ON empla.beliefs REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION empla.settle_beliefs();

-- A derived belief is no surer than the weakest that it rests on, directly or around, whatever fades first. Plain beliefs pay one
-- comparison of their source.
CREATE FUNCTION empla.weakest(tenant uuid, employee uuid, grounds jsonb, believed jsonb, at timestamptz) RETURNS double precision
    LANGUAGE sql STABLE AS $$
    -- OFFSET 0 keeps each look-up one of the index: what is below is little, whatever the planner thinks.
    WITH RECURSIVE below (id, source, own) AS (
        SELECT b.id, b.source, b.own
          FROM empla.resting(grounds, believed) r
         CROSS JOIN LATERAL (SELECT b.id, b.source, b.deleted_at, empla.effective_confidence(b.confidence, b.decay_rate, b.decay_model, b.last_updated_at, at) AS own
                              FROM empla.beliefs b
                             WHERE b.tenant_id = tenant AND b.employee_id = employee AND b.id = r.id OFFSET 0) b
         WHERE b.deleted_at IS NULL
         UNION
        SELECT b.id, b.source, b.own
          FROM below u
         CROSS JOIN LATERAL (SELECT s.rests_on FROM empla.belief_supports s
                              WHERE s.tenant_id = tenant AND s.employee_id = employee AND s.belief_id = u.id OFFSET 0) s
         CROSS JOIN LATERAL (SELECT b.id, b.source, b.deleted_at, empla.effective_confidence(b.confidence, b.decay_rate, b.decay_model, b.last_updated_at, at) AS own
                              FROM empla.beliefs b
                             WHERE b.tenant_id = tenant AND b.employee_id = employee AND b.id = s.rests_on OFFSET 0) b
         WHERE u.source = 'inference' AND b.deleted_at IS NULL
    ) SELECT min(u.own) FROM below u
$$;
CREATE FUNCTION empla.at_most_its_supports(own double precision, tenant uuid, employee uuid, source text, grounds jsonb, believed jsonb, at timestamptz)
    RETURNS double precision LANGUAGE sql STABLE AS $$
    SELECT least(own, CASE WHEN source = 'inference' AND grounds @? '$[*].rests_on' THEN empla.weakest(tenant, employee, grounds, believed, at) END)
$$;
-- The same of the past.
CREATE FUNCTION empla.told(tenant uuid, employee uuid, belief uuid, at timestamptz) RETURNS SETOF empla.belief_history
    LANGUAGE sql STABLE AS $$
    SELECT l.* FROM (SELECT h.* FROM empla.belief_history h
                      WHERE h.tenant_id = tenant AND h.employee_id = employee AND h.belief_id = belief AND h.changed_at <= at
                        AND h.change_type NOT IN ('late', 'contradicted')
                      ORDER BY h.changed_at DESC, h.id DESC LIMIT 1) l
     WHERE l.change_type NOT IN ('deleted', 'decayed')
$$;
CREATE FUNCTION empla.weakest_then(tenant uuid, employee uuid, grounds jsonb, believed jsonb, at timestamptz) RETURNS double precision
    LANGUAGE sql STABLE AS $$
    WITH RECURSIVE below (id, source, grounds, object, confidence) AS (
        SELECT h.belief_id, h.source, h.grounds, h.new_value,
               empla.effective_confidence(h.new_confidence, h.decay_rate, h.decay_model, h.evidence_at, at)
          FROM empla.resting(grounds, believed) r CROSS JOIN LATERAL empla.told(tenant, employee, r.id, at) h
         UNION
        SELECT h.belief_id, h.source, h.grounds, h.new_value,
               empla.effective_confidence(h.new_confidence, h.decay_rate, h.decay_model, h.evidence_at, at)
          FROM below u CROSS JOIN LATERAL empla.resting(u.grounds, u.object) r CROSS JOIN LATERAL empla.told(tenant, employee, r.id, at) h
         WHERE u.source = 'inference'
    ) SELECT min(u.confidence) FROM below u
$$;
CREATE FUNCTION empla.at_most_its_supports_then(own double precision, tenant uuid, employee uuid, source text, grounds jsonb, believed jsonb, at timestamptz)
    RETURNS double precision LANGUAGE sql STABLE AS $$
    SELECT least(own, CASE WHEN source = 'inference' AND grounds @? '$[*].rests_on' THEN empla.weakest_then(tenant, employee, grounds, believed, at) END)
$$;

CALL ctx.fence('empla.belief_conflicts', 'conflicts_tenant_isolation');
CALL ctx.fence('empla.belief_supports', 'supports_tenant_isolation');
CREATE POLICY keeping ON empla.belief_conflicts TO empla_keeper USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
CREATE POLICY keeping ON empla.belief_supports TO empla_keeper USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
CREATE POLICY keeping ON empla.beliefs TO empla_keeper USING (tenant_id = ctx.tenant_id()) WITH CHECK (tenant_id = ctx.tenant_id());
-- A person settles a conflict, with a reason; all else about it is the database's.
GRANT SELECT, UPDATE (status, reason) ON empla.belief_conflicts TO empla_app;
GRANT SELECT ON empla.belief_conflicts TO empla_worker;
GRANT SELECT, INSERT, UPDATE (status, reason, times, held, evidence) ON empla.belief_conflicts TO empla_keeper;
GRANT SELECT ON empla.belief_supports TO empla_app, empla_worker;
GRANT SELECT, INSERT, DELETE ON empla.belief_supports TO empla_keeper;
GRANT SELECT, UPDATE (deleted_at, reason, revision, version, grounds) ON empla.beliefs TO empla_keeper;
CALL empla.keep_touched('empla.belief_conflicts');
CALL empla.keep_key('empla.belief_conflicts', '{belief_id,subject,predicate,claimed}');
CALL empla.keep_audited('empla.belief_conflicts', 'conflict', 'belief_id,subject,predicate,claimed_source,status,reason');

REVOKE ALL ON FUNCTION empla.fingerprint(jsonb), empla.open_conflict(), empla.sign_resolution(), empla.settle_beliefs(), empla.resting(jsonb, jsonb), empla.hold_supports(uuid, uuid, jsonb),
    empla.without_supports(jsonb, uuid[]), empla.let_fall(uuid, uuid, uuid[], timestamptz), empla.keep_supports(uuid, uuid, uuid[], timestamptz),
    empla.weakest(uuid, uuid, jsonb, jsonb, timestamptz), empla.weakest_then(uuid, uuid, jsonb, jsonb, timestamptz), empla.told(uuid, uuid, uuid, timestamptz),
    empla.at_most_its_supports(double precision, uuid, uuid, text, jsonb, jsonb, timestamptz),
    empla.at_most_its_supports_then(double precision, uuid, uuid, text, jsonb, jsonb, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empla.fingerprint(jsonb), empla.resting(jsonb, jsonb), empla.hold_supports(uuid, uuid, jsonb), empla.weakest(uuid, uuid, jsonb, jsonb, timestamptz),
    empla.weakest_then(uuid, uuid, jsonb, jsonb, timestamptz), empla.told(uuid, uuid, uuid, timestamptz),
    empla.at_most_its_supports(double precision, uuid, uuid, text, jsonb, jsonb, timestamptz),
    empla.at_most_its_supports_then(double precision, uuid, uuid, text, jsonb, jsonb, timestamptz) TO empla_app, empla_worker, empla_migrator;
GRANT EXECUTE ON FUNCTION empla.fingerprint(jsonb), empla.resting(jsonb, jsonb), empla.counted(jsonb), empla.log_odds(double precision), empla.source_rank(text),
    empla.without_supports(jsonb, uuid[]), empla.let_fall(uuid, uuid, uuid[], timestamptz), empla.keep_supports(uuid, uuid, uuid[], timestamptz) TO empla_keeper;
ALTER FUNCTION empla.open_conflict() OWNER TO empla_keeper;
ALTER FUNCTION empla.settle_beliefs() OWNER TO empla_keeper;
REVOKE CREATE ON SCHEMA empla FROM empla_keeper;
-- A coming month of the log has the trigger too, and the owner makes it.
SET LOCAL ROLE empla_keeper;
GRANT EXECUTE ON FUNCTION empla.open_conflict() TO empla_owner;
SET LOCAL ROLE empla_owner;
