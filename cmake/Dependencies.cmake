# The prescribed libraries. A system copy that is new enough comes first; else the pinned upstream release, by
# SHA-256. Where the upstream host cannot be reached, scripts/fetch-deps puts Debian's copies into
# ODYSSEUS_DEPS_DIR, which is searched like the system.
set(ODYSSEUS_DEPS_DIR "$ENV{ODYSSEUS_DEPS_DIR}" CACHE PATH "Where scripts/fetch-deps put its copies")
if(NOT ODYSSEUS_DEPS_DIR)
  set(ODYSSEUS_DEPS_DIR ${CMAKE_CURRENT_SOURCE_DIR}/.cache/deps)
endif()
list(PREPEND CMAKE_PREFIX_PATH ${ODYSSEUS_DEPS_DIR})

include(FetchContent)
set(FETCHCONTENT_QUIET ON)

find_package(Threads REQUIRED)
find_package(CURL REQUIRED)
find_package(LibArchive REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json 3.10 REQUIRED)

# cpp-httplib is one header. Pull streaming (open_stream) came with 0.41; Debian 12 has 0.11.
find_path(HTTPLIB_INCLUDE_DIR httplib.h HINTS ${ODYSSEUS_DEPS_DIR}/include)
if(HTTPLIB_INCLUDE_DIR)
  file(STRINGS ${HTTPLIB_INCLUDE_DIR}/httplib.h httplib_version REGEX "define CPPHTTPLIB_VERSION \"")
  string(REGEX MATCH "[0-9]+\\.[0-9]+" httplib_version "${httplib_version}")
endif()
if(NOT HTTPLIB_INCLUDE_DIR OR httplib_version VERSION_LESS 0.41)
  FetchContent_Declare(httplib
    URL https://github.com/yhirose/cpp-httplib/archive/refs/tags/v0.41.0.tar.gz
    DOWNLOAD_EXTRACT_TIMESTAMP ON)
  FetchContent_GetProperties(httplib)
  if(NOT httplib_POPULATED)
    FetchContent_Populate(httplib)
  endif()
  set(HTTPLIB_INCLUDE_DIR ${httplib_SOURCE_DIR} CACHE PATH "" FORCE)
endif()
add_library(odysseus_httplib INTERFACE)
target_include_directories(odysseus_httplib SYSTEM INTERFACE ${HTTPLIB_INCLUDE_DIR})
# The default backlog of 5 makes a burst of clients wait for SYN retries.
target_compile_definitions(odysseus_httplib INTERFACE CPPHTTPLIB_LISTEN_BACKLOG=1024)
target_link_libraries(odysseus_httplib INTERFACE Threads::Threads)

if(BUILD_TESTING)
  find_package(Catch2 3 REQUIRED)
endif()
