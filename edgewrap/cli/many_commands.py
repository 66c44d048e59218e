"""Commands that take several specs: one cluster is run in this process, several in a process each."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from edgewrap.cli import options
from edgewrap.cli.many_specs import Target, choose_targets
from edgewrap.counted import counted
from edgewrap.errors import InterruptedRunError, UsageError

if TYPE_CHECKING:
    from edgewrap.cli.many import ClusterRun
    from edgewrap.cli.views.many import ManyView

PARALLEL = 4
MOST_NAMED = 5  # clusters in an error
PLANS = ("plan", "apply", "destroy")
"""The commands that plan each cluster."""
JSON_RUNS = (*PLANS, "report")
"""The commands whose clusters are run with `--json` in every format: what is shown is made from their objects."""

PER_CLUSTER: Mapping[str, Mapping[str, str]] = {
    "plan": {"out": ".plan", "terraform_report": ".json"},
    "preflight": {"junit": ".xml"},
    "render": {"output": ""},
}
"""Options that name what to write: with several clusters a directory, with one for each that has this suffix."""

COMMON = frozenset({"lock_timeout", "plugin_dir", "insecure", "restricted"})
PLAN_OPTIONS = COMMON | {"only", "skip", "move_off"}
SAVED_OPTIONS = COMMON | {"host_timeout", "monitor_timeout"}


def with_many(command: Callable[..., int], *, only_one: str | None = None) -> Callable[..., int]:
    """A command about one spec (`file`), as one that takes several: by `--file`, and as arguments if it has no other
    ones than the saved `plan` of `apply`. With `only_one`, more than one is refused, with this advice. `--restricted`
    is set in the environment, where the spec is loaded."""
    takes = inspect.signature(command, eval_str=True)
    plans = "plan" in takes.parameters
    own = [one for name, one in takes.parameters.items() if name not in ("context", "file", "plan")]
    metadata = [meta for one in own for meta in getattr(one.annotation, "__metadata__", ())]
    positional = not any(isinstance(meta, typer.models.ArgumentInfo) for meta in metadata)

    @functools.wraps(command)
    def run(
        *, context: typer.Context, file: Sequence[Path], restricted: bool, specs: Sequence[Path] = (), **given: Any
    ) -> int:
        if restricted:
            os.environ["EDGEWRAP_RESTRICTED"] = "1"
        given.pop("parallel", None)  # `run_many` reads it from the context
        if "context" in takes.parameters:
            given["context"] = context
        targets = _targets(specs, file, plans=plans)
        if len(targets) > 1 and only_one is not None:
            raise _only_one(f"`{context.command_path}`", targets, only_one)
        if len(targets) > 1:
            return run_many(context, targets)
        if targets[0].is_plan:
            return command(file=file[0] if file else options.default_spec(), plan=targets[0].path, **given)
        return command(file=targets[0].path, **given)

    def parameter(name: str, kind: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)

    several = (options.Files, options.SpecsOrPlans if plans else options.Specs)
    by_option, by_word = several if only_one is None else (options.OneFile, options.OneSpec)
    parameters = [
        parameter("context", typer.Context),
        *([parameter("specs", by_word, [])] if positional else []),
        parameter("file", by_option, []),
        *(one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own),
        *([] if only_one is not None else [parameter("parallel", options.Parallel, PARALLEL)]),
        parameter("restricted", options.Restricted, False),
    ]
    run.__signature__ = takes.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def _only_one(what: str, targets: Sequence[Target], otherwise: str) -> UsageError:
    names = ", ".join(target.cluster for target in targets[:MOST_NAMED])
    more = f" and {len(targets) - MOST_NAMED} more" if len(targets) > MOST_NAMED else ""
    return UsageError(
        f"{what} is about one cluster",
        cause=f"{counted(len(targets), 'cluster')} are named: {names}{more}",
        advice=f"name the spec file of one of them{otherwise}",
    )


def _targets(specs: Sequence[Path], files: Sequence[Path], *, plans: bool) -> tuple[Target, ...]:
    """The clusters that the command line names, otherwise the environment, otherwise the current directory. `--file`
    beside one saved plan is that plan's spec."""
    from edgewrap.cli.views import print_note

    targets = choose_targets(specs or files or [options.default_spec()], print_note, plans=plans and bool(specs))
    if specs and files and not (len(files) == len(targets) == 1 and targets[0].is_plan):
        raise UsageError(
            "--file cannot be given together with these arguments",
            cause="both name the clusters; only a single saved plan may have a --file, its spec",
            advice="give all specs as arguments",
        )
    return targets


@dataclass(frozen=True, slots=True)
class Request:
    """A command about several clusters, as it was typed: `values` of all its parameters, `words` of the options on the
    command line."""

    command: str
    values: Mapping[str, Any]
    words: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, context: typer.Context) -> Request:
        words = {one.name: tuple(_words(one, context.params[one.name])) for one in _typed_options(context)}
        return cls(context.info_name or "", context.params, words)

    @property
    def format(self) -> str:
        """`json`, `markdown`, or empty for text."""
        return next((name for name in ("json", "markdown") if self.values.get(name)), "")

    def options(self, names: Collection[str] | None = None) -> list[str]:
        """The words of the options that were typed, or of those of them with these names."""
        return [word for name, words in self.words.items() if names is None or name in names for word in words]


def _typed_options(context: typer.Context) -> Iterator[Any]:
    """The options on the command line, without those that this process handles itself."""
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        typed = source is not None and source.name == "COMMANDLINE"
        if option.param_type_name == "option" and typed and option.name not in ("file", "parallel", "markdown", "json"):
            yield option


def _words(option: Any, value: Any) -> Iterator[str]:
    name = next(one for one in option.opts if one.startswith("--"))
    if option.is_flag:
        yield from [name] if value else []
        return
    for one in value if isinstance(value, list | tuple) else [value]:
        yield f"{name}={one}"


def run_many(context: typer.Context, targets: Sequence[Target]) -> int:
    """Run a command for each of several clusters, and show all as one. Returns the worst exit code."""
    asked = Request.of(context)
    values = asked.values
    options.require_one_format(json=bool(values.get("json")), markdown=bool(values.get("markdown")))
    if values.get("watch"):
        raise _only_one("--watch", targets, ", or omit --watch")
    if asked.command in ("apply", "destroy") and not targets[0].is_plan and not values.get("dry_run"):
        options.require_approval_possible(asked.command, auto_approve=values["auto_approve"], json=values["json"])
        if not values["auto_approve"]:
            return _ask_first(asked, targets)
    arguments = ["--", values["name"]] if values.get("name") else []  # of `output`
    jobs = {}
    for target in targets:
        place = str(target.path) if target.is_plan else f"--file={target.path}"
        jobs[target.cluster] = [asked.command, *asked.options(), *_own_paths(asked, target), place, *arguments]
    runs = _run(asked, jobs)
    if asked.command == "report" and asked.format != "json":
        from edgewrap.cli.report import write_report_of_several

        write_report_of_several(runs, values["output"])
    return _finish(asked, runs)


def _own_paths(asked: Request, target: Target) -> list[str]:
    """The options that name what to write, with a path for this cluster. They replace those before them."""
    words = []
    for name, suffix in PER_CLUSTER.get(asked.command, {}).items():
        if name not in asked.words:
            continue
        option, directory = name.replace("_", "-"), asked.values[name]
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"the directory {directory} cannot be created: {error.strerror}",
                cause=f"with several clusters, --{option} names a directory, with a file or folder for each",
                advice="name a directory",
            ) from None
        words.append(f"--{option}={directory / (target.cluster + suffix)}")
    return words


def _ask_first(asked: Request, targets: Sequence[Target]) -> int:
    """Plan all, show the plans, ask once, and apply exactly those; what could not be planned is left out."""
    from tempfile import TemporaryDirectory

    from edgewrap.cli.views import print_line

    destroy = asked.command == "destroy"
    plan = ["destroy", "--dry-run", *asked.options()] if destroy else ["plan", *asked.options(PLAN_OPTIONS)]
    apply = ["destroy", "--auto-approve", *asked.options()] if destroy else ["apply", *asked.options(SAVED_OPTIONS)]
    with TemporaryDirectory(prefix="edgewrap-") as directory:
        specs = {target.cluster: f"--file={target.path}" for target in targets}
        files = {} if destroy else {name: f"{directory}/{number}.plan" for number, name in enumerate(specs)}
        saving = {name: [f"--out={file}"] for name, file in files.items()}
        planned = _run(asked, {name: [*plan, specs[name], *saving.get(name, ())] for name in specs}, messages=False)
        changed = [run.cluster for run in planned if run.exit_code == 0 and _has_changes(run)]
        # an apply also does what Terraform has to do beyond the changes
        ready = changed if destroy else [run.cluster for run in planned if run.exit_code == 0]
        if changed and not (_destroy_approved(changed) if destroy else options.approved(_question(changed))):
            print_line("Nothing was changed.")
            return 1
        jobs = {name: [*apply, specs[name], *([files[name]] if name in files else [])] for name in ready}
        return _finish(asked, _run(asked, jobs, plan=False, earlier=planned))


def _question(names: Sequence[str]) -> str:
    return f"Apply these changes to {counted(len(names), 'cluster')}: {', '.join(names)}?"


def _destroy_approved(names: Sequence[str]) -> bool:
    """Ask for the names of all clusters that will be destroyed."""
    try:
        typed = input(f"Destroy {', '.join(names)}? To confirm, type these names, separated by spaces: ")
    except EOFError:
        return False
    return sorted(typed.replace(",", " ").split()) == sorted(names)


def _has_changes(run: ClusterRun) -> bool:
    from edgewrap.cli.views.many import shown_plan

    plan = shown_plan(run)
    return plan is not None and bool(plan.changes)


def _run(
    asked: Request,
    jobs: Mapping[str, Sequence[str]],
    *,
    plan: bool = True,
    messages: bool = True,
    earlier: Sequence[ClusterRun] = (),
) -> tuple[ClusterRun, ...]:
    """Run one phase, and show its results. A signal takes effect after that, with the summary of what has ended.
    Returns its runs together with those of an `earlier` phase."""
    from edgewrap.cli.many import Job, run_each, together
    from edgewrap.signals import defer_signals

    form = "json" if asked.command in JSON_RUNS else asked.format
    each = [Job(name, (words[0], *([f"--{form}"] if form else []), *words[1:])) for name, words in jobs.items()]
    view = choose_many_view(asked, len(each))
    with defer_signals() as received:
        with view:
            runs = run_each(each, asked.values["parallel"], view, received)
        view.sections(runs, plan=plan, messages=messages, details=bool(asked.values.get("details")))
        runs = together(earlier, runs)
        if received:
            _finish(asked, runs, InterruptedRunError.exit_code)
    return runs


def _finish(asked: Request, runs: Sequence[ClusterRun], code: int | None = None) -> int:
    """Show the summary; returns the exit code."""
    from edgewrap.cli.many import worst
    from edgewrap.cli.views import github
    from edgewrap.cli.views.many import shown_plan, summarise, summary_markdown

    code = worst(run.exit_code for run in runs) if code is None else code
    summary = summarise(asked.command, code, runs)
    choose_many_view(asked, len(runs)).summary(summary, runs)
    if asked.command in PLANS:
        plans = [plan for run in runs if (plan := shown_plan(run)) is not None]
        github.add_markdown(summary_markdown(summary, runs))
        github.set_outputs(**github.counts([change for plan in plans for change in plan.changes]))
    return code


def choose_many_view(asked: Request, total: int) -> ManyView:
    """JSON or Markdown if asked for; otherwise text, live on a terminal."""
    from edgewrap.cli.views import is_live_terminal
    from edgewrap.cli.views.many import ManyJson, ManyLive, ManyMarkdown, ManyView

    if asked.format:
        return ManyJson() if asked.format == "json" else ManyMarkdown()
    return ManyLive(total) if is_live_terminal() else ManyView()
