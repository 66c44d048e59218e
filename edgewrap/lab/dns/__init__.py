"""AWS's split-horizon DNS: a public name leads to the public address outside, and to the private one inside its VPC.

names.py            which names there are, from a snapshot of AWS; pure
message.py          the answer to a query; pure
server.py           the servers, over UDP
"""
