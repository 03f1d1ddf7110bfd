-- A key that is narrowed to employees reads them, and writes nothing.
DROP POLICY delegate_insert ON empla.beliefs;
DROP POLICY delegate_update ON empla.beliefs;
DROP POLICY delegate_insert ON empla.employee_goals;
DROP POLICY delegate_update ON empla.employee_goals;
DROP POLICY delegate_insert ON empla.employee_intentions;
DROP POLICY delegate_update ON empla.employee_intentions;
DROP POLICY delegate_insert ON empla.intention_steps;
DROP POLICY delegate_update ON empla.intention_steps;
DROP POLICY delegate_insert ON empla.notices;
DROP POLICY delegate_update ON empla.notices;
DROP POLICY delegate_insert ON empla.observations;
DROP POLICY delegate_update ON empla.observations;
DROP POLICY delegate_insert ON empla.memory_episodes;
DROP POLICY delegate_update ON empla.memory_episodes;
DROP POLICY delegate_insert ON empla.memory_semantic;
DROP POLICY delegate_update ON empla.memory_semantic;
DROP POLICY delegate_insert ON empla.memory_procedural;
DROP POLICY delegate_update ON empla.memory_procedural;
DROP POLICY delegate_insert ON empla.memory_working;
DROP POLICY delegate_update ON empla.memory_working;
DROP POLICY delegate_insert ON empla.fact_predicates;
DROP POLICY delegate_update ON empla.fact_predicates;
DROP POLICY delegate_insert ON empla.fact_evidence;
DROP POLICY delegate_insert ON empla.metrics;
DROP POLICY delegate_update ON empla.conversations;
DROP POLICY delegate_update ON empla.employee_schedule;
DROP POLICY delegate_insert ON empla.memory_index;
DROP POLICY delegate_update ON empla.memory_index;
DROP POLICY delegate_delete ON empla.memory_index;
DROP POLICY delegate_insert ON empla.memory_vectors;
DROP POLICY delegate_update ON empla.memory_vectors;
DROP POLICY delegate_delete ON empla.memory_vectors;
DROP POLICY delegate_insert ON empla.memory_words;
DROP POLICY delegate_update ON empla.memory_words;
DROP POLICY delegate_delete ON empla.memory_words;
DROP POLICY delegate_insert ON empla.memory_spaces;
DROP POLICY delegate_update ON empla.memory_spaces;
DROP POLICY delegate_delete ON empla.memory_spaces;
DROP PROCEDURE ctx.let_delegates_write(regclass, text[]);

GRANT CREATE ON SCHEMA empla TO empla_keeper;
DO $$
DECLARE
    change record; was text; became text;
BEGIN
    FOR change IN SELECT * FROM (VALUES
        ('empla_owner', 'ctx.enter(uuid,uuid,uuid,uuid,uuid,bytea)', 'asking_role := ''user'';',
         'asking_role := CASE asking_role WHEN ''user'' THEN ''user'' ELSE ''delegate'' END;'),
        ('empla_owner', 'empla.refuse_verifying()', 'IF ctx.is_staff() THEN', 'IF ctx.is_staff() OR ctx.is_delegate(NEW.employee_id) THEN'),
        ('empla_owner', 'empla.forget_episodes(uuid,uuid,uuid[],text,timestamptz)', 'AND NOT ctx.is_staff() THEN',
         'AND NOT (ctx.is_staff() OR ctx.is_delegate(employee)) THEN'),
        ('empla_owner', 'empla.keep_feedback()', 'AND ctx.is_staff() THEN', 'AND (ctx.is_staff() OR ctx.is_delegate(NEW.employee_id)) THEN'),
        ('empla_keeper', 'empla.say(uuid,uuid,text,text,text,uuid,text)', 'IF NOT (ctx.is_staff() OR (',
         'IF NOT (ctx.is_staff() OR ctx.is_delegate(told) OR (')
    ) c (owner, target, after, before) LOOP
        EXECUTE format('SET LOCAL ROLE %I', change.owner);
        was := pg_get_functiondef(change.target::regprocedure);
        became := replace(was, change.before, change.after);
        IF became = was THEN
            RAISE EXCEPTION '% is not as this migration knows it', change.target;
        END IF;
        EXECUTE became;
    END LOOP;
END $$;
SET LOCAL ROLE empla_owner;
REVOKE CREATE ON SCHEMA empla FROM empla_keeper;
CREATE OR REPLACE FUNCTION ctx.is_assigned(employee uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT current_setting('app.current_role', true) = 'user'
          AND employee = ANY (nullif(current_setting('app.assigned_employee_ids', true), '')::uuid[]) $$;
DROP FUNCTION ctx.is_delegate(uuid);
