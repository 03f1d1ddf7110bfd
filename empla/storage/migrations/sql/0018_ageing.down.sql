-- What was erased stays erased; what was merged stays hidden.
REVOKE UPDATE (description, content, participants, metadata) ON empla.observations FROM empla_app, empla_worker;
DROP TRIGGER keep_observed ON empla.observations;
DROP TRIGGER stay_forgotten ON empla.memory_episodes;
DROP TRIGGER keep_feedback ON empla.memory_episodes;
DROP TRIGGER audit_forgetting ON empla.memory_episodes;
DROP FUNCTION empla.merge_episodes(uuid, uuid, uuid[], uuid[], timestamptz), empla.forget_episodes(uuid, uuid, uuid[], text, timestamptz),
    empla.uncount_memories(uuid, uuid, uuid[]), empla.cited_episodes(uuid, uuid), empla.worth(double precision, integer, timestamptz, timestamptz),
    empla.importance_of(jsonb), empla.weigh_episode(text, text, jsonb, text[], text[]), empla.goal_words(uuid, uuid), empla.moving_words(),
    empla.stay_forgotten(), empla.keep_feedback(), empla.audit_forgetting(), empla.keep_observed();
DROP INDEX empla.idx_episodes_merged;
ALTER TABLE empla.memory_episodes DROP CONSTRAINT episodes_forgotten_is_erased, DROP CONSTRAINT episodes_merged,
    DROP CONSTRAINT episodes_ended_is_deleted, DROP COLUMN merged_into, DROP COLUMN ended;
