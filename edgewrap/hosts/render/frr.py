"""FRR's two files, as text: `frr.conf` and `daemons`."""

from __future__ import annotations

from edgewrap.hosts.desired import Bgp

PEERS = "hosts"  # the peer group of all neighbours
KEEPALIVE_S, HOLD_S, CONNECT_S = 3, 9, 2


def frr_conf(bgp: Bgp) -> str:
    """The text of frr.conf. It leaves nothing to FRR's defaults, which differ between its profiles."""
    password = f" neighbor {PEERS} password {bgp.password.get_secret_value()}\n" if bgp.password is not None else ""
    neighbours = "".join(f" neighbor {each.address} peer-group {PEERS}\n" for each in bgp.neighbours)
    clients = (each.address for each in bgp.neighbours if each.client)
    reflected = "".join(f"  neighbor {address} route-reflector-client\n" for address in clients)
    return f"""log syslog informational
router bgp {bgp.asn}
 bgp router-id {bgp.address}
 bgp cluster-id {bgp.address}
 no bgp default ipv4-unicast
 neighbor {PEERS} peer-group
 neighbor {PEERS} remote-as {bgp.asn}
{password} neighbor {PEERS} update-source {bgp.address}
 neighbor {PEERS} timers {KEEPALIVE_S} {HOLD_S}
 neighbor {PEERS} timers connect {CONNECT_S}
{neighbours} address-family l2vpn evpn
  neighbor {PEERS} activate
{reflected}  advertise-all-vni
 exit-address-family
exit
"""


def frr_daemons(bgp: Bgp) -> str:
    """The text of FRR's file `daemons`: zebra always runs, and bgpd listens on the primary address only."""
    return (
        "bgpd=yes\n"
        "vtysh_enable=yes\n"
        'zebra_options="  -A 127.0.0.1 -s 90000000"\n'
        f'bgpd_options="   -A 127.0.0.1 -l {bgp.address}"\n'
        'staticd_options="-A 127.0.0.1"\n'
    )
