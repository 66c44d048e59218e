"""Service Quotas and DescribeAccountAttributes report the enforced quotas. Stock moto knows only some VPC quotas."""

from __future__ import annotations

import json
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses.account_attributes import AccountAttributes
from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.models import ServiceQuotasBackend
from moto.servicequotas.responses import ServiceQuotasResponse

from edgewrap.lab.aws.limits import LIMITS, Quotas

_AWS_DEFAULT_VCPUS = 5.0
_get = ServiceQuotasBackend.get_service_quota
_defaults = ServiceQuotasBackend.list_aws_default_service_quotas


def _applied(region: str, account: str) -> list[dict[str, Any]]:
    quotas = LIMITS.quotas
    return [
        _quota(region, account, "ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", quotas.elastic_ips),
        _quota(
            region,
            account,
            "ec2",
            "L-1216C47A",
            "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
            quotas.standard_vcpus,
        ),
        _quota(region, account, "vpc", "L-F678F1CE", "VPCs per Region", quotas.vpcs),
    ]


def _default(region: str, code: str) -> list[dict[str, Any]]:
    standard = {"L-0263D0A3": Quotas().elastic_ips, "L-1216C47A": _AWS_DEFAULT_VCPUS}
    return [
        {**quota, "Value": float(standard[quota["QuotaCode"]])}
        for quota in _applied(region, "")
        if quota["ServiceCode"] == code and quota["QuotaCode"] in standard
    ]


def _quota(region: str, account: str, service: str, code: str, name: str, value: float) -> dict[str, Any]:
    return {
        "ServiceCode": service,
        "ServiceName": {
            "ec2": "Amazon Elastic Compute Cloud (Amazon EC2)",
            "vpc": "Amazon Virtual Private Cloud (Amazon VPC)",
        }[service],
        "QuotaArn": f"arn:aws:servicequotas:{region}:{account}:{service}/{code}",
        "QuotaCode": code,
        "QuotaName": name,
        "Value": float(value),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }


class EnforcedQuotas(ServiceQuotasBackend):
    def get_service_quota(self, service_code: str, quota_code: str) -> dict[str, Any]:
        for quota in _applied(self.region_name, self.account_id):
            if (quota["ServiceCode"], quota["QuotaCode"]) == (service_code, quota_code):
                return quota
        return _get(self, service_code, quota_code)

    def list_aws_default_service_quotas(self, service_code: str) -> list[dict[str, Any]]:
        if service_code == "ec2":
            return _default(self.region_name, service_code)
        return _defaults(self, service_code)


class ListedQuotas(ServiceQuotasResponse):
    """ListServiceQuotas, which moto does not have: the quotas that the lab enforces."""

    def list_service_quotas(self) -> str:
        service_code = self._get_param("ServiceCode")
        enforced = [
            quota for quota in _applied(self.region, self.current_account) if quota["ServiceCode"] == service_code
        ]
        if not enforced:
            raise NoSuchResource
        return json.dumps({"Quotas": enforced})


class AttributesByQuota(AccountAttributes):
    def describe_account_attributes(self) -> ActionResult:
        elastic_ips = str(LIMITS.quotas.elastic_ips)
        default_vpc = self.ec2_backend.get_default_vpc()
        attributes = {
            "supported-platforms": "VPC",
            "default-vpc": default_vpc.id if default_vpc else "none",
            "vpc-max-security-groups-per-interface": "5",
            "max-instances": "20",
            "max-elastic-ips": elastic_ips,
            "vpc-max-elastic-ips": elastic_ips,
        }
        wanted = self._get_param("AttributeNames", []) or list(attributes)
        shown = [
            {"AttributeName": name, "AttributeValues": [{"AttributeValue": value}]}
            for name, value in attributes.items()
            if name in wanted
        ]
        return ActionResult({"AccountAttributes": shown})
