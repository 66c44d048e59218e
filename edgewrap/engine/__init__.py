"""A run over the three planes. It imports the module `plane` of each plane, and `aws.state` for its locks.

cluster.py          one cluster: its spec, working directory and planes
workspace.py        where a run keeps its files
plan.py             the plan of a run: what every plane observes and plans
origin.py           which changes are from the spec, and which from drift
drift.py            what has drifted, as a report
plan_file.py        a plan in one file, and whether it still fits
apply.py            apply a plan, in the order of the planes
destroy.py          remove a cluster, in reverse order
preflight.py        the checks of all planes
status.py           the cluster as AWS, OpenNebula and the hosts report it
picture.py          the cluster as a graph: what is connected to what, and what is broken (pure)
report.py           all about one cluster, read at once
health.py           what is configured correctly and does not work, in all planes
dead_hosts.py       dead hosts, and hosts that the user moves groups off
state_ownership.py  whether the Terraform state belongs to this cluster
log_file.py         the log file of a run
parallel.py         planes in parallel, interruptible
lock/               one run at a time
"""
