"""The lab's stand-in for OpenNebula's package repository.

server.py           HTTPS with the vendor's server name
repository.py       the repository's files
"""
