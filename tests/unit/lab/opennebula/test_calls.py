"""Parameters, faults and names: what is refused before anything is done."""

from __future__ import annotations

import pytest

from edgewrap.lab.opennebula.methods import METHODS
from tests.support.lab_opennebula import Bench, Benches

FAULTS = [
    ("one.cluster.frobnicate", (1,), -506, "Method 'one.cluster.frobnicate' not defined"),
    ("one.cluster.allocate", (), -501, "Not enough parameters"),
    ("one.cluster.allocate", (1,), -501, "Parameter that is supposed to be string is not"),
    ("one.cluster.info", ("abc",), -501, "Parameter that is supposed to be integer is not"),
    ("one.cluster.info", (True,), -501, "Parameter that is supposed to be integer is not"),
    ("one.vm.allocate", ("", 1), -501, "Parameter that is supposed to be boolean is not"),
    ("one.host.allocate", ("192.0.2.1", "kvm"), -501, "Not enough parameters"),
]


@pytest.mark.parametrize(("method", "params", "code", "text"), FAULTS)
def test_calls_that_end_in_a_fault(bench: Bench, method: str, params: tuple[object, ...], code: int, text: str) -> None:
    assert bench.answer(method, *params) == ["fault", code, text]


def test_a_call_without_a_session(bench: Bench) -> None:
    assert bench.answer("one.system.version", auth=5) == [  # type: ignore[arg-type]
        "fault",
        -501,
        "Parameter that is supposed to be string is not",
    ]


def test_additional_parameters_are_ignored(bench: Bench) -> None:
    assert bench.value("one.system.version", 1, "x") == "7.0.2"


def test_every_method_that_edgewrap_calls_exists() -> None:
    kinds = ("cluster", "datastore", "host", "vn", "vntemplate")
    needed = {f"one.{kind}.{verb}" for kind in kinds for verb in ("allocate", "info", "update", "rename", "delete")}
    needed |= {f"one.{kind}pool.info" for kind in (*kinds, "vm", "image", "user")}
    needed |= {"one.host.status", "one.vn.add_ar", "one.vn.update_ar", "one.vn.rm_ar", "one.vntemplate.instantiate"}
    needed |= {"one.vm.allocate", "one.vm.deploy", "one.vm.migrate", "one.vm.action", "one.system.config"}
    assert needed <= set(METHODS)


BAD_NAMES = [
    ("", "Invalid NAME, it cannot be empty"),
    ("a|b", "Invalid NAME, char '|' is not allowed"),
    ("a<b", "Invalid NAME, char '<' is not allowed"),
    ("x" * 129, "Invalid NAME, max length is 128 chars"),
    ("é" * 65, "Invalid NAME, max length is 128 chars"),
]


@pytest.mark.parametrize(("name", "text"), BAD_NAMES)
@pytest.mark.parametrize("version", ["6.10.0.1", "7.0.2", "7.4.0"])
def test_invalid_names_are_refused(benches: Benches, version: str, name: str, text: str) -> None:
    bench = benches(version)
    newer = version == "7.4.0"
    prefix = "Error allocating a new cluster. " if newer else ""
    expected = (0x4000 if newer else 0x2000, f"[one.cluster.allocate] {prefix}{text}")
    assert bench.refusal("one.cluster.allocate", name) == expected
    network = f"<T><NAME><![CDATA[{name}]]></NAME><VN_MAD>bridge</VN_MAD></T>"
    assert bench.refusal("one.vn.allocate", network) == (0x2000, f"[one.vn.allocate] {text}")


def test_valid_names_are_accepted(bench: Bench) -> None:
    for name in ("a b", "edge-paris.1_x", "zürich (東京)", "x" * 128):
        number = bench.value("one.cluster.allocate", name)
        assert bench.tree("one.cluster.info", number).findtext("NAME") == name


def test_renaming_an_object(bench: Bench) -> None:
    one, two = (bench.value("one.cluster.allocate", name) for name in ("one", "two"))
    bench.value("one.cluster.rename", one, "three")
    bench.value("one.cluster.rename", one, "three")
    assert bench.tree("one.cluster.info", one).findtext("NAME") == "three"
    text = f"[one.cluster.rename] cluster cannot be renamed to three because it collides with cluster {one}"
    assert bench.refusal("one.cluster.rename", two, "three") == (0x800, text)
    assert bench.refusal("one.cluster.rename", two, "")[0] == 0x800


def test_a_refused_call_changes_nothing(bench: Bench) -> None:
    """Half-done work as well: the second network of the VM is missing, and the first one's lease goes back."""
    network = bench.network('NAME = "n"\nVN_MAD = "bridge"\nAR = [ TYPE = "IP4", IP = "10.0.0.1", SIZE = "2" ]')
    vm = 'CPU = "1"\nMEMORY = "64"\nNIC = [ NETWORK = "n" ]\nNIC = [ NETWORK = "absent" ]'
    assert bench.refusal("one.vm.allocate", vm)[0] == 0x2000
    assert bench.tree("one.vn.info", network).findtext("USED_LEASES") == "0"
    assert bench.value("one.vm.allocate", vm.partition('\nNIC = [ NETWORK = "absent"')[0]) == 0
