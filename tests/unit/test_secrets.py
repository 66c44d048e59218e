"""What a run knows as secret, and that it is hidden in every spelling."""

from __future__ import annotations

import base64
import html
import json
import shlex
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.secrets import HIDDEN, forget_all, redact, remember, remember_environment, remember_login

ODD = "a'b\"c d/e&<f>\\g%h+ü"
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in Python": repr,
    "in ASCII Python": ascii,
    "in JSON": json.dumps,
    "in JSON with all characters": lambda text: json.dumps(text, ensure_ascii=False),
    "in a URL": urllib.parse.quote,
    "in a URL, slashes too": lambda text: urllib.parse.quote(text, safe=""),
    "in a query": urllib.parse.quote_plus,
    "in a shell": shlex.quote,
    "in XML": lambda text: html.escape(text, quote=False),
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in capitals": str.upper,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_is_hidden(spelling: str) -> None:
    remember(ODD)
    written = SPELLINGS[spelling](ODD).strip("'\"")
    assert redact(f"before {written} after").replace("=", "") == f"before {HIDDEN} after"


@given(secret=st.text(min_size=8).filter(lambda text: not text.isalpha()), spelling=st.sampled_from([*SPELLINGS][:-1]))
def test_no_spelling_of_any_secret_is_left(secret: str, spelling: str) -> None:
    forget_all()
    try:
        written = SPELLINGS[spelling](secret)
    except UnicodeError:
        return  # half a character, which this spelling does not have
    remember(secret)
    core = SPELLINGS[spelling](secret).strip("'\"= ")
    if len(core) >= 8:
        assert core not in redact(f"-{written}-")


@pytest.mark.parametrize(
    ("environ", "said", "shown"),
    [
        ({"ONE_AUTH": "oneadmin:hunter2!"}, "rejected: hunter2!", "rejected: ***"),
        ({"ONE_AUTH": "oneadmin:correcthorsebattery"}, "user=correcthorsebattery-x.", "user=***-x."),
        ({"ONE_AUTH": "oneadmin:hunter"}, "no password hunter.", "no password ***."),
        ({"ONE_AUTH": "oneadmin:edge"}, "edge-paris, edge.yaml", "edge-paris, edge.yaml"),
        ({"GITHUB_PAT": "x-1234567"}, "rejected: x-1234567", "rejected: ***"),
        ({"GITLAB_TOKEN_1": "x-1234567"}, "rejected: x-1234567", "rejected: ***"),
        ({"PWD": "/srv/edges-1", "EDGEWRAP_PUBLIC_KEY": "/srv/edges-1"}, "in /srv/edges-1", "in /srv/edges-1"),
        ({"FOO_TOKEN": "hunter\n"}, "it is 'hunter'", "it is '***'"),
        ({"HTTPS_PROXY": "http://me:pa?ssw0rd99@proxy:1"}, "login pa?ssw0rd99", "login ***"),
        ({"ONE_AUTH": "oneadmin:hunter2!"}, "Basic b25lYWRtaW46aHVudGVyMiE=", "Basic ***="),
        ({"ONE_AUTH": "a-password-alone"}, "no file a-password-alone", "no file ***"),
        ({"ONE_AUTH": "/"}, "/ is a directory", "/ is a directory"),
        ({"ONE_AUTH": f"/{'x1' * 300}:y"}, f"File name too long: '/{'x1' * 300}:y'", "File name too long: '***'"),
        ({"AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG"}, "key wJalrXUtnFEMI%2FK7MDENG", "key ***"),
        ({"AWS_SESSION_TOKEN": "FwoGZXIvYXdzE=="}, "token=FwoGZXIvYXdzE==", "token=***"),
        ({"TF_TOKEN_app_terraform_io": "abc.def.1234"}, "abc.def.1234", "***"),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/run/token-1"}, "/run/token-1 is missing", "/run/token-1 is missing"),
        ({"ONE_XMLRPC": "http://op:pa55@one:2633/RPC2"}, "host op:pa55", "host ***"),
        ({"ONE_XMLRPC": "http://op:pa55word@one:2633/RPC2"}, "the password pa55word", "the password ***"),
        ({"ONE_XMLRPC": "http://op:p%4055word@one/"}, "the password p@55word", "the password ***"),
        ({"ONE_XMLRPC": "http://op:p@/5 5w1@one/"}, "http://op:p@/5 5w1@one/", "http://***@one/"),
        ({"AWS_ENDPOINT_URL": "http://h:1/?sig=s3cr3t-s1g"}, "url: /?sig=s3cr3t-s1g", "url: /?***"),
        ({"AWS_ENDPOINT_URL_S3": "http://h:1/?sig=s3cr3t%2Bs1g"}, "s3cr3t+s1g", "***"),
        ({"https_proxy": "http://me:s3cr3t-pr0xy@proxy:3128"}, "me:s3cr3t-pr0xy", "***"),
        ({}, "GET http://any:body@h/x?y=z HTTP/1.1", "GET http://***@h/x?*** HTTP/1.1"),
        ({}, "see https://example.org/x#y, mail a@b", "see https://example.org/x#y, mail a@b"),
        ({}, "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nx", "***\nx"),
        ({}, "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn", "***"),
    ],
)
def test_the_environment(environ: dict[str, str], said: str, shown: str) -> None:
    remember_environment(environ)
    assert redact(said) == shown


@pytest.mark.parametrize(
    ("secret", "said", "shown"),
    [
        (
            "opennebula",
            "opennebula: nothing to do; see opennebula.endpoint",
            "***: nothing to do; see opennebula.endpoint",
        ),
        ("geheim", "PASS=geheim geheimnis", "PASS=*** geheimnis"),
        ("test", "edge-test, test.yaml and 'test'", "edge-test, test.yaml and '***'"),
        ("lab", "the lab is up; the key 'lab' is wrong", "the lab is up; the key '***' is wrong"),
        ("lab", "lab", "***"),
        ("1", "1 to create", "1 to create"),
        ("7charss", "x7charss", "x7charss"),
        ("8chars-s", "x8chars-s", "x***"),
    ],
)
def test_short_secrets_and_plain_words_are_hidden_as_words(secret: str, said: str, shown: str) -> None:
    remember(secret)
    assert redact(said) == shown


def test_a_login_is_hidden_whole_and_its_password_alone() -> None:
    remember_login("ann:p4ss:word")
    assert redact("ann:p4ss:word, p4ss:word, ann") == "***, ***, ann"


def test_the_words_of_a_command_are_hidden_too() -> None:
    """A message may name only one of them."""
    remember("ssh -o 'Proxy=s3cr3t-1' -W x jump.example")
    assert redact("no program Proxy=s3cr3t-1, no host jump.example") == "no program ***, no host ***"


def test_a_path_is_hidden_as_programs_write_it() -> None:
    remember("~//keys/./edge-1.pub")
    assert redact(f"{Path.home()}/keys/edge-1 cannot be read") == f"{Path.home()}*** cannot be read"


def test_nothing_is_hidden_by_an_empty_secret() -> None:
    remember("", "~", ".pub", " ")
    remember_login("ann:")
    remember_environment({"ONE_AUTH": "", "AWS_SESSION_TOKEN": "", "HTTP_PROXY": "", "ONE_XMLRPC": "http://@h/?"})
    assert redact("a ~ b.pub") == "a ~ b.pub"
