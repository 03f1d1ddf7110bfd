ALTER TABLE empla.memory_episodes ADD COLUMN embedding halfvec(1024) CHECK (l2_norm(embedding) > 0);
ALTER TABLE empla.memory_semantic ADD COLUMN embedding halfvec(1024) CHECK (l2_norm(embedding) > 0);
ALTER TABLE empla.memory_episodes ALTER COLUMN embedding SET STORAGE PLAIN;
ALTER TABLE empla.memory_semantic ALTER COLUMN embedding SET STORAGE PLAIN;
DO $$ DECLARE target regclass; BEGIN
    FOREACH target IN ARRAY ARRAY['empla.memory_episodes', 'empla.memory_semantic', 'empla.memory_procedural']::regclass[] LOOP
        EXECUTE format('DROP TRIGGER index_new ON %s', target);
        EXECUTE format('DROP TRIGGER index_changed ON %s', target);
        EXECUTE format('DROP TRIGGER index_gone ON %s', target);
    END LOOP;
END $$;
DROP PROCEDURE empla.keep_indexed(regclass, text, text);
DROP FUNCTION empla.index_memories(), empla.reindex_memory();
DROP VIEW empla.memory_details, empla.memory_texts;
DROP FUNCTION empla.waiting_memories(integer, integer);
DROP TABLE empla.memory_spaces, empla.memory_words, empla.memory_vectors, empla.memory_index;
DROP FUNCTION empla.episode_texts(text, text, jsonb, text[], text, timestamptz), empla.fact_text(text, text, text),
    empla.procedure_text(text, text), empla.people_words(text), empla.bag(text), empla.words(text);
