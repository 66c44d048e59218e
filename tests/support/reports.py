"""Clusters as `status` and `report` show them: one that works, one that is broken in many ways, one that is large, and
those that could not be read."""

from __future__ import annotations

from dataclasses import replace

from edgewrap.change import Action, Change, PlaneName
from edgewrap.engine.report import ClusterReport, ReportedError
from edgewrap.engine.status import ClusterStatus, EipStatus, GroupStatus, HostStatus, SessionStatus, VmStatus
from edgewrap.finding import Finding, Verdict

TIME = "2026-11-28T06:40:00+00:00"
HOSTILE = "</title></text></script><script>alert(1)</script>\"'`]--> #quot; end"


def cluster_status(name: str = "edge-paris", *, hosts: int = 3, eips: int = 8, groups: int = 4) -> ClusterStatus:
    """A cluster that works. Every second Elastic IP is leased, each by a VM on the next host."""
    keys = [f"group-{number}" for number in range(groups)]
    entry = {key: f"host-{number % hosts}" for number, key in enumerate(keys)}
    leased = range(0, eips, 2)
    return ClusterStatus(
        name,
        "eu-west-3",
        "eu-west-3a",
        "vpc-0a1b2c3d4e5f67890",
        tuple(
            HostStatus(
                f"host-{number}",
                f"i-0a1b2c3d4e5f6789{number:x}",
                f"203.0.113.{10 + number}",
                f"10.0.0.{10 + number}",
                "running",
                "monitored",
                "ready",
                tuple(key for key in keys if entry[key] == f"host-{number}"),
            )
            for number in range(hosts)
        ),
        tuple(
            EipStatus(
                f"eip-{number}",
                f"198.51.100.{10 + number}",
                f"10.0.128.{2 * number}",
                keys[number % groups],
                entry[keys[number % groups]],
                f"VM {number}" if number in leased else "",
                "spec",
            )
            for number in range(eips)
        ),
        groups=tuple(
            GroupStatus(key, entry[key], f"eni-{key}", f"10.0.{128 + 8 * n}.0/27") for n, key in enumerate(keys)
        ),
        vms=tuple(
            VmStatus(number, f"web-{number}", "running", f"host-{(number + 1) % hosts}", (f"eip-{number}",))
            for number in leased
        ),
        sessions=tuple(
            SessionStatus((f"host-{one}", f"host-{other}"), "Established")
            for one in range(min(2, hosts))
            for other in range(one + 1, hosts)
        ),
        front_end="7.0.1",
    )


def broken_status() -> ClusterStatus:
    """A host is stopped, one has no session and a full disk, a VM has failed, a group has no host; a tenant has given
    his VM a hostile name."""
    status = cluster_status("edge-oslo", hosts=4, eips=12, groups=6)
    hosts = [*status.hosts]
    hosts[1] = replace(hosts[1], instance="stopped", opennebula="error", network="its instance is stopped")
    hosts[2] = replace(hosts[2], network="differs")
    vms = [
        *status.vms,
        VmStatus(77, "batch", "boot failure", "host-3", ()),
        VmStatus(78, "old", "poweroff", "", ("eip-1",)),
    ]
    vms[0] = replace(vms[0], name=HOSTILE)
    sessions = [SessionStatus(one.hosts, "Active" if "host-1" in one.hosts else one.state) for one in status.sessions]
    full = Finding(
        PlaneName.HOSTS, "host-2", Verdict.WARNING, "its file system / is 93 % full",
        "remove files there, or grow it (`hosts.root_volume_gb`); at 100 % VMs stop",
    )  # fmt: skip
    groups = [replace(one, entry_host="" if one.key == "group-5" else one.entry_host) for one in status.groups]
    eips = [replace(one, entry_host="" if one.group == "group-5" else one.entry_host) for one in status.eips]
    return replace(
        status,
        hosts=tuple(replace(host, groups=tuple(key for key in host.groups if key != "group-5")) for host in hosts),
        eips=tuple(eips),
        warnings=(full,),
        groups=tuple(groups),
        vms=tuple(vms),
        sessions=tuple(sessions),
    )


CHANGES = (
    Change(PlaneName.AWS, "elastic ip association", "eip-1", Action.CREATE, {}, {"allocation": "eipalloc-0a"}),
    Change(PlaneName.AWS, "instance", "host-1", Action.REPLACE, {"type": "c5.metal"}, {"type": "m5.metal"}, "type"),
    Change(
        PlaneName.HOSTS, "route", "host-2/route/group-2", Action.UPDATE,
        {"missing": ""}, {"missing": "10.0.128.4 dev gw-edge table 10000"},
    ),
    Change(
        PlaneName.HOSTS, "file", "host-2/file/etc/hosts", Action.UPDATE,
        {"sha256": "0"}, {"sha256": "1"}, diff=("- one", "+ two"),
    ),
    Change(PlaneName.OPENNEBULA, "address range", "eip-12", Action.DELETE, {"IP": "10.0.128.24"}),
)  # fmt: skip


def report_of(status: ClusterStatus) -> ClusterReport:
    """A report without changes and errors."""
    return ClusterReport(status.name, TIME, status, changes=(), findings=status.warnings)


def broken_report() -> ClusterReport:
    """That of the broken cluster, with changes, and a host that did not answer."""
    error = ReportedError(
        "host-1: no SSH connection to 203.0.113.11", "its instance i-0a1b2c3d4e5f67891 is stopped", "start it in EC2"
    )
    return replace(report_of(broken_status()), changes=CHANGES, unread=("host-1",), errors=(error,))


def all_reports() -> tuple[ClusterReport, ...]:
    """Several clusters, of every kind."""
    locked = ReportedError(
        "locked by `edgewrap apply`", "another run is at work since 06:31", "wait for it, or use --lock-timeout",
        ("user anna on build-7", "process 4711"),
    )  # fmt: skip
    return (
        report_of(cluster_status()),
        broken_report(),
        report_of(cluster_status("edge-large", hosts=20, eips=100, groups=40)),
        ClusterReport("edge-new", TIME, changes=CHANGES[:1] * 30),
        replace(report_of(cluster_status("edge-locked", hosts=1, eips=0, groups=1)), changes=None, errors=(locked,)),
        ClusterReport("lost.yaml", TIME, errors=(locked,)),
    )
