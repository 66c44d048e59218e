"""boto3 clients for an endpoint that stands in for AWS (moto, LocalStack), through localstack-client."""

from __future__ import annotations

from urllib.parse import urlsplit

import boto3
from localstack_client.session import Session


class EndpointSession(Session):
    """A localstack-client session for one endpoint, with the credentials that terraform finds too.

    Without any, localstack-client's own dummy ones are used. localstack-client prefers AWS_ENDPOINT_URL to its own
    argument; here the endpoint given always counts.
    """

    def __init__(self, endpoint: str, region: str) -> None:
        found = boto3.Session().get_credentials()
        keys = found.get_frozen_credentials() if found else None
        own = {"aws_access_key_id": keys.access_key, "aws_secret_access_key": keys.secret_key} if keys else {}
        super().__init__(region_name=region, localstack_host=urlsplit(endpoint).netloc, **own)  # type: ignore[no-untyped-call]
        services = [*self._service_endpoint_mapping, "service-quotas"]  # the last one is missing there
        self._service_endpoint_mapping = dict.fromkeys(services, endpoint)
