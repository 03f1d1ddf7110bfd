-- Delegates: a key of an admin or a manager that is narrowed to employees writes for these, and for nobody else. docs/identity.md explains it.
-- The key of a user stays a user's. Nobody signs in as a delegate.

CREATE FUNCTION ctx.is_delegate(employee uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT current_setting('app.current_role', true) = 'delegate'
          AND employee = ANY (nullif(current_setting('app.assigned_employee_ids', true), '')::uuid[]) $$;
REVOKE ALL ON FUNCTION ctx.is_delegate(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ctx.is_delegate(uuid) TO empla_app, empla_worker, empla_auth, empla_keeper, empla_retention, empla_migrator;

-- What a user reads of whom he is assigned, a delegate reads of those whom its key names: every assigned_read says so already.
CREATE OR REPLACE FUNCTION ctx.is_assigned(employee uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
    $$ SELECT current_setting('app.current_role', true) IN ('user', 'delegate')
          AND employee = ANY (nullif(current_setting('app.assigned_employee_ids', true), '')::uuid[]) $$;

-- Beside the fence of a table: what delegates write there. Reading has its policy, so that no plan of a SELECT changes.
CREATE PROCEDURE ctx.let_delegates_write(target regclass, verbs text[] DEFAULT '{INSERT,UPDATE}') LANGUAGE plpgsql AS $$
DECLARE
    fence text := '(tenant_id = ctx.tenant_id() AND ctx.is_delegate(employee_id))'; verb text;
BEGIN
    FOREACH verb IN ARRAY verbs LOOP
        EXECUTE format('CREATE POLICY %I ON %s FOR %s TO empla_app', 'delegate_' || lower(verb), target, verb)
             || CASE WHEN verb <> 'INSERT' THEN ' USING ' || fence ELSE '' END || CASE WHEN verb <> 'DELETE' THEN ' WITH CHECK ' || fence ELSE '' END;
    END LOOP;
END $$;
REVOKE ALL ON PROCEDURE ctx.let_delegates_write(regclass, text[]) FROM PUBLIC;

-- All that an employee has, but who it is, how far it is trusted, what it may cost, and what people decide: approvals, conflicts, assignments.
CALL ctx.let_delegates_write('empla.beliefs');
CALL ctx.let_delegates_write('empla.employee_goals');
CALL ctx.let_delegates_write('empla.employee_intentions');
CALL ctx.let_delegates_write('empla.intention_steps');
CALL ctx.let_delegates_write('empla.notices');
CALL ctx.let_delegates_write('empla.observations');
CALL ctx.let_delegates_write('empla.memory_episodes');
CALL ctx.let_delegates_write('empla.memory_semantic');
CALL ctx.let_delegates_write('empla.memory_procedural');
CALL ctx.let_delegates_write('empla.memory_working');
CALL ctx.let_delegates_write('empla.fact_predicates');
CALL ctx.let_delegates_write('empla.fact_evidence', '{INSERT}');
CALL ctx.let_delegates_write('empla.metrics', '{INSERT}');
CALL ctx.let_delegates_write('empla.conversations', '{UPDATE}');
-- What is told calls its employee.
CALL ctx.let_delegates_write('empla.employee_schedule', '{UPDATE}');
CALL ctx.let_delegates_write('empla.memory_index', '{INSERT,UPDATE,DELETE}');
CALL ctx.let_delegates_write('empla.memory_vectors', '{INSERT,UPDATE,DELETE}');
CALL ctx.let_delegates_write('empla.memory_words', '{INSERT,UPDATE,DELETE}');
CALL ctx.let_delegates_write('empla.memory_spaces', '{INSERT,UPDATE,DELETE}');

-- The door lets delegates in; what asked for staff of one employee's rows asks for its delegates too.
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
    ) c (owner, target, before, after) LOOP
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
