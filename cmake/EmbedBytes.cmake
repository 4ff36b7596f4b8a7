# Run as a script, at build time: cmake -D IN=FILE -D OUT=file.cpp -D HEADER=odysseus/x.hpp -D NAME=function -P EmbedBytes.cmake
# Writes OUT, a C++ source with odysseus::NAME(), which gives the bytes of IN.
cmake_minimum_required(VERSION 3.25)

file(READ "${IN}" hex HEX)
string(REPEAT "[0-9a-f]" 64 line)
string(REGEX REPLACE "(${line})" "\\1\n" hex "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE "${OUT}" "// Made by cmake/EmbedBytes.cmake.
#include \"${HEADER}\"

namespace odysseus::models {
namespace {
// An array, not a string literal: MSVC's end at 16 KiB.
const unsigned char k_bytes[] = {
${bytes}
};
} // namespace

std::string_view ${NAME}() {
    return {reinterpret_cast<const char*>(k_bytes), sizeof k_bytes};
}
} // namespace odysseus::models
")
