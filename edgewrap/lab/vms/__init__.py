"""The lab's VMs: a network namespace as guest, allocated by the front-end, plugged in as OpenNebula's driver does."""
