"""Every call of terraform: arguments by python-terraform, the process by ours.

python-terraform's own calls cannot stream, so only its argument builder is used.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

from python_terraform import IsFlagged
from python_terraform import Terraform as ArgumentBuilder

from edgewrap.atomic_files import write_atomically
from edgewrap.aws.answers import WRONG_FORM
from edgewrap.aws.backend import BACKEND_FILE
from edgewrap.aws.clients import is_aws
from edgewrap.aws.remedies import REMEDIES
from edgewrap.aws.terraform import binary as binaries
from edgewrap.aws.terraform.init_stamp import InitStamp
from edgewrap.aws.terraform.json_output import OutputParser, RunOutput, json_object
from edgewrap.aws.terraform.process import NO_LIMITS, Finished, ProcessRunner, TimeLimits
from edgewrap.aws.terraform.resources import INSTANCE
from edgewrap.aws.terraform.shared_provider import SharedProvider, can_be_shared
from edgewrap.aws.terraform.workdir import WorkDir
from edgewrap.change import PlaneName
from edgewrap.errors import Diagnostic, EdgewrapError, PlanOutdatedError, TerraformError
from edgewrap.events import Emit, Event, EventKind
from edgewrap.remedies import Remedy, find_remedy
from edgewrap.signals import defer_signals

T = TypeVar("T")

CHANGES_PRESENT = 2
STREAMED: Mapping[str, Any] = {"json": IsFlagged, "input": False}  # options of a command that reports its steps
PARALLELISM = 30  # more hosts than this wait for each other; the default of 10 costs 10 s for every ten

LIMITS: Mapping[str, TimeLimits] = {
    "init": TimeLimits(1800, 10),  # a provider of 700 MB on a slow line
    "show": TimeLimits(600, 10),
    "plan": TimeLimits(None, 60),
}
"""Of the commands that change nothing. Terraform may hang; killing any other one would lose what it did."""

UNKNOWN = Remedy("", "see terraform's message above", "the log file of the run has all of terraform's output")


class Terraform:
    """Terraform for one working directory. Commands raise TerraformError if terraform fails.

    `s3`: the state is in S3, at `s3_endpoint` if that is not AWS's own. `share_provider`: all commands use one AWS
    provider process, if that is possible.
    """

    def __init__(
        self,
        binary: str,
        workdir: WorkDir,
        emit: Emit,
        *,
        environ: Mapping[str, str],
        plugin_dir: Path | None = None,
        pass_fds: Sequence[int] = (),
        s3: bool = False,
        s3_endpoint: str = "",
        share_provider: bool = True,
    ) -> None:
        self._name = binary
        self._workdir = workdir
        self._emit = emit
        self._plugin_dir = plugin_dir
        self._cli_configuration = workdir.own / "terraform.rc"
        self._environ = binaries.terraform_environment(environ, self._cli_configuration)
        self._provider: SharedProvider | None = None
        if share_provider and can_be_shared(self._environ):
            self._provider = SharedProvider(workdir.module, workdir.own / "provider.json", self._environ)
        self._children = ProcessRunner(pass_fds=pass_fds, on_crash=self._provider.stop if self._provider else None)
        self._in_s3 = s3
        self._endpoint = s3_endpoint
        self._planned = RunOutput()
        self._stamp = InitStamp(workdir.module, workdir.own / "init.json", s3_endpoint)

    def start_provider(self) -> None:
        """Start the AWS provider, if the commands share one and `init` has installed it; does not wait for it."""
        if self._provider is not None:
            self._provider.start()

    @property
    def needs_init(self) -> bool:
        """Whether something that `init` depends on has changed since the last one."""
        return self._stamp.needed(self._binary, self._plugin_dir)

    def init_if_needed(self) -> bool:
        """`init`, if it is needed. Returns whether it ran."""
        stamp, needed = self._stamp, self.needs_init
        if needed:
            stamp.memory.unlink(missing_ok=True)  # `init` may fail
            if self._provider is not None:
                self._provider.stop()  # it may be replaced
            self._tell(EventKind.INFO, "preparing terraform's provider")
            self._call("init", with_provider=False, input=False, reconfigure=IsFlagged, **self._backend_options())
            stamp.remember(self._binary, self._plugin_dir)
            if self._provider is not None:
                self._provider.remember()
        return needed

    def plan(self, *, destroy: bool = False, replace: Sequence[str] = ()) -> tuple[bool, RunOutput]:
        """Plan into the plan file; `replace` are addresses of resources to replace. Returns whether there is anything
        to apply, and terraform's output."""
        parser = OutputParser(self._emit)
        options: dict[str, Any] = {"destroy": IsFlagged} if destroy else {}
        if replace:
            options["replace"] = list(replace)
        options |= {"out": str(self._workdir.plan_file), "detailed_exitcode": IsFlagged}
        finished = self._call("plan", parser=parser, good=(0, CHANGES_PRESENT), **STREAMED, **options)
        pending = finished.code == CHANGES_PRESENT
        if parser.output.summary != "plan":
            raise self._implausible("plan", f"ended with code {finished.code} and no summary of its changes")
        if parser.output.has_changes != pending:
            said = "changes" if parser.output.has_changes else "no change"
            raise self._implausible("plan", f"reported {said} and ended with code {finished.code}")
        self._planned = parser.output
        return pending, parser.output

    def import_resource(self, address: str, number: str) -> None:
        """Record in the state that the resource with this id belongs to an address; nothing is changed in AWS."""
        self._call("import", address, number, input=False)

    def state_rm(self, addresses: Collection[str]) -> None:
        """Remove addresses from the state; nothing is changed in AWS."""
        backup: dict[str, Any] = {}
        if not self._in_s3:
            backup["backup"] = str(self._workdir.own / "forgotten.tfstate.backup")
        self._call("state rm", *sorted(addresses), **backup)

    def show(self, read: Callable[[Mapping[str, Any]], T]) -> T:
        """What `read` makes of the saved plan, which it gets in the form of terraform's JSON: from the file itself, or
        from terraform if the file has anything unknown."""
        from edgewrap.aws.terraform.saved_plan import UnreadablePlanError, read_saved_plan

        try:
            return read(read_saved_plan(self._workdir.plan_file, self._planned))
        except (UnreadablePlanError, *WRONG_FORM) as error:
            self._tell(EventKind.LOG, f"the saved plan is read by terraform: {error}")
        finished = self._run(self._arguments("show", str(self._workdir.plan_file), json=IsFlagged))
        if finished.code != 0:
            raise terraform_error("show", _plain_diagnostics(finished))
        answer = json_object(finished.stdout)
        if "format_version" not in answer:
            raise self._implausible("show", "printed no plan")
        try:
            return read(answer)
        except WRONG_FORM as error:
            raise self._implausible("show", "printed a plan in another form") from error

    def apply(self) -> RunOutput:
        """Apply the saved plan. Raises PlanOutdatedError if the state is no longer the one it was made on.

        If it is interrupted, instances that are just starting are kept: Terraform would mark them as failed, and the
        next run would replace them, which on metal takes half an hour.
        """
        parser = OutputParser(self._emit)
        try:
            self._call("apply", str(self._workdir.plan_file), parser=parser, **STREAMED, parallelism=PARALLELISM)
        except KeyboardInterrupt:
            with defer_signals():  # whoever cancels a pipeline sends a second signal seconds later
                for address, kind in parser.output.unfinished.items():
                    if kind == INSTANCE.type:
                        self._untaint(address)
            raise
        if parser.output.summary not in ("apply", "destroy"):
            raise self._implausible("apply", "ended with code 0 and no summary of what it did")
        return parser.output

    def interrupt(self) -> None:
        """Let the running terraform, if any, finish its step and stop, and start no other. May be called from any
        thread."""
        self._children.interrupt()

    def _backend_options(self) -> dict[str, Any]:
        if not (self._workdir.module / BACKEND_FILE).exists():
            return {}
        settings = [BACKEND_FILE]
        if not is_aws(self._endpoint):
            settings.append("use_path_style=true")  # an endpoint that stands in for AWS has no names for its buckets
        return {"backend_config": settings}

    @cached_property
    def _binary(self) -> binaries.Binary:
        """Its version is checked before the first use."""
        self._write_configuration()
        oldest = binaries.OLDEST_WITH_S3 if self._in_s3 else binaries.OLDEST
        memory = self._workdir.own / "binary.json"
        binary = binaries.find_binary(self._name, self._workdir.module, self._environ, oldest, memory)
        self._tell(EventKind.LOG, f"{binary.path} is of version {binary.version}")
        return binary

    def _untaint(self, address: str) -> None:
        try:
            self._call("untaint", address)
        except TerraformError as error:
            self._tell(EventKind.WARNING, f"{address} will be replaced by the next run: {error.what}")

    def _call(
        self,
        command: str,
        *positional: str,
        parser: OutputParser | None = None,
        good: Sequence[int] = (0,),
        with_provider: bool = True,
        **options: Any,
    ) -> Finished:
        """Run a command in the module; its output goes to the parser. Raises TerraformError, with the diagnostics of
        the parser or what is on standard error, if its code is not a `good` one."""
        parser = parser or OutputParser(self._emit)
        finished = self._run(
            self._arguments(command, *positional, **options), parser.on_line, with_provider=with_provider
        )
        if finished.code not in good:
            raise terraform_error(command, parser.output.errors or _plain_diagnostics(finished))
        return finished

    def _arguments(self, command: str, *positional: str, **options: Any) -> list[str]:
        # Its constructor reads the terraform.tfstate of the directory that it gets, so it gets one without.
        make_builder: Any = ArgumentBuilder
        builder = make_builder(working_dir=str(self._workdir.own), terraform_bin_path=str(self._binary.path))
        arguments: list[str] = builder.generate_cmd_string(command, *positional, no_color=IsFlagged, **options)
        return arguments

    def _write_configuration(self) -> None:
        write_atomically(self._cli_configuration, binaries.cli_configuration_text(self._plugin_dir))

    def _run(
        self, arguments: list[str], on_line: Callable[[str], None] | None = None, *, with_provider: bool = True
    ) -> Finished:
        directory = self._workdir.module
        self._write_configuration()
        self._tell(EventKind.LOG, f"in {directory}: {' '.join(arguments)}")
        told = partial(self._tell, EventKind.INFO, "interrupted: it finishes the current step and saves its state")
        environ, inherited = self._environ, tuple[int, ...]()
        if with_provider and self._provider is not None:
            environ, inherited = {**environ, **self._provider.variables()}, self._provider.pass_fds
        command = arguments[1]
        try:
            return self._children.run(
                arguments,
                directory=directory,
                environ=environ,
                pass_fds=inherited,
                on_line=on_line,
                on_stop=told,
                limits=LIMITS.get(command, NO_LIMITS),
            )
        except subprocess.TimeoutExpired as error:
            raise TerraformError(
                f"terraform {command} did not end within {error.timeout:.0f} s and was killed",
                cause=f"{arguments[0]} hangs, or its provider cannot be downloaded",
                advice=f"run `{arguments[0]} {command}` in {directory} by hand; terraform.binary names another binary",
            ) from error

    def _implausible(self, command: str, what: str) -> TerraformError:
        """The error for a command that ended well, with an answer that no terraform gives."""
        return TerraformError(
            f"terraform {command} {what}",
            cause=f"{self._binary.path} is not terraform, or a program around it that changes its output or exit code",
            advice="name terraform's own binary in terraform.binary; the log file of the run has all of the output",
        )

    def _tell(self, kind: EventKind, text: str) -> None:
        self._emit(Event(kind, PlaneName.AWS, "terraform", text))


def _plain_diagnostics(finished: Finished) -> list[Diagnostic]:
    """What a command without `-json` wrote to standard error, as one diagnostic."""
    lines = (line.strip("╷╵│ ") for line in finished.stderr.splitlines())
    first, *rest = [line for line in lines if line] or [f"it ended with code {finished.code} and no message"]
    return [Diagnostic("error", first.removeprefix("Error: "), "\n".join(rest))]


def terraform_error(command: str, diagnostics: Sequence[Diagnostic]) -> EdgewrapError:
    """The error for a terraform command that failed with these diagnostics.

    PlanOutdatedError if a saved plan no longer fits its state, else TerraformError.
    """
    if any(diagnostic.summary == "Saved plan is stale" for diagnostic in diagnostics):
        return PlanOutdatedError(
            "the saved plan no longer fits the Terraform state",
            cause="another run changed the cluster after the plan was made",
            advice="plan again",
        )
    remedies = _remedies(diagnostics)
    words = "; ".join(_words(diagnostic) for diagnostic in diagnostics)
    return TerraformError(
        f"terraform {command} failed{': ' if words else ''}{words}",
        cause="; ".join(remedy.cause for remedy in remedies),
        advice="; ".join(remedy.advice for remedy in remedies),
        diagnostics=diagnostics,
    )


def _remedies(diagnostics: Sequence[Diagnostic]) -> Sequence[Remedy]:
    """One for each kind of failure: a plan that is applied in parallel may fail for several reasons at once."""
    found = (find_remedy(REMEDIES, f"{diagnostic.summary}\n{diagnostic.detail}") for diagnostic in diagnostics)
    return list(dict.fromkeys(remedy for remedy in found if remedy is not None)) or [UNKNOWN]


def _words(diagnostic: Diagnostic) -> str:
    where = f"{diagnostic.address}: " if diagnostic.address else ""
    detail = f" ({' '.join(diagnostic.detail.split())})" if diagnostic.detail else ""
    return f"{where}{' '.join(diagnostic.summary.split())}{detail}"
