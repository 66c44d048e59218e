"""The lab's hosts: real systemd, sshd, FRR and nftables on an overlay of this machine's own file system.

machines.py         all hosts of a lab
machine.py          one host, over all its boots
power.py            `lab host`: stop, start, cut the power
disk.py             a host's disk
nvme.py             its NVMe disks: EBS volumes and instance store
first_boot.py       what a host's image has for instances with user data
program.py          where to find the real cloud-init
cloud_init.py       what cloud-init and netplan do to a host's network; pure
"""
