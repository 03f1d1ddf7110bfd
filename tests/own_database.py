"""A database of one's own, cloned from the template, for tests that change what all of a database's tenants share."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from empla.settings import Settings

if TYPE_CHECKING:
    from conftest import Cluster


@contextmanager
def own_database(cluster: "Cluster") -> Generator[Settings]:
    """What a user would set to reach it; it is gone afterwards."""
    name = cluster.clone(f"own_{uuid4().hex[:12]}")
    yield Settings(
        database_url=cluster.url("app", name),  # pyright: ignore[reportArgumentType]
        worker_database_url=cluster.url("worker", name),  # pyright: ignore[reportArgumentType]
        admin_database_url=cluster.url("admin", name),  # pyright: ignore[reportArgumentType]
        pool_size=4,
    )
    cluster.drop(name)


def admin_url(settings: Settings) -> str:
    assert settings.admin_database_url is not None
    return settings.admin_database_url.get_secret_value()


def environment(settings: Settings) -> dict[str, str]:
    """The environment in which a command finds that database, and nothing else of empla's."""
    rest = {name: value for name, value in os.environ.items() if not name.startswith("EMPLA_")}
    urls = {
        "EMPLA_DATABASE_URL": settings.database_url,
        "EMPLA_WORKER_DATABASE_URL": settings.worker_database_url,
        "EMPLA_ADMIN_DATABASE_URL": settings.admin_database_url,
    }
    return rest | {name: url.get_secret_value() for name, url in urls.items() if url is not None}
