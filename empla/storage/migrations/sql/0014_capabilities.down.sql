ALTER TABLE empla.beliefs DROP COLUMN tainted;
DO $$ DECLARE
    changed text := pg_get_functiondef('empla.revise(empla.beliefs, jsonb)'::regprocedure);
BEGIN
    changed := replace(changed, E'        IF (e ->> ''tainted'')::boolean THEN\n            ground := ground || ''{"tainted": true}'';\n        END IF;\n', '');
    EXECUTE replace(changed, E'            IF b.grounds @? ''$[*].tainted'' AND empla.is_tainted(b.grounds, b.object) THEN\n'
                             '                carried := carried || ''{"tainted": true}'';' || E'\n            END IF;\n', '');
END $$;
DROP FUNCTION empla.is_tainted(jsonb, jsonb);
ALTER TABLE empla.employee_intentions DROP COLUMN tainted;
ALTER TABLE empla.employee_goals DROP COLUMN tainted;
ALTER TABLE empla.memory_episodes DROP COLUMN tainted;
ALTER TABLE empla.observations DROP COLUMN tainted;
DROP TABLE empla.integrations;
DROP TRIGGER offer_capabilities ON empla.tenants;
DROP TABLE empla.capabilities;
DROP FUNCTION empla.offer_capabilities(), empla.known_capabilities();
