"""The fabric plays the VPCs, their internet gateways and the internet.

desired.py          the desired state of the fabric, from a snapshot of AWS; pure
rules.py            the nft rules, as text; pure
fabric.py           the fabric in the kernel
"""
