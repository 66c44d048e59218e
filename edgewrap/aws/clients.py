"""boto3's clients for one region, and what they raise as our errors.

With an endpoint of one's own (`aws.endpoint_url`, or AWS_ENDPOINT_URL) they are localstack-client's, so that moto and
LocalStack serve as well.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from edgewrap.aws.answers import NOT_AWS, WRONG_FORM, invalid_answer, limit_answers
from edgewrap.aws.remedies import REMEDIES
from edgewrap.errors import AwsError
from edgewrap.limits import within
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
CREDENTIALS_S = 60
ATTEMPTS = 4
LONGEST_SHOWN = 300  # characters of an answer that is not AWS's
AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


class Clients:
    """The clients of one spec; each is made when it is first asked for, and serves several threads."""

    def __init__(self, spec: Spec, environ: Mapping[str, str]) -> None:
        self._endpoint = spec.aws.endpoint_url or environ.get("AWS_ENDPOINT_URL") or ""
        self._factory = ClientFactory(spec.aws.region)
        self._made: dict[str, Any] = {}
        self._lock = threading.Lock()

    @property
    def ec2(self) -> EC2Client:
        return cast("EC2Client", self._client("ec2"))

    @property
    def ec2_once(self) -> EC2Client:
        """EC2, for a call that must not be repeated: one attempt."""
        return cast("EC2Client", self._client("ec2", once=True))

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
        from botocore.parsers import ResponseParserError

        try:
            yield
        except ResponseParserError as error:
            raise _no_answer_of_aws(str(error)) from error
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            other = Remedy("", "AWS refused the call", f"look up the code {code} in the API reference of the service")
            remedy = find_remedy(REMEDIES, str(error)) or (other if re.search("[A-Za-z]", code) else NOT_AWS)
            raise AwsError(str(error), cause=remedy.cause, advice=remedy.advice, code=code) from error
        except (BotoCoreError, OSError) as error:
            raise unreachable_error(error, self._endpoint or "AWS") from error
        except WRONG_FORM as error:
            raise invalid_answer(error, self._endpoint or "AWS") from error

    def _client(self, service: str, *, once: bool = False) -> Any:
        made = f"{service}, once" if once else service
        with self._lock:  # boto3's session is not made for several threads
            if made not in self._made:
                # an endpoint of AWS's own is EC2's; the other services keep theirs
                endpoint = "" if is_aws(self._endpoint) and service != "ec2" else self._endpoint
                self._made[made] = self._factory.client(service, endpoint, once=once)
                self._made[made].meta.events.register("after-call", _check_answer)
            return self._made[made]


def unreachable_error(error: Exception, who: str) -> AwsError:
    """The error for a call that did not get to `who`, or not back: botocore's own, or one of a file that AWS's
    configuration names."""
    remedy = find_remedy(REMEDIES, f"{type(error).__name__}: {error}")
    if remedy is not None:
        what = str(error)
        if type(error).__name__ == "CredentialRetrievalError":  # the rest is what a program printed
            what = what.partition(": ")[0]
        return AwsError(what, cause=remedy.cause, advice=remedy.advice)
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


class ClientFactory:
    """Makes boto3's clients for one region, all with the same session: AWS's configuration is read once."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._session: Any = None

    def client(self, service: str, endpoint: str, *, once: bool = False, **options: Any) -> Any:
        """A client for `service`, at `endpoint` if that is not empty. `options` are botocore's Config, in addition to
        ours. `once`: a call is made once, and is never left behind. Raises AwsError if the endpoint is not a URL, and
        botocore's errors."""
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        from edgewrap.aws.endpoint import EndpointSession, new_session, refuse_socks

        ours: dict[str, Any] = {
            "connect_timeout": CONNECT_TIMEOUT_S,
            "read_timeout": READ_TIMEOUT_S,
            "retries": {"total_max_attempts": 1 if once else ATTEMPTS, "mode": "standard"},
        }
        config = Config(**{**ours, **options})

        def make() -> Any:  # reads the credentials, too
            if self._session is None:
                self._session = new_session(self._region)
            if is_aws(endpoint):
                return self._session.client(service, config=config, endpoint_url=endpoint or None)
            return EndpointSession(endpoint, self._session).client(service, config=config)

        try:
            made = within(CREDENTIALS_S, make)
            refuse_socks(made.meta.endpoint_url)
            return limit_answers(made, endpoint or "AWS", once=once)
        except BotoCoreError:
            raise  # some of them are ValueErrors, too
        except TimeoutError as error:
            raise AwsError(
                f"no credentials within {CREDENTIALS_S:.0f} s",
                cause="a program that AWS's configuration names (`credential_process`) hangs",
                advice="run that program by hand",
            ) from error
        except ValueError as error:
            if not str(error).startswith(("Invalid endpoint", "Invalid IPv6 URL")):
                raise AwsError(
                    f"the credentials cannot be read: {error}",
                    cause="a file of AWS's configuration, or a program that it names (`credential_process`), is wrong",
                    advice="run that program by hand; `aws sts get-caller-identity` must work",
                ) from error
            raise AwsError(
                str(error),
                cause=f"{endpoint} is not a URL",
                advice="write it as `http://HOST:PORT` or `https://HOST`, in aws.endpoint_url or AWS_ENDPOINT_URL",
            ) from error


def _check_answer(parsed: Mapping[str, Any], http_response: Any, model: Any, **_: Any) -> None:
    """For botocore's event `after-call`: raises AwsError if an answer without an error has nothing of what the call
    returns. botocore takes a page of a proxy for an empty answer."""
    if http_response.status_code < 300 and model.output_shape and not model.output_shape.members.keys() & parsed.keys():
        raise _no_answer_of_aws(f"{model.name}: the answer has none of {', '.join(model.output_shape.members)}")


def _no_answer_of_aws(what: str) -> AwsError:
    return AwsError(" ".join(what.split())[:LONGEST_SHOWN], cause=NOT_AWS.cause, advice=NOT_AWS.advice)


def tags_of(listed: Iterable[Any]) -> dict[str, str]:
    """Tags by their names, from the list in an answer of EC2's."""
    return {str(tag["Key"]): str(tag["Value"]) for tag in listed}
