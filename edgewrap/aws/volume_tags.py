"""Tags of the hosts' root volumes, which follow those of the instances.

Terraform sets them at the launch only: later the provider would set the same tags on every volume of an instance, also
on one that someone else has attached.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from edgewrap.aws.clients import KEY_TAG, UUID_TAG, Clients
from edgewrap.aws.terraform.resources import INSTANCE
from edgewrap.change import Action, Change

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef

TAGS = "tags."  # what the attribute of a tag begins with, in a change


def retag_root_volumes(clients: Clients, uuid: str, changes: Iterable[Change]) -> None:
    """Change the tags of root volumes as `changes` change those of their instances. Called before Terraform changes
    these: if the run dies in between, the next one repeats it. Raises AwsError."""
    for change in changes:
        if (change.kind, change.action) != (INSTANCE.kind, Action.UPDATE):
            continue
        new = {name.removeprefix(TAGS): text for name, text in change.after.items() if name.startswith(TAGS)}
        old = {name.removeprefix(TAGS) for name in change.before if name.startswith(TAGS)} - new.keys()
        if not new and not old:
            continue
        filters: list[FilterTypeDef] = [
            {"Name": f"tag:{UUID_TAG}", "Values": [uuid]},
            {"Name": f"tag:{KEY_TAG}", "Values": [change.key]},
        ]
        with clients.translate_errors():
            ids = [volume["VolumeId"] for volume in clients.ec2.describe_volumes(Filters=filters)["Volumes"]]
            if ids and new:
                clients.ec2.create_tags(Resources=ids, Tags=[{"Key": key, "Value": new[key]} for key in sorted(new)])
            if ids and old:
                clients.ec2.delete_tags(Resources=ids, Tags=[{"Key": key} for key in sorted(old)])
