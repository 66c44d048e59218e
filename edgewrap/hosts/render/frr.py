"""FRR's two files, as text: `frr.conf` and `daemons`."""

from __future__ import annotations

from collections.abc import Iterator

from edgewrap.hosts.desired import Bgp

PEERS = "hosts"  # the peer group of all neighbours
KEEPALIVE_S, HOLD_S, CONNECT_S = 3, 9, 2


def frr_conf(bgp: Bgp) -> str:
    """The text of frr.conf. It leaves nothing to FRR's defaults, which differ between its profiles."""
    return "".join(f"{line}\n" for line in _frr_lines(bgp))


def frr_daemons(bgp: Bgp) -> str:
    """The text of FRR's file `daemons`: zebra always runs, and bgpd listens on the primary address only."""
    return (
        "bgpd=yes\n"
        "vtysh_enable=yes\n"
        'zebra_options="  -A 127.0.0.1 -s 90000000"\n'
        f'bgpd_options="   -A 127.0.0.1 -l {bgp.address}"\n'
        'staticd_options="-A 127.0.0.1"\n'
    )


def _frr_lines(bgp: Bgp) -> Iterator[str]:
    yield "log syslog informational"
    yield f"router bgp {bgp.asn}"
    yield f" bgp router-id {bgp.address}"
    yield f" bgp cluster-id {bgp.address}"
    yield " no bgp default ipv4-unicast"
    yield f" neighbor {PEERS} peer-group"
    yield f" neighbor {PEERS} remote-as {bgp.asn}"
    if bgp.password is not None:
        yield f" neighbor {PEERS} password {bgp.password.get_secret_value()}"
    yield f" neighbor {PEERS} update-source {bgp.address}"
    yield f" neighbor {PEERS} timers {KEEPALIVE_S} {HOLD_S}"
    yield f" neighbor {PEERS} timers connect {CONNECT_S}"
    for neighbour in bgp.neighbours:
        yield f" neighbor {neighbour.address} peer-group {PEERS}"
    yield " address-family l2vpn evpn"
    yield f"  neighbor {PEERS} activate"
    for neighbour in bgp.neighbours:
        if neighbour.client:
            yield f"  neighbor {neighbour.address} route-reflector-client"
    yield "  advertise-all-vni"
    yield " exit-address-family"
    yield "exit"
