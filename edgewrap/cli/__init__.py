"""The command line: one file per command, each a plain function that returns the exit code.

main.py             entry point: registers the commands, maps errors to exit codes
options.py          options that commands share: `--file`, `--json`, `--only`, `--auto-approve`, timeouts
approval.py         ask for confirmation, or refuse if there is no terminal
streams.py          standard output and error that cannot break a run
plan_and_apply.py   what `apply` and `replace` share: plan, ask, apply
init.py             `edgewrap init`
validate.py         `edgewrap validate`
schema.py           `edgewrap schema`
render.py           `edgewrap render`
preflight.py        `edgewrap preflight`
plan.py             `edgewrap plan`
apply.py            `edgewrap apply`
replace.py          `edgewrap replace`
status.py           `edgewrap status`
output.py           `edgewrap output`
destroy.py          `edgewrap destroy`
force_unlock.py     `edgewrap force-unlock`
logs.py             `edgewrap logs`
ssh.py              `edgewrap ssh`
lab.py              `edgewrap lab`
views/              how a run is shown
"""
