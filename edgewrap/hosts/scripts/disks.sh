# Makes the disk of the datastores, and lets file systems grow. It formats only a disk on which nothing is found.
# With an argument (vol-…, or instance-store) it mounts that disk: edgewrap-datastores.service does so at boot, because an
# instance store is empty after a stop. The functions of disk-facts.sh are before this.
set -eu
umask 022
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
datastores=/var/lib/one/datastores
striped=/dev/edgewrap/datastores # if there are several devices
label=one-datastores

fail() {
	echo "$1" >&2
	exit 1
}

# Prints the devices of the disk $1. AWS may have attached it just now.
devices_of() {
	! command -v udevadm >/dev/null || udevadm settle --timeout=20 || :
	for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
		devices=$(aws_disks | sed -n "s/^$1 //p")
		if [ -n "$devices" ]; then
			echo "$devices"
			return
		fi
		sleep 1
	done
	fail "the host has no disk $1"
}

# Stops if anything is found on the device $1: a file system, a partition table, a part of a volume group or a RAID.
require_empty() {
	found=$(wipefs --noheadings --output TYPE "$1") || fail "$1 cannot be read"
	if [ -n "$found" ] || blkid -p "$1" >/dev/null; then
		fail "$1 is not empty: it has $(echo "${found:-data}" | tr '\n' ' ')and is not formatted"
	fi
}

# Prints the one device to mount. Several become one striped volume; they are all empty after a stop, never some of them.
one_device() {
	if [ $# = 1 ]; then
		echo "$1"
		return
	fi
	command -v lvcreate >/dev/null || fail 'lvm2 is not installed'
	vgchange --quiet --activate y edgewrap >/dev/null 2>&1 || :
	if [ ! -b $striped ]; then
		if ! vgs --noheadings edgewrap >/dev/null 2>&1; then
			for device; do require_empty "$device"; done
			vgcreate --quiet edgewrap "$@" >&2
		fi
		lvcreate --quiet --yes --stripes $# --stripesize 256k --extents 100%FREE --name datastores edgewrap >&2
	fi
	echo $striped
}

mount_datastores() { # $1: vol-…, or instance-store
	devices=$(devices_of "$1")
	# shellcheck disable=SC2086 # several words
	device=$(one_device $devices)
	if mountpoint -q $datastores; then
		now=$(findmnt --noheadings --output SOURCE --mountpoint $datastores | tail -n 1)
		[ "$(readlink -f "$now")" = "$(readlink -f "$device")" ] || fail "$now is mounted on $datastores instead of $device"
	else
		[ -z "$(datastore_files)" ] || fail "$datastores has files that a mount would hide"
		if [ "$(blkid -p -o value -s LABEL "$device")" != $label ]; then
			require_empty "$device"
			mkfs.ext4 -q -m 0 -E nodiscard -L $label "$device" </dev/null
		fi
		e2fsck -p "$device" >&2 || [ $? -lt 4 ]
		mkdir -p $datastores
		# oneadmin cannot write there while the disk is missing: a later mount would hide that
		chown root: $datastores
		chmod 555 $datastores
		mount -t ext4 -o noatime "$device" $datastores
	fi
	chown oneadmin: $datastores
	chmod 750 $datastores
	resize2fs "$device" 2>&1
}

grow_root() {
	block=$(readlink -f "/sys/dev/block/$(findmnt --noheadings --output MAJ:MIN --mountpoint / | tail -n 1 | tr -d ' ')")
	if [ -e "$block/partition" ]; then
		disk=${block%/*}
		growpart "/dev/${disk##*/}" "$(cat "$block/partition")" || [ $? = 1 ] # 1: it has all already
	fi
	resize2fs "/dev/${block##*/}" 2>&1
}

exec 7>/run/edgewrap-disks.lock
flock 7
[ $# = 0 ] || mount_datastores "$1"
