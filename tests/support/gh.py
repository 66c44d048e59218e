"""Plays the program `gh`, as far as docs/recipes uses it: comments of a pull request and issues, kept in a file."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

STATE = Path(os.environ["GH_STATE"])


def api(arguments: list[str], state: dict[str, Any]) -> None:
    """`gh api`: list, create or update comments."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("--method", default="GET")
    parser.add_argument("--field")
    parser.add_argument("--paginate", action="store_true")
    parser.add_argument("--silent", action="store_true")
    given = parser.parse_args(arguments)
    comments = state["comments"]
    body = Path(given.field.removeprefix("body=@")).read_text() if given.field else ""
    if given.method == "PATCH":
        [found] = re.findall(r"^repos/[^/]+/[^/]+/issues/comments/(\d+)$", given.path)
        next(one for one in comments if one["id"] == int(found))["body"] = body
    elif given.method == "POST":
        assert re.fullmatch(r"repos/[^/]+/[^/]+/issues/\d+/comments", given.path)
        comments.append({"id": 100 + len(comments), "user": {"type": "Bot"}, "body": body})
    else:
        assert re.fullmatch(r"repos/[^/]+/[^/]+/issues/\d+/comments", given.path)
        half = len(comments) // 2 if given.paginate else len(comments)
        sys.stdout.write(json.dumps(comments[:half]) + json.dumps(comments[half:]))  # a page is a document


def issue(arguments: list[str], state: dict[str, Any]) -> None:
    """`gh issue`: list, create, edit or close."""
    parser = argparse.ArgumentParser()
    parser.add_argument("action", choices=["list", "create", "edit", "close"])
    parser.add_argument("number", nargs="?", type=int)
    for option in ("--state", "--limit", "--json", "--title", "--body-file", "--comment"):
        parser.add_argument(option)
    given = parser.parse_args(arguments)
    issues = state["issues"]
    if given.action == "list":
        sys.stdout.write(json.dumps([one for one in issues if one["open"]]))
        return
    if given.action == "create":
        issues.append({"number": 1 + len(issues), "title": given.title, "open": True})
        given.number = len(issues)
    found = issues[given.number - 1]
    if given.action == "close":
        found["open"] = False
    else:
        found["body"] = Path(given.body_file).read_text()


content = json.loads(STATE.read_text())
{"api": api, "issue": issue}[sys.argv[1]](sys.argv[2:], content)
STATE.write_text(json.dumps(content))
