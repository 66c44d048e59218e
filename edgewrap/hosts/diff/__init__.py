"""Facts and desired state of a host → operations. Pure.

host.py             one host: files, firewall, FRR, kernel parameters
devices.py          bridges, VXLANs and veth pairs
routing.py          interfaces, rules, routes and proxy ARP entries
"""
