"""The first-boot setup of a host. The AWS plane sends its files with a new instance, the hosts plane sends them again
if the setup failed.

`files.py`: the files as text. `setup.sh`: the script that installs packages and the front-end's key."""
