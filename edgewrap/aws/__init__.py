"""The AWS plane: spec and decided inputs are rendered as a Terraform module, which is planned and applied.

`plane.py`: the plane's methods. `planner.py`: spec and facts to a plan. `facts.py`: a cluster's state as data.
`outputs.py`: Terraform's outputs, parsed. `forms.py`: forms of ids and addresses.
`group_moves.py`: interface groups that move before the rest; `power_off.py`: waits for instances that stop.
`health.py`: what AWS knows of instances that does not work. `manual_rules.py`: rules made by hand that a plan imports.
`zone_fallback.py`: another zone for a cluster without instances. `volume_tags.py`: tags of root volumes.
`elastic_ips.py`: the Elastic IPs that the IPAM driver requests; `adoption.py`: what a plan does with them.
`dns_names.py`: the DNS names of public addresses.
`clients.py`: boto3's clients; `endpoint.py`: their sessions; `answers.py`: limits of what AWS answers.
`backend.py`: where the state is kept.
`export.py`: `edgewrap render`. `remedies.py`: errors with cause and advice.

Packages: `inputs` (what is decided once), `existing` (a VPC and Elastic IPs of the user's own), `render` (HCL and
variables), `terraform` (the process and its resources), `state` (the state and what is missing in it), `preflight`
(quotas and other checks).
"""
