# Builds a host's root over its disk and becomes systemd. Usage: root.sh DISK HOSTNAME
root=$1/root

cd "$1" # mount's options are separated by commas, which a path may contain: relative ones do not
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
if [ -e program ]; then
    mount --bind program "$root/opt/cloud-init"
    mount -o remount,bind,ro "$root/opt/cloud-init"
fi
mount -t proc proc "$root/proc"
# What is not per namespace belongs to the machine.
for machine in sys/kernel sys/vm sys/fs sysrq-trigger; do
    if [ -e "$root/proc/$machine" ]; then
        mount --bind "$root/proc/$machine" "$root/proc/$machine"
        mount -o remount,bind,ro "$root/proc/$machine"
    fi
done
# Read-only: networkd then takes interfaces as they are, without udev.
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"

mount -t tmpfs -o mode=755,size=64k dev "$root/dev"
for node in null zero full random urandom tty; do
    : >"$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
dev=$root/dev
. ./nodes
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"

mount -t tmpfs -o mode=755 run "$root/run"
mkdir -p "$root/run/systemd/network"
for file in network/*; do
    [ ! -e "$file" ] || cp "$file" "$root/run/systemd/network/"
done

hostname "$2"
cd "$root"
pivot_root . .
umount -l .
exec env -i container=lab PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --log-target=journal --show-status=false
