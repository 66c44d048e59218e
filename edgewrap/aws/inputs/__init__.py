"""What is decided once and kept in the state: UUID, zone, images, key, placement of the groups.

`model.py`: the inputs as data. `decide.py`: keeps what is decided, looks up what is new. `lookups.py`: requests to AWS,
or placeholders. `immutable_fields.py`: changes that a cluster cannot make. `placement.py`: the entry host of groups.
`setup_warnings.py`: notices of a plan about first-boot setup.
"""
