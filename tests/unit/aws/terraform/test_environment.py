"""What terraform gets of the environment."""

from __future__ import annotations

from pathlib import Path

from edgewrap.aws.terraform.binary import cli_configuration_text, terraform_environment

USERS = {
    "PATH": "/bin",
    "AWS_PROFILE": "edge",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "TF_VAR_name": "other",
    "TF_CLI_ARGS": "-lock=false",
    "TF_CLI_ARGS_plan": "-refresh=false",
    "TF_WORKSPACE": "other",
    "TF_DATA_DIR": "/elsewhere",
    "TF_CLI_CONFIG_FILE": "/home/someone/.terraformrc",
    "TF_INPUT": "1",
    "TF_REATTACH_PROVIDERS": "{}",
    "TF_LOG": "debug",
    "TF_TOKEN_registry_example_com": "token",
    "TF_PLUGIN_CACHE_DIR": "/cache",
}


def test_user_variables_do_not_change_terraforms_arguments() -> None:
    assert terraform_environment(USERS, Path("/run/terraform.rc")) == {
        "GOGC": "200",
        "PATH": "/bin",
        "AWS_PROFILE": "edge",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "TF_LOG": "debug",
        "TF_TOKEN_registry_example_com": "token",
        "TF_PLUGIN_CACHE_DIR": "/cache",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
        "TF_CLI_CONFIG_FILE": "/run/terraform.rc",
    }


def test_providers_come_from_a_directory_only_if_one_is_named() -> None:
    assert "provider_installation" not in cli_configuration_text(None)
    assert '    path = "/a \\"b\\" é"\n' in cli_configuration_text(Path('/a "b" é'))
