-- What only the outbox knows can't stay: what went out, or was to, is gone with it.
DROP TRIGGER withdraw_effects ON empla.employee_intentions;
DROP TRIGGER ask ON empla.effects;
DROP TRIGGER gate ON empla.effects;
DROP TRIGGER keep_to_graph ON empla.effects;
DROP TRIGGER touch ON empla.effects;
CALL empla.keep_touched('empla.effects');
DROP TRIGGER keep_taint ON empla.memory_episodes;
DROP TRIGGER keep_taint ON empla.employee_goals;
DROP TRIGGER keep_taint ON empla.employee_intentions;
DROP TRIGGER inherit_taint ON empla.employee_intentions;
DROP FUNCTION empla.refuse_untainting(), empla.inherit_taint();
ALTER TABLE empla.notices DROP CONSTRAINT notices_effect_fkey, DROP COLUMN effect_id, DROP COLUMN mailed_at, DROP COLUMN mail_after, DROP CONSTRAINT notices_kind_check;
DROP TABLE empla.approvals, empla.budgets, empla.budget_days, empla.budget_reservations;
DROP FUNCTION empla.settle_effect(uuid, text, text), empla.expire_effects(), empla.finish_effect(uuid, bigint, text, jsonb, text, timestamptz),
    empla.begin_effect(uuid, bigint), empla.cancel_effect(uuid, uuid, uuid, text, text),
    empla.decide_effect(uuid, text, text, text, text, text[], jsonb), empla.demote_failing(uuid, uuid),
    empla.quiet_until(timestamptz, text, time, time), empla.release_left_budgets(bigint), empla.settle_budget(text, boolean, jsonb),
    empla.lock_budgets(text[]), empla.reserve_budget(text, jsonb, bigint), empla.settle(text, boolean, jsonb),
    empla.set_aside(text, jsonb, bigint), empla.effect_key(uuid, integer), empla.default_budget(boolean, text), empla.withdraw_effects(), empla.ask_for_effect(),
    empla.ask_approval(empla.effects, text), empla.gate_effect();
SET LOCAL ROLE empla_migrator;
DELETE FROM empla.notices WHERE kind IN ('approval', 'budget', 'outbox', 'promotion');
DELETE FROM empla.effects WHERE kind IN ('message', 'call');
SET LOCAL ROLE empla_owner;
ALTER TABLE empla.notices ADD CONSTRAINT notices_kind_check CHECK (kind IN ('escalation', 'question', 'information', 'playbook'));
DROP INDEX empla.idx_effects_open;
ALTER TABLE empla.effects
    DROP CONSTRAINT effects_kind_check, DROP CONSTRAINT effects_status_check, DROP CONSTRAINT effects_leave_with_a_capability, DROP CONSTRAINT effects_leave_by_a_step,
    DROP CONSTRAINT effects_started_at, DROP CONSTRAINT effects_integration_fkey,
    DROP COLUMN digest, DROP COLUMN step_position, DROP COLUMN recipients, DROP COLUMN recipient_zone, DROP COLUMN tainted, DROP COLUMN stage,
    DROP COLUMN expires_at, DROP COLUMN integration_id, DROP COLUMN attempts, DROP COLUMN not_before, DROP COLUMN fence, DROP COLUMN started_at,
    DROP COLUMN ended_at, DROP COLUMN receipt, DROP COLUMN reason,
    ADD CONSTRAINT effects_kind_check CHECK (kind IN ('task', 'note', 'draft')),
    ADD CONSTRAINT effects_status_check CHECK (status IN ('drafted', 'done', 'cancelled'));
DROP FUNCTION empla.effect_digest(text, text, text[], text, text, jsonb);
REVOKE INSERT (tenant_id, employee_id, intention_id, kind, capability, title, body, arguments, status, idempotency_key, metadata) ON empla.effects FROM empla_worker;
DROP POLICY keeping ON empla.effects;
DROP POLICY keeping ON empla.notices;
DROP POLICY keeping ON empla.employees;
DROP POLICY keeping ON empla.intention_steps;
DROP POLICY keeping ON empla.employee_intentions;
REVOKE ALL ON empla.effects, empla.notices, empla.employees, empla.intention_steps, empla.employee_intentions FROM empla_keeper;
GRANT INSERT, UPDATE ON empla.effects TO empla_app, empla_worker;
DROP TRIGGER stage_since_insert ON empla.employees;
DROP TRIGGER stage_since_update ON empla.employees;
ALTER TABLE empla.employees DROP COLUMN stage_since;
DROP FUNCTION empla.set_stage_since(), empla.touch_truly(), ctx.true_now();
REVOKE EXECUTE ON FUNCTION empla.may_become(text, text, text) FROM empla_keeper;
CREATE OR REPLACE FUNCTION empla.may_become(kind text, old_state text, new_state text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE kind || ':' || old_state
        WHEN 'goal:' THEN new_state IN ('active', 'blocked')
        WHEN 'goal:active' THEN new_state IN ('in_progress', 'blocked', 'completed', 'abandoned')
        WHEN 'goal:in_progress' THEN new_state IN ('active', 'blocked', 'completed', 'abandoned')
        WHEN 'goal:blocked' THEN new_state IN ('active', 'in_progress', 'completed', 'abandoned')
        WHEN 'intention:' THEN new_state = 'planned'
        WHEN 'intention:planned' THEN new_state IN ('in_progress', 'abandoned')
        WHEN 'intention:in_progress' THEN new_state IN ('completed', 'failed', 'abandoned')
        WHEN 'step:' THEN new_state = 'pending'
        WHEN 'step:pending' THEN new_state IN ('in_progress', 'completed', 'failed', 'skipped', 'abandoned')
        WHEN 'step:in_progress' THEN new_state IN ('pending', 'completed', 'failed', 'abandoned')
        ELSE false END
$$;
