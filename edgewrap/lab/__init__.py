"""The lab: an edge cluster in a box, on one machine and without a cloud (docs/lab.md).

launch.py           start, stop and enter a lab from outside: `lab up`, `lab down`, `lab exec`
directory.py        a lab's directory, and whether a lab is running there
settings.py         the settings of `lab up`
supervisor.py       the outermost process of a lab
daemon.py           the process inside: starts the servers, then makes hosts, fabric and VMs follow AWS
login_server.py     the front-end's SSH server and monitoring port
control.py          the daemon's socket
documents.py        what the daemon answers, and `--json` prints
services.py         the two servers, AWS and the front-end, as child processes
watch.py            follow the lab's AWS
cloud.py            a snapshot of the lab's AWS, as plain data
exec_targets.py     the places of `lab exec --in`
nsenter.py          run a command inside namespaces
probe.py            pings and HTTP requests to a VM while a command runs: `lab probe`
environment.py      environment and home directory of commands inside the lab
tools.py            the mirror of Terraform's providers
kernel.py           the kernel's network: namespaces, `ip`, `nft`, sysctls
cgroups.py          the lab's cgroup directories
aws/                AWS: moto's server with patches
opennebula/         the OpenNebula front-end
hosts/              hosts: real systemd, sshd, FRR and nftables
fabric/             the network of the VPCs, their gateways and the internet
dns/                AWS's name servers
metadata/           the instance metadata service
packages/           OpenNebula's package repository
vms/                VMs: network namespaces connected to hosts
"""
