#!/bin/sh
# Makes this machine a host of an OpenNebula edge cluster. cloud-init runs it once, at the first boot. It can be re-run at
# any time: what is already done is kept. The result is beside it: setup-done or setup-failed, and setup.log.
set -eu
umask 022
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
export NEEDRESTART_MODE=l NEEDRESTART_SUSPEND=1 # it would restart what runs this
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

directory=/var/lib/edgewrap
log=$directory/setup.log
current=start

step() {
    current=$1
    echo "edgewrap: $1"
}

# Runs a command until it succeeds, six times at most: mirrors, DNS and locks of other package managers fail for a while.
# It does not retry for a repository or package that does not exist.
retry() {
    for pause in 5 10 20 40 60 0; do
        before=$(wc -c <"$log")
        ! "$@" 3>&- 9>&- || return 0
        if tail -c "+$((before + 1))" "$log" |
            grep -q 'does not have a Release file\|is not signed\|Unable to locate package'; then
            return 1
        fi
        [ $pause = 0 ] || echo "edgewrap: $current: again in $pause s"
        sleep $pause
    done
    return 1
}

finish() {
    status=$?
    trap - EXIT
    if [ $status = 0 ]; then
        echo 'edgewrap: done'
        cp "$directory/setup.conf" "$directory/setup-done.new"
        mv "$directory/setup-done.new" "$directory/setup-done"
    else
        echo "$current failed with status $status" >"$directory/setup-failed.new"
        mv "$directory/setup-failed.new" "$directory/setup-failed"
        tail -n 20 "$log" >&3
    fi
    exit $status
}

exec 9>"$directory/setup.lock" # like 3 closed for children that may leave a daemon behind
flock 9
rm -f "$directory/setup-done" "$directory/setup-failed"
exec 3>&1 >>"$log" 2>&1
trap finish EXIT
trap 'exit 143' HUP INT TERM

step settings
. "$directory/setup.conf" # version, node, packages, repository, key_url, key_fingerprint
. /etc/os-release
case $ID in
ubuntu) release=Ubuntu/$VERSION_ID ;;
debian) release=Debian/$VERSION_ID ;;
*)
    echo "OpenNebula has no packages for ${PRETTY_NAME:-$ID}: it needs Ubuntu or Debian"
    exit 1
    ;;
esac

step "repository of OpenNebula $version for $release"
keyring=/etc/apt/keyrings/opennebula.asc
mkdir -p /etc/apt/keyrings
retry /usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file "$key_url" $keyring
chmod 644 $keyring
# With the fingerprint apt trusts no other key of that file.
echo "deb [signed-by=$keyring,$key_fingerprint] $repository/$version/$release stable opennebula" \
    >/etc/apt/sources.list.d/opennebula.list

step 'package lists'
retry apt-get -q update --error-on=any -o Acquire::Retries=3

step "packages $node $packages"
# shellcheck disable=SC2086 # several words
retry apt-get -q install --yes -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$node" $packages

step 'key of the front-end'
home=$(getent passwd oneadmin | cut -d: -f6)
setpriv --reuid=oneadmin --regid=oneadmin --init-groups sh -euc '
    umask 077
    mkdir -p "$1/.ssh"
    cd "$1/.ssh"
    touch authorized_keys
    [ -z "$(tail -c 1 authorized_keys)" ] || echo >>authorized_keys
    grep -qxF -f "$2" authorized_keys || cat "$2" >>authorized_keys
' sh "$home" "$directory/oneadmin.pub"

if [ "$node" = opennebula-node-kvm ]; then
    step libvirt
    if [ -d /etc/apparmor.d/libvirt ]; then
        mkdir -p /etc/apparmor.d/local/abstractions
        rule='/var/lib/one/datastores/** rwk,'
        grep -qxF "$rule" /etc/apparmor.d/local/abstractions/libvirt-qemu 2>/dev/null ||
            echo "$rule" >>/etc/apparmor.d/local/abstractions/libvirt-qemu
    fi
    # with the configuration from the package
    ! systemctl cat libvirtd.service >/dev/null 2>&1 || systemctl restart libvirtd.service
fi
