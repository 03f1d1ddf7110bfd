DROP TRIGGER audit_insert ON empla.memory_procedural;
DROP TRIGGER audit_update ON empla.memory_procedural;
DROP TRIGGER audit_delete ON empla.memory_procedural;
CALL empla.keep_audited('empla.memory_procedural', 'procedure', 'procedure_name,procedure_type,learned_from');
ALTER TABLE empla.memory_procedural
    DROP COLUMN version, DROP COLUMN enabled, DROP COLUMN standing, DROP COLUMN success_count, DROP COLUMN consecutive_failures,
    DROP COLUMN shelf_digest, DROP COLUMN recent, DROP COLUMN evidence;
DROP FUNCTION empla.next_standing(text, integer, integer, integer), empla.wilson_lower(integer, integer), empla.wilson_upper(integer, integer);
