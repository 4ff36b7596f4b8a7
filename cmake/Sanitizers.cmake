# ODYSSEUS_SANITIZE=address adds the undefined-behaviour checks too; the two kinds cannot be combined.
if(ODYSSEUS_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(ODYSSEUS_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(ODYSSEUS_SANITIZE)
  message(FATAL_ERROR "ODYSSEUS_SANITIZE is '${ODYSSEUS_SANITIZE}'; it can be address, thread or empty")
endif()

# libFuzzer is guided by the coverage of everything that is compiled, not of the target's few lines alone.
if(ODYSSEUS_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "ODYSSEUS_FUZZ needs Clang; this is ${CMAKE_CXX_COMPILER_ID}")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
  add_link_options(-fsanitize=fuzzer-no-link)
endif()
