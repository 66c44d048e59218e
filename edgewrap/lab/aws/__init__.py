"""The lab's AWS: moto's server in a process of its own, patched where it differs from AWS (docs/lab-aws.md).

server.py               the WSGI server: AWS's API, and the lab's own below `/_lab/`
api.py                  the lab's own API
client.py               a client of the lab's own API, and the server process
snapshot.py             a snapshot of moto's backends
calls.py                the log of AWS API calls
idempotent_replay.py    a write that a client sends again is not done twice
limits.py               quotas, missing capacity, slow metal
later.py                what AWS does some time after a call
amis.py                 Ubuntu's images
state_bucket.py         the bucket for Terraform states
leaked_resources.py     what is left in EC2 after a destroy
backends.py             moto's EC2 backends, typed
patches/                patches of moto
"""
