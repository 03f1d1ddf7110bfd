-- Ageing: what an episode weighs when it comes, what it is worth later, and how it ends: forgotten, evicted, or merged into its like.
-- docs/ageing.md explains it.

ALTER TABLE empla.memory_episodes
    ADD COLUMN ended       text CONSTRAINT episodes_ended_check CHECK (ended IN ('forgotten', 'evicted', 'merged')),
    ADD COLUMN merged_into uuid,
    ADD CONSTRAINT episodes_merged_into_fkey FOREIGN KEY (tenant_id, employee_id, merged_into)
        REFERENCES empla.memory_episodes (tenant_id, employee_id, id),
    ADD CONSTRAINT episodes_ended_is_deleted CHECK (ended IS NULL OR deleted_at IS NOT NULL),
    ADD CONSTRAINT episodes_merged CHECK (merged_into IS NULL OR (merged_into <> id AND ended IS NOT DISTINCT FROM 'merged')),
    -- The row stays, for what rests on it names it; its words don't.
    ADD CONSTRAINT episodes_forgotten_is_erased CHECK (
        ended IS NULL OR ended = 'merged'
        OR (description = 'forgotten' AND content = '{}' AND participants IS NULL AND location IS NULL AND metadata = '{}'));
COMMENT ON COLUMN empla.memory_episodes.ended IS 'Why it is no longer remembered, with deleted_at: by people, for want of room, or told by another';
COMMENT ON COLUMN empla.memory_episodes.merged_into IS 'The episode that tells it now';
CREATE INDEX idx_episodes_merged ON empla.memory_episodes (tenant_id, employee_id, merged_into) WHERE merged_into IS NOT NULL;


-- What moves people, as the words of a text are kept.
CREATE FUNCTION empla.moving_words() RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT tsvector_to_array(to_tsvector('pg_catalog.english',
        'urgent asap immediately deadline critical emergency escalate angry furious upset frustrated annoyed disappointed unhappy worried
         afraid complaint complain unacceptable terrible awful outage broken breach lawsuit legal cancel refund churn threat blame apologize
         sorry thank grateful delighted happy excited love great excellent amazing wonderful congratulations proud trust'))
$$;

-- What the live goals of an employee speak of: their words, the metrics they watch, the accounts they name.
CREATE FUNCTION empla.goal_words(tenant uuid, employee uuid) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT tsvector_to_array(to_tsvector('pg_catalog.english',
               left(string_agg(concat_ws(' ', g.description, translate(g.target ->> 'metric', '._-', '   '), g.target ->> 'accounts'), ' '), 65536)))
      FROM empla.employee_goals g
     WHERE g.tenant_id = tenant AND g.employee_id = employee AND g.deleted_at IS NULL AND g.status IN ('active', 'in_progress', 'blocked')
$$;

-- What there is to weigh in an episode. Each is 0 … 1, but for its kind: where it begins.
CREATE FUNCTION empla.weigh_episode(episode_type text, description text, content jsonb, participants text[], wanted text[])
    RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_build_object('kind', CASE episode_type WHEN 'feedback' THEN 0.8 WHEN 'interaction' THEN 0.45 ELSE 0.4 END,
                              'emotion', greatest(felt, 1 - 0.5::float8 ^ (least(cardinality(moving), 50) + loud)),
                              'goals', 1 - 0.5::float8 ^ least(cardinality(shared), 50),
                              'outcome', CASE WHEN btrim(content ->> 'outcome') <> '' THEN 1 ELSE 0 END,
                              'moving', to_jsonb(moving[1:10]), 'shared', to_jsonb(shared[1:10]))
      FROM (SELECT ARRAY(SELECT w FROM unnest(lexemes) w WHERE w = ANY (empla.moving_words()) ORDER BY w COLLATE "C") AS moving,
                   ARRAY(SELECT DISTINCT w COLLATE "C" FROM unnest(lexemes || names) w WHERE w = ANY (wanted) ORDER BY 1) AS shared,
                   CASE WHEN said LIKE '%!!%' THEN 1 ELSE 0 END AS loud,
                   CASE lower(btrim(coalesce(content ->> 'sentiment', '')))
                        WHEN '' THEN 0 WHEN 'neutral' THEN 0 WHEN 'none' THEN 0 WHEN 'calm' THEN 0
                        WHEN 'positive' THEN 0.6 WHEN 'happy' THEN 0.6 WHEN 'pleased' THEN 0.6 WHEN 'satisfied' THEN 0.6
                        WHEN 'negative' THEN 0.8 WHEN 'unhappy' THEN 0.8 WHEN 'worried' THEN 0.8 WHEN 'disappointed' THEN 0.8
                        WHEN 'angry' THEN 1 WHEN 'furious' THEN 1 WHEN 'upset' THEN 1 WHEN 'frustrated' THEN 1 WHEN 'delighted' THEN 1
                        ELSE 0.4 END AS felt
              FROM (SELECT said, tsvector_to_array(to_tsvector('pg_catalog.english', left(said, 8192))) AS lexemes,
                           tsvector_to_array(to_tsvector('pg_catalog.english',
                               left(translate(array_to_string(participants, ' '), '@._+-', '     '), 2048))) AS names
                      FROM (SELECT concat_ws(' ', description, content ->> 'subject', content ->> 'body') AS said) AS told) AS read) AS found
$$;
-- empla/memory/importance.py says the same in Python; a property test holds the two equal.
CREATE FUNCTION empla.importance_of(parts jsonb) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT least(1, (parts ->> 'kind')::float8 + 0.25 * (parts ->> 'emotion')::float8 + 0.2 * (parts ->> 'goals')::float8
                    + 0.1 * (parts ->> 'outcome')::float8)
$$;

-- What an episode is worth at a moment, when room is wanted: half of its importance goes with time, and being of use adds. Python says the same.
-- Less than 1e-200 is nothing, or floating point would underflow.
CREATE FUNCTION empla.worth(importance double precision, recall_count integer, occurred_at timestamptz, at timestamptz)
    RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN importance < 1e-200 THEN 0 ELSE importance END * (0.5 + 0.5 * exp(-ln(2::float8) * least(greatest(extract(epoch FROM at - occurred_at)::float8 / 86400, 0), 36500) / 180))
           + 0.1 * log((1 + least(recall_count, 99))::float8)
$$;

-- The episodes that something held now rests on: a live belief or fact, an open conflict, a plan under way. Of merged ones, those that tell them too.
CREATE FUNCTION empla.cited_episodes(tenant uuid, employee uuid) RETURNS TABLE (id uuid) LANGUAGE sql STABLE AS $$
    WITH named AS (
        SELECT e.name FROM empla.beliefs b
         CROSS JOIN LATERAL (SELECT jsonb_array_elements_text(b.evidence || b.silenced)
                              UNION ALL SELECT g ->> 'id' FROM jsonb_array_elements(b.grounds) g) e (name)
         WHERE b.tenant_id = tenant AND b.employee_id = employee AND b.deleted_at IS NULL
         UNION
        SELECT e.name FROM empla.belief_conflicts c CROSS JOIN LATERAL jsonb_array_elements_text(c.evidence) e (name)
         WHERE c.tenant_id = tenant AND c.employee_id = employee AND c.status = 'open'
    ), evidence AS MATERIALIZED (
        SELECT CASE WHEN pg_input_is_valid(name, 'uuid') THEN name::uuid END AS id FROM named
    ), cited AS MATERIALIZED (
        SELECT v.id FROM evidence v
         UNION
        SELECT m.id FROM evidence v JOIN empla.memory_episodes m ON m.tenant_id = tenant AND m.employee_id = employee AND m.observation_id = v.id
         UNION
        SELECT e.episode_id FROM empla.memory_semantic f
          JOIN empla.fact_evidence e ON e.tenant_id = tenant AND e.employee_id = employee AND e.fact_id = f.id
         WHERE f.tenant_id = tenant AND f.employee_id = employee AND f.deleted_at IS NULL
         UNION
        SELECT i.cause_id FROM empla.employee_intentions i
         WHERE i.tenant_id = tenant AND i.employee_id = employee AND i.deleted_at IS NULL AND i.status IN ('planned', 'in_progress')
    )
    SELECT c.id FROM cited c WHERE c.id IS NOT NULL
     UNION
    SELECT m.merged_into FROM cited c
      JOIN empla.memory_episodes m ON m.tenant_id = tenant AND m.employee_id = employee AND m.id = c.id
     WHERE m.merged_into IS NOT NULL
$$;

-- Their words count no more among an employee's memories; what no memory says any more leaves no trace.
-- Locks as counting does: memories, then words by their order, of which 0 is first and stands for all memories.
CREATE FUNCTION empla.uncount_memories(tenant uuid, employee uuid, ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    lost integer[]; times integer[]; naming integer[]; counted integer;
BEGIN
    PERFORM FROM empla.memory_index i
      WHERE i.tenant_id = tenant AND i.employee_id = employee AND i.memory_id = ANY (ids) ORDER BY i.memory_id FOR UPDATE;
    SELECT count(*) INTO counted FROM empla.memory_index i
     WHERE i.tenant_id = tenant AND i.employee_id = employee AND i.memory_id = ANY (ids) AND i.is_counted;
    SELECT array_agg(word ORDER BY word), array_agg(n ORDER BY word), array_agg(named ORDER BY word) INTO lost, times, naming
      FROM (SELECT 0 AS word, counted AS n, 0 AS named
             UNION ALL
            SELECT w.word, count(*)::integer AS n, (count(*) FILTER (WHERE w.word = ANY (i.people)))::integer AS named
              FROM empla.memory_index i
              JOIN empla.memory_texts t ON t.tenant_id = tenant AND t.employee_id = employee AND t.memory_id = i.memory_id
             CROSS JOIN LATERAL empla.words(t.words) AS w
             WHERE i.tenant_id = tenant AND i.employee_id = employee AND i.memory_id = ANY (ids) AND i.is_counted
             GROUP BY w.word) AS said;
    PERFORM FROM empla.memory_words w
      WHERE w.tenant_id = tenant AND w.employee_id = employee AND w.word = ANY (lost) ORDER BY w.word FOR UPDATE;
    UPDATE empla.memory_words w SET memories = greatest(0, w.memories - l.times), named = greatest(0, w.named - l.naming)
      FROM unnest(lost, times, naming) AS l (word, times, naming)
     WHERE w.tenant_id = tenant AND w.employee_id = employee AND w.word = l.word;
    DELETE FROM empla.memory_words w
     WHERE w.tenant_id = tenant AND w.employee_id = employee AND w.word = ANY (lost) AND w.memories = 0;
END $$;

-- These episodes, and what was merged with them, are no longer remembered: their words are erased, here and where they were observed. Rows stay.
-- Evicted is only what nothing rests on: looked at again once it is locked.
CREATE FUNCTION empla.forget_episodes(tenant uuid, employee uuid, ids uuid[], how text, at timestamptz) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
    kept uuid[]; whole uuid[]; cited uuid[];
BEGIN
    IF cardinality(ids) = 0 THEN
        RETURN;
    END IF;
    IF how = 'forgotten' AND NOT ctx.is_staff() THEN
        RAISE EXCEPTION 'people alone make an employee forget' USING ERRCODE = 'EM403';
    END IF;
    -- One employee's episodes end one transaction at a time: a merge would slip in between.
    PERFORM pg_advisory_xact_lock(hashtextextended(tenant::text || employee::text, 18));
    IF EXISTS (SELECT FROM unnest(ids) i WHERE NOT EXISTS (
                   SELECT FROM empla.memory_episodes m WHERE m.tenant_id = tenant AND m.employee_id = employee AND m.id = i)) THEN
        RAISE EXCEPTION 'there is no such episode' USING ERRCODE = 'EM404';
    END IF;
    SELECT array_agg(DISTINCT coalesce(m.merged_into, m.id)) INTO kept
      FROM empla.memory_episodes m WHERE m.tenant_id = tenant AND m.employee_id = employee AND m.id = ANY (ids);
    SELECT array_agg(g.id) INTO whole FROM (
        SELECT m.id FROM empla.memory_episodes m
         WHERE m.tenant_id = tenant AND m.employee_id = employee AND (m.id = ANY (kept) OR m.merged_into = ANY (kept))
           AND (m.ended IS NULL OR m.ended = 'merged')
         ORDER BY m.id FOR UPDATE) AS g;
    IF how = 'evicted' THEN
        SELECT array_agg(c.id) INTO cited FROM empla.cited_episodes(tenant, employee) c;
        SELECT array_agg(m.id) INTO whole FROM empla.memory_episodes m
         WHERE m.tenant_id = tenant AND m.employee_id = employee AND m.id = ANY (whole) AND m.episode_type <> 'feedback'
           AND coalesce(m.merged_into, m.id) <> ALL (coalesce(cited, '{}'));
    END IF;
    PERFORM empla.uncount_memories(tenant, employee, whole);
    UPDATE empla.memory_episodes m
       SET ended = how, merged_into = NULL, deleted_at = coalesce(m.deleted_at, forget_episodes.at), description = 'forgotten', content = '{}',
           participants = NULL, location = NULL, metadata = '{}'
     WHERE m.tenant_id = tenant AND m.employee_id = employee AND m.id = ANY (whole);
    UPDATE empla.observations o
       SET description = 'forgotten', content = '{}', participants = '{}', metadata = '{}',
           error = CASE WHEN o.error IS NOT NULL THEN 'forgotten' END
      FROM empla.memory_episodes m
     WHERE m.tenant_id = tenant AND m.employee_id = employee AND m.id = ANY (whole)
       AND o.tenant_id = tenant AND o.employee_id = employee AND o.id = m.observation_id;
    -- What a plan was called for by is told in it once more; one under way still needs its parameters.
    UPDATE empla.employee_intentions i
       SET context = CASE WHEN i.context ? 'event' THEN jsonb_set(i.context, '{event,description}', '"forgotten"') ELSE i.context END,
           plan = CASE WHEN i.status IN ('completed', 'failed', 'abandoned') THEN i.plan - 'params' ELSE i.plan END
     WHERE i.tenant_id = tenant AND i.employee_id = employee AND i.cause_id = ANY (whole);
    RETURN QUERY SELECT unnest(whole);
END $$;

-- Each of `gone` is told by the one of `kept` beside it from now on; how many are. What cites them finds them as they were. The first hundred
-- are named in the metadata too, for those who read the one alone.
CREATE FUNCTION empla.merge_episodes(tenant uuid, employee uuid, gone uuid[], kept uuid[], at timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    merged integer;
BEGIN
    PERFORM empla.uncount_memories(tenant, employee, gone);
    WITH told AS (
        SELECT p.kept, max(m.importance) AS importance, sum(m.recall_count) AS recalls, max(m.last_recalled_at) AS recalled_at,
               jsonb_agg(jsonb_build_object('id', m.id, 'occurred_at', m.occurred_at) ORDER BY m.occurred_at, m.id) AS others
          FROM unnest(gone, kept) AS p (gone, kept)
          JOIN empla.memory_episodes m ON m.tenant_id = tenant AND m.employee_id = employee AND m.id = p.gone AND m.deleted_at IS NULL
         GROUP BY p.kept
    )
    UPDATE empla.memory_episodes m
       SET importance = greatest(m.importance, t.importance), recall_count = least(m.recall_count + t.recalls, 2147483647),
           last_recalled_at = greatest(m.last_recalled_at, t.recalled_at),
           metadata = m.metadata || jsonb_build_object('merged',
                          jsonb_path_query_array(coalesce(m.metadata -> 'merged', '[]') || t.others, '$[0 to 99]'))
      FROM told t
     WHERE m.tenant_id = tenant AND m.employee_id = employee AND m.id = t.kept AND m.deleted_at IS NULL;
    UPDATE empla.memory_episodes m SET merged_into = p.kept
      FROM unnest(gone, kept) AS p (gone, kept)
     WHERE m.tenant_id = tenant AND m.employee_id = employee AND m.merged_into = p.gone;
    UPDATE empla.memory_episodes m SET ended = 'merged', merged_into = p.kept, deleted_at = merge_episodes.at
      FROM unnest(gone, kept) AS p (gone, kept)
     WHERE m.tenant_id = tenant AND m.employee_id = employee AND m.id = p.gone AND m.deleted_at IS NULL;
    GET DIAGNOSTICS merged = ROW_COUNT;
    RETURN merged;
END $$;


-- What is forgotten stays so, and what people said goes by people's word alone.
CREATE FUNCTION empla.stay_forgotten() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what is forgotten stays forgotten' USING ERRCODE = '23514';
END $$;
CREATE TRIGGER stay_forgotten BEFORE UPDATE ON empla.memory_episodes FOR EACH ROW
    WHEN (OLD.ended IN ('forgotten', 'evicted')
          AND (NEW.ended IS DISTINCT FROM OLD.ended OR NEW.deleted_at IS DISTINCT FROM OLD.deleted_at))
    EXECUTE FUNCTION empla.stay_forgotten();
CREATE FUNCTION empla.keep_feedback() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.ended = 'forgotten' AND ctx.is_staff() THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what people said is forgotten by their word alone' USING ERRCODE = 'EM403';
END $$;
CREATE TRIGGER keep_feedback BEFORE UPDATE OF ended ON empla.memory_episodes FOR EACH ROW
    WHEN (OLD.episode_type = 'feedback' AND NEW.ended IS DISTINCT FROM OLD.ended) EXECUTE FUNCTION empla.keep_feedback();
CREATE FUNCTION empla.audit_forgetting() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = empla, pg_temp AS $$
BEGIN
    INSERT INTO audit_log (tenant_id, actor_type, actor_id, action_type, resource_type, resource_id, details, occurred_at)
    VALUES (NEW.tenant_id, ctx.actor_type(), ctx.actor_id(), 'episode.' || NEW.ended, 'episode', NEW.id,
            jsonb_strip_nulls(jsonb_build_object('employee_id', NEW.employee_id, 'merged_into', NEW.merged_into)), ctx.log_now());
    RETURN NULL;
END $$;
CREATE TRIGGER audit_forgetting AFTER UPDATE OF ended ON empla.memory_episodes FOR EACH ROW
    WHEN (NEW.ended IS NOT NULL AND NEW.ended IS DISTINCT FROM OLD.ended) EXECUTE FUNCTION empla.audit_forgetting();

-- What was observed is never edited; it is erased with the episode that was made of it.
CREATE FUNCTION empla.keep_observed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.description = 'forgotten' AND NEW.content = '{}' AND NEW.participants = '{}' AND NEW.metadata = '{}'
       AND EXISTS (SELECT FROM empla.memory_episodes m
                    WHERE m.tenant_id = NEW.tenant_id AND m.employee_id = NEW.employee_id AND m.observation_id = NEW.id
                      AND m.ended IN ('forgotten', 'evicted')) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was observed is never edited, and erased with its episode alone' USING ERRCODE = '23514';
END $$;
CREATE TRIGGER keep_observed BEFORE UPDATE OF description, content, participants, metadata ON empla.observations FOR EACH ROW
    WHEN ((OLD.description, OLD.content, OLD.participants, OLD.metadata) IS DISTINCT FROM (NEW.description, NEW.content, NEW.participants, NEW.metadata))
    EXECUTE FUNCTION empla.keep_observed();
GRANT UPDATE (description, content, participants, metadata) ON empla.observations TO empla_app, empla_worker;

REVOKE ALL ON FUNCTION empla.moving_words(), empla.goal_words(uuid, uuid), empla.weigh_episode(text, text, jsonb, text[], text[]),
    empla.importance_of(jsonb), empla.worth(double precision, integer, timestamptz, timestamptz), empla.cited_episodes(uuid, uuid),
    empla.uncount_memories(uuid, uuid, uuid[]), empla.forget_episodes(uuid, uuid, uuid[], text, timestamptz),
    empla.merge_episodes(uuid, uuid, uuid[], uuid[], timestamptz), empla.stay_forgotten(), empla.keep_feedback(), empla.audit_forgetting(),
    empla.keep_observed() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empla.moving_words(), empla.goal_words(uuid, uuid), empla.weigh_episode(text, text, jsonb, text[], text[]),
    empla.importance_of(jsonb), empla.worth(double precision, integer, timestamptz, timestamptz), empla.cited_episodes(uuid, uuid),
    empla.uncount_memories(uuid, uuid, uuid[]), empla.forget_episodes(uuid, uuid, uuid[], text, timestamptz),
    empla.merge_episodes(uuid, uuid, uuid[], uuid[], timestamptz) TO empla_app, empla_worker;
GRANT CREATE ON SCHEMA empla TO empla_keeper;
ALTER FUNCTION empla.audit_forgetting() OWNER TO empla_keeper;
REVOKE CREATE ON SCHEMA empla FROM empla_keeper;
