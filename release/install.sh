#!/bin/sh
# Installs Doorward on a Debian 12 or 13, a Raspberry Pi OS (64 bits) or what is made of them, from
# the package that lies beside this script, and makes the machine one that can be left alone: its
# own watchdog, a log that stays small, a clock that is set, no pin that stays high.
#   sudo sh install.sh [--dry-run]        Undo it: sudo apt purge doorward, and what it says it changed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=${DOORWARD_ROOT:-}
dry=
host=/usr/share/doorward/host

main() {
    for word in "$@"; do
        case $word in
            --dry-run) dry=yes ;;
            *) stop "unknown: $word; it takes --dry-run, or nothing" ;;
        esac
    done
    [ -n "$dry" ] || [ "$(id -u)" = 0 ] || stop "only root can install it: sudo sh $0"
    command -v systemctl > /dev/null || stop "there is no systemd on this machine"
    package=$(own_package)
    run apt-get install --yes --no-install-recommends "$package"
    unattended
    raspberry_pi
    let_in
    say "Done. Next: sudo doorward setup, or a doorward-setup.toml on the boot partition; then restart."
}

own_package() {
    arch=$(dpkg --print-architecture)
    found=
    for each in "$here"/doorward_*_"$arch".deb; do
        [ -e "$each" ] || stop "no doorward_<version>_$arch.deb lies beside this script"
        [ -z "$found" ] || stop "several packages for $arch lie beside this script; leave one"
        found=$each
    done
    echo "$found"
}

unattended() {
    for each in system.conf.d:watchdog.conf journald.conf.d:journal.conf; do
        place=$root/etc/systemd/${each%%:*}
        run mkdir -p "$place"
        run ln -sf "$host/${each##*:}" "$place/doorward.conf"
    done
    run systemctl daemon-reexec
    run systemctl restart systemd-journald.service
    # chrony and ntpd are welcome, too.
    if [ "$(timedatectl show --property=NTP --value 2>/dev/null)" != yes ]; then
        run apt-get install --yes --no-install-recommends systemd-timesyncd
        run timedatectl set-ntp true
    fi
}

raspberry_pi() {
    config=$root/boot/firmware/config.txt
    [ -e "$config" ] || return 0
    # Raspberry Pi's own kernel leaves a pin as it was when the program that held it is gone.
    for line in dtparam=watchdog=on dtparam=strict_gpiod; do
        grep -qx "$line" "$config" || append "$config" "$line"
    done
}

let_in() {
    [ -n "${SUDO_USER:-}" ] && [ "$SUDO_USER" != root ] || return 0
    run usermod --append --groups doorward "$SUDO_USER"
    say "$SUDO_USER may open doors by commands from the next login on."
}

append() {
    say "to $1: $2"
    [ -n "$dry" ] || printf '\n[all]\n%s\n' "$2" >> "$1"
}

run() {
    say "$*"
    [ -n "$dry" ] || "$@"
}

say() {
    printf '%s\n' "$*"
}

stop() {
    printf '%s\n' "$*" >&2
    exit 1
}

main "$@"
