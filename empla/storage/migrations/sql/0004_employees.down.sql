DROP FUNCTION ctx.enter(uuid, uuid, uuid);
ALTER TABLE empla.metrics DROP CONSTRAINT metrics_tenant_id_employee_id_fkey;
DROP TABLE empla.employee_schedule, empla.employee_assignments, empla.employees;
