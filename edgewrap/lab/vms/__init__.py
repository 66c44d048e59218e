"""The lab's VMs: a network namespace as guest, allocated at the front-end, connected as OpenNebula's drivers do.

guests.py           all VMs of a lab
guest.py            one guest
migration.py        the connections of a live migration
allocation.py       a VM at the front-end
record.py           what the drivers read from a VM's record
drivers.py          OpenNebula's network drivers on a host
security_groups.py  the rules of a NIC's security groups; pure
"""
