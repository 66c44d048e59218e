"""VMs: what they get from the public network, where they run, what becomes of their leases."""

from __future__ import annotations

import pytest

from tests.support.lab_opennebula import Bench, Benches

NETWORK = """
NAME = "public"
VN_MAD = "fw"
BRIDGE = "br-edge"
DNS = "1.1.1.1"
GUEST_MTU = "8900"
FILTER_IP_SPOOFING = "YES"
FILTER_MAC_SPOOFING = "YES"
AR = [ TYPE = "IP4", IP = "10.0.128.2", SIZE = "1", GATEWAY = "10.0.128.3", NETWORK_MASK = "255.255.255.254",
       EXTERNAL_IP = "203.0.113.5", AWS_ALLOCATION_ID = "eipalloc-1", EDGEWRAP_KEY = "eip-0" ]
AR = [ TYPE = "IP4", IP = "10.0.128.4", SIZE = "1", GATEWAY = "10.0.128.5", NETWORK_MASK = "255.255.255.254",
       EXTERNAL_IP = "203.0.113.6", AWS_ALLOCATION_ID = "eipalloc-2", EDGEWRAP_KEY = "eip-1" ]
"""
VM = """
NAME = "{}"
CPU = "0.5"
MEMORY = "64"
LABELS = "mine"
NIC = [ NETWORK = "public", IP = "{}" ]
CONTEXT = [ NETWORK = "YES", SSH_PUBLIC_KEY = "ssh-ed25519 AAAA" ]
"""


@pytest.fixture(params=["6.10.0.1", "7.0.2", "7.4.0"])
def stage(request: pytest.FixtureRequest, benches: Benches) -> Bench:
    """A cluster with two hosts, a system datastore and the public network."""
    bench = benches(request.param)
    cluster = bench.value("one.cluster.allocate", "edge")
    for number in range(2):
        bench.value("one.host.allocate", f"198.51.100.{10 + number}", "kvm", "kvm", cluster)
    bench.value("one.datastore.allocate", 'NAME = "edge-system"\nTYPE = "SYSTEM_DS"\nTM_MAD = "ssh"', cluster)
    bench.network(NETWORK, cluster)
    return bench


def running(bench: Bench, name: str = "vm", ip: str = "10.0.128.4", host: int = 0) -> int:
    number: int = bench.value("one.vm.allocate", VM.format(name, ip))
    bench.value("one.vm.deploy", number, host, False, -1, "")
    bench.pass_time()
    return number


def test_what_a_vm_gets_from_its_network(stage: Bench) -> None:
    found = stage.tree("one.vm.info", running(stage))
    nic = {item.tag: item.text for item in found.find("TEMPLATE/NIC") or ()}
    assert nic == {
        "AR_ID": "1", "AWS_ALLOCATION_ID": "eipalloc-2", "BRIDGE": "br-edge", "BRIDGE_TYPE": "linux",
        "CLUSTER_ID": "100", "EXTERNAL_IP": "203.0.113.6", "FILTER_IP_SPOOFING": "YES", "FILTER_MAC_SPOOFING": "YES",
        "GATEWAY": "10.0.128.5", "IP": "10.0.128.4", "MAC": "02:00:0a:00:80:04", "NAME": "NIC0",
        "NETWORK": "public", "NETWORK_ID": "0", "NIC_ID": "0", "SECURITY_GROUPS": "0", "TARGET": "one-0-0",
        "VN_MAD": "fw",
    }  # fmt: skip
    context = {item.tag: item.text for item in found.find("TEMPLATE/CONTEXT") or () if item.text}
    assert context == {
        "DISK_ID": "0", "ETH0_DNS": "1.1.1.1", "ETH0_GATEWAY": "10.0.128.5", "ETH0_IP": "10.0.128.4",
        "ETH0_MAC": "02:00:0a:00:80:04", "ETH0_MASK": "255.255.255.254", "ETH0_MTU": "8900", "NETWORK": "YES",
        "SSH_PUBLIC_KEY": "ssh-ed25519 AAAA", "TARGET": context["TARGET"],
    }  # fmt: skip
    assert found.findtext("USER_TEMPLATE/LABELS") == "mine"
    assert (found.findtext("STATE"), found.findtext("LCM_STATE")) == ("3", "3")
    assert [item.text for item in found.iterfind("HISTORY_RECORDS/HISTORY/HOSTNAME")] == ["198.51.100.10"]


def test_an_address_is_leased_until_the_vm_is_terminated(stage: Bench) -> None:
    first = running(stage, "first", "10.0.128.2")
    text = "[one.vm.allocate] Cannot get IP/MAC lease from virtual network 0."
    assert stage.refusal("one.vm.allocate", VM.format("second", "10.0.128.2")) == (0x2000, text)
    assert stage.refusal("one.vm.allocate", VM.format("second", "10.0.128.3")) == (0x2000, text)
    stage.value("one.vm.action", "terminate-hard", first)
    stage.pass_time()
    gone = stage.tree("one.vm.info", first)
    assert (gone.findtext("STATE"), gone.findtext("HISTORY_RECORDS/HISTORY/ACTION")) == ("6", "28")
    assert len(stage.tree("one.vmpool.info", -2, -1, -1, -1)) == 0
    assert len(stage.tree("one.vmpool.info", -2, -1, -1, -2)) == 1
    assert len(stage.tree("one.host.info", 0).find("VMS") or ()) == 0
    running(stage, "second", "10.0.128.2")


def test_the_next_free_address(stage: Bench) -> None:
    wanted = 'CPU = "1"\nMEMORY = "64"\nNIC = [ NETWORK_ID = "0" ]'
    numbers = [stage.value("one.vm.allocate", wanted) for _ in range(2)]
    addresses = [stage.tree("one.vm.info", number).findtext("TEMPLATE/NIC/IP") for number in numbers]
    assert addresses == ["10.0.128.2", "10.0.128.4"]
    assert stage.refusal("one.vm.allocate", wanted)[0] == 0x2000
    assert stage.tree("one.vm.info", numbers[0]).find("TEMPLATE/CONTEXT") is None


def test_host_and_network_know_their_vms(stage: Bench) -> None:
    number = running(stage)
    host = stage.tree("one.host.info", 0)
    share = [host.findtext(f"HOST_SHARE/{name}") for name in ("MEM_USAGE", "CPU_USAGE", "RUNNING_VMS")]
    assert share == ["65536", "50", "1"]
    assert [item.text for item in host.iterfind("VMS/ID")] == [str(number)]
    network = stage.tree("one.vn.info", 0)
    assert [item.text for item in network.iterfind("UPDATED_VMS/ID")] == [str(number)]
    assert [item.text for item in network.iterfind(".//LEASE/VM")] == [str(number)]


def test_a_migration_moves_the_vm(stage: Bench) -> None:
    number = running(stage)
    stage.value("one.vm.migrate", number, 1, True, False, -1, 0)
    assert stage.refusal("one.vm.migrate", number, 0, True, False, -1, 0)[0] == 0x800
    stage.pass_time()
    found = stage.tree("one.vm.info", number)
    assert [item.text for item in found.iterfind("HISTORY_RECORDS/HISTORY/HID")] == ["0", "1"]
    assert [item.text for item in stage.tree("one.host.info", 1).iterfind("VMS/ID")] == [str(number)]


def test_a_vm_is_not_migrated_out_of_its_networks_cluster(stage: Bench) -> None:
    """From OpenNebula's sources, alike in 6.10 to 7.4."""
    number = running(stage)
    host = stage.value("one.host.allocate", "198.51.100.12", "kvm", "kvm", 0)
    text = (
        f"[one.vm.migrate] Cannot migrate  VM [{number}] to host [{host}]. Host is in cluster [0], and VM requires to "
        "be placed on cluster [100]"
    )
    assert stage.refusal("one.vm.migrate", number, host, True) == (0x800, text)


def test_a_renamed_host_is_renamed_in_the_records_of_its_vms(stage: Bench) -> None:
    """From OpenNebula's sources: the front-end reaches the VMs by the new name from now on."""
    here, there = running(stage), running(stage, "other", "10.0.128.2", host=1)
    stage.value("one.vm.migrate", there, 0, True)
    stage.pass_time()
    stage.value("one.host.rename", 0, "host-0.example")
    names = [
        [item.text for item in stage.tree("one.vm.info", number).iterfind("HISTORY_RECORDS/HISTORY/HOSTNAME")]
        for number in (here, there)
    ]
    assert names == [["host-0.example"], ["198.51.100.11", "host-0.example"]]


def test_power_off_and_resume(stage: Bench) -> None:
    number = running(stage)
    stage.value("one.vm.action", "poweroff", number)
    stage.pass_time()
    assert stage.tree("one.vm.info", number).findtext("STATE") == "8"
    assert stage.refusal("one.vm.action", "poweroff", number)[1].endswith("is not available for state POWEROFF")
    stage.value("one.vm.action", "resume", number)
    stage.pass_time()
    found = stage.tree("one.vm.info", number)
    assert (found.findtext("STATE"), found.findtext("HISTORY_RECORDS/HISTORY/RETIME")) == ("3", "0")


def test_a_vm_on_hold(stage: Bench) -> None:
    number = stage.value("one.vm.allocate", VM.format("vm", "10.0.128.2"), True)
    assert stage.tree("one.vm.info", number).findtext("STATE") == "2"
    stage.value("one.vm.action", "release", number)
    assert stage.tree("one.vm.info", number).findtext("STATE") == "1"
    stage.value("one.vm.action", "terminate", number)
    assert stage.tree("one.vn.info", 0).findtext("USED_LEASES") == "0"
    assert stage.refusal("one.vm.deploy", number, 0)[1].endswith("Deploy action is not available for state DONE")


def test_a_vm_has_the_rules_of_its_security_groups(stage: Bench) -> None:
    rule = 'RULE = [ PROTOCOL = "TCP", RANGE = "443", RULE_TYPE = "inbound" ]'
    group = stage.value("one.secgroup.allocate", f'NAME = "web"\n{rule}')
    stage.value("one.vn.update", 0, f'SECURITY_GROUPS = "{group}"', 1)
    number = running(stage)
    found = stage.tree("one.vm.info", number)
    assert found.findtext("TEMPLATE/NIC/SECURITY_GROUPS") == str(group)
    assert [{item.tag: item.text for item in rule} for rule in found.iterfind("TEMPLATE/SECURITY_GROUP_RULE")] == [
        {"PROTOCOL": "TCP", "RANGE": "443", "RULE_TYPE": "inbound", "SECURITY_GROUP_ID": "100",
         "SECURITY_GROUP_NAME": "web"}
    ]  # fmt: skip
    assert stage.refusal("one.secgroup.delete", group)[0] == 0x800
    stage.value("one.vm.action", "terminate-hard", number)
    stage.pass_time()
    stage.value("one.secgroup.delete", group)


def test_a_nic_has_the_groups_of_its_network_its_range_and_its_own(stage: Bench) -> None:
    wanted = 'NAME = "p"\nVN_MAD = "fw"\nSECURITY_GROUPS = "103"\n'
    number = stage.network(f'{wanted}AR = [ TYPE = "IP4", IP = "10.1.0.2", SIZE = "1", SECURITY_GROUPS = "102" ]', 100)
    assert stage.tree("one.vn.info", number).findtext("TEMPLATE/SECURITY_GROUPS") == "0,103"
    nic = f'NIC = [ NETWORK_ID = "{number}", SECURITY_GROUPS = "101,103" ]'
    vm = stage.value("one.vm.allocate", f'CPU = "1"\nMEMORY = "64"\n{nic}')
    assert stage.tree("one.vm.info", vm).findtext("TEMPLATE/NIC/SECURITY_GROUPS") == "0,101,102,103"


@pytest.mark.parametrize(
    ("found", "state", "action"),
    [(["POWEROFF"], ("8", "0"), "44"), (["UNKNOWN"], ("3", "16"), "0"), (["UNKNOWN", "POWEROFF"], ("8", "0"), "44")],
)
def test_reporting_a_lost_vm(stage: Bench, found: list[str], state: tuple[str, str], action: str) -> None:
    number = running(stage)
    for each in found:
        stage.value("lab.vm.report", number, each)
    told = stage.tree("one.vm.info", number)
    assert (told.findtext("STATE"), told.findtext("LCM_STATE")) == state
    assert told.findtext("HISTORY_RECORDS/HISTORY/ACTION") == action
    assert stage.tree("one.host.info", 0).findtext("VMS/ID") == str(number)
    stage.value("one.vm.action", "terminate-hard", number)
    stage.pass_time()
    assert stage.tree("one.vn.info", 0).findtext("USED_LEASES") == "0"


def test_a_report_on_a_vm_that_was_stopped_changes_nothing(stage: Bench) -> None:
    number = running(stage)
    stage.value("one.vm.action", "poweroff", number)
    stage.value("lab.vm.report", number, "UNKNOWN")
    stage.pass_time()
    assert stage.tree("one.vm.info", number).findtext("STATE") == "8"
    assert stage.refusal("lab.vm.report", number, "ASLEEP")[0] == 0x1000


def test_a_nic_has_the_vlan_of_its_network_from_a_template(stage: Bench) -> None:
    private = 'NAME = "p"\nVN_MAD = "vxlan"\nPHYDEV = "ens5"\nAUTOMATIC_VLAN_ID = "YES"\nVXLAN_MODE = "evpn"\n'
    number = stage.network(private + 'AR = [ TYPE = "IP4", IP = "192.168.50.10", SIZE = "5" ]', 100)
    vm = stage.value("one.vm.allocate", f'CPU = "1"\nMEMORY = "64"\nNIC = [ NETWORK_ID = "{number}" ]')
    nic = stage.tree("one.vm.info", vm).find("TEMPLATE/NIC")
    assert nic is not None
    told = [nic.findtext(name) for name in ("PHYDEV", "VLAN_ID", "VXLAN_MODE", "BRIDGE")]
    assert told == ["ens5", "3", "evpn", "onebr1"]


WRONG = [
    ('CPU = "1"', "MEMORY attribute must be a positive integer value"),
    ('MEMORY = "64"', "CPU attribute must be a positive float or integer value"),
    (
        'CPU = "1"\nMEMORY = "64"\nDISK = [ TYPE = "swap" ]',
        "The lab's front-end knows no other disks than images: name one by IMAGE_ID.",
    ),
    (
        'CPU = "1"\nMEMORY = "64"\nNIC = [ NETWORK = "absent" ]',
        "User 0 does not own a network with name: absent . Set NETWORK_UNAME or NETWORK_UID of owner in NIC.",
    ),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_invalid_vms_are_refused(stage: Bench, text: str, message: str) -> None:
    assert stage.refusal("one.vm.allocate", text) == (0x2000, f"[one.vm.allocate] {message}")


def image_in(bench: Bench, datastore: int) -> int:
    template = f'NAME = "image-{datastore}"\nTYPE = "DATABLOCK"\nSIZE = "8"'
    number: int = bench.value("one.image.allocate", template, datastore, False)
    bench.pass_time()
    return number


def test_an_image_and_a_network_without_a_common_cluster(stage: Bench) -> None:
    """Measured on 7.4.0 with an image in the datastore `default`: the NIC is what is refused."""
    disk = f"DISK = [ IMAGE_ID = {image_in(stage, 1)} ]"
    text = (
        "[one.vm.allocate] Incompatible clusters in NIC. Network for NIC 0 is not in the same cluster as the one used "
        "by other VM elements (cluster 0)"
    )
    assert stage.refusal("one.vm.allocate", VM.format("vm", "10.0.128.4") + disk) == (0x2000, text)
    stage.value("one.cluster.adddatastore", 100, 1)
    number = stage.value("one.vm.allocate", VM.format("vm", "10.0.128.4") + disk)
    found = stage.tree("one.vm.info", number)
    assert found.findtext("TEMPLATE/DISK/CLUSTER_ID") == "0,100"
    assert found.findtext("TEMPLATE/AUTOMATIC_REQUIREMENTS", "").startswith("(CLUSTER_ID = 100) & !")
    assert stage.refusal("one.vm.allocate", VM.format("vm", "10.0.128.2") + "DISK = [ IMAGE_ID = 9 ]")[0] == 0x400


def test_an_image_in_no_cluster(stage: Bench) -> None:
    disk = f"DISK = [ IMAGE_ID = {image_in(stage, 1)} ]"
    stage.value("one.cluster.deldatastore", 0, 1)
    code, text = stage.refusal("one.vm.allocate", VM.format("vm", "10.0.128.4") + disk)
    assert (code, text.endswith("Missing clusters. Datastore for DISK 0 is not in any cluster")) == (0x2000, True)
