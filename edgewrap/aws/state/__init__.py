"""The Terraform state: where it is kept, whether it is complete, and what is in AWS but not in it.

`document.py`: one state, checked. `store.py`: a local file or an S3 object. `s3.py`: objects in the bucket.
`terraform_lock.py`: Terraform's own lock in S3. `untracked.py`: resources of a killed run, found by tag.
"""

from edgewrap.aws.backend import state_place
from edgewrap.aws.state.s3 import Bucket, Stored
from edgewrap.aws.state.terraform_lock import TerraformLock

__all__ = ["Bucket", "Stored", "TerraformLock", "state_place"]
