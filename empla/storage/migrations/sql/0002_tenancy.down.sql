DROP TABLE empla.users, empla.tenant_slugs, empla.tenants;
