DROP FUNCTION empla.sweep_sign_ins(interval);
