"""What a cluster uses of the user's own: an existing VPC and subnet, and Elastic IPs. None of it is changed or deleted.

`network.py`: VPC and subnet as AWS has them, and what is wrong with them. `addresses.py`: the same of Elastic IPs, and
the pairs that they get. `read.py`: requests to AWS.
"""
