"""Facts and desired state of a host → operations. Pure.

host.py             one host: files, firewall, FRR, kernel parameters, bridge, VXLAN and veth pair
routing.py          interfaces, rules, routes and proxy ARP entries
"""
