"""boto3's clients for one region, and what they raise as our errors.

With an endpoint of one's own (`aws.endpoint_url`, or AWS_ENDPOINT_URL) they are localstack-client's, so that moto and
LocalStack serve as well.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from edgewrap.aws.remedies import REMEDIES
from edgewrap.errors import AwsError
from edgewrap.remedies import Remedy, find_remedy
from edgewrap.spec.models import Spec

if TYPE_CHECKING:  # boto3 takes 0.2 s to import: only when it is needed
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceTypeDef
    from mypy_boto3_service_quotas import ServiceQuotasClient
    from mypy_boto3_sts import STSClient

CLUSTER_TAG, UUID_TAG, KEY_TAG = "edgewrap:cluster", "edgewrap:uuid", "edgewrap:key"
CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 30
ATTEMPTS = 4
AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


class Clients:
    """The clients of one spec; each is made when it is first asked for, and serves several threads."""

    def __init__(self, spec: Spec, environ: Mapping[str, str]) -> None:
        self._region = spec.aws.region
        self._endpoint = spec.aws.endpoint_url or environ.get("AWS_ENDPOINT_URL") or ""
        self._made: dict[str, Any] = {}
        self._lock = threading.Lock()

    @property
    def ec2(self) -> EC2Client:
        return cast("EC2Client", self._client("ec2"))

    @property
    def ec2_once(self) -> EC2Client:
        """EC2, for a call that must not be repeated: one attempt."""
        return cast("EC2Client", self._client("ec2", retries={"total_max_attempts": 1}))

    @property
    def quotas(self) -> ServiceQuotasClient:
        return cast("ServiceQuotasClient", self._client("service-quotas"))

    @property
    def sts(self) -> STSClient:
        return cast("STSClient", self._client("sts"))

    def instances(self, attribute: str, values: Sequence[str]) -> Iterator[InstanceTypeDef]:
        """The instances with one of these values of a filter's attribute. It returns no error for an id that no longer
        exists. Raises botocore's errors."""
        filters: Any = [{"Name": attribute, "Values": values}]
        pages = self.ec2.get_paginator("describe_instances").paginate(Filters=filters)
        return (one for page in pages for reservation in page["Reservations"] for one in reservation["Instances"])

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Turn what botocore raises into AwsError with its code, cause and advice. For a missing file, such as one with
        a web identity token, it raises plain OSErrors."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            code = error.response["Error"]["Code"]
            other = Remedy("", "AWS refused the call", f"look up the code {code} in the API reference of the service")
            remedy = find_remedy(REMEDIES, str(error)) or other
            raise AwsError(str(error), cause=remedy.cause, advice=remedy.advice, code=code) from error
        except (BotoCoreError, OSError) as error:
            raise unreachable_error(error, self._endpoint or "AWS") from error

    def _client(self, service: str, **options: Any) -> Any:
        made = f"{service}, once" if options else service
        with self._lock:  # boto3's session is not made for several threads
            if made not in self._made:
                # an endpoint of AWS's own is EC2's; the other services keep theirs
                endpoint = "" if is_aws(self._endpoint) and service != "ec2" else self._endpoint
                self._made[made] = make_client(service, self._region, endpoint, **options)
            return self._made[made]


def unreachable_error(error: Exception, who: str) -> AwsError:
    """The error for a call that did not get to `who`, or not back: botocore's own, or one of a file that AWS's
    configuration names."""
    remedy = find_remedy(REMEDIES, f"{type(error).__name__}: {error}")
    if remedy is not None:
        return AwsError(str(error), cause=remedy.cause, advice=remedy.advice)
    if isinstance(error, OSError) and error.filename:
        return AwsError(
            f"{error.filename} cannot be read: {error.strerror}",
            cause="AWS's configuration names it as a place of credentials",
            advice="correct AWS_WEB_IDENTITY_TOKEN_FILE, or the profile's entry in ~/.aws/config",
        )
    return AwsError(
        str(error),
        cause=f"{who} could not be asked",
        advice="check the credentials, the network, the proxy settings, and aws.endpoint_url or AWS_ENDPOINT_URL",
    )


def is_aws(endpoint: str) -> bool:
    """Whether an endpoint is AWS's own; none is."""
    try:
        host = urlsplit(endpoint).hostname or ""
    except ValueError:  # `make_client` says so
        return False
    return not endpoint or host.endswith(AWS_DOMAINS)


def make_client(service: str, region: str, endpoint: str, **options: Any) -> Any:
    """A client of boto3's for `service`, at `endpoint` if that is not empty. `options` are botocore's Config, in
    addition to ours or in their place. Raises AwsError if the endpoint is not a URL."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    ours: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "read_timeout": READ_TIMEOUT_S,
        "retries": {"total_max_attempts": ATTEMPTS, "mode": "standard"},
    }
    config = Config(**{**ours, **options})
    make: Any = boto3.client
    try:
        if is_aws(endpoint):
            return make(service, region_name=region, config=config, endpoint_url=endpoint or None)
        from edgewrap.aws.endpoint import EndpointSession

        return EndpointSession(endpoint, region).client(service, config=config)  # type: ignore[no-untyped-call]
    except BotoCoreError:
        raise  # some of them are ValueErrors, too
    except ValueError as error:
        raise AwsError(
            str(error),
            cause=f"{endpoint} is not a URL",
            advice="write it as `http://HOST:PORT` or `https://HOST`, in aws.endpoint_url or AWS_ENDPOINT_URL",
        ) from error


def tags_of(listed: Iterable[Any]) -> dict[str, str]:
    """Tags by their names, from the list in an answer of EC2's."""
    return {str(tag["Key"]): str(tag["Value"]) for tag in listed}
