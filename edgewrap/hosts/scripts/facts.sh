# Prints what a host is, in sections; changes nothing. Set before this: `user`, whose authorized keys are printed;
# `own_files`, patterns of the paths of our files; `block_files`, which have a block of ours from `begin` to `end`;
# `global_sysctls`, names with slashes; `health`, the text of health.py.
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

section() { printf '\n##edgewrap:section %s\n' "$1"; }

# Lists our tables without the elements of sets that change by themselves. It is text, because a part of it runs in a
# network namespace of its own: our files are loaded there, and this host's own nft lists both the live tables and those
# of the files, so that its version does not matter.
listings='
	show() {
		printf "\n##edgewrap:section %s-%s\n" "$1" "$2"
		shift 2
		nft -s "$@" 2>/dev/null
	}
	show_all() {
		show "$1" edge list table ip edge
		show "$1" guard -t list table bridge edge
		show "$1" firewall -t list table inet edge-host
	}
	load() {
		cd /etc/edgewrap || return
		nft -f edge.nft
		nft -f guard.nft || nft -f guard-by-name.nft
		nft -f firewall.nft
	}'

# FRR's configuration, each line with the section that it is in, without what is not ours.
normal_frr() {
	awk '
		/^ *(!|#|$)/ || /^(exit|end|frr|hostname|service|Building|Current)/ || /^ *exit-address-family/ { next }
		/^[^ ]/ { print; top = $0; next }
		/^ address-family/ { family = $0 }
		/^  / { print top "|" family "|" $0; next }
		{ print top "|" $0 }' | sort
}

# The differences between FRR's running configuration and its file, by FRR's own tool: - too much, + missing.
frr_differences() {
	/usr/lib/frr/frr-reload.py --test --daemon bgpd --log-level error /etc/frr/frr.conf 2>/dev/null | awk '
		/^Lines To/ { sign = $3 == "Delete" ? "-" : "+"; next }
		/^(=|$|no hostname)/ || sign == "" { next }
		{ sub(/password .*/, "password (hidden)"); print sign $0 }'
}

section tools
for tool in ip bridge nft unshare awk sed base64 sha256sum stat mktemp flock python3; do
	command -v $tool >/dev/null || echo $tool
done
command -v vtysh >/dev/null || echo frr
[ -x /usr/lib/frr/frr-reload.py ] || echo frr-pythontools

section setup
setup_state

section rollback
[ ! -f /var/lib/edgewrap/rollback/armed ] || echo pending
[ ! -f /var/lib/edgewrap/changes.log ] || tail -n 1 /var/lib/edgewrap/changes.log

section disks
disk_facts

section links
ip -N -d -j address || exit 1
section routes
ip -N -4 -j route show table all || exit 1
section rules
# without -d, rules of the protocols kernel and none look the same
ip -N -4 -d -j rule || exit 1
section proxies
ip -N -4 -j neighbour show proxy || exit 1
section fdb
[ ! -d /proc/sys/net/ipv4/conf/br-edge ] || bridge -j fdb show br br-edge

section sysctls
cd /proc/sys || exit 1
grep -s . $global_sysctls net/ipv4/conf/*/send_redirects net/ipv4/conf/*/rp_filter net/ipv4/conf/*/arp_ignore \
	net/ipv4/neigh/*/proxy_delay net/ipv6/conf/*/disable_ipv6
cd /

section files
# two commands for all of them: one each for every file would be a quarter of this script's time
set --
for file in $own_files; do
	# part of the rollback of a change that is not confirmed yet
	[ "${file##*/}" != edgewrap-rollback-at-boot.service ] || continue
	[ ! -f "$file" ] || set -- "$@" "$file"
done
[ $# = 0 ] || { stat -c '%a %U:%G %n' "$@"; sha256sum "$@"; } | awk '
	length($1) < 64 { path = $0; sub(/^[^ ]+ [^ ]+ /, "", path); owner[path] = $1 " " $2; next }
	{ print owner[substr($0, 67)], $0 }'

section texts
# as `path:line`; a file that someone else wrote may be large
[ $# = 0 ] || awk '
	FNR > 2000 { nextfile }
	FILENAME == "/etc/frr/frr.conf" { sub(/password .*/, "password (hidden)") }
	{ print FILENAME ":" substr($0, 1, 1000) }' "$@"

section blocks
for file in $block_files; do
	[ ! -f "$file" ] || echo "$file $(sed -n "/^$begin\$/,/^$end\$/p" "$file" | base64 -w 0)"
done

section units
[ ! -d /run/systemd/system ] || echo systemd
units='edgewrap-network.service edgewrap-watch.service frr.service'
for unit in $units; do
	[ ! -e /etc/systemd/system/multi-user.target.wants/$unit ] || echo "$unit enabled"
done
[ ! -d /run/systemd/system ] || systemctl is-active $units | for unit in $units; do
	read -r state
	case $state in active | reloading | refreshing) echo "$unit active" ;; esac
done

eval "$listings"
show_all live
unshare --net sh -c "$listings
	load 2>/dev/null
	show_all saved"

section bgp
# one vtysh for two answers, because its start takes longest; the second one is JSON, and may be an error
answers=$(vtysh -d bgpd -c 'show running-config no-header' -c 'show bgp l2vpn evpn summary json' 2>/dev/null)
if [ -n "$answers" ]; then
	echo running
	[ ! -f /etc/frr/frr.conf ] ||
		[ "$(printf '%s\n' "$answers" | sed '/^{/,$d' | normal_frr)" = "$(normal_frr </etc/frr/frr.conf)" ] ||
		frr_differences
fi

section health
# only if the network is set up: python3 is missing before the first-boot setup
[ ! -d /proc/sys/net/ipv4/conf/gw-edge ] ||
	printf '%s\n' "$answers" | sed -n '/^{/,$p' | python3 -I -S -c "$health"

section keys
home=$(getent passwd "$user" | cut -d: -f6)
[ ! -f "$home/.ssh/authorized_keys" ] || base64 "$home/.ssh/authorized_keys"
section end
