DROP FUNCTION empla.turns();
DROP TABLE empla.idempotency_keys;
