"""What empla made in a database, in words that two databases can be compared by: no oids, no order of making."""

import psycopg

# The order of an ACL is the order of its grants, so each is sorted. A `name` in a union cuts every text to 63 bytes, so each is cast.
_DUMP = r"""
    WITH schema AS (
        SELECT oid, nspname FROM pg_namespace WHERE nspname IN ('empla', 'ctx')
    ), relation AS (
        SELECT r.*, r.oid::regclass::text AS called FROM pg_class r JOIN schema ON schema.oid = r.relnamespace
    )
    SELECT 'schema', n.nspname::text, format('of %s, acl %s, %s', n.nspowner::regrole,
           (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(coalesce(n.nspacl, acldefault('n', n.nspowner))) a),
           obj_description(n.oid, 'pg_namespace'))
      FROM pg_namespace n JOIN schema USING (oid)
    UNION ALL
    SELECT 'relation ' || r.relkind::text, r.called, format('of %s, security %s forced %s, partition %s %s of %s, options %s, acl %s, %s',
           r.relowner::regrole, r.relrowsecurity, r.relforcerowsecurity, pg_get_partkeydef(r.oid), pg_get_expr(r.relpartbound, r.oid),
           (SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = r.oid), r.reloptions,
           (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(r.relacl) a), obj_description(r.oid, 'pg_class'))
      FROM relation r
    UNION ALL
    SELECT 'column', r.called || '.' || a.attname, format('%s %s, default %s generated %s identity %s, storage %s, acl %s, %s',
           format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END, pg_get_expr(d.adbin, d.adrelid),
           a.attgenerated, a.attidentity, a.attstorage,
           (SELECT array_agg(x::text ORDER BY x::text) FROM unnest(a.attacl) x), col_description(r.oid, a.attnum))
      FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
     WHERE r.relkind IN ('r', 'p', 'v', 'm')
    UNION ALL
    SELECT 'constraint', coalesce(r.called || '.', '') || c.conname, pg_get_constraintdef(c.oid) || ' validated ' || c.convalidated
      FROM pg_constraint c JOIN relation r ON r.oid = c.conrelid
    UNION ALL
    SELECT 'index', i.indexrelid::regclass::text, format('%s valid %s', pg_get_indexdef(i.indexrelid), i.indisvalid)
      FROM pg_index i JOIN relation r ON r.oid = i.indrelid
    UNION ALL
    SELECT 'policy', r.called || '.' || p.polname, format('%s permissive %s to %s using %s check %s', p.polcmd, p.polpermissive,
           (SELECT array_agg(role::regrole::text ORDER BY role::regrole::text) FROM unnest(p.polroles) role),
           pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
      FROM pg_policy p JOIN relation r ON r.oid = p.polrelid
    UNION ALL
    SELECT 'trigger', r.called || '.' || t.tgname, format('%s enabled %s', pg_get_triggerdef(t.oid), t.tgenabled)
      FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'routine', p.oid::regprocedure::text, format(E'%s\nof %s, acl %s, %s', pg_get_functiondef(p.oid), p.proowner::regrole,
           (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(p.proacl) a), obj_description(p.oid, 'pg_proc'))
      FROM pg_proc p JOIN schema ON schema.oid = p.pronamespace
    UNION ALL
    SELECT 'type', t.oid::regtype::text, format('%s of %s', t.typtype, t.typowner::regrole)
      FROM pg_type t JOIN schema ON schema.oid = t.typnamespace
    UNION ALL
    SELECT 'default acl', n.nspname::text, format('%s %s %s', a.defaclrole::regrole, a.defaclobjtype, a.defaclacl)
      FROM pg_default_acl a JOIN pg_namespace n ON n.oid = a.defaclnamespace
"""


def dump(admin: psycopg.Connection) -> dict[str, str]:
    """Definition by kind and name."""
    # Names in definitions are then qualified, whoever looks.
    admin.execute("SET search_path = pg_catalog")
    return {f"{kind} {name}": definition for kind, name, definition in admin.execute(_DUMP)}


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What is gone, new or another, one line each; empty when both are the same."""
    lines = [f"gone: {name}" for name in sorted(before.keys() - after.keys())]
    lines += [f"new: {name}" for name in sorted(after.keys() - before.keys())]
    return lines + [
        f"was: {name} {before[name]}\nnow: {name} {after[name]}"
        for name in sorted(before.keys() & after.keys())
        if before[name] != after[name]
    ]
