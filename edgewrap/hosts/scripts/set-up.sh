# Reads the state of the host's first-boot setup, and starts it again.
set_up=/var/lib/edgewrap

# Whether it is running: only then its lock is held exclusively.
setup_runs() { [ -f $set_up/setup.lock ] && ! flock --shared --nonblock $set_up/setup.lock true; }

# Prints its state as `name=value`, then the last lines of the log, each behind `| `; nothing if the host has no user
# data of edgewrap's. Changes nothing.
setup_state() {
	[ -f $set_up/setup.sh ] || return 0
	if setup_runs; then
		echo state=running
	elif [ -f $set_up/setup-done ]; then
		echo state=done
		grep '^version=' $set_up/setup-done
	elif [ -f $set_up/setup-failed ]; then
		echo state=failed
		echo "reason=$(cat $set_up/setup-failed)"
	elif [ -f /run/cloud-init/result.json ]; then
		echo state=failed
		echo "reason=cloud-init ended before the setup: $(tr -s '[:space:]' ' ' </run/cloud-init/result.json)"
	else
		echo state=running
	fi
	[ ! -f $set_up/setup.log ] || tail -n 20 $set_up/setup.log | sed 's/^/| /'
}

# Starts it in a unit of its own, which outlives the connection; returns when it runs, or has ended already.
start_setup() {
	rm -f $set_up/setup-failed
	systemd-run --quiet --collect --unit=edgewrap-setup sh $set_up/setup.sh || return 1
	for try in 1 2 3 4 5 6 7 8 9 10; do
		if setup_runs || [ -f $set_up/setup-failed ] || [ -f $set_up/setup-done ]; then return 0; fi
		sleep 0.2
	done
}
