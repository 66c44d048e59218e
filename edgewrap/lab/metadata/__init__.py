"""The lab's instance metadata service, as version 2 of EC2's.

server.py           HTTP at 169.254.169.254
tree.py             the metadata of an instance; pure
"""
