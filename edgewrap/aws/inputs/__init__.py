"""What is decided once and kept in the state: UUID, zone, images, key, placement of the groups.

`model.py`: the inputs as data. `decide.py`: keeps what is decided, looks up what is new. `lookups.py`: requests to AWS.
`offline_lookups.py`: placeholders without AWS. `immutable_fields.py`: changes that a cluster cannot make.
`placement.py`: the entry host of each group. `opennebula_version.py`: the packages of new hosts.
`setup_warnings.py`: notices of a plan about first-boot setup.
"""
