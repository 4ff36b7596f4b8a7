# Our own code is compiled with these; third-party code never is.
add_library(odysseus_warnings INTERFACE)
if(MSVC)
  target_compile_options(odysseus_warnings INTERFACE /W4 /permissive- /utf-8)
  if(ODYSSEUS_DEVELOPER)
    target_compile_options(odysseus_warnings INTERFACE /WX)
  endif()
else()
  target_compile_options(odysseus_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
    -Wformat=2 -Wimplicit-fallthrough)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
    # With -O2 it sees overlaps in std::string::insert and replace that are not there (GCC bug 105651).
    target_compile_options(odysseus_warnings INTERFACE $<$<NOT:$<CONFIG:Debug>>:-Wno-restrict>)
  endif()
  if(ODYSSEUS_DEVELOPER)
    target_compile_options(odysseus_warnings INTERFACE -Werror)
  endif()
endif()
