#!/bin/sh
# Makes this host's part of the public network what network.conf and the filters beside this script say, and removes
# what they do not name: rules and routes of our tables, gateways on gw-edge, everything else on the interface of a
# group. It never touches anything that belongs to others.
#
#   network.sh           makes the network
#   network.sh filters   loads the filters, and does nothing else
#   network.sh remove    removes the network; a bridge with the port of a VM in it stays
#
# edgewrap-network.service runs it at boot, edgewrap in every change and every rollback, and the watcher when the
# interface of a group appears or disappears. It may be run at any time: it leaves alone what is right already. It sets
# up a group only while its interface is here, because AWS may have attached it to another host. Filters come before
# forwarding and forwarding before routes: a run that stops half-way opens nothing.
set -eu
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

directory=$(dirname "$0")
operators=/var/lib/edgewrap/operators

step() { echo "##edgewrap:step $1"; }

# Sets the sysctl $1 (with slashes) to $2.
set_sysctl() { [ "$(cat "/proc/sys/$1")" = "$2" ] || echo "$2" >"/proc/sys/$1"; }

# Sets the global sysctls of network.conf whose names match the pattern $1.
set_sysctls() {
	sed -n 's/^sysctl //p' "$directory/network.conf" | while read -r sysctl value; do
		case $sysctl in $1) set_sysctl "$sysctl" "$value" ;; esac
	done
}

# Sets disable_ipv6 of the interface $1 to $2: nothing here routes or filters IPv6.
disable_ipv6() {
	[ ! -e "/proc/sys/net/ipv6/conf/$1/disable_ipv6" ] || set_sysctl "net/ipv6/conf/$1/disable_ipv6" "$2"
}

# The name of the interface with the MAC $1; never a VLAN or another device on top of it (name@lower).
name_of() {
	ip -o link show | sed -n "s/^[0-9]*: \([^:@]*\)\(@if[0-9]*\)\{0,1\}: .* link\/ether $1 .*/\1/p" | head -n 1
}

set_mac() { ip -o link show dev "$1" | grep -q " link/ether $2 " || ip link set dev "$1" address "$2"; }

# The MTU of br-edge: that of the interface with the address $1 less the overhead of VXLAN, at most 1500.
mtu_over() {
	device=$(ip -o -4 address show to "$1/32" | awk '{ print $2; exit }')
	[ -n "$device" ] || { echo 1500; return; }
	ip -o link show dev "$device" | sed 's/.* mtu \([0-9]*\) .*/\1/' | awk '{ print $1 < 1550 ? $1 - 50 : 1500 }'
}

load_filters() {
	step nftables
	# The guard first: it must be there before any port of a VM is.
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

# Accepts the cluster's packets at the end of iptables' chains, in case that their policy is DROP, now or after the start
# of Docker or ufw.
accept_packets() {
	command -v iptables >/dev/null || return 0
	step iptables
	sed -n 's/^accept //p' "$directory/network.conf" | while read -r rule; do
		# shellcheck disable=SC2086 # several words
		iptables -w 5 -C $rule -j ACCEPT 2>/dev/null || iptables -w 5 -A $rule -j ACCEPT
	done
}

# $1: MAC of br-edge, $2: MAC of gw-edge, $3: MTU in bytes
make_bridge() {
	step bridge
	# A bridge that OpenNebula's driver made is adopted with the VM ports in it.
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
		# no link-local address either; fails if the kernel has no IPv6
		ip link set dev $device addrgenmode none 2>/dev/null || :
		disable_ipv6 $device 1
		ip -4 address flush dev $device
	done
	set_sysctl net/ipv4/conf/gw-edge/send_redirects 0
	set_sysctl net/ipv4/conf/gw-edge/arp_ignore 1
	set_sysctl net/ipv4/conf/gw-edge/rp_filter 2
	set_sysctl net/ipv4/neigh/gw-edge/proxy_delay 0
	ip -batch - <<-EOF
		link set dev gw-port mtu $3 master br-edge
		link set dev br-edge mtu $3 up
		link set dev gw-port up
		link set dev gw-edge mtu $3 up
	EOF
	bridge fdb replace "$2" dev gw-port master static
	bridge fdb show brport gw-port |
		awk -v own="$2" '/ static/ && $1 != own { print "fdb del " $1 " dev gw-port master" }' | bridge -batch -
}

# $1: this host's primary address, $2: VNI, $3: MTU in bytes
make_vxlan() {
	step vxlan
	# Replaced only if something that cannot be changed differs: a new one knows no MAC of other hosts.
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
	disable_ipv6 vx-edge 1
	ip -4 address flush dev vx-edge
	ip -batch - <<-EOF
		link set dev vx-edge mtu $3 master br-edge
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
		return 0
	fi
	# by the alias a later run knows that the interface was ours
	ip link set dev "$name" alias "edgewrap group-$1"
	ip address replace "$3/32" dev "$name"
	ip -o -4 address show dev "$name" | awk '{ print $4 }' | while read -r address; do
		# the kernel may have removed it together with another address of its subnet
		[ "$address" = "$3/32" ] || [ "$address" = "$3" ] || ip address del "$address" dev "$name" 2>/dev/null || :
	done
	disable_ipv6 "$name" 1
	set_sysctl "net/ipv4/conf/$name/rp_filter" 2
	set_sysctl "net/ipv4/conf/$name/send_redirects" 0
	ip link set dev "$name" up
	interfaces="$interfaces$name "
	{ echo "$3"; every_second "$4" 2; } >>"$wanted/addresses"
	echo "$6 $name 3 1 default via $5 dev $name onlink table $6" >>"$wanted/routes"
	# a route for the whole block would not do: the kernel answers for a gateway only if it has no route by gw-edge
	every_second "$4" 2 | sed "s/.*/$edge gw-edge 3 1 & dev gw-edge table $edge/" >>"$wanted/routes"
	echo "$7 from $4 iif gw-edge lookup $6 proto 2" >>"$wanted/rules"
	every_second "$4" 3 >>"$wanted/gateways"
}

# Every second address of the block $1, from its first one + $2 on: VMs' addresses from 2, their gateways from 3.
every_second() {
	echo "$1" | tr ./ '  ' | awk -v from="$2" '{
		first = (($1 * 256 + $2) * 256 + $3) * 256 + $4
		for (n = first + from; n < first + 2 ^ (32 - $5); n += 2)
			printf "%d.%d.%d.%d\n", n / 16777216, n / 65536 % 256, n / 256 % 256, n % 256
	}'
}

# The lines of standard input that are not in the file $1.
not_in() { grep -vxF -f "$1" || :; }

# The IPv4 routes: table, interface, protocol, type, then the route as `ip route add` and `ip route del` take it.
list_routes() {
	ip -N -4 -o route show table all | awk '{
		split("", value)
		for (i = 2; i <= NF; i++) value[$i] = $(i + 1)
		typed = $1 ~ /^[0-9]+$/
		table = "table" in value ? value["table"] : 254
		route = typed ? $2 : $1
		if ("via" in value) route = route " via " value["via"]
		if ("dev" in value) route = route " dev " value["dev"]
		if ("onlink" in value) route = route " onlink"
		route = route " table " table
		if ("metric" in value) route = route " metric " value["metric"]
		print table, "dev" in value ? value["dev"] : "-", "proto" in value ? value["proto"] : 3, typed ? $1 : 1, route
	}'
}

# Routes that must not be there: all others in our tables, and all on the interface of a group but the kernel's own.
surplus_routes() {
	list_routes | not_in "$wanted/routes" | awk -v interfaces="$interfaces" '
		($1 >= 10000 && $1 <= 10256) || (index(interfaces, " " $2 " ") && $1 != 255 && $3 != 2)'
}

# The IPv4 rules: priority, then the rule as `ip rule add` takes it.
list_rules() { ip -N -4 -d rule | sed 's/\[detached\] *//; s/:[[:space:]]*/ /; s/ *$//'; }

# Rules that must not be there: all others that look up our tables, and those that cloud-init made for the addresses of
# an interface, which look up one of its tables (100 to 199).
surplus_rules() {
	list_rules | not_in "$wanted/rules" | awk -v addresses="$wanted/addresses" '
		BEGIN { while ((getline line <addresses) > 0) ours[line] }
		{
			table = 0
			for (i = 2; i < NF; i++) if ($i == "lookup") table = $(i + 1)
			of_cloud_init = table >= 100 && table <= 199 && $2 == "from" && $4 == "lookup" && NF == 7
			if ((table >= 10000 && table <= 10256) || (of_cloud_init && $3 in ours)) print
		}'
}

list_gateways() { ip -N -4 neighbour show proxy dev gw-edge 2>/dev/null | awk '{ print $1 }'; }

# Rules of protocol kernel: networkd removes those that it does not know, but never these.
set_rules() {
	step rules
	# The kernel does not ask for the protocol: it may remove the right one of two rules that differ in nothing else.
	for try in 1 2 3; do
		rules=$(surplus_rules | sed 's/ proto [0-9]*$//; s/^/rule del priority /')
		[ -n "$rules" ] || break
		echo "$rules" | ip -force -batch - 2>/dev/null || :
	done
	list_rules >"$wanted/present"
	not_in "$wanted/present" <"$wanted/rules" | sed 's/ proto / protocol /; s/^/rule add priority /' | ip -batch -
}

set_routes() {
	step routes
	list_routes >"$wanted/present"
	not_in "$wanted/present" <"$wanted/routes" | cut -d' ' -f5- | sed 's/^/route replace /' | ip -batch -
	surplus_routes | cut -d' ' -f5- | sed 's/^/route del /' | ip -force -batch - 2>/dev/null || :
}

set_gateways() {
	step gateways
	list_gateways >"$wanted/present"
	list_gateways | not_in "$wanted/gateways" | sed 's/.*/neighbour del proxy & dev gw-edge/' | ip -force -batch - || :
	not_in "$wanted/present" <"$wanted/gateways" >"$wanted/new"
	sed 's/.*/neighbour add proxy & dev gw-edge/' "$wanted/new" | ip -batch -
	# shellcheck disable=SC2046 # one word each
	[ ! -s "$wanted/new" ] || python3 "$directory/announce.py" $(cat "$wanted/new")
}

# Interfaces that an earlier run set up for a group and that network.conf does not name any more.
release_interfaces() {
	ip -o link show | sed -n 's/^[0-9]*: \([^:@]*\).*\\ *alias edgewrap group-.*/\1/p' | while read -r name; do
		case $interfaces in *" $name "*) continue ;; esac
		step "release $name"
		ip -4 address flush dev "$name"
		ip link set dev "$name" down alias ''
		disable_ipv6 "$name" "$(cat /proc/sys/net/ipv6/conf/default/disable_ipv6 2>/dev/null)"
		for name in "$name/rp_filter" "$name/send_redirects"; do
			set_sysctl "net/ipv4/conf/$name" "$(cat "/proc/sys/net/ipv4/conf/default/${name#*/}")"
		done
	done
}

remove_devices() {
	step devices
	ip link del dev gw-edge 2>/dev/null || :
	ip link del dev vx-edge 2>/dev/null || :
	[ -n "$(ip -o link show master br-edge 2>/dev/null)" ] || ip link del dev br-edge 2>/dev/null || :
	sed -n 's/^accept //p' "$directory/network.conf" 2>/dev/null | while read -r rule; do
		# shellcheck disable=SC2086 # several words
		iptables -w 5 -D $rule -j ACCEPT 2>/dev/null || :
	done
	for table in 'inet edge-host' 'bridge edge' 'ip edge'; do
		# shellcheck disable=SC2086 # two words
		nft delete table $table 2>/dev/null || :
	done
}

exec 9>/run/edgewrap-network.lock
flock 9
case ${1:-} in filters) load_filters; exit ;; esac

wanted=$(mktemp -d)
trap 'rm -rf "$wanted"' EXIT
touch "$wanted/routes" "$wanted/rules" "$wanted/gateways" "$wanted/addresses"
interfaces=' '

if [ "${1:-}" = remove ]; then
	set_rules
	set_routes
	release_interfaces
	remove_devices
	exit
fi

step 'bridge filter'
# OpenNebula's security groups need it. Some kernels have it built in.
[ -e /proc/sys/net/bridge ] || modprobe br_netfilter 2>/dev/null || :
set_sysctls 'net/bridge/*'

load_filters
accept_packets

step forwarding
set_sysctls '*'

while read -r kind one two three four five six seven; do
	case $kind in
	bridge) # $one: MAC of br-edge, $two: MAC of gw-edge, $three: primary address, $four: VNI
		mtu=$(mtu_over "$three")
		make_bridge "$one" "$two" "$mtu"
		make_vxlan "$three" "$four" "$mtu"
		;;
	table) # $one: the number of table edge, $two: its rule's priority
		edge=$one
		echo "$two from all lookup $one proto 2" >>"$wanted/rules"
		;;
	group) make_group "$one" "$two" "$three" "$four" "$five" "$six" "$seven" ;;
	esac
done <"$directory/network.conf"

set_routes
set_rules
release_interfaces
set_gateways
