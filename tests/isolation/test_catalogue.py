"""Every table, partition, view, function and role has its fence; pulling one is seen."""

from typing import TYPE_CHECKING

from catalogue import walk

if TYPE_CHECKING:
    from tests.conftest import Cluster


def test_every_object_has_its_fence(cluster: "Cluster"):
    with cluster.admin() as admin:
        assert not (found := walk(admin)), "\n".join(str(violation) for violation in found)
