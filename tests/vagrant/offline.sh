#!/usr/bin/env bash
# Run a script against real virtual machines of an unmodified Vagrantfile, without a network and without KVM.
# usage: offline.sh WORK PROJECT SCRIPT IMAGES.tar
#   WORK: folder that keeps the box; PROJECT: folder of the Vagrantfile; SCRIPT: bash, run in PROJECT;
#   IMAGES.tar: of `docker save`, put into the box, whose machines reach no registry.
# Needs root, loop devices and, of Debian: vagrant vagrant-libvirt libvirt-daemon libvirt-daemon-driver-qemu
# libvirt-clients dnsmasq-base extlinux qemu-system-x86 qemu-utils mmdebstrap docker.io rsync openssh-client iproute2.
set -euo pipefail
self=$(realpath "$0")
work=$(mkdir -p "$1" && realpath "$1") project=$(realpath "$2") script=$(realpath "$3") images=$(realpath "$4")
box_name=cloud-image/ubuntu-24.04 # what the Vagrantfile asks for with libvirt; this one is a Debian
root=$work/root
cd "$work"
step() { echo "[$SECONDS s] $*"; }

make_root() {
  mmdebstrap --quiet --variant=minbase --format=directory --aptopt='APT::Install-Recommends "false"' \
    --include=linux-image-cloud-amd64,initramfs-tools,zstd,systemd,systemd-sysv,udev,dbus,openssh-server,sudo,iproute2,ca-certificates,curl,rsync,docker.io,docker-compose,iptables,e2fsprogs,kmod \
    bookworm "$root" "deb $(apt-get indextargets 'Origin: Debian' --format '$(REPO_URI)' | sort -u | grep -v security | head -1) bookworm main"
  chroot "$root" useradd -m -s /bin/bash -G docker vagrant
  install -d -m 700 -o 1000 -g 1000 "$root/home/vagrant/.ssh"
  install -m 600 -o 1000 -g 1000 /usr/share/rubygems-integration/all/gems/vagrant-*/keys/vagrant.pub "$root/home/vagrant/.ssh/authorized_keys"
  echo 'vagrant ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/vagrant"
  chmod 440 "$root/etc/sudoers.d/vagrant"
  echo box >"$root/etc/hostname"
  echo '127.0.0.1 localhost box' >"$root/etc/hosts"
  printf '[Match]\nName=en* eth*\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\n' >"$root/etc/systemd/network/20-dhcp.network"
  printf 'UseDNS no\nGSSAPIAuthentication no\n' >"$root/etc/ssh/sshd_config.d/box.conf"
  chroot "$root" systemctl -q enable systemd-networkd ssh docker
  chroot "$root" systemctl -q mask systemd-networkd-wait-online apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer \
    fstrim.timer modprobe@efi_pstore.service systemd-pstore.service getty@tty1.service
  echo 'LABEL=boxroot / ext4 noatime,errors=remount-ro 0 1' >"$root/etc/fstab"
  mkdir -p "$root/etc/docker" "$root/boot/extlinux"
  echo '{"storage-driver": "overlay2"}' >"$root/etc/docker/daemon.json"
  printf 'DEFAULT l\nPROMPT 0\nTIMEOUT 1\nLABEL l\n KERNEL /boot/%s\n INITRD /boot/%s\n APPEND root=LABEL=boxroot ro console=ttyS0 net.ifnames=0 mitigations=off apparmor=0 quiet\n' \
    "$(basename "$root"/boot/vmlinuz-*)" "$(basename "$root"/boot/initrd.img-*)" >"$root/boot/extlinux/extlinux.conf"
}

# An engine of this machine, of the box's own version, writes straight into the box's /var/lib/docker.
load_images() {
  mkdir -p loader
  unshare -n -m sh -c "ip link set lo up; exec dockerd --data-root '$root/var/lib/docker' -H 'unix://$work/loader/socket' \
    --exec-root '$work/loader/exec' --pidfile '$work/loader/pid' --bridge=none --iptables=false --storage-driver overlay2" >loader/log 2>&1 &
  local loader=$!
  for _ in $(seq 120); do docker -H "unix://$work/loader/socket" info >/dev/null 2>&1 && break; sleep 0.5; done
  docker -H "unix://$work/loader/socket" load --quiet --input "$images"
  kill $loader
  wait $loader || true
}

make_disk() {
  truncate -s 10G disk.raw
  python3 - <<'PY'
import struct

with open("disk.raw", "r+b") as disk, open("/usr/lib/EXTLINUX/mbr.bin", "rb") as boot:
    disk.write(boot.read()[:440])
    disk.seek(446)
    disk.write(struct.pack("<8B2I", 0x80, 254, 255, 255, 0x83, 254, 255, 255, 2048, 10 * 2**21 - 2048) + bytes(48) + b"\x55\xaa")
PY
  local loop
  loop=$(losetup -f --show -o 1048576 disk.raw)
  mkfs.ext4 -q -O ^64bit,^metadata_csum -L boxroot "$loop"
  mkdir -p mnt
  mount "$loop" mnt
  tar -C "$root" --numeric-owner --xattrs -cf - . | tar -C mnt --numeric-owner --xattrs -xf -
  extlinux --install mnt/boot/extlinux 2>/dev/null
  umount mnt
  losetup -d "$loop"
  qemu-img convert -O qcow2 disk.raw box.img
  rm -r disk.raw "$root"
}

key=$(cat "$images.id" "$self" | sha256sum)
if [ "$(cat box.key 2>/dev/null)" != "$key" ]; then
  rm -rf "$root" box.img
  step "root file system"; make_root
  step "images"; load_images
  step "disk"; make_disk
  echo "$key" >box.key
fi

step "box"
echo '{"provider": "libvirt", "format": "qcow2", "virtual_size": 10}' >metadata.json
cat >Vagrantfile <<'V'
Vagrant.configure("2") do |config|
  config.vm.boot_timeout = 900
  config.vm.provider :libvirt do |machine|
    machine.driver = "qemu"
    machine.machine_type = "q35"
    machine.disk_bus = "virtio"
    machine.graphics_type = "none"
    machine.video_type = "none"
  end
end
V
tar -cf vagrant.box metadata.json Vagrantfile box.img

# Daemons of our own in namespaces of our own: what they and the machines do ends with them, whatever happens.
rm -rf home libvirt "$project/.vagrant" # of a run that was killed
mkdir -p libvirt/{etc,run,lib,cache,log}
printf 'user="root"\ngroup="root"\ndynamic_ownership=0\nsecurity_driver="none"\ncgroup_controllers=[]\nnamespaces=[]\nstdio_handler="file"\n' >libvirt/etc/qemu.conf
printf 'auth_unix_rw="none"\nauth_unix_ro="none"\nlog_outputs="2:file:/var/log/libvirt/libvirtd.log"\n' >libvirt/etc/libvirtd.conf
{ cat /etc/passwd; getent passwd libvirt-qemu >/dev/null || echo 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin'; } >libvirt/passwd
{ cat /etc/group; getent group libvirt-qemu >/dev/null || echo 'libvirt-qemu:x:64055:'; } >libvirt/group
cat >inside.sh <<'N'
set -euo pipefail
ip link set lo up
for pair in etc:/etc/libvirt run:/run/libvirt lib:/var/lib/libvirt cache:/var/cache/libvirt log:/var/log/libvirt; do
  mkdir -p "${pair#*:}"
  mount --bind "libvirt/${pair%%:*}" "${pair#*:}"
done
mkdir -p /var/lib/libvirt/images
mount --bind libvirt/passwd /etc/passwd
mount --bind libvirt/group /etc/group
libvirtd -f /etc/libvirt/libvirtd.conf --pid-file "$work/libvirt/pid" >libvirt/out 2>&1 &
for _ in $(seq 100); do virsh -q -c qemu:///system list >/dev/null 2>&1 && break; sleep 0.2; done
export VAGRANT_HOME=$work/home VAGRANT_CHECKPOINT_DISABLE=1 VAGRANT_DEFAULT_PROVIDER=libvirt
vagrant box add --force --name "$box_name" vagrant.box --provider libvirt >/dev/null
rm vagrant.box
cd "$project"
bash "$script"
N
step "machines"
export work project script box_name
status=0
unshare -n -m -p -f --mount-proc --kill-child bash inside.sh || status=$?
rm -rf home libvirt
step "done with status $status"
exit $status
