"""An interface has its own security groups; an instance's are those of its primary interface.

Stock moto shows none on an interface made at launch (permanent drift: `vpc_security_group_ids`), and adds the
instance's to every interface attached later. It also deletes groups that are in use, and requires ports when a rule for
all protocols is modified.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from moto.ec2.exceptions import DependencyViolationError
from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupBackend

_delete = SecurityGroupBackend.delete_security_group
_modify = SecurityGroupBackend.modify_security_group_rules
_ALL_PROTOCOLS = "-1"


class GroupsOfInterface(NetworkInterface):
    @property
    def group_set(self) -> Any:
        return self._group_set


class GroupsOfInstance(Instance):
    """The source/destination check is the primary interface's, too."""

    @property
    def security_groups(self) -> list[SecurityGroup]:
        primary = _primary(self)
        return list(primary._group_set) if primary else self.__dict__.get("groups_at_launch", [])  # noqa: SLF001

    @security_groups.setter
    def security_groups(self, groups: Sequence[SecurityGroup]) -> None:
        self.__dict__["groups_at_launch"] = list(groups)
        primary = _primary(self)
        if primary:
            primary._group_set = list(groups)  # noqa: SLF001

    @property
    def source_dest_check(self) -> bool:
        primary = _primary(self)
        return primary.source_dest_check if primary else True

    @source_dest_check.setter
    def source_dest_check(self, checked: bool | str) -> None:
        primary = _primary(self)
        if primary:
            primary.source_dest_check = str(checked).lower() == "true"


def _primary(instance: Instance) -> NetworkInterface | None:
    """None while the instance is being created, and once it is terminated."""
    nics: dict[int, NetworkInterface] = instance.__dict__.get("nics", {})
    return nics.get(0)


class GroupsInUse(SecurityGroupBackend):
    """DeleteSecurityGroup."""

    def delete_security_group(self, name: str | None = None, group_id: str | None = None) -> None:
        backend = cast("EC2Backend", self)
        if group_id and (_stands_on_interface(backend, group_id) or _named_by_other(backend, group_id)):
            raise DependencyViolationError(f"resource {group_id} has a dependent object")
        _delete(self, name, group_id)


class RulesForAllProtocols(SecurityGroupBackend):
    """ModifySecurityGroupRules."""

    def modify_security_group_rules(self, group_id: str, rules: dict[str, dict[str, Any]]) -> None:
        group = self.get_security_group_by_name_or_id(group_id)
        portless = [number for number, rule in rules.items() if str(rule.get("IpProtocol")) == _ALL_PROTOCOLS]
        found = [group.get_rule(number) for number in portless] if group else []
        before = [(rule, rule.from_port, rule.to_port) for rule in found if rule is not None]
        given = {
            number: {**rule, "FromPort": _ALL_PROTOCOLS, "ToPort": _ALL_PROTOCOLS} if number in portless else rule
            for number, rule in rules.items()
        }
        _modify(self, group_id, given)
        for rule, from_port, to_port in before:
            rule.from_port, rule.to_port = from_port, to_port


def _stands_on_interface(backend: EC2Backend, group_id: str) -> bool:
    return any(group.id == group_id for interface in backend.enis.values() for group in interface.group_set)


def _named_by_other(backend: EC2Backend, group_id: str) -> bool:
    """Whether a rule of another group has this one as its peer."""
    return any(
        rule.source_group.get("GroupId") == group_id
        for groups in backend.groups.values()
        for group in groups.values()
        if group.id != group_id
        for rule in (*group.ingress_rules, *group.egress_rules)
    )
