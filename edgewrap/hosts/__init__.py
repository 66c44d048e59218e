"""The hosts plane: over SSH, everything that carries packets between the interface groups and the VMs.

plane.py            observe, plan and apply over all hosts
plan.py             what was seen on all hosts, and the plan made from it (pure)
desired.py          what one host should be, from the spec and the AWS outputs (pure)
render/             the files on a host, as text: files.py has the table of them (pure)
facts.py            the output of scripts/facts.sh, parsed; ip_json.py parses what `ip` prints (pure)
health.py           what works on a host, as scripts/health.py observed it, and what is wrong by that (pure)
diff/               facts and desired to operations: host.py, routing.py (pure)
shared_fields.py    fields that all hosts must change at once (pure)
operation.py        one operation and its change (pure)
script.py           the script that applies operations (pure)
blocks.py           our blocks in files of others; authorized_keys.py: that in the user's authorized keys (pure)
rollback.py         the rollback around that script (pure)
executor.py         one change on a host, and its confirmation over a new connection
front_end.py        whether hosts reach the front-end by its name (pure)
first_boot.py       the state of the first-boot setup (pure); first_boot_wait.py waits for it
disks.py            facts of the disks, and what they need (pure); disk_change.py makes it
ssh/                connections, host keys, and work on all hosts in parallel
scripts/            what runs on a host: facts.sh and disk-facts.sh read it, network.sh sets up its network, disks.sh
                    its disks, rollback.sh rolls back
preflight.py        whether this machine can log in to hosts
remedies.py         error to cause and advice
"""
