"""The commands of docs/recipes, job by job, in one lab. The tests are in the order of a cluster's life."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import boto3
import pytest

from tests.support.lab import REGION, Lab
from tests.support.recipes import GITLAB_SHELL, Ended, Runner, documents, install_gh, named_files

BUCKET = "my-states"
SPEC = """apiVersion: edgewrap/v1
name: edge-paris
aws: {{ region: eu-west-3 }}
hosts: {{ count: 1 }}
ssh: {{ from: ["{ssh}"] }}
public_network:
  groups: 1
  elastic_ips: {{ count: {eips}, retired: [{retired}] }}
  security_group:
    ingress:
      - {{ protocol: tcp, ports: {ports}, description: web }}
opennebula: {{ replica: none }}
"""
SPECS = (Path("edges/paris.yaml"), Path("edges/paris/edgewrap.yaml"))  # the second one is that of Atlantis


def want(runner: Runner, *, eips: int = 1, retired: str = "", ports: int = 80, ssh: str = "192.0.2.2/32") -> None:
    """Change the spec in the repository."""
    for path in SPECS:
        (runner.repository / path).parent.mkdir(parents=True, exist_ok=True)
        (runner.repository / path).write_text(SPEC.format(eips=eips, retired=retired, ports=ports, ssh=ssh))


@pytest.fixture(scope="module")
def runner(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """A repository, and a place for its jobs. No secret is in anything that they leave."""
    base = tmp_path_factory.mktemp("recipes")
    install_gh(base)
    with lab.network():
        s3 = boto3.client(
            "s3",
            region_name=REGION,
            endpoint_url=lab.facts["aws_endpoint"],
            aws_access_key_id="lab",
            aws_secret_access_key="lab",
        )
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    login = (lab.directory / "home" / ".one" / "one_auth").read_text().strip()
    one = {"ONE_XMLRPC": lab.facts["front_end_endpoint"], "ONE_AUTH": login}
    made = Runner(
        lab,
        base / "repository",
        base,
        {
            "vars.EDGE_PLAN_ROLE": "plan",
            "vars.EDGE_APPLY_ROLE": "apply",
            "vars.ONE_XMLRPC": one["ONE_XMLRPC"],
            "secrets.ONE_AUTH_PLAN": login,
            "secrets.ONE_AUTH_APPLY": login,
            "github.repository": "example/edges",
            "github.run_id": "11",
            "github.server_url": "https://github.example",
            "github.token": "gh-token-4711",
            "github.event.pull_request.number": "7",
            "EDGE_PLAN_ROLE": "arn:aws:iam::123456789012:role/plan",
            "EDGE_APPLY_ROLE": "arn:aws:iam::123456789012:role/apply",
            **one,
        },
    )
    want(made)
    yield made
    left = b"".join(path.read_bytes() for path in base.rglob("*") if path.is_file())
    assert not [word for word in (*lab.secrets, "gh-token-4711") if word.encode() in left]


def comments(runner: Runner) -> list[str]:
    return [one["body"] for one in json.loads((runner.base / "gh.json").read_text())["comments"]]


def test_a_pull_request_on_github_has_one_comment_that_is_updated(runner: Runner) -> None:
    (runner.base / "gh.json").write_text(
        json.dumps(
            {
                "comments": [
                    {"id": 1, "user": {"type": "User"}, "body": "### edgewrap plan: edge-paris"},
                    {"id": 2, "user": {"type": "Bot"}, "body": "### edgewrap plan: edge-paris-2\n"},
                ],
                "issues": [],
            }
        )
    )
    plan, _ = documents("github-actions")
    ended = runner.github(plan, "plan")
    *others, comment = comments(runner)
    assert comment.startswith("### edgewrap plan: edge-paris\n\n| plane |")
    assert ended.summary.startswith(comment.rstrip())
    assert (ended.outputs["has_changes"], ended.outputs["exit_code"]) == ("true", "0")
    assert int(ended.outputs["create"]) == int(ended.outputs["changes"]) > 20

    want(runner, ssh="nowhere")
    runner.github(plan, "plan", check=False)
    want(runner)
    run = "https://github.example/example/edges/actions/runs/11"
    failure = f"### edgewrap plan: edge-paris\n\nThe plan failed: see [the run]({run}).\n"
    assert comments(runner) == [*others, failure]


@pytest.mark.full
def test_a_merge_on_github_applies_the_plan_of_that_run(runner: Runner) -> None:
    _, apply = documents("github-actions")
    planned = runner.github(apply, "plan")
    applied = runner.github(apply, "apply")
    assert applied.summary.startswith("### edgewrap apply: edge-paris\n")
    assert applied.summary.endswith("edge-paris is what the spec says.\n\n")
    assert {**planned.outputs, "exit_code": "0"} == applied.outputs
    assert not list(applied.directory.glob("repo/**/.edgewrap")), "nothing is written to the checkout"


@pytest.mark.full
def test_a_second_merge_on_github_has_nothing_to_apply(runner: Runner) -> None:
    _, apply = documents("github-actions")
    assert runner.github(apply, "plan").outputs["has_changes"] == "false"
    assert runner.github(apply, "apply").done is None


def test_a_merge_request_on_gitlab_has_its_reports(runner: Runner) -> None:
    want(runner, eips=2)
    [pipeline] = documents("gitlab-ci")
    request = runner.gitlab(pipeline, "plan merge request").directory / "repo"
    reports = pipeline["plan merge request"]["artifacts"]["reports"]
    counts = json.loads((request / reports["terraform"]).read_text())
    assert counts["create"] >= 3, "an Elastic IP, its association, its address range"
    assert counts["delete"] == 0
    suite = ElementTree.parse(request / reports["junit"]).getroot()[0]  # noqa: S314 - our own
    assert suite.get("failures") == "0"
    assert "Elastic IPs" in [case.get("name") for case in suite]


@pytest.mark.full
def test_a_merge_on_gitlab_applies_the_plan_of_its_pipeline(runner: Runner) -> None:
    want(runner, eips=2)
    [pipeline] = documents("gitlab-ci")
    planned = runner.gitlab(pipeline, "plan").directory / "repo"
    [name] = pipeline["plan"]["artifacts"]["paths"]
    applied = runner.gitlab(pipeline, "apply", {name: (planned / name).read_bytes()})
    assert applied.done
    assert "edge-paris is what the spec says." in applied.done.stdout


@pytest.mark.full
def test_what_atlantis_planned_is_applied_in_the_same_checkout(runner: Runner) -> None:
    want(runner, eips=2, ports=443)
    server, repository = documents("atlantis")
    assert server["repos"][0]["workflow"] in server["workflows"]
    stages, [project] = server["workflows"]["edgewrap"], repository["projects"]
    assert (runner.repository / project["dir"] / project["autoplan"]["when_modified"][0]).is_file()
    place = runner.checkout()
    planned = runner.atlantis(stages["plan"]["steps"], project, place)
    assert "~ security group rule vms-ingress-tcp-443-0.0.0.0/0" in planned
    assert "edge-paris is what the spec says." in runner.atlantis(stages["apply"]["steps"], project, place)


@pytest.fixture
def drifted(lab: Lab) -> Iterator[None]:
    """The VPC has another name."""
    with lab.network():
        [vpc] = lab.ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["edge-paris-vpc"]}])["Vpcs"]
        lab.ec2.create_tags(Resources=[vpc["VpcId"]], Tags=[{"Key": "Name", "Value": "other"}])
    yield
    with lab.network():
        lab.ec2.create_tags(Resources=[vpc["VpcId"]], Tags=[{"Key": "Name", "Value": "edge-paris-vpc"}])


@pytest.mark.full
@pytest.mark.usefixtures("drifted")
@pytest.mark.parametrize("system", ["GitHub", "GitLab"])
def test_drift_at_night(runner: Runner, system: str) -> None:
    workflow, job = documents("nightly-drift")
    if system == "GitHub":
        ended = runner.github(workflow, "drift", check=False)
        assert ended.outputs["changes"] == ended.outputs["update"] == "1"
        text = ended.summary
        assert json.loads((runner.base / "gh.json").read_text())["issues"].pop()["body"].strip() == text.strip()
        (runner.base / "gh.json").write_text(json.dumps({"comments": [], "issues": []}))
    else:
        [pipeline] = documents("gitlab-ci")
        ended = runner.gitlab({**pipeline, **job}, "drift", check=False)
        text = (ended.directory / "repo" / job["drift"]["artifacts"]["paths"][0]).read_text()
    assert ended.done
    assert ended.done.returncode == 2, ended.done.stderr
    assert text.startswith("### edgewrap drift: edge-paris\n")
    assert "~ vpc vpc " in text
    assert "(drift: changed outside)" in text


PLAN_RULES, MODULE_RULES = "policy/plan.jq", "policy/module.jq"
LABEL = "contains(github.event.pull_request.labels.*.name, 'allow-deletes')"


def checkout_with_policies(runner: Runner) -> Path:
    place = runner.checkout()
    for name, text in named_files("policy-checks").items():
        (place / "repo" / name).parent.mkdir(exist_ok=True)
        (place / "repo" / name).write_text(text)
    return place


@pytest.mark.full
def test_a_plan_that_breaks_a_policy_is_refused_with_the_reasons(runner: Runner) -> None:
    want(runner, eips=1, retired="0", ports=22, ssh="0.0.0.0/0")
    place = checkout_with_policies(runner)
    _, recipe = documents("github-actions")
    plan = next(step for step in recipe["jobs"]["plan"]["steps"] if step.get("id") == "plan")
    [[policy]] = documents("policy-checks")
    runner.values["runner.temp"] = str(place / "tmp")
    ended = Ended(place)
    runner.step({**recipe["defaults"]["run"], **plan}, recipe["env"], 0, ended)
    for labelled in ("false", "true"):
        runner.values[LABEL] = labelled
        runner.step(policy, {}, 1, ended, check=False)
        assert ended.done
        refused = ended.done.stdout.splitlines()
        assert ended.done.returncode == 1
        assert refused[-2:] == ["SSH to the hosts is open to 0.0.0.0/0", "SSH to the VMs is open to 0.0.0.0/0"]
        assert ("aws: delete elastic ip eip-0: needs the label allow-deletes" in refused) == (labelled == "false")


@pytest.mark.parametrize(
    ("exit_code", "left", "status"),
    [
        ("2", [("Drift: edge-paris", True, "first")], 2),
        ("2", [("Drift: edge-paris", True, "second")], 2),
        ("0", [("Drift: edge-paris", False, "second")], 0),
        ("1", [("Drift: edge-paris", False, "second")], 1),
    ],
)
def test_drift_has_one_issue_while_it_lasts(
    runner: Runner, exit_code: str, left: list[tuple[str, bool, str]], status: int
) -> None:
    """The rows are nights, one after the other."""
    workflow, _ = documents("nightly-drift")
    issue = {**workflow["defaults"]["run"], **workflow["jobs"]["drift"]["steps"][-1]}
    runner.values["steps.drift.outputs.exit_code"] = exit_code
    place = runner.checkout()
    (place / "tmp" / "drift.md").write_text(left[0][2])
    runner.step(issue, {}, 0, ended := Ended(place), check=False)
    assert ended.done
    assert ended.done.returncode == status, ended.done.stderr
    issues = json.loads((runner.base / "gh.json").read_text())["issues"]
    assert [(one["title"], one["open"], one["body"]) for one in issues] == left


TOOLS = {
    "gh": "[]",
    "edgewrap": json.dumps({"spec": '{"aws":{"region":"eu-west-3"}}', "changes": []}),
    "unzip": json.dumps({"ssh_rules": {}, "vm_rules": {}}),
}


@pytest.mark.parametrize(
    ("recipe", "fails"), [("nightly-drift", "gh"), ("policy-checks", "edgewrap"), ("policy-checks", "unzip")]
)
def test_a_step_fails_if_a_tool_before_a_pipe_fails(runner: Runner, recipe: str, fails: str) -> None:
    """In the shell that the recipe names; GitHub's default shell does not notice it."""
    place = checkout_with_policies(runner)
    (place / "bin").mkdir()
    for tool, output in TOOLS.items():
        (place / "bin" / tool).write_text("#!/bin/sh\nexit 9\n" if tool == fails else f"#!/bin/sh\necho '{output}'\n")
        (place / "bin" / tool).chmod(0o755)
    runner.values |= {"runner.temp": str(place / "tmp"), LABEL: "false", "steps.drift.outputs.exit_code": "0"}
    match documents(recipe)[0]:
        case [policy]:
            step = policy
        case workflow:
            step = {**workflow.get("defaults", {}).get("run", {}), **workflow["jobs"]["drift"]["steps"][-1]}
    path = {"PATH": f"{place / 'bin'}:{os.environ['PATH']}"}
    done = [runner.step(one, path, 0, Ended(place), check=False) for one in (step, {**step, "shell": None})]
    assert [one.returncode for one in done] == [9, 0], done


@pytest.mark.parametrize(
    ("rules", "document", "refused"),
    [
        (PLAN_RULES, {"spec": '{"aws":{"region":"eu-west-3"}}', "changes": []}, ""),
        (
            PLAN_RULES,
            {"spec": '{"aws":{"region":"us-east-1"}}', "changes": []},
            "the region us-east-1 is not allowed\n",
        ),
        (MODULE_RULES, {"ssh_rules": {"a": "192.0.2.0/24"}, "vm_rules": {}}, ""),
        (
            MODULE_RULES,
            {"ssh_rules": {}, "vm_rules": {"a": {"direction": "ingress", "protocol": "-1", "cidr": "0.0.0.0/0"}}},
            "SSH to the VMs is open to 0.0.0.0/0\n",
        ),
    ],
)
def test_policies(runner: Runner, rules: str, document: dict[str, object], refused: str) -> None:
    script = 'jq -r "$RULES" <<<"$DOCUMENT"'
    environ = {"RULES": named_files("policy-checks")[rules], "DOCUMENT": json.dumps(document)}
    assert runner.shell(GITLAB_SHELL, script, environ, runner.base).stdout == refused
