"""One run at a time per cluster.

file.py             the lock on this machine: the kernel's lock on a file
s3.py               the lock beside a state in S3: an object made by a conditional put
info.py             who holds a lock, since when; and waiting for it (`--lock-timeout`)
force_unlock.py     remove the lock of a stale run
"""
