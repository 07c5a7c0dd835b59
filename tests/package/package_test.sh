#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# package_test.sh BUILD: installs BUILD into a temporary prefix, moves that elsewhere, and there
# builds a small project of its own with each CMake target and through pkg-config, and runs it.
set -euo pipefail
build=$1
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() { echo "-- $*"; }

step "install, then move"
cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/moved"
prefix=$work/moved
if grep -rIl -e "$work/first" -e "$(dirname "$(dirname "$here")")" "$prefix"/lib*/ ; then
    echo "these installed files hold a path of the machine that built them"
    exit 1
fi

step "programs and man pages"
for program in pawl pawl-queue; do
    "$prefix/bin/$program" --version
    "$prefix/bin/$program" --help >/dev/null
done
for page in pawl pawl-send pawl-work pawl-stat pawl-queue; do
    [ -s "$prefix/share/man/man1/$page.1" ]
done

step "only <pawl/...> is installed"
[ "$(ls "$prefix/include")" = pawl ]

step "CMake: pawl::client, pawl::pawl and pawl::testing"
cmake -S "$here" -B "$work/cmake" -G Ninja -D CMAKE_PREFIX_PATH="$prefix" \
    -D CMAKE_BUILD_TYPE=Debug -D CMAKE_CXX_STANDARD=20 >/dev/null
cmake --build "$work/cmake"
"$work/cmake/client"
"$work/cmake/hub"
"$work/cmake/testing"
if ldd "$work/cmake/client" | grep -i rocksdb; then
    echo "pawl::client links the store"
    exit 1
fi

step "pkg-config: pawl-client, pawl and pawl-testing"
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name pawl.pc)")
export PKG_CONFIG_PATH
for program in client:pawl-client hub:pawl testing:pawl-testing; do
    source=${program%:*} module=${program#*:}
    # shellcheck disable=SC2046 # flags are words
    g++ -std=c++20 -o "$work/$source" "$here/$source.cpp" \
        $(pkg-config --cflags --libs "$module")
    "$work/$source"
done
