#!/bin/sh
# Makes this host's part of the public network from network.conf and edge.nft, which stand beside this file.
# edgewrap-network.service runs it at boot and edgewrap in every converge, so that the two cannot differ. It can be
# run at any time: what is right already is left alone. It adds and mends; what is no longer wanted is removed by
# the converge, which alone knows it. Filters come before forwarding and forwarding before routes, so that a run
# that stops half-way leaves nothing open. The watcher runs it when a group's interface comes or goes: AWS may have
# attached it to another host, so entries are here only as long as their interface is.
# With the argument `filters` it loads the filters and does nothing else.
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

# The MTU of br-edge: what the interface with the address $1 leaves of its own to VXLAN's payload, 1500 at most.
mtu_over() {
	device=$(ip -o -4 address show to "$1/32" | awk '{ print $2; exit }')
	[ -n "$device" ] || { echo 1500; return; }
	ip -o link show dev "$device" | sed 's/.* mtu \([0-9]*\) .*/\1/' | awk '{ print $1 < 1550 ? $1 - 50 : 1500 }'
}

load_filters() {
	step nftables
	# the guard first: it is there before any port of a VM is, and with the ports that are there now
	python3 "$directory/watch.py" load
	nft -f "$directory/edge.nft"
	if [ -f "$directory/firewall.nft" ]; then
		{
			cat "$directory/firewall.nft"
			[ ! -s $operators ] || sed 's/.*/add element inet edge-host operators { & }/' $operators
		} | nft -f -
	else
		nft delete table inet edge-host 2>/dev/null || :
	fi
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

# $1: this host's primary address, $2: VNI, $3: MTU in bytes
make_vxlan() {
	step vxlan
	# made anew only where what cannot be changed differs: all that it has learnt of other hosts goes with it
	vxlan=$(ip -d -j link show dev vx-edge 2>/dev/null | tr '{,}' '\n\n\n') || :
	for word in "\"id\":$2" "\"local\":\"$1\"" '"port":8472'; do
		echo "$vxlan" | grep -qx "$word" && continue
		ip link del dev vx-edge 2>/dev/null || :
		ip link add vx-edge type vxlan id "$2" local "$1" dstport 8472 nolearning
		break
	done
	ip -d -o link show dev vx-edge | grep -q ' nolearning' ||
		ip link set dev vx-edge type vxlan id "$2" local "$1" nolearning
	ip link set dev vx-edge addrgenmode none 2>/dev/null || :
	without_ipv6 vx-edge
	ip -4 address flush dev vx-edge
	ip -batch - <<-EOF
		link set dev vx-edge mtu $3
		link set dev vx-edge master br-edge
		link set dev vx-edge type bridge_slave learning off neigh_suppress off
		link set dev vx-edge up
	EOF
}

# $1: index, $2: MAC, $3: its own address, $4: block, $5: the subnet's router, $6: its table, $7: its rule's priority
make_group() {
	step "group-$1"
	name=$(name_of "$2")
	if [ -z "$name" ]; then
		echo "group-$1: no interface has the MAC $2" >&2
		ip rule del priority "$7" lookup "$6" 2>/dev/null || :
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

operators=/var/lib/edgewrap/operators
exec 9>/run/edgewrap-network.lock
flock 9
if [ "${1:-}" = filters ]; then
	load_filters
	exit
fi

errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

step 'bridge filter'
# Without it OpenNebula's security groups see no packet; built in, or already there, on some kernels.
[ -e /proc/sys/net/bridge ] || modprobe br_netfilter 2>/dev/null || :
set_sysctl net/bridge/bridge-nf-call-iptables 1
set_sysctl net/bridge/bridge-nf-call-ip6tables 1

load_filters

step forwarding
# A VM that went away and came back has connections that this host saw only a part of: they are not invalid.
set_sysctl net/netfilter/nf_conntrack_tcp_be_liberal 1
set_sysctl net/ipv4/conf/all/send_redirects 0
set_sysctl net/ipv4/ip_forward 1

present=' '
come='' gone='' announced=''
while read -r kind one two three four five six seven; do
	case $kind in
	bridge) # $one: MAC of br-edge, $two: MAC of gw-edge, $three: primary address, $four: VNI
		mtu=$(mtu_over "$three")
		make_bridge "$one" "$two" "$mtu"
		make_vxlan "$three" "$four" "$mtu"
		proxies=" $(ip -4 neighbour show proxy dev gw-edge | awk '{ print $1 }' | tr '\n' ' ')"
		;;
	table) # $one: the number of table edge, $two: its rule's priority
		edge=$one
		add_rule priority "$two" lookup "$one"
		;;
	group) make_group "$one" "$two" "$three" "$four" "$five" "$six" "$seven" ;;
	address) # $one: the VM's address, $two: its gateway, $three: the index of its group
		case $present in
		*" $three "*)
			come="${come}route replace $one/32 dev gw-edge scope link table $edge
neigh replace proxy $two dev gw-edge
"
			case $proxies in
			*" $two "*) ;;
			*) announced="$announced $two" ;;
			esac
			;;
		*)
			gone="${gone}route del $one/32 dev gw-edge table $edge
neigh del proxy $two dev gw-edge
"
			;;
		esac
		;;
	esac
done <"$directory/network.conf"

step addresses
[ -z "$gone" ] || printf '%s' "$gone" | ip -force -batch - 2>/dev/null || :
[ -z "$come" ] || printf '%s' "$come" | ip -batch -

step announce
# shellcheck disable=SC2086 # one word each
[ -z "$announced" ] || python3 "$directory/announce.py" $announced
