"""OpenNebula's security groups: VMs that use them have their rules."""

from __future__ import annotations

from collections.abc import Sequence

from edgewrap.lab.opennebula import xml
from edgewrap.lab.opennebula.auth import require_create
from edgewrap.lab.opennebula.calls import Calls, Code, Refusal
from edgewrap.lab.opennebula.common import Kind, common_calls, owner_xml, parse, pool_calls
from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.records import Machine, SecurityGroup, User
from edgewrap.lab.opennebula.template import Template

FIRST_ID = 100
_OPEN = Template.of([("RULE", {"PROTOCOL": "ALL", "RULE_TYPE": way}) for way in ("OUTBOUND", "INBOUND")])


def render(one: FrontEnd, groups: Sequence[SecurityGroup], _full: bool) -> list[str]:
    """Security groups as XML."""
    return [
        f"<SECURITY_GROUP>{owner_xml(one, group)}{xml.permissions(group.permissions)}"
        f"{xml.ids('UPDATED_VMS', users(one, group.id))}<OUTDATED_VMS></OUTDATED_VMS><UPDATING_VMS></UPDATING_VMS>"
        f"<ERROR_VMS></ERROR_VMS>{group.template.xml()}</SECURITY_GROUP>"
        for group in groups
    ]


def users(one: FrontEnd, number: int) -> set[int]:
    """The VMs that use a group, by id."""
    return {
        machine.id
        for machine in one.store.all(Machine)
        for nic in machine.template.vectors("NIC")
        if machine.state != 6 and str(number) in nic["SECURITY_GROUPS"].split(",")
    }


KIND = Kind(SecurityGroup, "secgroup", "security group", "SECURITY GROUP", "SECURITY_GROUP_POOL", render)
calls = Calls(common_calls(KIND) | pool_calls(KIND, "secgrouppool", filtered=True))


@calls.method("one.secgroup.allocate")
def allocate(one: FrontEnd, user: User, text: str) -> int:
    """A new group."""
    require_create(user, "SECGROUP")
    template = parse(text)
    name = KIND.check_name(one, template.get("NAME"), user.id)
    number = one.store.next_id(SecurityGroup, FIRST_ID)
    group = SecurityGroup(id=number, name=name, uid=user.id, gid=user.gid, template=template.without("NAME"))
    return one.store.put(group).id


@calls.method("one.secgroup.delete")
def delete(one: FrontEnd, user: User, number: int) -> int:
    """Delete a group that no VM uses."""
    group = KIND.owned(one, user, number, "MANAGE")
    if number == 0:
        raise Refusal(Code.ACTION, "Cannot delete security group. The default security group (ID 0) cannot be deleted.")
    if users(one, number):
        raise Refusal(Code.ACTION, "Cannot delete security group. The security group has VMs using it")
    one.store.drop(group)
    return number


def bootstrap(one: FrontEnd) -> None:
    """The group that every new front-end has: it allows everything."""
    one.store.put(SecurityGroup(id=0, name="default", uid=0, gid=0, permissions="110100100", template=_OPEN))
