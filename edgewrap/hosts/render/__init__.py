"""The files on a host, as text. Pure.

files.py            the table of files: path, content, mode, owner, what to reload
frr.py              frr.conf and daemons
nftables.py         the nft tables
"""
