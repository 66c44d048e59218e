"""The command line: one file per command, each a plain function that returns the exit code.

start.py            where the program begins
main.py             entry point: registers the commands, maps errors to exit codes
options.py          options that commands share: `--file`, `--json`, `--only`, `--auto-approve`, timeouts
many.py             runs of several clusters side by side, a process each
many_commands.py    commands that take several specs: one process, or one for each cluster
many_specs.py       which clusters a command line names: spec files, directories, saved plans
completion.py       what a shell completes: hosts, outputs, log files, labs
reference.py        the tables of `docs/commands.md`
streams.py          standard output and error that cannot break a run
ipam.py             the commands of `edgewrap ipam`: the IPAM driver and its installation
lab.py              the commands of `edgewrap lab`
documents/          what `--json` prints, and its JSON Schemas
views/              how a run is shown

The other files are the commands of their names: `init.py`, `validate.py`, `schema.py`, `render.py`, `preflight.py`,
`plan.py`, `drift.py`, `show.py`, `apply.py`, `replace.py`, `status.py`, `graph.py`, `report.py`, `output.py`,
`destroy.py`, `force_unlock.py`, `logs.py`, `ssh.py`.
"""
