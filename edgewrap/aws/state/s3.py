"""The objects beside a Terraform state in S3, by boto3: read, created if absent, deleted only if unchanged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from edgewrap.aws.backend import s3_backend, s3_endpoint
from edgewrap.aws.clients import is_aws, make_client, unreachable_error
from edgewrap.aws.remedies import REMEDIES, S3
from edgewrap.errors import AwsError, StateError
from edgewrap.remedies import find_remedy
from edgewrap.spec.models import S3Backend, Spec

if TYPE_CHECKING:  # boto3 takes 0.2 s to import: only when it is needed
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

GONE = ("NoSuchKey", "404")
TAKEN = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")


@dataclass(frozen=True, slots=True)
class Stored:
    """One object as it was read; `etag` identifies this version."""

    data: bytes
    etag: str


class Bucket:
    """The bucket of one spec's state. Every method raises StateError where S3 cannot be asked or refuses."""

    def __init__(self, s3: S3Backend, endpoint: str) -> None:
        self._s3 = s3
        self._endpoint = endpoint
        self._client: S3Client | None = None

    @classmethod
    def of(cls, spec: Spec, environ: Mapping[str, str]) -> Bucket | None:
        """The bucket; None if the state is a local file."""
        s3 = s3_backend(spec)
        return None if s3 is None else cls(s3, s3_endpoint(spec, environ))

    @property
    def state_key(self) -> str:
        """The key of the state itself."""
        return self._s3.key

    def place(self, key: str) -> str:
        """An object's address, for messages."""
        return f"s3://{self._s3.bucket}/{key}"

    def read(self, key: str) -> Stored | None:
        """The object; None if there is none."""

        def get(client: S3Client) -> Stored:
            answer = client.get_object(Bucket=self._s3.bucket, Key=key)
            return Stored(answer["Body"].read(), answer["ETag"])

        return self._ask(key, get, GONE)

    def write(self, key: str, data: bytes) -> None:
        """Create or overwrite the object."""

        def put(client: S3Client) -> None:
            client.put_object(Bucket=self._s3.bucket, Key=key, Body=data, ContentType="application/json")

        self._ask(key, put, ())

    def create(self, key: str, data: bytes) -> bool:
        """Create the object. False if there is one already, or another writer was faster."""

        def put(client: S3Client) -> bool:
            client.put_object(
                Bucket=self._s3.bucket, Key=key, Body=data, ContentType="application/json", IfNoneMatch="*"
            )
            return True

        return bool(self._ask(key, put, TAKEN))

    def delete(self, key: str) -> None:
        """Delete the object, if there is one."""

        def delete(client: S3Client) -> None:
            client.delete_object(Bucket=self._s3.bucket, Key=key)

        self._ask(key, delete, GONE)

    def remove(self, key: str, etag: str) -> bool:
        """Delete the object if it is still as it was read. False if it was replaced or deleted since."""

        def delete(client: S3Client) -> bool:
            client.delete_object(Bucket=self._s3.bucket, Key=key, IfMatch=etag)
            return True

        return bool(self._ask(key, delete, (*GONE, *TAKEN)))

    def _ask(self, key: str, call: Callable[[S3Client], T], expected: Collection[str]) -> T | None:
        """The call's result; None if S3 answers with an `expected` code."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            if self._client is None:
                style = {} if is_aws(self._endpoint) else {"s3": {"addressing_style": "path"}}
                self._client = make_client("s3", self._s3.region, self._endpoint, **style)
            return call(self._client)
        except AwsError as error:
            raise self._failure(key, error, error.cause, error.advice) from error
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in expected:
                return None
            remedy = find_remedy((*S3, *REMEDIES), str(error))
            cause = remedy.cause if remedy else "S3 refused the call"
            advice = remedy.advice if remedy else f"look up the code {code} in the S3 reference"
            raise self._failure(key, error, cause, advice) from error
        except (BotoCoreError, OSError) as error:
            failure = unreachable_error(error, self._endpoint or "S3")
            raise self._failure(key, failure, failure.cause, failure.advice) from error

    def _failure(self, key: str, error: Exception, cause: str, advice: str) -> StateError:
        return StateError(f"{self.place(key)}: {error}", cause=cause, advice=advice)
