# shellcheck shell=bash
# What compiles for other systems shares: one compiler for all of them, zig's clang with its C and C++ libraries, from PyPI.
# Sourced after lib.sh by bash scripts; nothing here needs root. It is kept in .cache/cross: a second run needs no network.
# shellcheck disable=SC2154 # root, from the caller
cross=${ODYSSEUS_CROSS_DIR:-$root/.cache/cross}

zig_version=0.15.2
zig_digests=(806316453d1ede7174ed3fefb8e5348154629089c3bb5fe812dfd0e172fac130) # its wheel for x64 Linux

# target_triple TARGET: zig's name for it.
target_triple() {
    case $1 in
    linux-x64) echo x86_64-linux-musl ;;
    linux-arm64) echo aarch64-linux-musl ;;
    windows-x64) echo x86_64-windows-gnu ;;
    macos-x64) echo x86_64-macos ;;
    macos-arm64) echo aarch64-macos ;;
    *) fail 2 "unknown target '$1': linux-x64, linux-arm64, windows-x64, macos-x64 or macos-arm64" ;;
    esac
}

# need_zig: sets `zig`, and fetches it once.
need_zig() {
    local place=$cross/zig/$zig_version
    if [ ! -e "$place/complete" ]; then
        [ "$(uname -sm)" = "Linux x86_64" ] || fail 2 "cross builds run on x64 Linux; this is $(uname -sm)"
        python3 -c 'import ensurepip, venv' 2>/dev/null || fail 1 "Python's venv is missing (apt-get install python3-venv)"
        say "fetching zig $zig_version from PyPI (some 90 MB, once)"
        rm -rf "$place"
        mkdir -p "$place"
        printf 'ziglang==%s' "$zig_version" >"$place/wanted"
        printf ' --hash=sha256:%s' "${zig_digests[@]}" >>"$place/wanted"
        python3 -m venv "$place/venv" >&2 || fail 1 "no Python environment could be made in $place"
        "$place/venv/bin/python" -m pip install -q --disable-pip-version-check --no-input --retries 3 --timeout 60 --no-deps \
            --only-binary=:all: --require-hashes -r "$place/wanted" >&2 ||
            fail 4 "zig $zig_version could not be had from PyPI; the reason stands above"
        : >"$place/complete"
    fi
    zig=$(find "$place/venv/lib" -path '*/ziglang/zig' -type f | head -n 1)
    [ -x "$zig" ] || fail 5 "no zig in $place; remove that folder and try again"
}

# compilers TARGET: cc, c++, ar and ranlib in .cache/cross/TARGET/bin. After need_zig.
compilers() {
    local bin=$cross/$1/bin triple common
    triple=$(target_triple "$1")
    common="-target $triple -fno-sanitize=all -g0 -Wno-unused-command-line-argument"
    mkdir -p "$bin"
    local tool arguments
    for tool in cc c++ ar ranlib rc; do
        case $tool in c*) arguments="$tool $common" ;; *) arguments=$tool ;; esac
        printf '#!/bin/sh\nZIG_GLOBAL_CACHE_DIR="%s" ZIG_LOCAL_CACHE_DIR="%s" exec "%s" %s "$@"\n' \
            "$cross/zig/cache" "$cross/zig/cache" "$zig" "$arguments" >"$bin/$tool"
    done
    chmod +x "$bin"/*
}
