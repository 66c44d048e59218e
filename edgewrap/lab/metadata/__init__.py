"""The lab's instance metadata service, as EC2's version 2 of it."""
