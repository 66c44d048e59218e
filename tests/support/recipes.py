"""Runs the jobs that docs/recipes shows, as a CI system does: each in a checkout and a directory of its own, its
commands in the shell that the system takes, inside a lab. What cannot run here is played: GitHub's actions, the program
`gh`, Atlantis."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import yaml

from tests.support.checkout import REPOSITORY
from tests.support.github_outputs import parse_outputs
from tests.support.lab import Lab

RECIPES = REPOSITORY / "docs" / "recipes"
GH = Path(__file__).with_name("gh.py")
ACTION = re.compile(r"(actions/(?:checkout|upload-artifact|download-artifact)|aws-actions/configure-aws-credentials)@")
CONDITION = re.compile(r"([\w.]+) == '(\w*)'")
GITHUB_SHELLS = {None: ("bash", "-e"), "bash": ("bash", "--noprofile", "--norc", "-eo", "pipefail")}  # by `shell:`
GITLAB_SHELL = ("bash", "-eo", "pipefail")
ATLANTIS_SHELL = ("sh",)
Values = Mapping[str, str]


def blocks(recipe: str, language: str) -> list[str]:
    """The code blocks of a recipe in one language."""
    text = (RECIPES / f"{recipe}.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def named_files(recipe: str) -> dict[str, str]:
    """The code blocks of a recipe that a line such as "`.gitlab-ci.yml`:" introduces, by that name."""
    text = (RECIPES / f"{recipe}.md").read_text()
    found = re.findall(r"^`([^`\n]+)`[^\n]*\n(?:[^\n]+\n)*\n```\w+\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return dict(found)


def documents(recipe: str) -> list[Any]:
    """The YAML blocks of a recipe."""
    return [yaml.safe_load(text) for text in blocks(recipe, "yaml")]


@dataclass
class Ended:
    """How a job ended: of its last step what it showed and its status, of all steps the summary and the outputs."""

    directory: Path
    done: CompletedProcess[str] | None = None
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass
class Runner:
    """Runs jobs on `repository`, in directories below `base`. `values` are what the expressions of GitHub stand for, or
    the variables of the other systems."""

    lab: Lab
    repository: Path
    base: Path
    values: dict[str, str]
    numbers: count[int] = field(default_factory=count)

    def checkout(self) -> Path:
        """A new directory with `tmp` and the checkout `repo` in it."""
        directory = self.base / f"job-{next(self.numbers)}"
        shutil.copytree(self.repository, directory / "repo")
        (directory / "tmp").mkdir()
        return directory

    def shell(
        self, shell: tuple[str, ...], script: str, environ: Values, place: Path, *, check: bool = True
    ) -> CompletedProcess[str]:
        """Run a script in a shell, with the variables of the lab and `environ`."""
        path = f"{self.base / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        clean = [f"--unset={name}" for name in ("ONE_AUTH", "ONE_XMLRPC", "EDGEWRAP_DIR")]
        variables = [f"{name}={value}" for name, value in {"PATH": path, **environ}.items()]
        command = ("env", *clean, f"--chdir={place}", *variables, *shell, "-c", script)
        return self.lab.run(*command, check=check)

    def github(self, workflow: Any, job: str, *, check: bool = True) -> Ended:
        """A job of a workflow on GitHub; its outputs are then values of `needs.JOB.outputs`."""
        wanted = workflow["jobs"][job]
        ended = Ended(self.base / f"job-{next(self.numbers)}")
        (ended.directory / "tmp").mkdir(parents=True)
        self.values["runner.temp"] = str(ended.directory / "tmp")
        if "if" in wanted and not self.holds(wanted["if"]):
            return ended
        shell = workflow.get("defaults", {}).get("run", {})
        failed = False
        for number, step in enumerate(wanted["steps"]):
            if failed and step.get("if") != "always()":
                continue
            if "uses" in step:
                self.action(step, ended.directory)
                continue
            shared = {**workflow.get("env", {}), **wanted.get("env", {})}
            done = self.step({**shell, **step}, shared, number, ended, check=check)
            failed |= done.returncode != 0 and not step.get("continue-on-error")
        for name, value in wanted.get("outputs", {}).items():
            self.values[f"needs.{job}.outputs.{name}"] = self.expand(value)
        return ended

    def step(
        self, step: Any, shared: Values, number: int, ended: Ended, *, check: bool = True
    ) -> CompletedProcess[str]:
        """A step of a job on GitHub that runs commands: no expression is in them, as its value could be a command."""
        assert "${{" not in step["run"]
        files = {name: ended.directory / f"{name}-{number}" for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
        for file in files.values():
            file.touch()
        own = {name: self.expand(value) for name, value in {**shared, **step.get("env", {})}.items()}
        environ = {
            **own,
            "RUNNER_TEMP": str(ended.directory / "tmp"),
            **{name: str(path) for name, path in files.items()},
        }
        stop = check and not step.get("continue-on-error")
        shell = GITHUB_SHELLS[step.get("shell")]
        ended.done = done = self.shell(shell, step["run"], environ, ended.directory / "repo", check=stop)
        ended.summary += files["GITHUB_STEP_SUMMARY"].read_text()
        outputs = parse_outputs(files["GITHUB_OUTPUT"].read_text())
        ended.outputs |= outputs
        if "id" in step:
            self.values |= {f"steps.{step['id']}.outputs.{name}": value for name, value in outputs.items()}
            self.values[f"steps.{step['id']}.outcome"] = "failure" if done.returncode else "success"
        return done

    def action(self, step: Any, directory: Path) -> None:
        """An action of GitHub. Artifacts lose the modes of their files, as GitHub's do."""
        found = ACTION.match(step["uses"])
        assert found, step["uses"]
        given = {name: self.expand(value) for name, value in step.get("with", {}).items() if isinstance(value, str)}
        match found[1]:
            case "actions/checkout":
                shutil.copytree(self.repository, directory / "repo")
            case "actions/upload-artifact":
                (place := self.base / "artifacts" / given["name"]).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(given["path"], place / Path(given["path"]).name)
            case "actions/download-artifact":
                for file in (self.base / "artifacts" / given["name"]).iterdir():
                    shutil.copyfile(file, Path(given["path"]) / file.name)

    def expand(self, text: str) -> str:
        """A text with the values of its expressions; one that is not known is an error."""
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: self.values[found[1]], text)

    def holds(self, condition: str) -> bool:
        """Whether a condition such as `needs.plan.outputs.x == 'true'` holds."""
        found = CONDITION.fullmatch(condition)
        assert found, condition
        return self.values[found[1]] == found[2]

    def gitlab(
        self, pipeline: Any, job: str, artifacts: Mapping[str, bytes] | None = None, *, check: bool = True
    ) -> Ended:
        """A job of a pipeline on GitLab, with the artifacts of the jobs before it."""
        base, wanted = pipeline[".edge"], pipeline[job]
        assert wanted["extends"] == ".edge"
        ended = Ended(self.checkout())
        repo = ended.directory / "repo"
        for name, content in (artifacts or {}).items():
            (repo / name).write_bytes(content)
        variables = {**pipeline["variables"], **wanted["variables"]}
        environ = {
            name: re.sub(r"\$(\w+)", lambda one: self.values[one[1]], value) for name, value in variables.items()
        }
        own = {name: self.values[name] for name in ("ONE_AUTH", "ONE_XMLRPC")}
        token = dict.fromkeys(base["id_tokens"], "a.b.c")
        script = "\n".join([*base["before_script"], *wanted["script"]])
        given = {**own, **environ, **token, "CI_PROJECT_DIR": str(repo)}
        ended.done = self.shell(GITLAB_SHELL, script, given, repo, check=check)
        return ended

    def atlantis(self, steps: Any, project: Any, place: Path) -> str:
        """The steps of one stage of a workflow of Atlantis, in the directory of the project."""
        directory = place / "repo" / project["dir"]
        plan_file = directory / f"{project['name']}-default.tfplan"
        environ = {"PLANFILE": str(plan_file), "PROJECT_NAME": project["name"]}
        environ |= {name: self.values[name] for name in ("ONE_AUTH", "ONE_XMLRPC")}
        shown = ""
        for step in steps:
            if "run" in step:
                done = self.shell(ATLANTIS_SHELL, step["run"], environ, directory)
                shown += done.stdout + done.stderr
                continue
            setting = step["env"]
            if "command" in setting:
                environ[setting["name"]] = self.shell(
                    ATLANTIS_SHELL, setting["command"], environ, directory
                ).stdout.strip()
            else:  # a directory of the server
                environ[setting["name"]] = setting["value"].replace("/var/lib/atlantis", str(place / "tmp"))
        return shown


def install_gh(base: Path) -> None:
    """Put a program `gh` into `base/bin`: it keeps its comments and issues in `base/gh.json`."""
    (base / "bin").mkdir()
    (base / "bin" / "gh").write_text(
        f"#!/bin/sh\nGH_STATE='{base / 'gh.json'}' exec '{sys.executable}' '{GH}' \"$@\"\n"
    )
    (base / "bin" / "gh").chmod(0o755)
    (base / "gh.json").write_text(json.dumps({"comments": [], "issues": []}))
