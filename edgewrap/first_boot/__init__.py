"""How a host sets itself up: the files that its user data brings. It stands below the planes: the AWS plane sends them
with a new instance, the hosts plane sends them again where the set-up failed."""
