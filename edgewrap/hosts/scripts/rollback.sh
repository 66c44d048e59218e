#!/bin/sh
# Rolls a change by edgewrap on this host back. edgewrap arms it before a change and confirms the change over a new SSH
# connection. What is not confirmed in time, or before the host boots, is rolled back: the files of before are restored,
# and the network is made from them by network.sh.
#
#   rollback.sh arm SECONDS USER PROCESS  saves what the host has now. If an earlier change is not confirmed yet, what was
#                                         saved before that one counts. PROCESS makes the change; it is killed when the
#                                         time is up
#   rollback.sh ready SECONDS             the change is complete: so much time is left from now on
#   rollback.sh confirm WHO               keeps the change; status 4: there is nothing to confirm, it was rolled back
#   rollback.sh now REASON                rolls the change back
#   rollback.sh wait                      rolls it back when the time is up; `arm` starts this
set -eu
umask 022
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

state=/var/lib/edgewrap/rollback   # the file `armed` is in it as long as a change is not confirmed
deadline=/run/edgewrap-rollback    # in seconds of uptime; it does not survive a boot
log=/var/lib/edgewrap/changes.log
network=/etc/edgewrap
units=/etc/systemd/system
wants=$units/multi-user.target.wants
unit=edgewrap-rollback.service     # waits for the deadline
boot_unit=edgewrap-rollback-at-boot.service

. $state/keys.sh
cd /

# A process that hangs with a lock must not prevent the rollback.
lock() {
	exec 8>/run/edgewrap-rollback.lock
	flock --timeout 60 8 || :
}

armed() { [ -f $state/armed ]; }

systemd() { [ -d /run/systemd/system ]; }

# Seconds since the host booted.
uptime() {
	read -r seconds _ </proc/uptime
	echo "${seconds%.*}"
}

note() { echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $1" >>$log; }

set_deadline() {
	echo $(($(uptime) + $1)) >$deadline.new
	mv -f $deadline.new $deadline
}

# Rolls the change back at boot, before anything of ours or of the network starts.
write_boot_unit() {
	cat >$units/$boot_unit <<-END
		[Unit]
		Description=Roll back a change on this edge host that was not confirmed before it booted
		DefaultDependencies=no
		ConditionPathExists=$state/armed
		RequiresMountsFor=/var/lib /etc
		After=local-fs.target
		Before=network-pre.target systemd-networkd.service nftables.service frr.service
		Before=edgewrap-network.service edgewrap-watch.service
		Wants=network-pre.target

		[Service]
		Type=oneshot
		ExecStart=/bin/sh $state/rollback.sh now 'the host booted before it was confirmed'
	END
	mkdir -p $wants
	ln -sfn $units/$boot_unit $wants/$boot_unit
}

start_waiting() {
	if systemd; then
		systemctl stop $unit 2>/dev/null || :
		systemd-run --quiet --collect --unit=$unit sh $state/rollback.sh wait
	else
		setsid sh $state/rollback.sh wait </dev/null >/dev/null 2>&1 8>&- &
	fi
}

# The files that are ours below the directory $1, each behind what must be reloaded when it changes.
own_files() {
	while read -r reload pattern; do
		for path in "$1"$pattern; do
			[ "${path##*/}" != $boot_unit ] || continue
			if [ -e "$path" ] || [ -L "$path" ]; then echo "$reload ${path#"$1"}"; fi
		done
	done <$state/paths
}

save_files() {
	mkdir $state/files
	own_files '' | while read -r _ path; do
		cp -a --parents ".$path" $state/files
	done
}

same_file() {
	[ "$(stat -c '%f %u %g' "$1" 2>/dev/null)" = "$(stat -c '%f %u %g' "$2" 2>/dev/null)" ] || return 1
	if [ -L "$1" ]; then [ "$(readlink "$1")" = "$(readlink "$2")" ]; else cmp -s "$1" "$2"; fi
}

# Restores each file in one step and prints what must be reloaded. Those that are as they were are not touched.
restore_files() {
	{ own_files ''; own_files $state/files; } | sort -u | {
		failed=0
		while read -r reload path; do
			saved=$state/files$path
			if same_file "$path" "$saved"; then continue; fi
			echo "$reload"
			if [ -e "$saved" ] || [ -L "$saved" ]; then
				mkdir -p "${path%/*}" && cp -a -T "$saved" "$path.rollback" && mv -f -T "$path.rollback" "$path"
			else
				rm -f "$path"
			fi || failed=1
		done
		rmdir $network $units/nftables.service.d 2>/dev/null || :
		exit $failed
	}
}

save_keys() { # $1: user
	file=$(keys_file "$1")
	if [ ! -f "$file" ]; then return; fi
	echo "$file" >$state/keys.path
	block_of "$file" own >$state/keys
}

restore_keys() {
	[ -f $state/keys.path ] || return 0
	file=$(cat $state/keys.path)
	if [ -f "$file" ] && [ "$(block_of "$file" own)" != "$(cat $state/keys)" ]; then set_block "$file" $state/keys; fi
}

# What the files do not tell, as far as SSH or others depend on it.
save_kernel() {
	# the kernel lists them by metric
	primary=$(ip -4 -o route show default | sed -n '1s/.* dev \([^ ]*\).*/\1/p')
	if [ -n "$primary" ]; then
		ip -4 address save dev "$primary" >$state/address
		ip -4 route save table main dev "$primary" >$state/route
	fi
	nft -s list table inet edge-host >$state/firewall.nft 2>/dev/null || :
	# shellcheck disable=SC2046 # one word each
	(cd /proc/sys && grep -sH . $(cat $state/sysctl-names)) >$state/sysctls || :
}

# Makes of the restored files what they say; $reload has what must be reloaded. A step that fails must not keep the next
# ones from being done.
restore_host() {
	# the interface of the default route gets back what it lacks, whatever took it: SSH comes in there
	for thing in address route; do
		[ ! -s $state/$thing ] || ip -4 $thing restore <$state/$thing 2>/dev/null
	done
	if systemd; then
		systemctl daemon-reload
		case $reload in *networkd*) ! systemctl --quiet is-active systemd-networkd.service || networkctl reload ;; esac
	fi
	if [ -f $network/network.conf ]; then
		timeout 60 sh $network/network.sh
	else
		timeout 60 sh $state/network.sh remove
	fi || note 'network.sh failed in the rollback; the next apply repairs the network'
	if [ -s $state/firewall.nft ]; then
		{ echo 'table inet edge-host'; echo 'delete table inet edge-host'; cat $state/firewall.nft; } | nft -f -
	fi
	while IFS=: read -r name value; do
		[ "$(cat "/proc/sys/$name")" = "$value" ] || echo "$value" >"/proc/sys/$name"
	done <$state/sysctls
	if grep -q '^bgpd=yes' /etc/frr/daemons; then
		sh -euc 'step() { :; }; . "$1"' frr $state/frr.sh
	elif systemd && [ -e $wants/frr.service ]; then
		systemctl restart frr.service
	else
		/usr/lib/frr/frrinit.sh stop
	fi
	if systemd && [ -e $wants/edgewrap-watch.service ]; then systemctl restart edgewrap-watch.service; fi
}

# After a boot the kernel has nothing of the change. But systemd read what it is about to start before the files were
# restored.
restore_services_at_boot() {
	systemd || return 0
	systemctl daemon-reload
	for name in edgewrap-network edgewrap-watch frr; do
		if [ -e $wants/$name.service ]; then what=start; else what=stop; fi
		systemctl $what --no-block $name.service
	done
}

arm() { # $1: seconds, $2: user, $3: process that makes the change
	lock
	echo "$3" >$state/process
	set_deadline "$1"
	armed || {
		save_files
		save_keys "$2"
		save_kernel
		if systemd; then write_boot_unit; fi
		# on the disk before anything is changed
		find $state \( -type f -o -type d \) -exec sync {} +
		touch $state/armed
		sync $state/armed $state
	}
	start_waiting
}

ready() { # $1: seconds
	set_deadline "$1"
	rm -f $state/process
}

# Kills a process and all that it started; the parents first, so that they start nothing more.
kill_tree() {
	children=$(cat "/proc/$1/task/"*/children 2>/dev/null) || :
	kill -KILL "$1" 2>/dev/null || :
	for child in $children; do kill_tree "$child"; done
}

change_runs() { [ -f $state/process ] && kill -0 "$(cat $state/process)" 2>/dev/null; }

wait_for_deadline() {
	while armed; do
		read -r due <$deadline || due=0
		if [ "$(uptime)" -ge "$due" ]; then
			if change_runs; then kill_tree "$(cat $state/process)"; fi
			roll_back 'it was not confirmed in time'
			return
		fi
		sleep 0.5
	done
}

confirm() { # $1: who
	# a change whose connection broke may still be running; the deadline ends it
	while change_runs; do sleep 0.5; done
	[ ! -f $state/process ] || roll_back 'it ended half-way'
	lock
	armed || exit 4
	forget
	note "confirmed by $1"
}

roll_back() { # $1: why
	lock
	armed || return 0
	# it would run network.sh for each device that appears or disappears
	if systemd && [ -f $deadline ]; then systemctl stop edgewrap-watch.service 2>/dev/null || :; fi
	restore_keys || note 'the authorized keys could not be restored'
	incomplete=
	# that of network.sh, which must not see half of the files
	exec 9>/run/edgewrap-network.lock
	flock --timeout 60 9 || :
	reload=$(restore_files 2>>$log) || incomplete=yes
	exec 9>&-
	if [ -f $deadline ]; then restore=restore_host; else restore=restore_services_at_boot; fi
	# what it starts must not keep the lock
	$restore >/dev/null 2>>$log 8>&- || :
	if [ -n "$incomplete" ]; then
		note 'could not be rolled back: not all files could be restored'
		exit 1
	fi
	note "rolled back: $1"
	forget
}

# Nothing acts any more once `armed` is removed.
forget() {
	rm -f $state/armed $deadline $units/$boot_unit $wants/$boot_unit
	rm -rf $state
	[ "$command" = wait ] || ! systemd || systemctl stop $unit 2>/dev/null || :
}

command=$1
case $command in
arm) arm "$2" "$3" "$4" ;;
ready) ready "$2" ;;
confirm) confirm "$2" ;;
now) roll_back "$2" ;;
wait) wait_for_deadline ;;
esac
