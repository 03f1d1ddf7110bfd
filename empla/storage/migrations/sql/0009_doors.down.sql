DROP FUNCTION empla.erase_log_payloads(uuid, timestamptz), empla.drop_partitions_before(date), empla.refresh_statistics(),
    empla.active_tenants(), empla.advance_clock(timestamptz), empla.set_tenant_status(uuid, text),
    empla.provision_tenant(text, text, timestamptz, jsonb, jsonb), empla.find_tenant(text);
