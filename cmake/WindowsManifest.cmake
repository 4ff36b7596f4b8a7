# odysseus_manifest(TARGET): puts odysseus.manifest (UTF-8, long paths) and a version into a program for Windows.
# MSVC's linker takes the manifest by itself; here zig compiles a resource (ODYSSEUS_RC, cmake/cross/zig.cmake).
function(odysseus_manifest target)
  set(generated ${PROJECT_BINARY_DIR}/generated/odysseus)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/odysseus.rc.in ${generated}.rc @ONLY)
  add_custom_command(OUTPUT ${generated}.res
    COMMAND ${ODYSSEUS_RC} /:auto-includes none ${generated}.rc ${generated}.res
    DEPENDS ${generated}.rc ${PROJECT_SOURCE_DIR}/cmake/odysseus.manifest VERBATIM)
  add_custom_target(${target}_manifest DEPENDS ${generated}.res)
  add_dependencies(${target} ${target}_manifest)
  target_link_options(${target} PRIVATE ${generated}.res)
  set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${generated}.res)
endfunction()
