"""The spec file: one strict contract, from YAML to a `Spec`.

`models.py`, `hosts.py`, `disks.py`, `networks.py`: the fields. `formats.py`: the forms of single values;
`public_key.py`: that of SSH keys, and the file of one. `on_change.py`: what a change of a field does. `checks.py`:
checks that span several fields. `findings.py`: what to know about a valid spec. `addressing.py`: which address belongs
to which key.

`load.py`: from a file to a `Spec` or to all problems. `document.py`: YAML with places. `environment.py`: `${env:NAME}`.
`operator_values.py`: what the operator sets instead, and restricted mode.
`forbidden.py`: credentials and fields that are refused by name. `place.py`: paths and places. `contract.py`: the JSON
Schema and all known keys. `reference.py`: the tables of `docs/spec.md`. `keys.py`: the keys of hosts and Elastic IPs,
for completion. `starter.yaml`: what `edgewrap init` writes.
"""
