"""The hosts plane: over SSH, what makes packets flow between the interface groups and the VMs.

desired.py    what one host should be, from the spec and the AWS outputs (pure)
files.py      the files that stand on a host, as text (pure)
scripts/      facts.sh reads a host, network.sh makes its network, at boot and in every converge
facts.py      what facts.sh printed, as data (pure)
diff.py       facts against desired: operations, each with its change (pure)
converge.py   the script that carries operations out, and what it answered (pure)
undo.py       the way back of a change, with_rollback around that script (pure); scripts/undo.sh does it on the host
changing.py   one change on a host, and its confirmation over a new connection
ssh.py        connections: credentials, pinned host keys, waiting
visits.py     work on hosts, all side by side
plane.py      observe, diff, converge over all hosts
"""
