-- Recall. Ranking reads narrow rows, one for each memory that can be recalled: its words as a sparse vector, and 512 bits of its embedding.
-- Both are compared by pgvector in a microsecond, for one employee's rows alone, which a plain btree finds. So recall is exact in its words,
-- nearly so in its candidates by meaning, and whoever else works here neither slows it nor thins it out. docs/recall.md explains it.

-- A text as words, each hashed to a number, with how often it stands there: English stems without stop words, and pairs of signs where a
-- script writes no spaces. md5, because a hash of PostgreSQL's own may change from one version to the next.
CREATE FUNCTION empla.words(body text) RETURNS TABLE (word integer, times integer) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 1 + (('x' || substr(md5(lexeme), 1, 8))::bit(32)::integer & 1073741823) % 999999999, sum(found)::integer
      FROM (SELECT lexeme, cardinality(positions) AS found FROM unnest(to_tsvector('pg_catalog.english', left(body, 16384)))
            UNION ALL
            SELECT pair, 1
              FROM (SELECT sign || lead(sign) OVER (ORDER BY place) AS pair
                      FROM unnest(string_to_array(left(body, 4096), NULL)) WITH ORDINALITY AS signs (sign, place)) AS pairs
             WHERE body ~ '[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]' AND pair ~ '^[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2}$') AS lexemes
     GROUP BY 1
$$;

-- What BM25 says of a memory alone (Robertson and Zaragoza 2009, with k1 .9 and b .4): how much each word counts there. The inner product with
-- the question's words, each weighed by how rare it is, is the score. A memory of 12 words is of common length.
CREATE FUNCTION empla.bag(body text) RETURNS sparsevec LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ('{' || coalesce(string_agg(word || ':' || (times / (times + 0.9 * (0.6 + 0.4 * length / 12)))::real, ','), '')
            || '}/1000000000')::sparsevec
      FROM (SELECT word, times::double precision AS times, sum(times) OVER ()::double precision AS length FROM empla.words(body)) AS counted
$$;

CREATE TABLE empla.memory_index (
    tenant_id   uuid NOT NULL,
    employee_id uuid NOT NULL,
    memory_id   uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('episode', 'fact', 'procedure')),
    occurred_at timestamptz NOT NULL,
    words       sparsevec(1000000000) NOT NULL,
    people      integer[] NOT NULL DEFAULT '{}',
    thread      integer,
    is_counted  boolean NOT NULL DEFAULT false,
    model       integer,
    code        bit(512),
    PRIMARY KEY (tenant_id, employee_id, memory_id),
    FOREIGN KEY (tenant_id, employee_id) REFERENCES empla.employees (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT memory_index_code CHECK ((model IS NULL) = (code IS NULL))
);
COMMENT ON TABLE empla.memory_index IS 'What ranking needs to know of each memory that can be recalled; kept by triggers on the memories';
COMMENT ON COLUMN empla.memory_index.people IS 'The words that the names of its participants are made of, hashed as words are';
COMMENT ON COLUMN empla.memory_index.thread IS 'The conversation that it is a piece of, hashed; what was said before and after helps to understand it';
COMMENT ON COLUMN empla.memory_index.is_counted IS 'Its words are counted in memory_words';
COMMENT ON COLUMN empla.memory_index.model IS 'The model that its code is of; null while it waits to be embedded';
COMMENT ON COLUMN empla.memory_index.code IS 'The signs of 512 projections of its embedding: as many differ as the angle is wide';
ALTER TABLE empla.memory_index ALTER COLUMN words SET STORAGE MAIN;
-- With the id, for what waits is taken in its order; else the key would be read, which holds all that the employee remembers.
CREATE INDEX idx_index_waiting ON empla.memory_index (tenant_id, employee_id, memory_id) WHERE model IS NULL OR NOT is_counted;
CREATE INDEX idx_index_thread ON empla.memory_index (tenant_id, employee_id, thread, occurred_at, memory_id) WHERE thread IS NOT NULL;

-- At the model's own width: zeros behind it would be read with every comparison. One memory may stand here once for each model, while
-- its employee moves from one to another.
CREATE TABLE empla.memory_vectors (
    tenant_id   uuid NOT NULL,
    employee_id uuid NOT NULL,
    model       integer NOT NULL,
    memory_id   uuid NOT NULL,
    code        bit(512) NOT NULL,
    embedding   halfvec NOT NULL CHECK (l2_norm(embedding) > 0 AND vector_dims(embedding) <= 1024),
    PRIMARY KEY (tenant_id, employee_id, memory_id, model),
    FOREIGN KEY (tenant_id, employee_id, memory_id) REFERENCES empla.memory_index (tenant_id, employee_id, memory_id) ON DELETE CASCADE
);
ALTER TABLE empla.memory_vectors ALTER COLUMN embedding SET STORAGE PLAIN;

CREATE TABLE empla.memory_words (
    tenant_id   uuid NOT NULL,
    employee_id uuid NOT NULL,
    word        integer NOT NULL,
    memories    integer NOT NULL CHECK (memories >= 0),
    named       integer NOT NULL DEFAULT 0 CHECK (named >= 0),
    PRIMARY KEY (tenant_id, employee_id, word),
    FOREIGN KEY (tenant_id, employee_id) REFERENCES empla.employees (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE empla.memory_words IS 'In how many of an employee''s memories each word stands, and under 0 how many are counted at all';
COMMENT ON COLUMN empla.memory_words.named IS 'In how many of them it is of a participant''s name';

CREATE TABLE empla.memory_spaces (
    tenant_id   uuid NOT NULL,
    employee_id uuid NOT NULL,
    model       integer NOT NULL,
    model_name  text NOT NULL CHECK (length(model_name) BETWEEN 1 AND 300),
    is_current  boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, employee_id, model),
    FOREIGN KEY (tenant_id, employee_id) REFERENCES empla.employees (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE empla.memory_spaces IS 'Which models an employee has vectors of; by the current one its memories are compared';
CREATE UNIQUE INDEX idx_spaces_current ON empla.memory_spaces (tenant_id, employee_id) WHERE is_current;

CALL ctx.fence('empla.memory_index', 'index_tenant_isolation');
CALL ctx.fence('empla.memory_vectors', 'vectors_tenant_isolation');
CALL ctx.fence('empla.memory_words', 'words_tenant_isolation');
CALL ctx.fence('empla.memory_spaces', 'spaces_tenant_isolation');
GRANT SELECT, INSERT, UPDATE, DELETE ON empla.memory_index, empla.memory_vectors TO empla_app, empla_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON empla.memory_words TO empla_app, empla_worker;
CALL empla.keep_key('empla.memory_index');
CALL empla.keep_key('empla.memory_vectors');
CALL empla.keep_key('empla.memory_words');
CALL empla.keep_key('empla.memory_spaces');
GRANT SELECT, INSERT, UPDATE, DELETE ON empla.memory_spaces TO empla_app, empla_worker;


-- What a memory says: `said` is what is embedded, and it is found by more: who took part, where, and the day in words. Participants are
-- told by the names in their addresses, but for those that many share; a line of a transcript names its speaker itself. A conversation is
-- known by its thread, else by the addresses that take part, else by the place where it is held.
CREATE FUNCTION empla.episode_texts(episode_type text, description text, content jsonb, participants text[], location text, occurred_at timestamptz)
    RETURNS TABLE (said text, words text, people text, thread integer) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT said,
           concat_ws(' ', said, translate(array_to_string(participants, ' '), '@._+-', '     '), location,
                     to_char(occurred_at AT TIME ZONE 'UTC', 'FMDD FMMonth YYYY FMDay')),
           CASE WHEN cardinality(participants) > 0 THEN
               regexp_replace(regexp_replace(array_to_string(participants, ' '), '@[^ ]*', ' ', 'g'),
                              '\m(info|sales|support|service|office|team|hello|contact|admin|help|mail|news|billing|no|reply|noreply)\M|[._+-]',
                              ' ', 'gi')
           ELSE coalesce(substring(description FROM '^([[:upper:]][[:alnum:]''-]*( [[:upper:]][[:alnum:]''-]*){0,2}): '), '') END,
           CASE WHEN content ? 'thread' OR episode_type = 'interaction'
                THEN ('x' || substr(md5(coalesce(content ->> 'thread', CASE WHEN strpos(array_to_string(participants, ' '), '@') > 0
                                        THEN array_to_string(ARRAY(SELECT lower(p) FROM unnest(participants) AS p ORDER BY 1), ' ') END,
                                        location, '')), 1, 8))::bit(32)::integer END
      FROM (SELECT left(description
                        || CASE WHEN strpos(description, content ->> 'subject') = 0 THEN E'\n' || (content ->> 'subject') ELSE '' END
                        || CASE WHEN strpos(description, left(content ->> 'body', 1000)) = 0 THEN E'\n' || (content ->> 'body') ELSE '' END,
                        16384) AS said) AS texts
$$;
CREATE FUNCTION empla.fact_text(subject text, predicate text, object text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT translate(subject || ' ' || predicate || ' ' || object, '_', ' ') $$;
CREATE FUNCTION empla.procedure_text(name text, description text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT translate(name, '_-', '  ') || E'\n' || description $$;

CREATE VIEW empla.memory_texts WITH (security_invoker = true) AS
SELECT e.tenant_id, e.employee_id, e.id AS memory_id, 'episode' AS kind, e.occurred_at, t.said, t.people, t.words, t.thread
  FROM empla.memory_episodes e
 CROSS JOIN LATERAL empla.episode_texts(e.episode_type, e.description, e.content, e.participants, e.location, e.occurred_at) AS t
 WHERE e.deleted_at IS NULL
UNION ALL
SELECT tenant_id, employee_id, id, 'fact', created_at, said, '', said, NULL
  FROM empla.memory_semantic CROSS JOIN LATERAL empla.fact_text(subject, predicate, object) AS said
 WHERE deleted_at IS NULL
UNION ALL
SELECT tenant_id, employee_id, id, 'procedure', created_at, said, '', said, NULL
  FROM empla.memory_procedural CROSS JOIN LATERAL empla.procedure_text(procedure_name, description) AS said
 WHERE deleted_at IS NULL;
COMMENT ON VIEW empla.memory_texts IS 'What each memory says that can be recalled: said is embedded, by its words it is found';
GRANT SELECT ON empla.memory_texts TO empla_app, empla_worker, empla_migrator;

CREATE FUNCTION empla.people_words(people text) RETURNS integer[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT CASE WHEN people <> '' THEN ARRAY(SELECT word FROM empla.words(people)) ELSE '{}' END $$;

-- A statement's new memories are indexed at its end, whoever wrote them; what is forgotten leaves index and vectors at once. Both work on the
-- rows in hand: to read them again, a planner without statistics would read all that the employee remembers.
CREATE FUNCTION empla.index_memories() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CASE TG_ARGV[0]
    WHEN 'episode' THEN
        INSERT INTO empla.memory_index (tenant_id, employee_id, memory_id, kind, occurred_at, thread, words, people)
        SELECT n.tenant_id, n.employee_id, n.id, 'episode', n.occurred_at, t.thread, empla.bag(t.words), empla.people_words(t.people)
          FROM new_rows n
         CROSS JOIN LATERAL empla.episode_texts(n.episode_type, n.description, n.content, n.participants, n.location, n.occurred_at) AS t
         WHERE n.deleted_at IS NULL
        ON CONFLICT DO NOTHING;
    WHEN 'fact' THEN
        INSERT INTO empla.memory_index (tenant_id, employee_id, memory_id, kind, occurred_at, words)
        SELECT tenant_id, employee_id, id, 'fact', created_at, empla.bag(empla.fact_text(subject, predicate, object))
          FROM new_rows WHERE deleted_at IS NULL
        ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO empla.memory_index (tenant_id, employee_id, memory_id, kind, occurred_at, words)
        SELECT tenant_id, employee_id, id, 'procedure', created_at, empla.bag(empla.procedure_text(procedure_name, description))
          FROM new_rows WHERE deleted_at IS NULL
        ON CONFLICT DO NOTHING;
    END CASE;
    RETURN NULL;
END $$;
CREATE FUNCTION empla.reindex_memory() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM empla.memory_index WHERE tenant_id = OLD.tenant_id AND employee_id = OLD.employee_id AND memory_id = OLD.id;
    IF TG_OP = 'DELETE' OR NEW.deleted_at IS NOT NULL THEN
        RETURN NULL;
    END IF;
    CASE TG_ARGV[0]
    WHEN 'episode' THEN
        INSERT INTO empla.memory_index (tenant_id, employee_id, memory_id, kind, occurred_at, thread, words, people)
        SELECT NEW.tenant_id, NEW.employee_id, NEW.id, 'episode', NEW.occurred_at, t.thread, empla.bag(t.words), empla.people_words(t.people)
          FROM empla.episode_texts(NEW.episode_type, NEW.description, NEW.content, NEW.participants, NEW.location, NEW.occurred_at) AS t
        ON CONFLICT DO NOTHING;
    WHEN 'fact' THEN
        INSERT INTO empla.memory_index (tenant_id, employee_id, memory_id, kind, occurred_at, words)
        VALUES (NEW.tenant_id, NEW.employee_id, NEW.id, 'fact', NEW.created_at,
                empla.bag(empla.fact_text(NEW.subject, NEW.predicate, NEW.object)))
        ON CONFLICT DO NOTHING;
    ELSE
        INSERT INTO empla.memory_index (tenant_id, employee_id, memory_id, kind, occurred_at, words)
        VALUES (NEW.tenant_id, NEW.employee_id, NEW.id, 'procedure', NEW.created_at,
                empla.bag(empla.procedure_text(NEW.procedure_name, NEW.description)))
        ON CONFLICT DO NOTHING;
    END CASE;
    RETURN NULL;
END $$;
CREATE PROCEDURE empla.keep_indexed(target regclass, kind text, said text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER index_new AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows
                    FOR EACH STATEMENT EXECUTE FUNCTION empla.index_memories(%L)', target, kind);
    EXECUTE format('CREATE TRIGGER index_changed AFTER UPDATE OF %s ON %s FOR EACH ROW WHEN ((%s) IS DISTINCT FROM (%s))
                    EXECUTE FUNCTION empla.reindex_memory(%L)', said, target,
                   regexp_replace(said, '(\w+)', 'OLD.\1', 'g'), regexp_replace(said, '(\w+)', 'NEW.\1', 'g'), kind);
    EXECUTE format('CREATE TRIGGER index_gone AFTER DELETE ON %s FOR EACH ROW EXECUTE FUNCTION empla.reindex_memory(%L)', target, kind);
END $$;
CALL empla.keep_indexed('empla.memory_episodes', 'episode', 'description, content, participants, location, occurred_at, episode_type, deleted_at');
CALL empla.keep_indexed('empla.memory_semantic', 'fact', 'subject, predicate, object, deleted_at');
CALL empla.keep_indexed('empla.memory_procedural', 'procedure', 'procedure_name, description, deleted_at');

-- Whose memories wait to be counted or embedded by `wanted`, over all tenants; the model is null where none embeds.
CREATE FUNCTION empla.waiting_memories(wanted integer, most integer) RETURNS TABLE (tenant_id uuid, employee_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = empla, pg_temp AS $$
    SELECT DISTINCT i.tenant_id, i.employee_id
      FROM memory_index i JOIN tenants t ON t.id = i.tenant_id
     WHERE (i.model IS NULL OR NOT i.is_counted) AND (NOT i.is_counted OR wanted IS NOT NULL)
       AND t.status = 'active' AND ctx.tenant_id() IS NULL
    UNION
    SELECT s.tenant_id, s.employee_id
      FROM memory_spaces s JOIN tenants t ON t.id = s.tenant_id
     WHERE s.is_current AND s.model <> wanted AND t.status = 'active' AND ctx.tenant_id() IS NULL
     LIMIT most
$$;
REVOKE ALL ON FUNCTION empla.waiting_memories(integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empla.waiting_memories(integer, integer) TO empla_app, empla_worker;
CREATE POLICY waiting ON empla.memory_index FOR SELECT TO empla_auth USING (true);
CREATE POLICY waiting ON empla.memory_spaces FOR SELECT TO empla_auth USING (true);
GRANT SELECT ON empla.memory_index, empla.memory_spaces TO empla_auth;
GRANT CREATE ON SCHEMA empla TO empla_auth;
ALTER FUNCTION empla.waiting_memories(integer, integer) OWNER TO empla_auth;
REVOKE CREATE ON SCHEMA empla FROM empla_auth;

REVOKE ALL ON PROCEDURE empla.keep_indexed(regclass, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION empla.words(text), empla.bag(text), empla.people_words(text), empla.fact_text(text, text, text),
    empla.procedure_text(text, text), empla.episode_texts(text, text, jsonb, text[], text, timestamptz), empla.index_memories(),
    empla.reindex_memory() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empla.words(text), empla.bag(text), empla.people_words(text), empla.fact_text(text, text, text),
    empla.procedure_text(text, text), empla.episode_texts(text, text, jsonb, text[], text, timestamptz), empla.index_memories(),
    empla.reindex_memory()
    TO empla_app, empla_worker, empla_keeper, empla_migrator, empla_auth, empla_retention;

-- What stood there before is indexed now, and waits to be counted and embedded.
SET LOCAL ROLE empla_migrator;
INSERT INTO empla.memory_index (tenant_id, employee_id, memory_id, kind, occurred_at, thread, words, people)
SELECT tenant_id, employee_id, memory_id, kind, occurred_at, thread, empla.bag(words), empla.people_words(people)
  FROM empla.memory_texts
ON CONFLICT DO NOTHING;
SET LOCAL ROLE empla_owner;

ALTER TABLE empla.memory_episodes DROP COLUMN embedding;
ALTER TABLE empla.memory_semantic DROP COLUMN embedding;

-- What a hit tells beside its score.
CREATE VIEW empla.memory_details WITH (security_invoker = true) AS
SELECT tenant_id, employee_id, id AS memory_id, 'episode' AS kind, description AS said, occurred_at, importance, recall_count,
       coalesce(participants, '{}') AS participants, location, NULL::text AS source, observation_id, tainted
  FROM empla.memory_episodes WHERE deleted_at IS NULL
UNION ALL
SELECT tenant_id, employee_id, id, 'fact', subject || ' ' || predicate || ' ' || object, created_at,
       empla.effective_confidence(confidence, decay_rate, 'linear', reinforced_at, ctx.now()), 0, '{}', NULL, source, NULL, false
  FROM empla.memory_semantic WHERE deleted_at IS NULL
UNION ALL
SELECT tenant_id, employee_id, id, 'procedure', procedure_name || ': ' || description, created_at,
       CASE execution_count WHEN 0 THEN 0.5 ELSE success_rate END, execution_count,
       '{}', NULL, learned_from, NULL, false
  FROM empla.memory_procedural WHERE deleted_at IS NULL;
COMMENT ON VIEW empla.memory_details IS 'What recall tells of a memory beside its score';
GRANT SELECT ON empla.memory_details TO empla_app, empla_worker;
