#!/bin/sh
# The way back of a change by edgewrap on this host. A converge arms it before its first change; edgewrap confirms the
# change over a new SSH connection. What is not confirmed in time, or before the host boots, is taken back.
#
#   rollback.sh arm SECONDS USER PROCESS  remembers what the host is, unless an earlier change is not confirmed yet: then it
#                                     is what stood before that one. PROCESS is the converge, ended when the time is up
#   rollback.sh ready SECONDS             the converge is through: so long from now on
#   rollback.sh confirm WHO               the change stays; status 4: there is nothing to confirm, it was taken back
#   rollback.sh undo REASON               takes it back now
#   rollback.sh wait                      takes it back when the time is up; `arm` starts this
#
# It shares its lock with network.sh, so that neither sees the other's half.
set -eu
umask 022
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

state=/var/lib/edgewrap/undo        # snapshot.json is there as long as a change is not confirmed
deadline=/run/edgewrap-undo         # when it is taken back, in seconds of uptime; a boot takes it away
log=/var/lib/edgewrap/undo.log
units=/etc/systemd/system
unit=edgewrap-undo.service          # waits for the deadline
boot_unit=edgewrap-undo-at-boot.service

lock() {
	exec 9>/run/edgewrap-network.lock
	# whoever hangs with it must not keep the host from going back
	flock --timeout 60 9 || :
}

armed() {
	[ -f $state/snapshot.json ]
}

systemd() {
	[ -d /run/systemd/system ]
}

# Seconds since the host booted.
uptime() {
	read -r seconds _ </proc/uptime
	echo "${seconds%.*}"
}

note() {
	echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $1" >>$log
}

set_deadline() {
	echo $(($(uptime) + $1)) >$deadline.new
	mv -f $deadline.new $deadline
}

bgp_runs() {
	vtysh -d bgpd -c 'show version' >/dev/null 2>&1
}

# What runs, one word a line.
running() {
	if systemd; then
		for name in edgewrap-watch frr; do
			if systemctl --quiet is-active $name.service; then echo $name; fi
		done
	fi
	if bgp_runs; then echo bgpd; fi
}

# A boot in between takes the change back before anything of ours or of the network starts.
write_boot_unit() {
	cat >$units/$boot_unit <<-END
		[Unit]
		Description=Takes back a change on this edge host that was not confirmed before it booted
		DefaultDependencies=no
		ConditionPathExists=$state/snapshot.json
		RequiresMountsFor=/var/lib /etc
		After=local-fs.target
		Before=network-pre.target systemd-networkd.service nftables.service frr.service
		Before=edgewrap-network.service edgewrap-watch.service
		Wants=network-pre.target

		[Service]
		Type=oneshot
		ExecStart=/bin/sh $state/rollback.sh undo 'the host booted before it was confirmed'
	END
	mkdir -p $units/multi-user.target.wants
	ln -sfn $units/$boot_unit $units/multi-user.target.wants/$boot_unit
}

start_waiting() {
	if systemd; then
		systemctl stop $unit 2>/dev/null || :
		systemd-run --quiet --collect --unit=$unit sh $state/rollback.sh wait
	else
		setsid sh $state/rollback.sh wait </dev/null >/dev/null 2>&1 9>&- &
	fi
}

arm() { # $1: seconds, $2: user, $3: process of the converge
	lock
	echo "$3" >$state/converge
	set_deadline "$1"
	armed || {
		running >$state/running
		(umask 077; python3 $state/snapshot.py take "$2" >$state/snapshot.new)
		if systemd; then write_boot_unit; fi
		# on the disk before anything is changed
		sync $state/snapshot.new $state/*.py $state/*.sh
		mv $state/snapshot.new $state/snapshot.json
		sync $state
	}
	start_waiting
}

ready() { # $1: seconds
	set_deadline "$1"
	rm -f $state/converge
}

# Ends a process and all that it started; the parents first, so that they begin nothing more.
end() {
	children=$(cat "/proc/$1/task/"*/children 2>/dev/null) || :
	kill -KILL "$1" 2>/dev/null || :
	for child in $children; do
		end "$child"
	done
}

converge_runs() {
	[ -f $state/converge ] && kill -0 "$(cat $state/converge)" 2>/dev/null
}

wait_for_deadline() {
	while armed; do
		read -r due <$deadline || due=0
		if [ "$(uptime)" -ge "$due" ]; then
			if converge_runs; then end "$(cat $state/converge)"; fi
			take_back 'it was not confirmed in time'
			return
		fi
		sleep 0.5
	done
}

confirm() { # $1: who
	# a converge whose connection broke may still be at it; the deadline ends it
	while converge_runs; do
		sleep 0.5
	done
	[ ! -f $state/converge ] || take_back 'it ended half-way'
	lock
	armed || exit 4
	forget
	note "confirmed by $1"
}

take_back() { # $1: why
	lock
	armed || return 0
	how=restore
	if [ -f $deadline ]; then
		# it would run network.sh for each device that comes or goes
		if systemd; then systemctl stop edgewrap-watch.service 2>/dev/null || :; fi
	else
		how=restore-files
	fi
	changed=$(python3 $state/snapshot.py $how $state/snapshot.json 2>>$log) || {
		note 'could not be taken back'
		exit 1
	}
	# as far as they go: what one of them refuses must not keep the others from it; none may keep the lock
	if [ $how = restore ]; then bring_back_services 9>&- || :; else services_at_boot 9>&- || :; fi
	note "undone: $1"
	forget
}

bring_back_services() {
	if systemd; then
		case $changed in *$units/*) systemctl daemon-reload ;; esac
		case $changed in
		*/etc/systemd/network/*) ! systemctl --quiet is-active systemd-networkd.service || networkctl reload || : ;;
		esac
	fi
	if grep -qx bgpd $state/running; then
		case $changed in */etc/frr/*) run_frr ;; *) bgp_runs || run_frr ;; esac
	elif bgp_runs; then
		if ! systemd; then
			/usr/lib/frr/frrinit.sh stop
		elif grep -qx frr $state/running; then
			systemctl restart frr.service
		else
			systemctl stop frr.service
		fi
	fi >/dev/null 2>&1
	if systemd && grep -qx edgewrap-watch $state/running; then systemctl restart edgewrap-watch.service; fi
}

run_frr() {
	sh -euc 'step() { :; }; . "$1"' frr $state/frr.sh || :
}

# While the host boots, what it is about to start was read before the files came back.
services_at_boot() {
	systemd || return 0
	systemctl daemon-reload
	for name in edgewrap-network edgewrap-watch frr; do
		if [ -e $units/multi-user.target.wants/$name.service ]; then
			systemctl start --no-block $name.service
		else
			systemctl stop --no-block $name.service 2>/dev/null
		fi
	done
}

# The end of it, whichever: a crash in the middle leaves nothing that would act.
forget() {
	rm -f $state/snapshot.json $deadline $units/$boot_unit $units/multi-user.target.wants/$boot_unit
	rm -rf $state
	[ "$command" = wait ] || ! systemd || systemctl stop $unit 2>/dev/null || :
}

command=$1
case $command in
arm) arm "$2" "$3" "$4" ;;
ready) ready "$2" ;;
confirm) confirm "$2" ;;
undo) take_back "$2" ;;
wait) wait_for_deadline ;;
esac
