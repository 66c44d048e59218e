"""The server in this process: how fast a large pool comes over the wire."""

from __future__ import annotations

import threading
import time
import xmlrpc.client
from collections.abc import Iterator

import pytest
import requests

from edgewrap.lab.opennebula import hosts
from edgewrap.lab.opennebula.records import Host
from edgewrap.lab.opennebula.server import Server
from tests.support.lab_opennebula import AUTH, Bench, Benches

HOSTS = 300
MARK = 'EDGEWRAP = [ CLUSTER = "edge", KEY = "host-{}", UUID = "0f6a1e9c-1111-4a6e-9d55-2f5f7ce1a0", OWNER_UID = "0" ]'


@pytest.fixture
def large(benches: Benches) -> Iterator[tuple[Bench, str]]:
    """A front-end with many hosts that were seen well, and its URL."""
    bench = benches("7.4.0", monitor="ssh")
    with bench.one.store.transaction():
        for number in range(HOSTS):
            host = bench.value("one.host.allocate", f"10.1.{number // 250}.{number % 250}", "kvm", "kvm", 0)
            bench.value("one.host.update", host, MARK.format(number), 1)
        for seen in bench.one.store.all(Host):
            hosts.seen_well(bench.one, seen, "kvm", seen.name)
    server = Server(bench.one, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield bench, server.url
    server.shutdown()
    thread.join()
    server.server_close()


def test_three_hundred_hosts_are_listed_in_half_a_second(large: tuple[Bench, str]) -> None:
    _, url = large
    body = xmlrpc.client.dumps((AUTH,), "one.hostpool.info")
    times = []
    with requests.Session() as session:
        for _ in range(10):
            begin = time.perf_counter()
            answer = session.post(url, data=body, timeout=10).text
            times.append(time.perf_counter() - begin)
    assert answer.count("&lt;HOST&gt;") == HOSTS
    assert min(times) < 0.5


def test_a_call_to_another_path_is_not_answered(large: tuple[Bench, str]) -> None:
    _, url = large
    body = xmlrpc.client.dumps((AUTH,), "one.system.version")
    assert requests.post(url, data=body, timeout=10).status_code == 200
    assert requests.post(url.replace("RPC2", "other"), data=body, timeout=10).status_code == 404


def test_an_internal_error_is_a_fault(large: tuple[Bench, str], monkeypatch: pytest.MonkeyPatch) -> None:
    bench, url = large

    def fail() -> float:
        raise RuntimeError("no time")

    bench.value("one.vn.allocate", 'NAME = "other"\nVN_MAD = "bridge"')
    monkeypatch.setattr(bench.one, "clock", fail)
    with xmlrpc.client.ServerProxy(url) as proxy, pytest.raises(xmlrpc.client.Fault) as caught:
        proxy.one.vn.allocate(AUTH, 'NAME = "n"\nVN_MAD = "bridge"', 0)
    assert caught.value.faultCode == -500
    monkeypatch.undo()
    assert [found.findtext("NAME") for found in bench.tree("one.vnpool.info", -2, -1, -1)] == ["other"]
