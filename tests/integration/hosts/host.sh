# Boots a host inside the wrapper's network namespace $1: an overlay of / as its root (kept from an earlier boot), a
# real sshd, a user `ubuntu` with sudo. The process ends up as that sshd, its number in /run/hosts/$1.pid.
# $2: primary address with prefix length, $3: the subnet's router
set -eu
base=/run/hosts/$1 root=/run/hosts/$1/root
mkdir -p "$base/upper" "$base/work" "$root"
mount -t overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" overlay "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs -o mode=755 run "$root/run"
mkdir -p "$root/run/sshd"
ip link set dev lo up
ip address add "$2" dev eth0
ip link set dev eth0 up
ip route add default via "$3"
echo $$ >"$base.pid"
export SSHD="/usr/sbin/sshd -D -e -f /dev/null -o UsePAM=no -o PasswordAuthentication=no
	-h /etc/ssh/ssh_host_ecdsa_key -h /etc/ssh/ssh_host_ed25519_key"
exec chroot "$root" sh -eu -c '
	[ ! -d /home/ubuntu ] || exec $SSHD
	useradd --create-home --shell /bin/sh --password "*" ubuntu
	echo "ubuntu ALL=(ALL) NOPASSWD:ALL" >/etc/sudoers.d/90-cloud-init-users
	install -d -m 700 -o ubuntu -g ubuntu /home/ubuntu/.ssh
	install -m 600 -o ubuntu -g ubuntu /tmp/edgewrap-test-key.pub /home/ubuntu/.ssh/authorized_keys
	rm -f /etc/ssh/ssh_host_*
	ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key
	ssh-keygen -q -t ecdsa -N "" -f /etc/ssh/ssh_host_ecdsa_key
	exec $SSHD'
