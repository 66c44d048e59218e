"""The OpenNebula plane: cluster, hosts, datastores, public network and private network template on the front-end.

plane.py        observe, plan, apply, destroy, preflight
facts.py        the objects on the front-end
diff.py         spec, outputs and reports against the facts: the operations, and the plan of a run
destroy.py      removes the whole cluster, once nothing depends on it
teardown.py     operations that remove hosts, ranges or the whole cluster (pure)
in_use.py       what must not be removed: VMs, leases, images, objects of others
executor.py     runs operations
monitoring.py   waits until hosts are MONITORED
preflight.py    whether edgewrap can use the front-end
remedies.py     error messages: cause and advice
api/            the client of the front-end's XML-RPC API
kinds/          one file for each kind of object: its facts, desired state and diff
"""
