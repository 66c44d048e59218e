"""The objects beside a Terraform state in S3, by boto3: read, created if absent, deleted only if unchanged."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgewrap.aws.answers import WRONG_FORM, invalid_answer
from edgewrap.aws.backend import s3_backend, s3_endpoint
from edgewrap.aws.clients import ClientFactory, is_aws, unreachable_error
from edgewrap.aws.remedies import REMEDIES, S3
from edgewrap.errors import AwsError, StateError
from edgewrap.remedies import Remedy, find_remedy
from edgewrap.spec.formats import Form
from edgewrap.spec.models import S3Backend, Spec

if TYPE_CHECKING:  # boto3 takes 0.2 s to import: only when it is needed
    from mypy_boto3_s3 import S3Client

JSON = "application/json"
GONE = ("NoSuchKey", "404")
ETAG = Form(r"(?:W/)?\"?[0-9A-Za-z._+/=-]{1,200}\"?", "an ETag")
TAKEN = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")


@dataclass(frozen=True, slots=True)
class Stored:
    """One object as it was read; `etag` identifies this version."""

    data: bytes
    etag: str


class Bucket:
    """The bucket of one spec's state. Every method raises StateError where S3 cannot be asked or refuses."""

    def __init__(self, s3: S3Backend, endpoint: str) -> None:
        self.state_key = s3.key  # the key of the state itself
        self._s3 = s3
        self._endpoint = endpoint
        self._made: S3Client | None = None

    @classmethod
    def of(cls, spec: Spec, environ: Mapping[str, str]) -> Bucket | None:
        """The bucket; None if the state is a local file."""
        s3 = s3_backend(spec)
        return None if s3 is None else cls(s3, s3_endpoint(spec, environ))

    def place(self, key: str) -> str:
        """An object's address, for messages."""
        return f"s3://{self._s3.bucket}/{key}"

    def read(self, key: str) -> Stored | None:
        """The object; None if there is none."""
        with self._client(key, GONE) as client:
            answer = client.get_object(Bucket=self._s3.bucket, Key=key)
            return Stored(answer["Body"].read(), ETAG.check(answer["ETag"]))
        return None

    def write(self, key: str, data: bytes) -> None:
        """Create or overwrite the object."""
        with self._client(key) as client:
            client.put_object(Bucket=self._s3.bucket, Key=key, Body=data, ContentType=JSON)

    def create(self, key: str, data: bytes) -> bool:
        """Create the object. False if there is one already, or another writer was faster."""
        with self._client(key, TAKEN) as client:
            client.put_object(Bucket=self._s3.bucket, Key=key, Body=data, ContentType=JSON, IfNoneMatch="*")
            return True
        return False

    def delete(self, key: str) -> None:
        """Delete the object, if there is one."""
        with self._client(key, GONE) as client:
            client.delete_object(Bucket=self._s3.bucket, Key=key)

    def remove(self, key: str, etag: str) -> bool:
        """Delete the object if it is still as it was read. False if it was replaced or deleted since."""
        with self._client(key, (*GONE, *TAKEN)) as client:
            client.delete_object(Bucket=self._s3.bucket, Key=key, IfMatch=etag)
            return True
        return False

    @contextmanager
    def _client(self, key: str, expected: Collection[str] = ()) -> Iterator[S3Client]:
        """The client, for one call. If S3 answers with an `expected` code, the block ends without an error."""
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            if self._made is None:
                style: dict[str, Any] = {} if is_aws(self._endpoint) else {"s3": {"addressing_style": "path"}}
                self._made = ClientFactory(self._s3.region).client("s3", self._endpoint, **style)
            yield self._made
        except AwsError as error:
            raise self._failure(key, error, error.cause, error.advice) from error
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code not in expected:
                other = Remedy("", "S3 refused the call", f"look up the code {code} in the S3 reference")
                remedy = find_remedy((*S3, *REMEDIES), str(error)) or other
                raise self._failure(key, error, remedy.cause, remedy.advice) from error
        except (BotoCoreError, OSError, ResponseParserError) as error:
            failure = unreachable_error(error, self._endpoint or "S3")
            raise self._failure(key, failure, failure.cause, failure.advice) from error
        except WRONG_FORM as error:
            failure = invalid_answer(error, self._endpoint or "S3")
            raise self._failure(key, failure, failure.cause, failure.advice) from error

    def _failure(self, key: str, error: Exception, cause: str, advice: str) -> StateError:
        return StateError(f"{self.place(key)}: {error}", cause=cause, advice=advice)
