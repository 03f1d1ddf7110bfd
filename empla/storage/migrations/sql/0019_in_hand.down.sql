DROP TRIGGER keep_width ON empla.memory_vectors;
DROP FUNCTION empla.keep_width();
ALTER TABLE empla.memory_spaces DROP COLUMN dimensions;
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
DROP FUNCTION empla.working_text(jsonb);
