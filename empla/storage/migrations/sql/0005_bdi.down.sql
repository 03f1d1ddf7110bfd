DROP TABLE empla.intention_dependencies, empla.employee_intentions, empla.employee_goals;
DROP FUNCTION empla.keep_dependencies();
