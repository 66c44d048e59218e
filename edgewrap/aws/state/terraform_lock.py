"""Terraform's own lock of a state in S3: an object beside the state, which a terraform that was killed leaves there."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from edgewrap.aws.state.s3 import Bucket

LONGEST = 200  # characters of a field
ID = re.compile(r"[0-9A-Za-z-]{1,64}")
FIELDS = ("ID", "Operation", "Who", "Created")


@dataclass(frozen=True, slots=True)
class TerraformLock:
    """The lock as Terraform writes it. `who` is user@host, `since` UTC in ISO 8601; `etag` identifies the object as it
    was read."""

    id: str
    operation: str
    who: str
    since: str
    etag: str

    @classmethod
    def read(cls, bucket: Bucket) -> TerraformLock | None:
        """The lock; None if the state is not locked. Raises StateError if S3 cannot be asked."""
        stored = bucket.read(_key(bucket))
        if stored is None:
            return None
        try:
            fields = json.loads(stored.data)
        except (ValueError, RecursionError):
            fields = {}
        known = fields if isinstance(fields, dict) else {}
        lock_id, operation, who, since = (str(known.get(name) or "unknown")[:LONGEST] for name in FIELDS)
        if not ID.fullmatch(lock_id):  # it is in a command that an error advises
            lock_id = "unknown"
        return cls(lock_id, operation, who, since, stored.etag)

    @staticmethod
    def place(bucket: Bucket) -> str:
        """The lock's address, for messages."""
        return bucket.place(_key(bucket))

    def remove(self, bucket: Bucket) -> bool:
        """Delete exactly this lock. False if it was replaced or deleted since."""
        return bucket.remove(_key(bucket), self.etag)

    def is_of_host(self, host: str) -> bool:
        """Whether a terraform on that host took it."""
        return self.who.rpartition("@")[2] == host

    def __str__(self) -> str:
        return f"terraform of {self.who} ({self.operation}) since {self.since}"


def _key(bucket: Bucket) -> str:
    return f"{bucket.state_key}.tflock"
