# The prescribed libraries. A system copy that is new enough comes first, else the pinned upstream release, checked by
# its SHA-256. What scripts/fetch-deps brought (where the upstream host cannot be reached) lies in ODYSSEUS_DEPS_DIR,
# which is searched like the system. FETCHCONTENT_SOURCE_DIR_HTTPLIB=DIR builds with the sources in DIR.
set(ODYSSEUS_DEPS_DIR "$ENV{ODYSSEUS_DEPS_DIR}" CACHE PATH "Where scripts/fetch-deps put its copies")
if(NOT ODYSSEUS_DEPS_DIR)
  set(ODYSSEUS_DEPS_DIR ${CMAKE_CURRENT_SOURCE_DIR}/.cache/deps)
endif()
list(PREPEND CMAKE_PREFIX_PATH ${ODYSSEUS_DEPS_DIR})

include(FetchContent)
find_package(Threads REQUIRED)
if(ODYSSEUS_TARGET)
  include(CrossDependencies)
else()
  find_package(CURL REQUIRED)
  find_package(LibArchive REQUIRED)
  if(NOT WIN32) # which has SHA-256 itself
    find_package(OpenSSL REQUIRED COMPONENTS Crypto SSL)
  endif()
  find_package(spdlog REQUIRED)
  find_package(CLI11 REQUIRED)
  find_package(nlohmann_json 3.10 REQUIRED)
endif()

# cpp-httplib is one header. Pull streaming (open_stream) came with 0.41. Only a whole header will do: where a
# distribution splits it into a header and a library (as Debian does), what we define below would not reach the library.
set(httplib_needed 0.41)
set(httplib_include_dir)
if(NOT FETCHCONTENT_SOURCE_DIR_HTTPLIB)
  find_path(httplib_include_dir httplib.h NO_CACHE)
endif()
if(httplib_include_dir)
  file(STRINGS ${httplib_include_dir}/httplib.h httplib_lines
       REGEX "define CPPHTTPLIB_VERSION \"|Implementation that will be part of the .cc file")
  string(REGEX MATCH "[0-9]+\\.[0-9.]+" httplib_version "${httplib_lines}")
  if(NOT httplib_lines MATCHES "Implementation" OR httplib_version VERSION_LESS httplib_needed)
    set(httplib_include_dir)
  endif()
endif()
if(NOT httplib_include_dir)
  message(STATUS "cpp-httplib ${httplib_needed} is not on this system: fetching the upstream release "
                 "(where that host cannot be reached, run scripts/fetch-deps first)")
  # The digest is that of `git archive` of the tag, packed with gzip -n; Debian's copy holds the same header.
  FetchContent_Declare(httplib
    URL https://github.com/yhirose/cpp-httplib/archive/refs/tags/v0.41.0.tar.gz
    URL_HASH SHA256=6d38a6b74ea33ac3133b8352f2b55b557c1d42f36e1ed0c01f852e3218329d39
    DOWNLOAD_EXTRACT_TIMESTAMP ON
    SOURCE_SUBDIR header-only) # there is no such folder: its CMakeLists.txt is not wanted
  FetchContent_MakeAvailable(httplib)
  set(httplib_include_dir ${httplib_SOURCE_DIR})
endif()
add_library(odysseus_httplib INTERFACE)
target_include_directories(odysseus_httplib SYSTEM INTERFACE ${httplib_include_dir})
# The default backlog of 5 makes a burst of clients wait for SYN retries.
target_compile_definitions(odysseus_httplib INTERFACE CPPHTTPLIB_LISTEN_BACKLOG=1024)
target_link_libraries(odysseus_httplib INTERFACE Threads::Threads)
if(WIN32)
  target_link_libraries(odysseus_httplib INTERFACE ws2_32 crypt32)
endif()

# Standalone asio, headers alone: sockets, timers and the event loop of each system.
find_path(asio_include_dir asio.hpp REQUIRED)
add_library(odysseus_asio INTERFACE)
target_include_directories(odysseus_asio SYSTEM INTERFACE ${asio_include_dir})
target_compile_definitions(odysseus_asio INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED)
target_link_libraries(odysseus_asio INTERFACE Threads::Threads)
if(ODYSSEUS_SANITIZE STREQUAL "thread") # it knows no fences; asio's queues are ordered by their mutexes as well
  target_compile_definitions(odysseus_asio INTERFACE ASIO_DISABLE_FENCED_BLOCK)
endif()
if(WIN32)
  target_compile_definitions(odysseus_asio INTERFACE _WIN32_WINNT=0x0a00) # as zig spells it
  target_link_libraries(odysseus_asio INTERFACE ws2_32 mswsock)
endif()

if(BUILD_TESTING AND NOT ODYSSEUS_TARGET)
  FetchContent_Declare(Catch2
    URL https://github.com/catchorg/Catch2/archive/refs/tags/v3.7.1.tar.gz
    URL_HASH SHA256=c991b247a1a0d7bb9c39aa35faf0fe9e19764213f28ffba3109388e62ee0269c
    DOWNLOAD_EXTRACT_TIMESTAMP ON
    FIND_PACKAGE_ARGS 3)
  FetchContent_MakeAvailable(Catch2)
  if(catch2_SOURCE_DIR) # built from source: its CMake helpers lie beside it
    list(APPEND CMAKE_MODULE_PATH ${catch2_SOURCE_DIR}/extras)
  endif()
endif()
