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
    # With -O2 it sees trouble inside std::string that is not there (GCC bugs 105651 and 105562).
    target_compile_options(odysseus_warnings INTERFACE
      $<$<NOT:$<CONFIG:Debug>>:-Wno-restrict> $<$<NOT:$<CONFIG:Debug>>:-Wno-maybe-uninitialized>)
    if(ODYSSEUS_SANITIZE) # its optimised debug build too, and inside std::regex
      target_compile_options(odysseus_warnings INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
    endif()
  endif()
  if(ODYSSEUS_DEVELOPER)
    target_compile_options(odysseus_warnings INTERFACE -Werror)
  endif()
endif()
