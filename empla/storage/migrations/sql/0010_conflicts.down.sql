DROP TRIGGER settle_insert ON empla.beliefs;
DROP TRIGGER settle_update ON empla.beliefs;
DROP TRIGGER open_conflict ON empla.belief_history;
DROP POLICY keeping ON empla.beliefs;
REVOKE SELECT, UPDATE (deleted_at, reason, revision, version, grounds) ON empla.beliefs FROM empla_keeper;
REVOKE EXECUTE ON FUNCTION empla.counted(jsonb), empla.log_odds(double precision), empla.source_rank(text) FROM empla_keeper;
DROP TABLE empla.belief_supports, empla.belief_conflicts;
-- One belief, having heard the news (a JSON array of evidence, oldest first): the row as it should be now.
-- Newer evidence of another object replaces (the world changed); of the same object, it is weighed on top of what has not yet
-- decayed. Evidence of the same moment is weighed with its peers. Older evidence goes to history alone, as does a guess
-- against a human's word. The same evidence id counts once.
CREATE OR REPLACE FUNCTION empla.revise(held empla.beliefs, news jsonb) RETURNS empla.beliefs LANGUAGE plpgsql IMMUTABLE AS $$
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
DROP FUNCTION empla.fingerprint(jsonb), empla.open_conflict(), empla.sign_resolution(), empla.settle_beliefs(), empla.resting(jsonb, jsonb), empla.hold_supports(uuid, uuid, jsonb),
    empla.without_supports(jsonb, uuid[]), empla.let_fall(uuid, uuid, uuid[], timestamptz), empla.keep_supports(uuid, uuid, uuid[], timestamptz),
    empla.weakest(uuid, uuid, jsonb, jsonb, timestamptz), empla.weakest_then(uuid, uuid, jsonb, jsonb, timestamptz), empla.told(uuid, uuid, uuid, timestamptz),
    empla.at_most_its_supports(double precision, uuid, uuid, text, jsonb, jsonb, timestamptz),
    empla.at_most_its_supports_then(double precision, uuid, uuid, text, jsonb, jsonb, timestamptz);
GRANT CREATE ON SCHEMA empla TO empla_keeper;
SET LOCAL ROLE empla_keeper;
DO $$ BEGIN
    EXECUTE replace(replace(pg_get_functiondef('empla.log_beliefs()'::regprocedure),
                            E'\nBEGIN\n    IF NOT EXISTS (SELECT FROM new_rows) THEN\n        RETURN NULL;\n    END IF;\n', E'\nBEGIN\n'),
                    'FROM new_rows n FULL JOIN old_rows o ON', 'FROM new_rows n JOIN old_rows o ON');
END $$;
SET LOCAL ROLE empla_owner;
REVOKE CREATE ON SCHEMA empla FROM empla_keeper;
DO $$ BEGIN
    IF to_regprocedure('empla.uuidv7()') IS NOT NULL THEN
        EXECUTE $f$
            CREATE OR REPLACE FUNCTION empla.uuidv7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $b$
                SELECT encode(
                    set_bit(set_bit(
                        overlay(uuid_send(gen_random_uuid())
                                PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                                FROM 1 FOR 6),
                        52, 1), 53, 1), 'hex')::uuid
            $b$ $f$;
    END IF;
END $$;
