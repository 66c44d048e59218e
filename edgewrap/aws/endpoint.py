"""boto3's sessions: for AWS, and for an endpoint that stands in for it (moto, LocalStack) through localstack-client.

Imported only when a client is needed: boto3 takes 0.2 s to import.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.utils import get_environ_proxies
from localstack_client.session import Session

from edgewrap.errors import AwsError


def new_session(region: str) -> boto3.Session:
    """A session that never asks for input, and chooses the profile as Terraform does: AWS_PROFILE first, and an empty
    name is none. Raises botocore's errors."""
    named = [name for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE") if os.environ.get(name)]
    core = botocore.session.Session(session_vars={"profile": (None, named, None, None)})
    core.register_component("data_loader", _descriptions())
    session = boto3.Session(botocore_session=core, region_name=region)
    roles = core.get_component("credential_provider").get_provider("assume-role")
    roles._prompter = _refuse_to_ask  # noqa: SLF001 - botocore has no public way
    return session


@cache
def _descriptions() -> Any:
    """What botocore knows of services, read once: it takes 0.2 s."""
    return botocore.session.Session().get_component("data_loader")


def refuse_socks(endpoint: str) -> None:
    """Raises AwsError if this endpoint is reached through a SOCKS proxy: botocore would take its name for a host's, and
    show the proxy's password in its error."""
    proxy = get_environ_proxies(endpoint).get(urlsplit(endpoint).scheme, "")
    if proxy.lower().startswith("socks"):
        raise AwsError(
            f"a SOCKS proxy is set for {endpoint}",
            cause="AWS's SDK for Python speaks HTTP to proxies only, and HTTPS_PROXY or HTTP_PROXY names a SOCKS one",
            advice="name an HTTP proxy there (`http://HOST:PORT`), or the endpoint's host in NO_PROXY",
        )


def _refuse_to_ask(question: str) -> str:
    """In place of botocore's prompt for a code: a run with a live view, or without a terminal, cannot ask."""
    raise AwsError(
        f"the profile needs a code of an MFA device ({question.strip(': ')})",
        cause="it assumes a role with mfa_serial, and neither edgewrap nor Terraform asks for codes",
        advice='get credentials of a session first, which asks once: `eval "$(aws configure export-credentials '
        '--profile NAME --format env)"`, and unset AWS_PROFILE',
    )


class EndpointSession(Session):
    """A localstack-client session for one endpoint, with the credentials that Terraform finds too.

    Without any, localstack-client's own dummy ones are used. localstack-client prefers AWS_ENDPOINT_URL to its own
    argument, leaves out the token of a session, and checks no certificate; here the endpoint given always counts, the
    token is sent, and the certificate is checked.
    """

    def __init__(self, endpoint: str, session: boto3.Session) -> None:
        found = session.get_credentials()
        keys = found.get_frozen_credentials() if found else None
        own = {"aws_access_key_id": keys.access_key, "aws_secret_access_key": keys.secret_key} if keys else {}
        super().__init__(region_name=session.region_name, localstack_host=urlsplit(endpoint).netloc, **own)  # type: ignore[no-untyped-call]
        self._session, self._endpoint = session, endpoint
        self.aws_session_token = keys.token if keys else None

    def client(self, service_name: str, **options: Any) -> Any:
        """A client of boto3's."""
        make: Any = self._session.client
        return make(
            service_name,
            endpoint_url=self._endpoint,
            aws_access_key_id=self.aws_access_key_id,
            aws_secret_access_key=self.aws_secret_access_key,
            aws_session_token=self.aws_session_token,
            **options,
        )
