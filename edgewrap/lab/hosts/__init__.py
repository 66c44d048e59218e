"""The lab's hosts: real systemd, sshd, FRR and nftables over an overlay of this machine's own file system."""
