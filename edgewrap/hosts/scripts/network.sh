#!/bin/sh
# Makes this host's part of the public network from network.conf and edge.nft, which stand beside this file.
# edgewrap-network.service runs it at boot and edgewrap in every converge, so that the two cannot differ. It can be
# run at any time: what is right already is left alone. It adds and mends; what is no longer wanted is removed by
# the converge, which alone knows it. Filters come before forwarding and forwarding before routes, so that a run
# that stops half-way leaves nothing open.
set -eu
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

directory=$(dirname "$0")

step() {
	echo "##edgewrap:step $1"
}

# Sets the sysctl $1 (with slashes) to $2.
set_sysctl() {
	[ "$(cat "/proc/sys/$1")" = "$2" ] || echo "$2" >"/proc/sys/$1"
}

# No IPv6 on the interface $1: nothing here routes or filters it.
without_ipv6() {
	[ ! -e "/proc/sys/net/ipv6/conf/$1/disable_ipv6" ] || set_sysctl "net/ipv6/conf/$1/disable_ipv6" 1
}

# The name of the interface with the MAC $1; of a VLAN or another device stacked on it (name@lower) never.
name_of() {
	ip -o link show | awk -v mac="$1" '
		$0 ~ " link/ether " mac " " {
			name = $2
			sub(/:$/, "", name)
			lower = name
			if (sub(/^[^@]*@/, "", lower) && lower !~ /^if[0-9]+$/) next
			sub(/@.*$/, "", name)
			print name
			exit
		}'
}

set_mac() {
	ip -o link show dev "$1" | grep -q " link/ether $2 " || ip link set dev "$1" address "$2"
}

# A rule that is there already is fine; any other error is not. networkd removes rules that it does not know, but
# never one of protocol kernel.
add_rule() {
	ip rule add "$@" protocol kernel 2>"$errors" || grep -q 'File exists' "$errors" || {
		cat "$errors" >&2
		return 1
	}
}

# $1: MAC of br-edge, $2: MAC of gw-edge, $3: MTU in bytes
make_bridge() {
	step bridge
	# A bridge that OpenNebula's driver made first is taken over with the VM ports in it.
	[ -d /proc/sys/net/ipv4/conf/br-edge ] || ip link add br-edge address "$1" type bridge mcast_snooping 0
	ip link set dev br-edge type bridge mcast_snooping 0
	if ! ip -o link show dev gw-edge 2>/dev/null | grep -q ' gw-edge@gw-port:'; then
		ip link del dev gw-edge 2>/dev/null || :
		ip link del dev gw-port 2>/dev/null || :
		ip link add gw-edge address "$2" type veth peer name gw-port
	fi
	set_mac br-edge "$1"
	set_mac gw-edge "$2"
	for device in br-edge gw-port gw-edge; do
		# no link-local address either: refused where IPv6 is switched off altogether
		ip link set dev $device addrgenmode none 2>/dev/null || :
		without_ipv6 $device
		ip -4 address flush dev $device
	done
	set_sysctl net/ipv4/conf/gw-edge/send_redirects 0
	set_sysctl net/ipv4/conf/gw-edge/arp_ignore 1
	set_sysctl net/ipv4/conf/gw-edge/rp_filter 2
	set_sysctl net/ipv4/neigh/gw-edge/proxy_delay 0
	ip -batch - <<-EOF
		link set dev gw-port mtu $3
		link set dev gw-edge mtu $3
		link set dev gw-port master br-edge
		link set dev br-edge mtu $3
		link set dev br-edge up
		link set dev gw-port up
		link set dev gw-edge up
	EOF
	bridge fdb replace "$2" dev gw-port master static
}

# $1: index, $2: MAC, $3: its own address, $4: block, $5: the subnet's router, $6: its table, $7: its rule's priority
make_group() {
	step "group-$1"
	name=$(name_of "$2")
	if [ -z "$name" ]; then
		# AWS may have attached it to another host: nothing of this group is brought up then.
		echo "group-$1: no interface has the MAC $2" >&2
		return 0
	fi
	present="$present$1 "
	ip address replace "$3/32" dev "$name"
	ip -o -4 address show dev "$name" | awk '{ print $4 }' | while read -r address; do
		# one may have gone with another of its subnet
		[ "$address" = "$3/32" ] || [ "$address" = "$3" ] || ip address del "$address" dev "$name" 2>/dev/null || :
	done
	without_ipv6 "$name"
	set_sysctl "net/ipv4/conf/$name/rp_filter" 2
	set_sysctl "net/ipv4/conf/$name/send_redirects" 0
	ip link set dev "$name" up
	ip route replace default via "$5" dev "$name" onlink table "$6"
	add_rule priority "$7" from "$4" iif gw-edge lookup "$6"
}

errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

step 'bridge filter'
# Without it OpenNebula's security groups see no packet; built in, or already there, on some kernels.
[ -e /proc/sys/net/bridge ] || modprobe br_netfilter 2>/dev/null || :
set_sysctl net/bridge/bridge-nf-call-iptables 1
set_sysctl net/bridge/bridge-nf-call-ip6tables 1

step nftables
nft -f "$directory/edge.nft"

step forwarding
set_sysctl net/ipv4/conf/all/send_redirects 0
set_sysctl net/ipv4/ip_forward 1

present=' '
batch=''
while read -r kind one two three four five six seven; do
	case $kind in
	bridge) make_bridge "$one" "$two" "$three" ;;
	table) # $one: the number of table edge, $two: its rule's priority
		edge=$one
		add_rule priority "$two" lookup "$one"
		;;
	group) make_group "$one" "$two" "$three" "$four" "$five" "$six" "$seven" ;;
	address) # $one: the VM's address, $two: its gateway, $three: the index of its group
		case $present in
		*" $three "*)
			batch="${batch}route replace $one/32 dev gw-edge scope link table $edge
neigh replace proxy $two dev gw-edge
"
			;;
		esac
		;;
	esac
done <"$directory/network.conf"

step addresses
[ -z "$batch" ] || printf '%s' "$batch" | ip -batch -
