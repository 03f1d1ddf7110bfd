DROP TRIGGER log_insert ON empla.beliefs;
DROP TRIGGER log_update ON empla.beliefs;
DROP FUNCTION empla.log_beliefs(), empla.revise(empla.beliefs, jsonb), empla.has_heard(jsonb, jsonb, text), empla.weigh(jsonb), empla.counted(jsonb), empla.source_rank(text),
    empla.probability(double precision), empla.log_odds(double precision),
    empla.effective_confidence(double precision, double precision, text, timestamptz, timestamptz);
DROP TABLE empla.belief_history, empla.beliefs;
