# shellcheck shell=bash
# PostgreSQL's data is on a volume of its own, which outlives the machine. Found by its id, it gets a file system once, is mounted
# at every boot by that file system's UUID, and grows when the settings say so.

volume_links=/dev/disk/by-id
volume_mount=/var/lib/postgresql
volume_owner=postgres
fstab=/etc/fstab

is_device() { [[ -b $1 ]]; }
gibibytes() { echo $(($(blockdev --getsize64 "$1") >> 30)); }
large_enough() { (($(gibibytes "$1") >= VOLUME_GIB)); }

converge_volume() {
  local volume link device
  [[ -e $stage/etc/pgha/volume ]] || return 0
  volume=$(<"$stage/etc/pgha/volume")
  [[ $volume =~ ^vol-[0-9a-f]+$ ]] || fail "/etc/pgha/volume names no volume: '$volume'"
  link=$volume_links/nvme-Amazon_Elastic_Block_Store_${volume/-/}
  if mountpoint -q "$volume_mount"; then
    device=$(findmnt -nro SOURCE --mountpoint "$volume_mount")
    # Whoever has mounted something else there looks after it.
    [[ $(findmnt -nro FSTYPE --mountpoint "$volume_mount") == ext4 ]] && is_device "$device" || return 0
    [[ $(readlink -f "$link") == $(readlink -f "$device") ]] ||
      fail "$volume_mount is mounted from $device, which is not volume $volume. Nothing was changed"
  else
    mount_volume "$volume" "$link"
    device=$(readlink -f "$link")
  fi
  # On another machine the user may have had another number. The mount point itself comes last.
  [[ $(stat -c %U "$volume_mount") == "$volume_owner" ]] || chown -R "$volume_owner:$volume_owner" "$volume_mount"
  grow_volume "$volume" "$device"
}

mount_volume() {
  local volume=$1 link=$2 device found uuid
  # Below the volume, what is here would be lost from sight. Empty folders come with packages.
  found=$(find "$volume_mount" -mindepth 1 ! -type d -print -quit)
  [[ -z $found ]] || fail "$volume_mount has data in it ($found), so volume $volume cannot be mounted there. Nothing was changed"
  wait_for 300 "volume $volume as $link, where an instance type of the Nitro system has it" is_device "$link"
  device=$(readlink -f "$link")
  found=$(wipefs --noheadings --output TYPE "$device") || fail "volume $volume cannot be read"
  case $found in
    ext4) ;;
    "")
      say "makes a file system on volume $volume"
      mkfs.ext4 -q -L pgha -m 1 "$device" || fail "no file system could be made on volume $volume"
      ;;
    *) fail "volume $volume is not empty and holds no ext4 but ${found//$'\n'/, }. Nothing was changed" ;;
  esac
  uuid=$(blkid -p -s UUID -o value "$device")
  # nofail: without its volume the machine still boots and lets operators in. Patroni, which waits for the mount, does not start.
  {
    awk -v mount="$volume_mount" '$2 != mount' "$fstab"
    echo "UUID=$uuid $volume_mount ext4 noatime,nofail,x-systemd.device-timeout=300 0 2"
  } >"$fstab.pgha-new"
  chmod 0644 "$fstab.pgha-new"
  mv "$fstab.pgha-new" "$fstab"
  systemctl daemon-reload
  mount --fstab "$fstab" "$volume_mount"
}

grow_volume() {
  local volume=$1 device=$2 said
  wait_for 300 "volume $volume to have $VOLUME_GIB GiB" large_enough "$device"
  said=$(LC_ALL=C resize2fs "$device" 2>&1) || fail "the file system on volume $volume does not grow: $said"
  [[ $said == *"Nothing to do"* ]] || say "the file system on volume $volume has grown to $(gibibytes "$device") GiB"
}
