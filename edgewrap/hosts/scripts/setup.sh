# Prints how far the host has set itself up: `name=value`, then the last lines of the log, each behind `| `. Nothing
# where it has no user data of edgewrap's. Changes nothing.
setup_state() (
	cd /var/lib/edgewrap 2>/dev/null && [ -f setup.sh ] || return 0
	if [ -f setup.lock ] && ! flock --shared --nonblock setup.lock true; then
		echo state=running
	elif [ -f setup-done ]; then
		echo state=done
		grep '^version=' setup-done
	elif [ -f setup-failed ]; then
		echo state=failed
		echo "reason=$(cat setup-failed)"
	elif [ -f /run/cloud-init/result.json ]; then
		echo state=failed
		echo "reason=cloud-init ended before it was through: $(tr -s '[:space:]' ' ' </run/cloud-init/result.json)"
	else
		echo state=running
	fi
	[ ! -f setup.log ] || tail -n 20 setup.log | sed 's/^/| /'
)
