"""SSH to the hosts.

connection.py       one connection: login, pinned host key, retries
sessions.py         work on all hosts in parallel
"""
