"""The entry point: registers the commands and maps every way that a run can end to an exit code.

Exit codes: 0 done, or nothing to do; 2 only with `--detailed-exitcode`: changes present, or with `drift`; 1 error; 3
partly applied, re-run; 64 wrong usage; 130 interrupted.

Commands import what they need when they are called, so that `--help` is fast.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, Any, NoReturn

import typer
from typer.exceptions import TyperException
from typer.main import get_command

from edgewrap import __version__
from edgewrap.cli import ipam, lab
from edgewrap.cli.apply import apply
from edgewrap.cli.destroy import destroy
from edgewrap.cli.drift import drift
from edgewrap.cli.force_unlock import force_unlock
from edgewrap.cli.graph import graph
from edgewrap.cli.init import init
from edgewrap.cli.logs import logs
from edgewrap.cli.many_commands import with_many
from edgewrap.cli.output import output
from edgewrap.cli.plan import plan
from edgewrap.cli.preflight import preflight
from edgewrap.cli.render import render
from edgewrap.cli.replace import replace
from edgewrap.cli.report import report
from edgewrap.cli.schema import schema
from edgewrap.cli.show import show
from edgewrap.cli.ssh import ssh
from edgewrap.cli.status import status
from edgewrap.cli.streams import protect_streams, warn_of_lost_output
from edgewrap.cli.validate import validate
from edgewrap.cli.views import print_line
from edgewrap.cli.views.lines import LinesView
from edgewrap.errors import EdgewrapError, InternalError, InterruptedRunError, UsageError
from edgewrap.safe_text import safe_lines
from edgewrap.secrets import remember_environment
from edgewrap.signals import ENDING, interrupt

NAME = "edgewrap"

COMMANDS: tuple[Callable[..., int], ...] = (
    init,
    validate,
    schema,
    render,
    preflight,
    plan,
    drift,
    show,
    apply,
    replace,
    status,
    graph,
    report,
    output,
    destroy,
    force_unlock,
    logs,
)
_OFF = {"help": False, "install_completion": False, "show_completion": False}
_TYPERS_FLAGS = {**_OFF, "ipam": _OFF, "lab": {**_OFF, "vm": _OFF, "host": _OFF}}
"""Of each group of commands. They have no default, and typer imports pydantic to accept a missing value."""
SEVERAL = ", or use `edgewrap report`, which shows several"
OF_ONE_CLUSTER = {graph: SEVERAL, replace: "", force_unlock: "", logs: "", ssh: ""}
"""The commands about a spec (`file`) that refuse several, with what to do for several clusters."""


def build(named: str | None = None) -> typer.Typer:
    """The application with all its commands. If the command line has `named` one, the others are only listed: their
    options take longer to build than some commands to run."""
    app = typer.Typer(
        name=NAME,
        help="One YAML spec to a running AWS metal edge cluster for OpenNebula.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "default_map": _TYPERS_FLAGS},
    )
    app.callback()(_root)
    commands: tuple[Callable[..., int], ...] = (*COMMANDS, ssh)
    for command in commands:
        name = command.__name__.replace("_", "-")
        if named not in (None, name):
            app.command(name, help=command.__doc__)(_listed)
            continue
        own = {"allow_extra_args": True, "ignore_unknown_options": True} if command is ssh else None
        if "file" in command.__annotations__:
            command = with_many(command, only_one=OF_ONE_CLUSTER.get(command))
        app.command(name, context_settings=own)(command)
    for name, group in (("ipam", ipam.app), ("lab", lab.app)):
        if named in (None, name):
            app.add_typer(group, name=name)
        else:
            app.command(name, help=group.info.help)(_listed)
    return app


def _listed() -> NoReturn:
    """A command that is in the list of commands only."""
    raise AssertionError


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    stdout, _ = protect_streams()
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` sets it for SIGHUP
            signal.signal(number, interrupt)
    quiet_libraries()
    try:
        remember_environment(os.environ)
        if f"_{NAME.upper()}_COMPLETE" in os.environ:  # a shell asks for completions: typer answers and exits
            with suppress(Exception):  # such as a spec that is wrong: nothing is better than a traceback on the line
                build()()
            sys.exit(1)
        arguments = sys.argv[1:]
        code = run(build(next((word for word in arguments if not word.startswith("-")), "")), arguments)
        warn_of_lost_output(stdout)
    except KeyboardInterrupt:  # another one, while the first was reported
        code = InterruptedRunError.exit_code
    for number in ENDING:  # from here on Python only exits
        if signal.getsignal(number) is interrupt:
            signal.signal(number, signal.SIG_DFL)
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End the process. Python would free all that libraries hold first, which takes 0.1 s after a run."""
    with suppress(Exception):
        atexit._run_exitfuncs()  # noqa: SLF001 - Python calls them only where it frees everything
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def run(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run one command line. Returns the exit code.

    An error that ends it is shown on standard error; with `--json` it is also the last line of standard output.
    """
    command = _command(app)
    try:
        # Not typer's own `main`: it ends silently for an interrupt and for a broken pipe, whichever pipe that is.
        with command.make_context(NAME, list(arguments)) as context:
            result = command.invoke(context)
    except typer.Exit as ended:
        return ended.exit_code
    except Exception as error:
        failure = _as_failure(error, arguments)
    except KeyboardInterrupt:
        failure = InterruptedRunError()
    else:
        code = result if isinstance(result, int) else 0
        _end_in_job(arguments, code)
        return code
    LinesView(sys.stderr, sys.stderr).failure(failure)
    if _takes_json(command, arguments):  # after the text: it is the last line also where both go to the same place
        from edgewrap.cli.views.ndjson import NdjsonView

        NdjsonView(sys.stdout).failure(failure)
    _end_in_job(arguments, failure.exit_code, failure)
    return failure.exit_code


def _command(app: typer.Typer) -> Any:
    """What typer makes of the application, with a whole sentence for each command in its lists."""
    root: Any = get_command(app)
    groups = [root]
    for group in groups:
        below = getattr(group, "commands", {}).values()
        for command in below:
            command.short_help = re.split(r"(?<=[.])\s", command.help or "", maxsplit=1)[0]
        groups += below
    return root


def quiet_libraries() -> None:
    """Libraries, their threads and Python itself print nothing: what they say was not checked, and may be a traceback.
    An exception that ends a thread is reported as all others are."""

    def report(error: BaseException | None) -> None:
        if isinstance(error, Exception):
            LinesView(sys.stderr, sys.stderr).failure(_as_failure(error, ()))

    sys.excepthook = lambda _kind, error, _trace: report(error)
    threading.excepthook = lambda arguments: report(arguments.exc_value)
    sys.unraisablehook = lambda _ignored: None
    warnings.showwarning = lambda *_ignored, **_options: None
    logging.lastResort = None
    logging.raiseExceptions = False


def _end_in_job(arguments: Sequence[str], code: int, failure: EdgewrapError | None = None) -> None:
    """In a job of GitHub Actions: how the command ended."""
    from edgewrap.cli.views import github

    github.add_end(arguments[0] if arguments else "", code, failure)


def _print_version(asked: bool) -> None:
    if asked:
        print_line(f"edgewrap {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """The options before the command."""


def _as_failure(error: Exception, arguments: Sequence[str]) -> EdgewrapError:
    """The error that ends a run as an EdgewrapError: Typer's errors are wrong usage, all others are bugs."""
    if isinstance(error, EdgewrapError):
        return error
    if isinstance(error, typer.Abort):
        return InterruptedRunError()
    if isinstance(error, TyperException):
        words = " ".join([NAME, *(word for word in arguments[:1] if not word.startswith("-"))])
        what = error.format_message()
        if what.startswith("Usage: "):  # there is no command: typer's message is the help
            print_line(*what.splitlines())
            what = "a command is missing"
        return UsageError(
            what,
            cause="the command line does not match the command's options and arguments",
            advice=f"`{words} --help` lists them",
        )
    return InternalError.of(error, _write_traceback(error))


def _write_traceback(error: BaseException) -> str:
    """Save the traceback of a command that has no log file; returns the file's path, empty if that failed."""
    import tempfile
    import traceback

    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix=f"{NAME}-", suffix=".log", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.write("\n".join(safe_lines("".join(traceback.format_exception(error)))))
            return file.name
    except OSError:
        return ""


def _takes_json(command: object, arguments: Sequence[str]) -> bool:
    """Whether the command line asks for JSON. Read from the raw words, because it may not parse."""
    own = arguments[: list(arguments).index("--")] if "--" in arguments else arguments
    for word in own:
        command = getattr(command, "commands", {}).get(word, command)
    return "--json" in own and any("--json" in option.opts for option in getattr(command, "params", ()))
