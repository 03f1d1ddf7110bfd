"""Months of the logs go as a whole, by the one role that may drop them."""

from typing import LiteralString

import psycopg

from empla.errors import UnavailableError
from empla.storage.errors import connecting, translated

_DROP: LiteralString = """
    SELECT empla.drop_partitions_before((date_trunc('month', now() AT TIME ZONE 'UTC') - %(keep)s::int * interval '1 month')::date)
"""


def drop_log_months(admin_url: str, *, keep: int) -> int:
    """The logs hold this month and the `keep` before it; returns how many partitions were dropped.

    Raises `UnavailableError` when a reader holds a log: nothing was dropped then.
    """
    with connecting(admin_url, "EMPLA_ADMIN_DATABASE_URL"):
        connection = psycopg.connect(admin_url, autocommit=True, connect_timeout=10)
    with connection:
        try:
            # An administrator is a member of the role, and has its rights only now.
            connection.execute("SET ROLE empla_retention")
            row = connection.execute(_DROP, {"keep": keep}).fetchone()
        except psycopg.errors.LockNotAvailable:
            raise UnavailableError("a reader holds a log, so none of its months was dropped: try again later") from None
        except psycopg.Error as error:
            raise (translated(error) or error) from error
    return row[0] if row else 0
