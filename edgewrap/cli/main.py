"""The entry point: registers the commands, and turns every way a run can end into its exit code.

Exit codes: 0 done, or nothing to do; 2 only with `--detailed-exitcode`: changes present; 1 error; 3 partly
applied, run again; 64 wrong usage; 130 interrupted.

Commands import what they need when they are called, so that `--help` stays near Python's own start.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from edgewrap import __version__
from edgewrap.cli import (
    apply,
    destroy,
    force_unlock,
    init,
    lab,
    logs,
    output,
    plan,
    preflight,
    render,
    replace,
    schema,
    ssh,
    status,
    validate,
)
from edgewrap.errors import EdgewrapError, InterruptedRunError, UsageError
from edgewrap.signals import let_go_of_terminal

EXIT_ERROR = 1
EXIT_USAGE = 64
TYPER_USAGE = 2  # typer's own exit code for wrong usage


COMMANDS: tuple[Callable[..., int], ...] = (
    init.init,
    validate.validate,
    schema.schema,
    render.render,
    preflight.preflight,
    plan.plan,
    apply.apply,
    replace.replace,
    status.status,
    output.output,
    destroy.destroy,
    force_unlock.force_unlock,
    logs.logs,
)


def build() -> typer.Typer:
    """The application with all its commands."""
    app = typer.Typer(
        name="edgewrap",
        help="One YAML spec to a running AWS metal edge cluster for OpenNebula.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for command in COMMANDS:
        app.command()(command)
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(ssh.ssh)
    app.add_typer(lab.app, name="lab")
    return app


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # `nohup` has it ignored
        signal.signal(signal.SIGHUP, _hang_up)
    sys.exit(run(build(), sys.argv[1:]))


def run(app: typer.Typer, arguments: list[str]) -> int:
    """Run one command line; errors are shown on standard error. Returns the exit code."""
    try:
        result = app(arguments, standalone_mode=False)
    except EdgewrapError as error:
        return _show(error)
    except TyperException as error:
        wrong = error.exit_code == TYPER_USAGE
        _complain(f"Error: {error}\nSee `edgewrap {' '.join(_command_of(arguments))}--help`.")
        return EXIT_USAGE if wrong else error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _show(
            InterruptedRunError(
                "the run was interrupted", cause="SIGINT, SIGTERM or SIGHUP", advice="run it again: it goes on"
            )
        )
    except BrokenPipeError:
        return EXIT_ERROR
    return result if isinstance(result, int) else 0


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"edgewrap {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """The options that stand before the command."""


def _show(error: EdgewrapError) -> int:
    from edgewrap.cli.views.text import error_lines

    _complain("\n".join(error_lines(error)))
    return EXIT_USAGE if isinstance(error, UsageError) else error.exit_code


def _complain(text: str) -> None:
    sys.stderr.write(text + "\n")


def _command_of(arguments: list[str]) -> list[str]:
    words = []
    for argument in arguments:
        if argument.startswith("-"):
            break
        words.append(argument)
    return [f"{word} " for word in words[:1]]


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _hang_up(number: int, frame: FrameType | None) -> None:
    let_go_of_terminal()
    _interrupt(number, frame)
