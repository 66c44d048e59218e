"""The store: stored records survive a restart, failed transactions leave no trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewrap.lab.opennebula.records import Cluster, Host
from edgewrap.lab.opennebula.store import Store
from edgewrap.lab.opennebula.template import Template
from tests.support.lab_opennebula import Benches

CLUSTER = Cluster(id=100, name="edge", template=Template.parse('A = "1"\nV = [ K = "v" ]'))


def test_records_and_counters_survive_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path / "new" / "one.db")
    with store.transaction():
        store.put(CLUSTER)
        store.put(CLUSTER.model_copy(update={"id": 101}))
        assert [store.next_id(Host), store.next_id(Host), store.next_id(Cluster, 100)] == [0, 1, 100]
    with store.transaction():
        store.drop(CLUSTER.model_copy(update={"id": 101}))
    store.close()

    again = Store(tmp_path / "new" / "one.db")
    with again.transaction():
        assert again.all(Cluster) == [CLUSTER]
        assert [again.next_id(Host), again.next_id(Cluster, 100)] == [2, 101]
    again.close()


def test_a_failed_transaction_changes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "one.db")
    with store.transaction():
        store.put(CLUSTER)

    def fail() -> None:
        with store.transaction():
            store.put(CLUSTER.model_copy(update={"name": "other"}))
            store.put(CLUSTER.model_copy(update={"id": 101}))
            store.drop(CLUSTER)
            store.next_id(Cluster, 100)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.transaction():
        assert store.all(Cluster) == [CLUSTER]
        assert store.next_id(Cluster, 100) == 100
    store.close()


def test_a_change_outside_a_transaction_is_an_error(tmp_path: Path) -> None:
    store = Store(tmp_path / "one.db")
    with pytest.raises(RuntimeError, match="inside a transaction"):
        store.put(CLUSTER)
    store.close()


def test_a_restarted_front_end_has_its_objects(benches: Benches) -> None:
    """Also in the middle of what takes time; ids are not used twice, and the password is the file's."""
    first = benches()
    cluster = first.value("one.cluster.allocate", "edge")
    first.value("one.cluster.allocate", "gone")
    first.value("one.cluster.delete", cluster + 1)
    network = first.value("one.vn.allocate", 'NAME = "n"\nVN_MAD = "bridge"', cluster)
    first.one.store.close()

    second = benches()
    second.pass_time()
    assert second.tree("one.vn.info", network).findtext("STATE") == "1"
    assert second.tree("one.cluster.info", cluster).findtext("NAME") == "edge"
    assert second.value("one.cluster.allocate", "third") == cluster + 2
    assert len(second.tree("one.datastorepool.info")) == 3
    assert len(second.tree("one.userpool.info")) == 2
