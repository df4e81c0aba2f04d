#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What a pod of vitrine does for the other pods of its node, in the image of packaging/Containerfile:
#
#   node.sh install FOLDER            copies the guest's driver and the hook of CDI into a folder of the node
#   node.sh cdi FOLDER SOCKET FILE [OPTION]...
#                                     describes the server at SOCKET to container engines until it is told to end
#
# The node may be of any distribution: what is copied needs nothing of it. The folder has the same path in the pod.
set -eu

# The sum of what is installed names its folder, so that a new image does not change what containers use.
install_files() {
	sum=$(find /usr/bin/vitrine /usr/libexec/vitrine/cdi-hook /usr/lib/vitrine/guest /sbin/ldconfig -type f -exec sha256sum {} + |
		sort | sha256sum | cut -c 1-16)
	if [ ! -d "$1/$sum" ]; then
		new=$(mktemp -d "$1/new.XXXXXX")
		mkdir -p "$new/bin" "$new/libexec/vitrine" "$new/lib/vitrine"
		cp /usr/bin/vitrine "$new/bin/"
		cp /usr/libexec/vitrine/cdi-hook "$new/libexec/vitrine/"
		cp -R /usr/lib/vitrine/guest "$new/lib/vitrine/"
		cp /sbin/ldconfig "$new/lib/vitrine/guest/"
		chmod 755 "$new"
		mv "$new" "$1/$sum"
	fi
	ln -s "$sum" "$1/current.$$"
	mv -T "$1/current.$$" "$1/current"
}

# The copied program writes it, because the specification names what is beside this program.
write_specification() {
	folder=$1 socket=$2 file=$3
	shift 3
	trap 'rm -f "$file"; kill $! || true; exit 0' INT TERM
	until "$folder/current/bin/vitrine" cdi --socket "$socket" --output "$file" "$@"; do
		sleep 1 &
		wait $!
	done
	sleep infinity &
	wait $!
}

command=$1
shift
case $command in
install) install_files "$@" ;;
cdi) write_specification "$@" ;;
esac
