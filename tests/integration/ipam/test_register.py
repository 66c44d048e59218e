"""The driver against the lab's AWS, run as the front-end runs it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from time import perf_counter

import pytest

from edgewrap.lab.aws.client import LabAwsClient
from edgewrap.spec.addressing import ipam_place
from tests.integration.ipam.conftest import GROUPS, PAIRS, START, FrontEndDriver, request

REGISTER, UNREGISTER = "register_address_range", "unregister_address_range"
NEW = {"IPAM_MAD": "edgewrap", "SIZE": "1"}


def test_a_range_gets_an_elastic_ip_and_returns_it(front_end: FrontEndDriver) -> None:
    given = front_end.register(NOTE="for the shop")
    (found,) = front_end.addresses()
    assert given == {
        "AWS_ALLOCATION_ID": found["AllocationId"],
        "EDGEWRAP_CLUSTER": "edge-calais",
        "EDGEWRAP_KEY": "eip-x-0",
        "EDGEWRAP_REQUEST": found["Tags"]["edgewrap:request"],
        "EXTERNAL_IP": found["PublicIp"],
        "GATEWAY": "10.0.0.137",
        "IP": "10.0.0.136",
        "IPAM_MAD": "edgewrap",
        "NETWORK_MASK": "255.255.255.254",
        "NOTE": "for the shop",
        "SIZE": "1",
        "TYPE": "IP4",
    }
    assert (found["PrivateIpAddress"], found["NetworkInterfaceId"]) == ("10.0.0.136", front_end.interfaces[0])
    assert {"edgewrap:cluster", "edgewrap:uuid", "edgewrap:key", "edgewrap:request", "Name"} < found["Tags"].keys()
    front_end_adds = {"AR_ID": "0", "MAC": "02:00:0a:00:00:88", "IP_END": "10.0.0.136", "USED_LEASES": "0"}
    assert front_end.run(UNREGISTER, {**given, **front_end_adds}) == (0, "", "")
    assert front_end.addresses() == []
    assert front_end.run(UNREGISTER, given) == (0, "", "")  # again: it is released


def test_the_group_with_the_most_free_pairs_gives_its_highest(front_end: FrontEndDriver) -> None:
    front_end.spec("edge-calais", count=1)  # eip-0 is not applied yet: its pair is kept free
    keys = [front_end.register()["EDGEWRAP_KEY"] for _ in range(GROUPS * PAIRS - 1)]
    places = [ipam_place(int(key.removeprefix("eip-x-")), GROUPS, PAIRS) for key in keys]
    assert places == [(1, 3), (0, 3), (1, 2), (0, 2), (1, 1), (0, 1), (1, 0)]
    status, _, err = front_end.run(REGISTER, NEW)
    assert status == 1
    assert "every pair of edge-calais is in use" in err


@pytest.mark.full
def test_twenty_at_once_get_one_each_or_a_clear_refusal(front_end: FrontEndDriver) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: front_end.run(REGISTER, NEW), range(20)))
    given = [out for status, out, _ in answers if status == 0]
    assert len(given) == len(set(given)) == GROUPS * PAIRS
    for status, out, err in answers:
        if status:
            assert (out, "every pair of edge-calais is in use" in err, err.count("\n")) == ("", True, 1)
    found = front_end.addresses()
    assert len(found) == GROUPS * PAIRS
    assert all(one["AssociationId"] for one in found)
    assert len({one["Tags"]["edgewrap:key"] for one in found}) == GROUPS * PAIRS


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"SIZE": "4"}, "a range of size 4 is not possible: each Elastic IP has a gateway of its own"),
        ({"IP": "10.0.0.130"}, "a range cannot choose its IP: the driver and AWS choose the addresses of a range"),
        ({"AWS_ALLOCATION_ID": "*"}, "a range cannot choose its AWS_ALLOCATION_ID: "),
        ({"EDGEWRAP_KEY": "eip-x-0"}, "a range cannot choose its EDGEWRAP_KEY: "),
        ({"EDGEWRAP_REQUEST": "x", "GATEWAY": "10.0.0.1"}, "a range cannot choose its GATEWAY and EDGEWRAP_REQUEST: "),
        ({"EDGEWRAP_CLUSTER": "edge-rome"}, "no cluster is named edge-rome: "),
        ({"NOTE": "x\\"}, "the attribute NOTE of the range has a character that is not possible there"),
        ({"NOTE": 'a", IP = "10.0.0.130'}, "the attribute NOTE of the range has a character that is not possible"),
        ({"NOTE": "a\nb"}, "the attribute NOTE of the range has a character that is not possible there"),
    ],
)
def test_what_cannot_be_requested(front_end: FrontEndDriver, attributes: dict[str, str], message: str) -> None:
    status, out, err = front_end.run(REGISTER, {**NEW, **attributes})
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"edgewrap: {message}")
    assert front_end.addresses() == []


def test_which_cluster(front_end: FrontEndDriver) -> None:
    front_end.spec("edge-lyon")
    status, _, err = front_end.run(REGISTER, NEW)
    assert (status, err.startswith("edgewrap: 2 clusters are set up, and the range names none: ")) == (1, True)
    assert front_end.register(EDGEWRAP_CLUSTER="edge-calais")["EDGEWRAP_CLUSTER"] == "edge-calais"
    status, _, err = front_end.run(REGISTER, {**NEW, "EDGEWRAP_CLUSTER": "edge-lyon"})
    assert (status, err.startswith("edgewrap: no clusters named edge-lyon have interface groups")) == (1, True)
    for path in front_end.clusters.glob("*.yaml"):
        path.unlink()
    status, _, err = front_end.run(REGISTER, NEW)
    assert (status, err.startswith("edgewrap: no cluster is set up on this front-end: ")) == (1, True)


def test_another_spec_than_the_applied_one(front_end: FrontEndDriver) -> None:
    path = front_end.spec("edge-calais")
    path.write_text(path.read_text().replace("10.0.0.0/24", "10.0.1.0/24"))
    status, _, err = front_end.run(REGISTER, NEW)
    assert (status, err.startswith("edgewrap: the spec of edge-calais on the front-end is not the one")) == (1, True)


def test_the_quota_is_reached(front_end: FrontEndDriver, aws: LabAwsClient) -> None:
    aws.set_quotas(elastic_ips=0)
    status, out, err = front_end.run(REGISTER, NEW)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "AddressLimitExceeded" in err


def test_no_credentials(front_end: FrontEndDriver) -> None:
    nothing = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": str(front_end.clusters)}
    code = (
        "import edgewrap.aws.clients as c; c.is_aws = lambda e: True\n"  # localstack-client has dummy ones
        "from edgewrap.ipam.quick import main; raise SystemExit(main())"
    )
    status, out, err = front_end.run(REGISTER, NEW, code=code, **nothing)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "credentials" in err.lower()


@pytest.mark.parametrize("forged", ["AWS_ALLOCATION_ID", "EDGEWRAP_KEY", "EDGEWRAP_REQUEST", "EDGEWRAP_CLUSTER", "all"])
def test_a_range_releases_only_its_own_elastic_ip(front_end: FrontEndDriver, forged: str) -> None:
    """Its owner may change every attribute but IP and IPAM_MAD."""
    mine, other = front_end.register(), front_end.register()
    names = ["AWS_ALLOCATION_ID", "EDGEWRAP_KEY", "EDGEWRAP_REQUEST"] if forged == "all" else [forged]
    changed = {**mine, **{name: other[name] for name in names}, **({"EDGEWRAP_CLUSTER": "x"} if "C" in forged else {})}
    assert front_end.run(UNREGISTER, changed)[0] == 0
    assert other["EXTERNAL_IP"] in [one["PublicIp"] for one in front_end.addresses()]
    kept = {"EDGEWRAP_REQUEST", "all"}  # then nothing says that mine is its own: a later apply releases it
    assert (mine["EXTERNAL_IP"] in [one["PublicIp"] for one in front_end.addresses()]) == (forged in kept)


@pytest.mark.parametrize("lost", ["", "*", "????????-????-????-????-????????????"])
def test_a_range_that_lost_its_request_releases_nothing(front_end: FrontEndDriver, lost: str) -> None:
    given = front_end.register()
    assert front_end.run(UNREGISTER, {**given, "EDGEWRAP_REQUEST": lost}) == (0, "", "")
    assert len(front_end.addresses()) == 1


def test_a_stale_range_does_not_release_its_successors_elastic_ip(front_end: FrontEndDriver) -> None:
    stale = front_end.register()
    (found,) = front_end.addresses()
    front_end.ec2.disassociate_address(AssociationId=found["AssociationId"])
    front_end.ec2.release_address(AllocationId=found["AllocationId"])
    successor = front_end.register()
    assert successor["IP"] == stale["IP"]
    assert front_end.run(UNREGISTER, stale) == (0, "", "")
    assert len(front_end.addresses()) == 1


def test_an_elastic_ip_of_the_spec_stays(front_end: FrontEndDriver) -> None:
    given = front_end.register()
    front_end.ec2.create_tags(Resources=[given["AWS_ALLOCATION_ID"]], Tags=[{"Key": "edgewrap:key", "Value": "eip-3"}])
    assert front_end.run(UNREGISTER, given) == (0, "", "")
    assert len(front_end.addresses()) == 1


SLOW = """
import time, edgewrap.ipam.driver as driver
from botocore.client import BaseClient
driver.WORK_S, call = 1.0, BaseClient._make_api_call
def slow(self, operation, arguments):
    answer = call(self, operation, arguments)
    if operation == "{operation}":
        time.sleep(30)
    return answer
BaseClient._make_api_call = slow
from edgewrap.ipam.quick import main; raise SystemExit(main())
"""


@pytest.mark.parametrize("operation", ["DescribeNetworkInterfaces", "AllocateAddress", "AssociateAddress"])
def test_a_slow_aws_leaves_nothing_behind(front_end: FrontEndDriver, operation: str) -> None:
    """The answer to AllocateAddress is lost: the address is found by the tag of its request."""
    started = perf_counter()
    status, out, err = front_end.run(REGISTER, NEW, code=SLOW.format(operation=operation))
    assert (status, out, err) == (
        1,
        "",
        "edgewrap: AWS did not answer within 1 s: nothing is left in AWS; try it again\n",
    )
    assert perf_counter() - started < 20
    assert front_end.addresses() == []


HANGING = """
import edgewrap.ipam.driver as driver
driver.WORK_S = driver.CLEAN_UP_S = 1.0
from edgewrap.ipam.quick import main; raise SystemExit(main())
"""


def test_an_endpoint_that_never_answers(front_end: FrontEndDriver) -> None:
    """Connections are accepted by the kernel, and nobody reads them."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        endpoint = f"http://127.0.0.1:{listening.getsockname()[1]}"
        started = perf_counter()
        status, out, err = front_end.run(REGISTER, NEW, code=HANGING, AWS_ENDPOINT_URL=endpoint)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "AWS did not answer within 1 s: nothing is left in AWS" in err
    assert perf_counter() - started < 10


def test_an_endpoint_that_is_not_there(front_end: FrontEndDriver) -> None:
    status, out, err = front_end.run(REGISTER, NEW, AWS_ENDPOINT_URL="http://127.0.0.1:1")
    assert (status, out, err.count("\n"), "may be left" in err) == (1, "", 1, False)
    assert "127.0.0.1:1" in err


def test_an_answer_that_cannot_be_written(front_end: FrontEndDriver) -> None:
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            [sys.executable, "-I", "-c", START, REGISTER, "0"],
            input=request(NEW),
            stdout=full,
            stderr=subprocess.PIPE,
            env=front_end.environment(),
            check=False,
        )
    assert (process.returncode, process.stderr.count(b"\n")) == (1, 1)
    assert b"the answer could not be written: No space left on device" in process.stderr
    assert front_end.addresses() == []


def test_another_number_of_groups_than_applied(front_end: FrontEndDriver) -> None:
    path = front_end.spec("edge-calais")
    path.write_text(path.read_text().replace("groups: 2", "groups: 1"))
    status, _, err = front_end.run(REGISTER, NEW)
    assert (status, err.startswith("edgewrap: the spec of edge-calais on the front-end is not the one")) == (1, True)
    assert front_end.addresses() == []


def test_a_group_with_an_odd_tag_is_not_one(front_end: FrontEndDriver) -> None:
    front_end.ec2.create_tags(Resources=front_end.interfaces[:1], Tags=[{"Key": "edgewrap:key", "Value": "group-abc"}])
    status, _, err = front_end.run(REGISTER, NEW)
    assert (status, "AWS has 1 of its 2 interface groups" in err) == (1, True)


UNREACHABLE_AFTER = """
import edgewrap.ipam.driver as driver
from botocore.client import BaseClient
from botocore.exceptions import EndpointConnectionError
call, gone = BaseClient._make_api_call, []
def cut(self, operation, arguments):
    if gone:
        raise EndpointConnectionError(endpoint_url="https://ec2")
    answer = call(self, operation, arguments)
    if operation == "AllocateAddress":
        gone.append(1)
    return answer
BaseClient._make_api_call = cut
from edgewrap.ipam.quick import main; raise SystemExit(main())
"""


def test_what_cannot_be_released_is_named(front_end: FrontEndDriver) -> None:
    status, out, err = front_end.run(REGISTER, NEW, code=UNREACHABLE_AFTER)
    (left,) = front_end.addresses()
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert f"an Elastic IP with the tag edgewrap:request={left['Tags']['edgewrap:request']} may be left" in err


KILLED = """
import os, signal
from botocore.client import BaseClient
call, made = BaseClient._make_api_call, []
def counted(self, operation, arguments):
    answer = call(self, operation, arguments)
    made.append(operation)
    if len(made) == {calls}:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
BaseClient._make_api_call = counted
from edgewrap.ipam.quick import main; raise SystemExit(main())
"""


@pytest.mark.parametrize(("calls", "left"), [(1, 0), (2, 0), (3, 1), (4, 1)])
def test_killed_after_each_call_of_aws(front_end: FrontEndDriver, calls: int, left: int) -> None:
    """What is left has the cluster's tags, and the next request takes another place."""
    assert front_end.run(REGISTER, NEW, code=KILLED.format(calls=calls))[0] == -9
    found = front_end.addresses()
    assert [one["Tags"]["edgewrap:key"] for one in found] == ["eip-x-0"] * left
    assert front_end.register()["EDGEWRAP_KEY"] == ("eip-x-1" if left else "eip-x-0")


@pytest.mark.full
def test_seconds_to_register(front_end: FrontEndDriver, figure: Callable[[str], None]) -> None:
    times = []
    for _ in range(10):
        started = perf_counter()
        given = front_end.register()
        times.append(perf_counter() - started)
        front_end.run(UNREGISTER, given)
    figure(f"ipam register: {median(times):.2f} s, median of {len(times)}")
    assert median(times) < 15
