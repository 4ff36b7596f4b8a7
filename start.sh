#!/bin/sh
# Starts odysseus with this folder as its HOME: bin/, models/, logs/ and data/ lie here, and nothing anywhere else.
#
#   ./start.sh [odysseus options]
#
# A released odysseus-OS-ARCH in dist/ or beside this script, with its SHA256SUMS, is used as it is. Else the first run
# installs with apt what a build needs (Debian, Ubuntu; it says what), builds, and fetches llama.cpp. Later runs build only what changed, and otherwise start at once. Where llama.cpp's release host cannot be reached and
# no build of it is here yet, Debian's own llama.cpp is taken instead. The exit code is odysseus's.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
me=start.sh
. "$root/scripts/lib.sh"

build_dir=$root/build/release
program=$build_dir/odysseus
stamp=$build_dir/.built # its time: when the build that made the program began

up_to_date() {
    [ -x "$program" ] && [ -e "$stamp" ] || return 1
    changed=$(find "$root/CMakeLists.txt" "$root/CMakePresets.json" "$root/cmake" "$root/src" "$root/include" \
        -newer "$stamp" -print | head -n 1)
    [ -z "$changed" ] && "$program" --version >/dev/null 2>&1 # it does not where a library of it is missing
}

# prebuilt: sets `program` to a released one for this machine that lies in dist/ or beside this script, as SHA256SUMS there
# says, and of this very version. A folder in which somebody builds goes on building.
prebuilt() {
    [ ! -d "$build_dir" ] || return 1
    case $(uname -s) in Linux) kind=linux ;; Darwin) kind=macos ;; *) return 1 ;; esac
    case $(uname -m) in x86_64 | amd64) kind=$kind-x64 ;; aarch64 | arm64) kind=$kind-arm64 ;; *) return 1 ;; esac
    version=$(sed -n 's/^project(odysseus VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")
    for folder in "$root/dist" "$root"; do
        found=$folder/odysseus-$kind
        [ -f "$found" ] || continue
        digest=$(sed -n "s/^\([0-9a-f]\{64\}\) [ *]odysseus-$kind\$/\1/p" "$folder/SHA256SUMS" 2>/dev/null | head -n 1)
        if [ -z "$digest" ] || [ "$digest" != "$(sha256_of "$found")" ]; then
            say "$found is not the file that $folder/SHA256SUMS names: it is not used"
        elif ! chmod +x "$found" 2>/dev/null && [ ! -x "$found" ]; then
            say "$found cannot be made executable: it is not used"
        elif [ "$("$found" --version 2>/dev/null)" != "odysseus $version" ]; then
            say "$found is of another version than this folder: it is not used"
        else
            program=$found
            return 0
        fi
    done
    return 1
}

sha256_of() {
    if has sha256sum; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi | cut -d ' ' -f 1
}

# What is needed where this script cannot install it.
say_needs() {
    say "a build needs CMake 3.25, Ninja, a C++20 compiler, and the libraries libcurl, libarchive, OpenSSL, spdlog,"
    say "CLI11, nlohmann-json and cpp-httplib 0.41 or newer (CMake fetches the last one by itself). For example:"
    say "  macOS   brew install cmake ninja curl libarchive openssl@3 asio spdlog cli11 nlohmann-json cpp-httplib"
    say "  Fedora  dnf install gcc-c++ cmake ninja-build libcurl-devel libarchive-devel openssl-devel asio-devel spdlog-devel cli11-devel json-devel cpp-httplib-devel"
    say "  Arch    pacman -S --needed base-devel cmake ninja curl libarchive openssl asio spdlog cli11 nlohmann-json cpp-httplib"
}

build() {
    # shellcheck disable=SC2086,SC2154 # a list of package names, from lib.sh
    ! is_debian_like || install_missing $build_packages
    if ! has cmake || ! has ninja || ! has c++; then
        say_needs
        exit 1
    fi
    version_at_least "$(cmake --version | sed -n '1s/.* //p')" 3.25 || fail 1 "CMake 3.25 or newer is needed; this one is older"
    "$root/scripts/fetch-deps"

    [ -x "$program" ] || say "building odysseus (a few minutes, once)"
    if [ -r "$build_dir/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$build_dir/CMakeCache.txt"; then
        rm -rf "$build_dir" # this folder was moved
    fi
    mkdir -p "$build_dir"
    : >"$build_dir/.building"
    if ! (cd "$root" && cmake --preset release) >"$build_dir/configure.log" 2>&1; then
        cat "$build_dir/configure.log" >&2
        is_debian_like || say_needs
        fail 1 "the build could not be set up; the reason stands above"
    fi
    cmake --build "$build_dir" >&2 || fail 1 "the build failed; the reason stands above"
    mv "$build_dir/.building" "$stamp"
}

# look_at ARGUMENTS: sets `home`, and `serves` when odysseus is to serve with a llama.cpp build that it finds or fetches.
look_at() {
    home=${ODYSSEUS_HOME:-$root}
    serves=yes
    [ -z "${ODYSSEUS_LLAMA_SERVER:-}" ] && [ "${ODYSSEUS_OFFLINE:-0}" = 0 ] || serves=
    while [ $# -gt 0 ]; do
        case $1 in
        --) break ;;
        --home=*) home=${1#--home=} ;;
        --home) [ $# -lt 2 ] || home=$2 ;;
        --offline | --llama-server | --llama-server=* | -h | --help | -V | --version) serves= ;;
        plan | doctor | models | pull | backend | config | completion | help) serves= ;;
        esac
        shift
    done
    ! grep -qE '"(llama_server|offline)"' "$home/data/launcher_config.json" 2>/dev/null || serves=
}

has_backend() {
    for server in "$home"/bin/llama*/*/llama-server "$home"/bin/llama*/*/*/llama-server; do
        [ ! -x "$server" ] || return 0
    done
    return 1
}

# Debian's llama.cpp instead of a release: the way out where the release host cannot be reached.
take_debians() {
    say "taking llama.cpp from Debian's archive instead: it runs on the CPU alone. Later, './start.sh backend install' gets the official build"
    install_missing patchelf=patchelf
    archive=$root/.cache/llama-cpp-debian.tar.gz
    "$root/scripts/debian-llama-server" "$archive" && "$program" backend import "$archive" --home "$home"
}

prebuilt || up_to_date || build

look_at "$@"
if [ -n "$serves" ] && is_debian_like && ! has_backend; then
    [ "${1:-}" != serve ] || shift
    outcome=0
    "$program" backend install --home "$home" "$@" || outcome=$?
    case $outcome in
    0 | 2) ;; # 2: something in the options; odysseus says it best itself
    4) take_debians || exit $? ;;
    *) exit "$outcome" ;;
    esac
fi
exec "$program" --home "$home" "$@"
