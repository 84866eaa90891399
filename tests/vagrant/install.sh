#!/usr/bin/env bash
# Install what offline.sh needs, on Debian, as root.
set -euo pipefail
packages=()
for pair in dockerd:docker.io vagrant:vagrant libvirtd:libvirt-daemon virsh:libvirt-clients dnsmasq:dnsmasq-base extlinux:extlinux \
  qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils mmdebstrap:mmdebstrap rsync:rsync ssh:openssh-client ip:iproute2 curl:curl; do
  command -v "${pair%%:*}" >/dev/null || packages+=("${pair#*:}")
done
[ ${#packages[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "missing: ${packages[*]}, which can be installed here only by root on Debian" >&2
  exit 1
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${packages[@]}" vagrant-libvirt libvirt-daemon-driver-qemu >/dev/null
