# shellcheck shell=sh
# What start.sh, test.sh and the scripts beside this file share. Sourced, never run; POSIX sh, for dash runs it too.
# The caller sets `root` (the project's folder) and `me` (the name before its messages). Everything said goes to stderr:
# stdout belongs to results.
# shellcheck disable=SC2154 # root and me

say() { printf '%s: %s\n' "${me:-odysseus}" "$*" >&2; }

# fail CODE MESSAGE: the codes are those of odysseus (docs/manual.md, "Exit codes").
fail() {
    code=$1
    shift
    say "$*"
    exit "$code"
}

has() { command -v "$1" >/dev/null 2>&1; }

# Debian or something made from it, with its tools at hand.
is_debian_like() { has apt-get && has dpkg-query && [ -r /etc/debian_version ]; }

# version_at_least HAVE WANT: compares dotted numbers, with the shell alone (sort -V is not everywhere).
version_at_least() {
    have=$1. want=$2.
    while [ -n "$want" ]; do
        h=${have%%.*} w=${want%%.*}
        h=${h%%[!0-9]*} w=${w%%[!0-9]*}
        [ "${h:-0}" -gt "${w:-0}" ] && return 0
        [ "${h:-0}" -lt "${w:-0}" ] && return 1
        have=${have#*.} want=${want#*.}
    done
    return 0
}

# as_root COMMAND...: as it is for root, else through sudo; sudo may ask only where somebody can answer.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

# apt-get that never asks anything, and waits for another one to finish. What it says is shown when it fails.
apt_get() {
    mkdir -p "$root/.cache"
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a UCF_FORCE_CONFFOLD=1 \
        apt-get -q -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" </dev/null >"$root/.cache/apt.log" 2>&1 && return 0
    cat "$root/.cache/apt.log" >&2
    return 1
}

# missing_packages PACKAGE...: prints those that are not installed. TOOL=PACKAGE: a tool from anywhere will do.
missing_packages() {
    for wanted in "$@"; do
        case $wanted in *=*) has "${wanted%%=*}" && continue ;; esac
        package=${wanted#*=}
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s\n' "$package"
    done
}

# install_missing PACKAGE...: as missing_packages, and installs them, saying so.
install_missing() {
    missing=$(missing_packages "$@" | tr '\n' ' ')
    missing=${missing% }
    [ -n "$missing" ] || return 0
    [ "$(id -u)" = 0 ] || has sudo || fail 1 "missing, and this is neither root nor is there sudo; as root: apt-get install $missing"
    say "installing with apt: $missing"
    apt_get update || say "the package lists could not be refreshed; trying with the present ones"
    # shellcheck disable=SC2086 # a list of package names
    apt_get install --no-install-recommends $missing ||
        fail 4 "apt could not install: $missing; its reason stands above"
}

# What a build needs on Debian and Ubuntu (scripts/fetch-deps brings what their releases lack).
# shellcheck disable=SC2034 # for those who source this
build_packages="c++=g++ cmake=cmake ninja=ninja-build xz=xz-utils ca-certificates libcurl4-openssl-dev libarchive-dev
    libasio-dev libssl-dev libspdlog-dev libcli11-dev nlohmann-json3-dev"

# The address of a Debian archive, as this machine's own apt is set up; ODYSSEUS_DEBIAN_MIRROR comes first. Prints
# nothing where there is none (Ubuntu).
debian_mirror() {
    if [ -n "${ODYSSEUS_DEBIAN_MIRROR:-}" ]; then
        printf '%s\n' "$ODYSSEUS_DEBIAN_MIRROR"
        return 0
    fi
    # shellcheck disable=SC2016 # apt's own placeholders
    found=$(apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        sed -n 's/^Debian Debian //p' | head -n 1)
    if [ -z "$found" ]; then # no package lists yet: read the sources
        found=$(sed -n -e 's/^URIs: *\([^ ]*\).*/\1/p' -e 's/^deb  *\(\[[^]]*\] *\)\{0,1\}\([^ ]*\) .*/\2/p' \
            /etc/apt/sources.list.d/*.sources /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
            grep '/debian/\{0,1\}$' | head -n 1)
    fi
    [ -z "$found" ] || printf '%s\n' "$found"
}

debian_keyring() {
    for keyring in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp; do
        if [ -r "$keyring" ]; then
            printf '%s\n' "$keyring"
            return 0
        fi
    done
    return 1
}

# private_apt DIR TOOL ARGUMENT...: apt with its whole state in DIR; the system's packages and lists stay as they are.
private_apt() {
    state=$1
    tool=$2
    shift 2
    "$tool" -qq -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o Dir::Etc::preferences=/dev/null -o Dir::State::Lists="$state/lists" -o Dir::State::status="$state/status" \
        -o Dir::State::extended_states="$state/extended_states" -o Dir::Cache="$state/cache" \
        -o APT::Install-Recommends=0 -o APT::Sandbox::User= -o Acquire::Retries=2 "$@" </dev/null
}

# Whether packages of other Debian releases can be had; says why not.
has_debian_archive() {
    if ! is_debian_like || [ -z "$(debian_mirror)" ]; then
        say "no Debian package source is set up here (ODYSSEUS_DEBIAN_MIRROR=URL names one)"
        return 1
    fi
    debian_keyring >/dev/null && return 0
    say "Debian's keys are missing (apt-get install debian-archive-keyring)"
    return 1
}

# private_apt_use DIR SUITE...: points that apt at suites of the Debian archive (packages and sources) and reads their
# lists, which apt verifies by Debian's signatures. Fails when that cannot be done. After has_debian_archive.
private_apt_use() {
    state=$1
    shift
    mirror=$(debian_mirror)
    keyring=$(debian_keyring) || return 1
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial" || return 1
    : >"$state/status"
    : >"$state/sources.list"
    for suite in "$@"; do
        printf 'deb [signed-by=%s] %s %s main\ndeb-src [signed-by=%s] %s %s main\n' \
            "$keyring" "$mirror" "$suite" "$keyring" "$mirror" "$suite" >>"$state/sources.list"
    done
    private_apt "$state" apt-get update >&2
}
