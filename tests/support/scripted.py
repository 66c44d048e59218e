"""Scripted responses of AWS."""

from __future__ import annotations

import boto3
from botocore.stub import Stubber

from edgewrap.aws.clients import Clients
from edgewrap.aws.preflight.quotas import Quota
from edgewrap.spec.models import Spec


class Scripted:
    """Clients with scripted responses, in order."""

    def __init__(self, spec: Spec) -> None:
        self.clients = Clients(spec, {})
        self._stubs: dict[str, Stubber] = {}

    def stub(self, service: str) -> Stubber:
        """The answers of one service."""
        if service not in self._stubs:
            client = boto3.client(service, "eu-west-3", aws_access_key_id="a", aws_secret_access_key="b")  # type: ignore[call-overload]
            self.clients._made[service] = client
            self._stubs[service] = Stubber(client)
            self._stubs[service].activate()
        return self._stubs[service]

    def value(self, method: str, quota: Quota, value: float) -> None:
        """Service Quotas returns a value."""
        asked = {"ServiceCode": quota.service, "QuotaCode": quota.code}
        self.stub("service-quotas").add_response(method, {"Quota": {"Value": value}}, asked)

    def refuse(self, service: str, method: str, code: str) -> None:
        """A service refuses."""
        self.stub(service).add_client_error(method, code, f"{code}, it says")

    def caller(self, account: str = "123456789012") -> None:
        """STS returns the caller's identity."""
        arn = f"arn:aws:iam::{account}:user/ci"
        answer = {"UserId": "AIDAEXAMPLE", "Account": account, "Arn": arn}
        self.stub("sts").add_response("get_caller_identity", answer)

    def done(self) -> None:
        """All answers were asked for."""
        for stub in self._stubs.values():
            stub.assert_no_pending_responses()
