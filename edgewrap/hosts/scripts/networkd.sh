# Makes networkd read its files again. Before systemd 250 (Ubuntu 22.04), a reload leaves the DHCP client of an interface
# running that is unmanaged from now on: it would bring address and routes back with the next lease. Only a restart ends it.
step networkd
leased_group() {
	sed -n 's/^MACAddress=//p' /etc/systemd/network/05-edgewrap-groups.network 2>/dev/null | tr ' ' '\n' |
		while read -r mac; do
			ip -o link show | sed -n "s/^\([0-9]*\): .* link\/ether $mac .*/\1/p" | while read -r index; do
				[ ! -e "/run/systemd/netif/leases/$index" ] || echo "$index"
			done
		done
}
if [ -d /run/systemd/system ] && systemctl --quiet is-active systemd-networkd.service; then
	version=$(networkctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
	if [ "${version:-250}" -lt 250 ] && [ -n "$(leased_group)" ]; then
		systemctl restart systemd-networkd.service
	else
		networkctl reload
	fi
fi
