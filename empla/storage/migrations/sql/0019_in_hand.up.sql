-- Recall answers from what is in hand as well, and vectors of one model are all of one width: one of another width could be compared with
-- none of the others, and would end every recall in an error.

CREATE FUNCTION empla.working_text(content jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(left(string_agg(said #>> '{}', ' '), 16384), '')
      FROM jsonb_path_query(content, 'strict $.** ? (@.type() == "string" || @.type() == "number")') AS said
$$;
COMMENT ON FUNCTION empla.working_text(jsonb) IS 'What a working item says: its texts and numbers, without their names';
REVOKE ALL ON FUNCTION empla.working_text(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION empla.working_text(jsonb) TO empla_app, empla_worker;

-- What an employee saw or was told may come from anybody.
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
       CASE execution_count WHEN 0 THEN 0.5 ELSE success_rate END, execution_count,
       '{}', NULL, learned_from, NULL, false
  FROM empla.memory_procedural WHERE deleted_at IS NULL
UNION ALL
SELECT tenant_id, employee_id, id, 'working', translate(context_type, '_', ' ') || ': ' || empla.working_text(content), created_at,
       priority / 10.0::float8, 0, '{}', NULL, NULL, NULL, context_type IN ('conversation', 'recent_observation')
  FROM empla.memory_working WHERE deleted_at IS NULL;

-- What is not of its model's commonest width waits to be embedded again; a model that an employee has no vector of is none of its models.
ALTER TABLE empla.memory_spaces ADD COLUMN dimensions integer CONSTRAINT memory_spaces_dimensions CHECK (dimensions BETWEEN 1 AND 1024);
COMMENT ON COLUMN empla.memory_spaces.dimensions IS 'How many numbers each vector of the model has';
SET LOCAL ROLE empla_migrator;
UPDATE empla.memory_spaces s
   SET dimensions = (SELECT mode() WITHIN GROUP (ORDER BY vector_dims(v.embedding)) FROM empla.memory_vectors v
                      WHERE v.tenant_id = s.tenant_id AND v.employee_id = s.employee_id AND v.model = s.model);
WITH odd AS (
    DELETE FROM empla.memory_vectors v USING empla.memory_spaces s
     WHERE s.tenant_id = v.tenant_id AND s.employee_id = v.employee_id AND s.model = v.model AND s.dimensions <> vector_dims(v.embedding)
    RETURNING v.tenant_id, v.employee_id, v.memory_id, v.model)
UPDATE empla.memory_index i SET model = NULL, code = NULL
  FROM odd WHERE i.tenant_id = odd.tenant_id AND i.employee_id = odd.employee_id AND i.memory_id = odd.memory_id AND i.model = odd.model;
DELETE FROM empla.memory_spaces WHERE dimensions IS NULL;
SET LOCAL ROLE empla_owner;
ALTER TABLE empla.memory_spaces ALTER COLUMN dimensions SET NOT NULL;

CREATE FUNCTION empla.keep_width() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    model_name text; wanted integer; given integer;
BEGIN
    SELECT s.model_name, s.dimensions, vector_dims(n.embedding) INTO model_name, wanted, given
      FROM new_rows n JOIN empla.memory_spaces s ON s.tenant_id = n.tenant_id AND s.employee_id = n.employee_id AND s.model = n.model
     WHERE s.dimensions <> vector_dims(n.embedding) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'vectors of % have % numbers here, not %', model_name, wanted, given USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION empla.keep_width() FROM PUBLIC;
CREATE TRIGGER keep_width AFTER INSERT ON empla.memory_vectors REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION empla.keep_width();
