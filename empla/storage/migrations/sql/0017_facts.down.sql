CREATE OR REPLACE VIEW empla.memory_details WITH (security_invoker = true) AS
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

DROP TRIGGER log_insert ON empla.memory_semantic;
DROP TRIGGER log_update ON empla.memory_semantic;
DROP TRIGGER verify_insert ON empla.memory_semantic;
DROP TRIGGER verify_update ON empla.memory_semantic;
DROP TABLE empla.fact_history, empla.fact_evidence, empla.fact_predicates;
DROP FUNCTION empla.log_facts(), empla.refuse_verifying(), empla.learn_facts(uuid, uuid, jsonb, timestamptz), empla.hold_facts(uuid, uuid),
    empla.reinforced(double precision, double precision);
DROP TRIGGER keep_key ON empla.memory_semantic;
CALL empla.keep_key('empla.memory_semantic');
DROP INDEX empla.idx_semantic_live, empla.idx_semantic_subject, empla.idx_semantic_object, empla.idx_semantic_predicate;
ALTER TABLE empla.memory_semantic
    DROP CONSTRAINT semantic_verified_is_certain,
    DROP COLUMN subject_key, DROP COLUMN predicate_key, DROP COLUMN object_key, DROP COLUMN disputed, DROP COLUMN ended;
DROP FUNCTION empla.name_key(text);
COMMENT ON COLUMN empla.memory_semantic.reinforced_at IS NULL;
COMMENT ON COLUMN empla.memory_semantic.verified IS NULL;
CREATE INDEX idx_semantic_subject ON empla.memory_semantic (tenant_id, employee_id, subject) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX idx_semantic_live ON empla.memory_semantic (tenant_id, employee_id, subject, predicate, md5(object)) WHERE deleted_at IS NULL;
