# Loads FRR's files in /etc/frr. A bgpd that runs is reloaded, never restarted: unchanged sessions stay up.
# On Debian and Ubuntu `frrinit.sh reload` restarts it; frr-reload.py itself does not.
step frr
conf=/etc/frr/frr.conf
password=$(sed -n 's/^ \(neighbor hosts password .*\)/\1/p' $conf)
asn=$(sed -n 's/^router bgp //p' $conf)

# FRR's tools print the password, which must not be logged.
hidden() { sed 's/\(password\) .*/\1 (hidden)/'; }

if running=$(vtysh -d bgpd -c 'show running-config no-header' 2>/dev/null); then
	# The password from a file, by vtysh: frr-reload.py logs it, and removes an old one on a command line.
	if echo "$running" | grep -q "^router bgp $asn\$" && echo "$running" | grep -q '^ neighbor hosts peer-group'; then
		now=$(echo "$running" | sed -n 's/^ \(neighbor hosts password .*\)/\1/p')
		if [ "$now" != "$password" ]; then
			commands=$(umask 077; mktemp)
			printf 'router bgp %s\n %s\n' "$asn" "${password:-no neighbor hosts password}" >"$commands"
			vtysh -d bgpd -f "$commands" >/dev/null || { rm -f "$commands"; exit 1; }
			rm -f "$commands"
		fi
	fi
	said=$(umask 077; /usr/lib/frr/frr-reload.py --reload --daemon bgpd --log-level warning $conf 2>&1) || {
		echo "$said" | hidden >&2
		exit 1
	}
	[ ! -d /run/systemd/system ] || systemctl enable --quiet frr.service
elif [ -d /run/systemd/system ]; then
	systemctl enable --quiet frr.service
	systemctl restart frr.service
else
	/usr/lib/frr/frrinit.sh restart 2>&1 | hidden >&2
fi
