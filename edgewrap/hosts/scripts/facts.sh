# Prints what a host is, in sections; changes nothing. `user` is set before it: whose authorized keys are meant.
set -u
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

section() {
	printf '\n##edgewrap:section %s\n' "$1"
}

# The saved table as this host's own nft lists it once loaded, in a network namespace of its own: so the two
# listings can be compared whatever the version of nft writes.
saved_table() {
	[ -f /etc/edgewrap/edge.nft ] || return 0
	unshare --net sh -c 'nft -f /etc/edgewrap/edge.nft && nft -s list table ip edge' 2>/dev/null
}

section tools
for tool in ip bridge nft unshare awk sed base64 sha256sum stat mktemp; do
	command -v $tool >/dev/null || echo $tool
done

section setup
setup_state

section links
ip -N -d -j address || exit 1
section routes
ip -N -4 -j route show table all || exit 1
section rules
# with details: without them rules of the protocols kernel and none look the same
ip -N -4 -d -j rule || exit 1
section proxies
ip -N -4 -j neighbour show proxy || exit 1
section fdb
[ ! -d /proc/sys/net/ipv4/conf/br-edge ] || bridge -j fdb show br br-edge

section sysctls
cd /proc/sys || exit 1
grep -s . net/ipv4/ip_forward net/bridge/bridge-nf-call-iptables net/bridge/bridge-nf-call-ip6tables \
	net/ipv4/conf/*/send_redirects net/ipv4/conf/*/rp_filter net/ipv4/conf/*/arp_ignore \
	net/ipv4/neigh/*/proxy_delay net/ipv6/conf/*/disable_ipv6
cd /

section files
for file in /etc/edgewrap/* /etc/systemd/network/05-edgewrap-*.network /etc/systemd/system/edgewrap-network.service \
	/etc/systemd/system/nftables.service.d/edgewrap.conf /etc/cloud/cloud.cfg.d/99-edgewrap.cfg \
	/etc/sysctl.d/99-zz-edgewrap.conf /etc/iproute2/rt_tables.d/edgewrap.conf; do
	[ ! -f "$file" ] || printf '%s %s\n' "$(stat -c '%a %u:%g' "$file")" "$(sha256sum "$file")"
done

section unit
if [ -e /etc/systemd/system/multi-user.target.wants/edgewrap-network.service ]; then echo enabled; fi
if [ -d /run/systemd/system ]; then
	echo systemd
	! systemctl --quiet is-active edgewrap-network.service || echo active
fi

section table
nft -s list table ip edge 2>/dev/null
section saved-table
saved_table

section keys
home=$(getent passwd "$user" | cut -d: -f6)
[ ! -f "$home/.ssh/authorized_keys" ] || base64 "$home/.ssh/authorized_keys"
section end
