-- Procedures as playbooks: what became of them, how far they are trusted, and which version of the shelf they came from.

-- The bounds of a rate of success that is believed with 95 % (Wilson, z = 1.96); without any execution, 0 and 1.
-- memory/standing.py says the same in Python; a property test holds the two equal.
CREATE FUNCTION empla.wilson_lower(successes integer, n integer) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN n < 1 THEN 0
                ELSE greatest(0, (p + 3.8416::float8 / (2 * m) - 1.96::float8 * sqrt((p * (1 - p) + 3.8416::float8 / (4 * m)) / m)) / (1 + 3.8416::float8 / m))
           END
      FROM (SELECT n::float8 AS m, least(greatest(successes, 0), n)::float8 / nullif(n, 0) AS p) x
$$;
CREATE FUNCTION empla.wilson_upper(successes integer, n integer) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN n < 1 THEN 1
                ELSE least(1, (p + 3.8416::float8 / (2 * m) + 1.96::float8 * sqrt((p * (1 - p) + 3.8416::float8 / (4 * m)) / m)) / (1 + 3.8416::float8 / m))
           END
      FROM (SELECT n::float8 AS m, least(greatest(successes, 0), n)::float8 / nullif(n, 0) AS p) x
$$;
-- How far a procedure is trusted after an outcome, given how many failures it ends with. What people decided is not undone by a success.
CREATE FUNCTION empla.next_standing(standing text, successes integer, n integer, failures integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN failures >= 3 OR (failures > 0 AND n >= 5 AND empla.wilson_upper(successes, n) < 0.5) THEN 'demoted'
                WHEN standing = 'trial' AND empla.wilson_lower(successes, n) >= 0.4 THEN 'established'
                ELSE standing
           END
$$;
REVOKE ALL ON FUNCTION empla.wilson_lower(integer, integer), empla.wilson_upper(integer, integer),
    empla.next_standing(text, integer, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empla.wilson_lower(integer, integer), empla.wilson_upper(integer, integer),
    empla.next_standing(text, integer, integer, integer) TO empla_app, empla_worker;

ALTER TABLE empla.memory_procedural
    ADD COLUMN version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    ADD COLUMN enabled boolean NOT NULL DEFAULT true,
    ADD COLUMN standing text NOT NULL DEFAULT 'trial' CHECK (standing IN ('trial', 'established', 'demoted')),
    ADD COLUMN success_count integer NOT NULL DEFAULT 0,
    ADD COLUMN consecutive_failures integer NOT NULL DEFAULT 0,
    ADD COLUMN shelf_digest text CHECK (shelf_digest ~ '^[0-9a-f]{64}$'),
    ADD COLUMN recent uuid[] NOT NULL DEFAULT '{}' CHECK (array_position(recent, NULL) IS NULL AND cardinality(recent) <= 20),
    ADD COLUMN evidence jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(evidence) = 'array' AND jsonb_array_length(evidence) <= 20
                                                           AND pg_column_size(evidence) <= 65536);
COMMENT ON COLUMN empla.memory_procedural.standing IS 'Earned by outcomes (next_standing) or decided by people; each move is in evidence';
COMMENT ON COLUMN empla.memory_procedural.shelf_digest IS 'Of the shelf''s content that it came from; while its own is the same, nobody has edited it';
COMMENT ON COLUMN empla.memory_procedural.recent IS 'The intentions that were counted last, the latest at the end; each counts once';
COMMENT ON COLUMN empla.memory_procedural.evidence IS 'The moves of its standing, the latest at the end, each with what it rests on';

-- What was counted so far was kept as a rate; a count is whole.
ALTER TABLE empla.memory_procedural DISABLE TRIGGER USER;
SET LOCAL ROLE empla_migrator;
UPDATE empla.memory_procedural
   SET success_count = round(success_rate * execution_count)::integer,
       success_rate = CASE WHEN execution_count = 0 THEN 0 ELSE round(success_rate * execution_count)::integer::float8 / execution_count END,
       standing = CASE WHEN learned_from IN ('pre_built', 'instruction') THEN 'established' ELSE 'trial' END;
SET LOCAL ROLE empla_owner;
ALTER TABLE empla.memory_procedural ENABLE TRIGGER USER;

ALTER TABLE empla.memory_procedural
    ADD CONSTRAINT procedural_success_count CHECK (success_count BETWEEN 0 AND execution_count),
    ADD CONSTRAINT procedural_success_rate CHECK (success_rate = CASE WHEN execution_count = 0 THEN 0 ELSE success_count::float8 / execution_count END),
    ADD CONSTRAINT procedural_failures CHECK (consecutive_failures BETWEEN 0 AND execution_count - success_count);

DROP TRIGGER audit_insert ON empla.memory_procedural;
DROP TRIGGER audit_update ON empla.memory_procedural;
DROP TRIGGER audit_delete ON empla.memory_procedural;
CALL empla.keep_audited('empla.memory_procedural', 'procedure', 'procedure_name,procedure_type,learned_from,version,enabled,standing');
