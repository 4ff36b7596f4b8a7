# Run as a script, at build time: cmake -D IN=page.html -D STYLE=style.css -D SCRIPTS=a.js,b.js -D OUT=page.cpp -P EmbedFile.cmake
# Puts the style and the scripts, one after the other, into the page. Writes OUT, a C++ source with the page and its content
# security policy (proxy/page.hpp), and beside it the same two as files (OUT with .html and .csp), which the browser test
# serves from its stand-in server.
# Plain CMake, so that every system builds it the same way.
cmake_minimum_required(VERSION 3.25)

# CMake knows SHA-256 only in hexadecimal; a policy wants base64. Three hexadecimal digits are two of base64, and
# two zeros fill the 64 digits up to a whole group: they make the last sign, which is the padding.
function(base64_of_sha256 text out)
  set(alphabet "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  string(SHA256 digits "${text}")
  string(APPEND digits "00")
  set(base64 "")
  foreach(at RANGE 0 63 3)
    string(SUBSTRING "${digits}" ${at} 3 three)
    math(EXPR high "0x${three} >> 6")
    math(EXPR low "0x${three} & 63")
    string(SUBSTRING "${alphabet}" ${high} 1 high)
    string(SUBSTRING "${alphabet}" ${low} 1 low)
    string(APPEND base64 "${high}${low}")
  endforeach()
  string(LENGTH "${base64}" length)
  math(EXPR length "${length} - 1")
  string(SUBSTRING "${base64}" 0 ${length} base64)
  set(${out} "${base64}=" PARENT_SCOPE)
endfunction()

# The bytes between the one start tag and the one end tag: exactly what a browser hashes.
function(inside text begin end out)
  string(FIND "${text}" "${begin}" from)
  string(FIND "${text}" "${end}" to)
  string(FIND "${text}" "${begin}" again REVERSE)
  if(from LESS 0 OR to LESS from OR NOT from EQUAL again)
    message(FATAL_ERROR "${IN}: exactly one ${begin} … ${end} is expected")
  endif()
  string(LENGTH "${begin}" skip)
  math(EXPR from "${from} + ${skip}")
  math(EXPR length "${to} - ${from}")
  string(SUBSTRING "${text}" ${from} ${length} found)
  set(${out} "${found}" PARENT_SCOPE)
endfunction()

# An array, not a string literal: MSVC's end at 16 KiB.
function(as_bytes text out)
  string(HEX "${text}" hex)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REPEAT "[^,]*," 24 line)
  string(REGEX REPLACE "(${line})" "\\1\n    " bytes "${bytes}")
  set(${out} "${bytes}" PARENT_SCOPE)
endfunction()

set(k_bytes_max 122880) # the page comes in one piece, over slow networks too

function(put file place)
  file(READ "${file}" text)
  string(FIND "${page}" "${place}" at)
  if(at LESS 0)
    message(FATAL_ERROR "${IN}: ${place} is missing")
  endif()
  string(REPLACE "${place}" "${text}${ARGN}" page "${page}")
  set(page "${page}" PARENT_SCOPE)
endfunction()

file(READ "${IN}" page)
put("${STYLE}" "@STYLE@")
string(REPLACE "," ";" scripts "${SCRIPTS}")
foreach(script IN LISTS scripts)
  put("${script}" "@SCRIPT@" "@SCRIPT@")
endforeach()
string(REPLACE "@SCRIPT@" "" page "${page}")
# A browser hashes what is left when it has made every line end a single \n.
string(REPLACE "\r\n" "\n" page "${page}")
inside("${page}" "<style>" "</style>" style)
inside("${page}" "<script type=\"module\">" "</script>" script)
base64_of_sha256("${style}" style_hash)
base64_of_sha256("${script}" script_hash)
string(CONCAT policy "default-src 'none'; script-src 'sha256-${script_hash}'; style-src 'sha256-${style_hash}'; "
  "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; "
  "trusted-types 'none'")
string(FIND "${page}" "@CONTENT_SECURITY_POLICY@" place)
if(place LESS 0)
  message(FATAL_ERROR "${IN}: @CONTENT_SECURITY_POLICY@ is missing")
endif()
string(REPLACE "@CONTENT_SECURITY_POLICY@" "${policy}" page "${page}")
string(LENGTH "${page}" length)
if(length GREATER k_bytes_max)
  message(FATAL_ERROR "${IN}: the page has ${length} bytes; it may have ${k_bytes_max}")
endif()
# Framing cannot be forbidden from within a page.
string(APPEND policy "; frame-ancestors 'none'")

as_bytes("${page}" page_bytes)
file(WRITE "${OUT}" "// Made by cmake/EmbedFile.cmake.
#include \"proxy/page.hpp\"

namespace odysseus::proxy {
namespace {
const unsigned char k_page[] = {
    ${page_bytes}
};
} // namespace

std::string_view page_html() {
    return {reinterpret_cast<const char*>(k_page), sizeof k_page};
}

std::string_view page_content_security_policy() {
    return \"${policy}\";
}
} // namespace odysseus::proxy
")
cmake_path(REPLACE_EXTENSION OUT LAST_ONLY .html OUTPUT_VARIABLE html)
cmake_path(REPLACE_EXTENSION OUT LAST_ONLY .csp OUTPUT_VARIABLE csp)
file(WRITE "${html}" "${page}")
file(WRITE "${csp}" "${policy}")
