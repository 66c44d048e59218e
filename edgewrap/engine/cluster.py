"""One cluster in a run: its spec, its working directory, and its three planes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from edgewrap.atomic_files import private_files
from edgewrap.aws.state import Bucket, state_place
from edgewrap.engine.lock.file import file_lock
from edgewrap.engine.lock.info import LockInfo, LockTimeout
from edgewrap.engine.lock.s3 import await_terraform, bucket_lock
from edgewrap.engine.log_file import Journal
from edgewrap.engine.workspace import Workspace
from edgewrap.errors import EdgewrapError, InternalError, InterruptedRunError
from edgewrap.events import Emit
from edgewrap.spec.environment import secret_variables
from edgewrap.spec.load import load_spec
from edgewrap.spec.models import Spec

if TYPE_CHECKING:  # each plane needs a library that is slow to import: imported on first use
    from edgewrap.aws.plane import AwsPlane
    from edgewrap.hosts.plane import HostsPlane
    from edgewrap.opennebula.plane import OpenNebulaPlane


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says about a run. `lock_timeout_s`: seconds to wait for another run to end; `insecure`:
    the front-end's certificate is not verified; `spec_text`: the spec, if it is not what `spec_file` holds."""

    spec_file: Path
    command: str
    plugin_dir: Path | None = None
    lock_timeout_s: float = 0
    insecure: bool = False
    spec_text: str | None = None


@dataclass(frozen=True)
class Cluster:
    """One cluster in one run. `lock` is the descriptor of its lock file, for terraform to inherit.

    A plane is created, and its library imported, on first use.
    """

    spec: Spec
    workspace: Workspace
    emit: Emit
    environ: Mapping[str, str]
    plugin_dir: Path | None = None
    lock: int | None = None
    insecure: bool = False

    def __post_init__(self) -> None:
        # Threads import the planes' libraries in parallel. `six`, which boto3 and pyone share, becomes a package only
        # at the end of its import: importing `six.moves` in another thread before that fails.
        import_module("six")
        # botocore restores the filters of warnings as they were before its import: a filter that `requests` adds in
        # another thread during this time is lost, and the user would see a warning for developers.
        warnings.filterwarnings("ignore", message="SOCKS support in urllib3")

    @property
    def state_place(self) -> str:
        """Where its Terraform state is, for messages."""
        return state_place(self.spec, str(self.workspace.directory))

    @cached_property
    def aws(self) -> AwsPlane:
        from edgewrap.aws.plane import AwsPlane

        inherited = () if self.lock is None else (self.lock,)
        return AwsPlane(self.spec, self.workspace.directory, self.emit, plugin_dir=self.plugin_dir, pass_fds=inherited)

    @cached_property
    def opennebula(self) -> OpenNebulaPlane:
        """The OpenNebula plane, connected."""
        from edgewrap.opennebula.plane import OpenNebulaPlane, connect

        front_end = connect(self.spec, self.environ, self.emit, insecure=self.insecure)
        return OpenNebulaPlane(self.spec, front_end, self.emit)

    @cached_property
    def hosts(self) -> HostsPlane:
        from edgewrap.hosts.plane import HostsPlane

        return HostsPlane(self.spec, self.emit)


@contextmanager
def peek_cluster(
    spec_file: Path, emit: Emit, plugin_dir: Path | None = None, *, insecure: bool = False
) -> Iterator[Cluster]:
    """The cluster without a lock or a log file, for commands that only read."""
    spec = load_spec(spec_file, os.environ)
    with private_files(), _secrets_kept_back(spec) as environ:
        workspace = Workspace.of(spec_file, spec.name, environ)
        yield Cluster(spec, workspace, emit, environ, plugin_dir, insecure=insecure)


@contextmanager
def _secrets_kept_back(spec: Spec) -> Iterator[Mapping[str, str]]:
    """The environment as it is; while the block lasts, children (terraform, a proxy command, ssh) are started without
    the secrets in it."""
    environ = dict(os.environ)
    hidden = secret_variables(spec.written) & environ.keys()
    for name in hidden:
        del os.environ[name]
    try:
        yield environ
    finally:
        os.environ.update({name: environ[name] for name in hidden})


@contextmanager
def open_cluster(options: Options, emit: Emit) -> Iterator[Cluster]:
    """The cluster of a run that may change things: locked, with a log file.

    Raises what the spec, the working directory and the lock raise; any other exception becomes an InternalError, with
    its traceback in the log file, and SIGINT, SIGTERM or SIGHUP an InterruptedRunError.
    """
    spec = load_spec(options.spec_file, os.environ, options.spec_text)
    workspace = Workspace.of(options.spec_file, spec.name, os.environ)
    timeout = LockTimeout(options.lock_timeout_s, emit)
    with ExitStack() as held:
        held.enter_context(private_files())
        workspace.create()
        environ = held.enter_context(_secrets_kept_back(spec))
        lock = held.enter_context(_run_lock(spec, workspace.lock, options.command, timeout))
        journal = Journal(workspace.logs, options.command, emit)
        try:
            yield Cluster(spec, workspace, journal, environ, options.plugin_dir, lock, options.insecure)
        except BaseException as error:
            journal.write_traceback(error)
            if isinstance(error, KeyboardInterrupt):
                raise InterruptedRunError from error
            if isinstance(error, Exception) and not isinstance(error, EdgewrapError):
                raise InternalError.of(error, journal.path) from error
            raise
        finally:
            journal.close()


@contextmanager
def _run_lock(spec: Spec, file: Path, command: str, timeout: LockTimeout) -> Iterator[int]:
    """Hold the locks of one run, where the state is and on this machine. Yields the descriptor of the lock `file`, for
    Terraform to inherit.

    With a state in S3 the object there is locked first, so that the loser's error has its info. Raises LockedError, and
    StateError if S3 cannot be reached.
    """
    info = LockInfo.of_this_run(command, file)
    bucket = Bucket.of(spec, os.environ)
    with bucket_lock(bucket, info, timeout) if bucket else nullcontext(), file_lock(file, info, timeout) as descriptor:
        if bucket:
            await_terraform(bucket, timeout)
        yield descriptor
