"""edgewrap: one YAML spec to a running AWS metal edge cluster for OpenNebula.

cli/                commands and their output
engine/             a run over the three planes: plan, apply, destroy, status, locks
aws/                the AWS plane: Terraform and its state
hosts/              the hosts plane: SSH, routes, BGP-EVPN, firewall
opennebula/         the OpenNebula plane: XML-RPC
ipam/               the OpenNebula IPAM driver: Elastic IPs that OpenNebula requests
spec/               the YAML spec: models, checks, schema
first_boot/         the files that a new host's user data brings
lab/                an edge cluster in a box: AWS, OpenNebula and hosts on one machine
plane.py            what every plane shares: the context of a run, and what was not planned
change.py           `Change`: one difference between what exists and what the spec asks for
finding.py          `Finding`: the result of one preflight check
events.py           `Event`: the progress that planes report during a run
outputs.py          what the planes pass to each other
errors.py           all exceptions; each carries a cause and advice
remedies.py         the form of the tables from raw messages to cause and advice
poll.py             wait until something happens
limits.py           limits of time and size for what is read from outside
signals.py          defer SIGINT, SIGTERM and SIGHUP around blocks that must not be cut
atomic_files.py     write files whole or not at all, for their owner only
paths.py            paths that a user gives
secrets.py          the secrets of this run, hidden in everything that is shown
counted.py          `1 host`, `2 hosts`: a count in a message
safe_text.py        the gate for text that is shown or logged
"""

__version__ = "0.1.0"
