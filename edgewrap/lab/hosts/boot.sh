# The first process of a host's new namespaces: joins the host's cgroup, then continues in a cgroup namespace of its own.
# Usage: boot.sh DISK CGROUP HOSTNAME
set -e
echo 0 >"$2/cgroup.procs"
exec unshare --cgroup sh -e "$(dirname "$0")/root.sh" "$1" "$3"
