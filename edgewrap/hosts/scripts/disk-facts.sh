# The disks of the host, as `disk_facts` prints them. Changes nothing.

# The size in bytes of the ext4 file system on the device $1; 0 if it is another one.
ext4_bytes() {
	dumpe2fs -h "$1" 2>/dev/null | awk '
		/^Block count:/ { blocks = $3 }
		/^Block size:/ { size = $3 }
		END { printf "%.0f", blocks * size }'
}

# Of the device in $1 (its directory in /sys): its size with the free space behind it on its disk, and that disk's size.
room_of() {
	disk=$1 free=0 size=$(cat "$1/size")
	if [ -e "$1/partition" ]; then
		disk=${1%/*}
		end=$(($(cat "$1/start") + size))
		free=$(($(cat "$disk/size") - end))
		for other in "$disk"/*/start; do
			if [ "$(cat "$other")" -ge $end ]; then free=0; fi
		done
	fi
	echo $(((size + free) * 512)) $(($(cat "$disk/size") * 512))
}

# $1: its word; $2: its mount point. Nothing if no block device is mounted there.
file_system() {
	findmnt --noheadings --output SOURCE,FSTYPE,MAJ:MIN --mountpoint "$2" | tail -n 1 | while read -r device type number; do
		block=$(readlink -f "/sys/dev/block/$number")
		[ -e "$block/size" ] || continue
		[ -b "$device" ] || device=/dev/${block##*/} # /dev/root
		echo "$1 $device $type $(ext4_bytes "$device") $(room_of "$block")"
	done
}

# AWS's disks: udev names them by model and serial number. An EBS volume's serial number is its id.
aws_disks() {
	for link in /dev/disk/by-id/nvme-Amazon_*; do
		name=${link##*_}
		case $link in
		*-part[0-9]*) continue ;;
		*/nvme-Amazon_Elastic_Block_Store_vol*) name=${link##*Store_vol} name=vol-${name%%_*} ;;
		*/nvme-Amazon_EC2_NVMe_Instance_Storage_*) name=instance-store ;;
		*) continue ;;
		esac
		[ ! -b "$link" ] || echo "$name $(readlink -f "$link")"
	done | sort -u
}

disk_facts() {
	file_system root /
	file_system datastores /var/lib/one/datastores
	aws_disks | sed 's/^/disk /'
	mountpoint -q /var/lib/one/datastores || [ -z "$(datastore_files)" ] || echo files
	[ ! -e /etc/systemd/system/multi-user.target.wants/edgewrap-datastores.service ] || echo at-boot
}

# A file of the datastores, if there is one. OpenNebula's own marks do not count.
datastore_files() {
	[ ! -d /var/lib/one/datastores ] ||
		find /var/lib/one/datastores -xdev ! -type d ! -name .monitor -print -quit
}
