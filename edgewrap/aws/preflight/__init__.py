"""Checks of the AWS account and of this machine, before anything is created.

`checks.py`: the checks. `topics.py`: what a run is about to create, and so which checks it needs. `account.py`: what
the account has and uses. `quotas.py`: that against the spec. `terraform.py`: binary and
providers.
"""
