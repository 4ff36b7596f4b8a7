#!/bin/sh
# Every test: ./test.sh [--preset asan|tsan] [ctest arguments]
#
# Installs with apt what is missing (Debian, Ubuntu; it says what), fetches the libraries that the system lacks, builds,
# gets a real llama-server for the end-to-end tests (Debian's, into .cache/llama-server; ODYSSEUS_E2E_LLAMA_SERVER=PATH
# names another one) and one with Vulkan and a software GPU (.cache/vulkan-server; ODYSSEUS_E2E_VULKAN_SERVER), and runs
# ctest, whose closing lines are the last ones. ODYSSEUS_CHECK_PLATFORMS=ON builds the program for the other
# systems too and runs its tests under wine and qemu.
# Nothing is skipped: what cannot be had is a failure.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
me=test.sh
. "$root/scripts/lib.sh"
cd "$root"

preset=dev
case ${1:-} in
--preset=*)
    preset=${1#--preset=}
    shift
    ;;
--preset)
    [ $# -ge 2 ] || fail 2 "--preset needs a name: dev, asan or tsan"
    preset=$2
    shift 2
    ;;
esac
case $preset in dev | asan | tsan) ;; *) fail 2 "there is no test preset '$preset'; there are dev, asan and tsan" ;; esac

if is_debian_like; then
    # shellcheck disable=SC2086,SC2154 # a list of package names, from lib.sh
    install_missing $build_packages python3=python3 patchelf=patchelf curl=curl node=nodejs npm=npm zsh=zsh fish=fish ip=iproute2
    python3 -c 'import ensurepip, venv' 2>/dev/null || install_missing python3-venv
    has uv || python3 -c 'import pip' 2>/dev/null || install_missing python3-pip
    [ -n "${ODYSSEUS_CHROMIUM:-}" ] || install_missing chromium=chromium
    [ "${ODYSSEUS_CHECK_PLATFORMS:-OFF}" = OFF ] || install_missing wine64 qemu-aarch64-static=qemu-user-static
    # Debian 13 and Ubuntu 24.04 have Catch2 3 themselves; fetch-deps is for the others.
    for package in libcatch2-dev catch2; do
        candidate=$(apt-cache policy "$package" 2>/dev/null | sed -n 's/^  Candidate: //p')
        if version_at_least "${candidate:-0}" 3; then
            install_missing "$package"
            break
        fi
    done
fi
for tool in cmake ninja c++ python3 node npm; do has "$tool" || fail 1 "$tool is missing (docs/contributing.md says what is needed)"; done
scripts/fetch-deps --tests

build_dir=$root/build/$preset
if [ -r "$build_dir/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$build_dir/CMakeCache.txt"; then
    rm -rf "$build_dir" # this folder was moved
fi
if [ -z "${ODYSSEUS_E2E_LLAMA_SERVER:-}" ]; then
    ODYSSEUS_E2E_LLAMA_SERVER=$(find .cache/llama-server -name llama-server -type f 2>/dev/null | head -n 1)
    if [ -z "$ODYSSEUS_E2E_LLAMA_SERVER" ] || ! "$ODYSSEUS_E2E_LLAMA_SERVER" --version >/dev/null 2>&1; then
        ODYSSEUS_E2E_LLAMA_SERVER=$(scripts/debian-llama-server --unpacked .cache/llama-server) ||
            fail 4 "no llama-server for the end-to-end tests; ODYSSEUS_E2E_LLAMA_SERVER=PATH names one"
    fi
    case $ODYSSEUS_E2E_LLAMA_SERVER in /*) ;; *) ODYSSEUS_E2E_LLAMA_SERVER=$root/$ODYSSEUS_E2E_LLAMA_SERVER ;; esac
fi
export ODYSSEUS_E2E_LLAMA_SERVER
if [ -z "${ODYSSEUS_E2E_VULKAN_SERVER:-}" ] && ! ls .cache/vulkan-server/*/llvmpipe.json >/dev/null 2>&1; then
    scripts/debian-llama-server --vulkan --unpacked .cache/vulkan-server >/dev/null ||
        fail 4 "no llama-server with Vulkan for the end-to-end tests; ODYSSEUS_E2E_VULKAN_SERVER=PATH names one"
fi

cmake --preset "$preset" "-DODYSSEUS_CHECK_PLATFORMS=${ODYSSEUS_CHECK_PLATFORMS:-OFF}"
cmake --build --preset "$preset"
# Most tests wait for a process most of the time: one more beside each other than there are processors, unless "$@"
# says otherwise.
ctest --preset "$preset" -j "$(($(getconf _NPROCESSORS_ONLN) + 1))" "$@"
