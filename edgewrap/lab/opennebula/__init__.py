"""The lab's OpenNebula front-end: the XML-RPC calls that edgewrap and its lab use, kept in SQLite.

It is tested against recordings of three real front-ends (`tests/data/opennebula/`): same names, ids, states, element
paths, error texts and codes. `docs/lab-opennebula.md` describes what it plays and what it leaves out.

server.py           XML-RPC over HTTP, one call at a time
calls.py            which function answers which method, its parameters, refusals and faults
execution.py        a call as a transaction, made again with each reply of an IPAM driver
methods.py          all methods, and changes of state over time
frontend.py         what every call works on: the store, the release, the clock
store.py            the objects, in memory and in SQLite; one transaction per call
records.py          the objects as immutable data
release.py          differences between the recorded releases
template.py         OpenNebula's template language
xml.py              how the front-end writes XML
common.py           info, pool, rename, update, chown, chmod: the same for every kind
auth.py             sessions and permissions
locks.py            locks of objects
system.py           version and configuration
users.py            users
clusters.py         clusters
hosts.py            hosts and their states
monitoring.py       the SSH login that makes a host MONITORED
inventory.py        what a monitored host reports
datastores.py       datastores
images.py           images
networks.py         virtual networks
ranges.py           address ranges; pure
addresses.py        ranges and leases of a network, with or without an IPAM driver
leases.py           calls on the address ranges of a network
driver_calls.py     what IPAM drivers are asked and what they answer; pure
ipam.py             runs IPAM drivers, one at a time
vntemplates.py      virtual network templates
secgroups.py        security groups
machines.py         VMs
lifecycle.py        deploy, migrate, power off and terminate VMs
context.py          the context of a VM
disks.py            disks of VMs, as far as clusters matter
replay.py           replay a recording and report the differences
"""
