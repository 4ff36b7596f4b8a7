# cmake --install, and packages by CPack: cpack -G DEB, cpack -G TGZ.
include(GNUInstallDirs)
install(TARGETS odysseus RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES LICENSE README.md docs/changelog.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

if(UNIX AND NOT CMAKE_CROSSCOMPILING)
  # What the program says of itself is the one source of its completions and its manual page.
  set(generated ${PROJECT_BINARY_DIR}/generated)
  file(MAKE_DIRECTORY ${generated})
  add_custom_command(
    OUTPUT ${generated}/odysseus.bash ${generated}/_odysseus ${generated}/odysseus.fish ${generated}/odysseus.1
    COMMAND odysseus completion bash > ${generated}/odysseus.bash
    COMMAND odysseus completion zsh > ${generated}/_odysseus
    COMMAND odysseus completion fish > ${generated}/odysseus.fish
    COMMAND odysseus help man > ${generated}/odysseus.1
    DEPENDS odysseus VERBATIM)
  add_custom_target(odysseus_generated ALL DEPENDS ${generated}/odysseus.1)
  install(FILES ${generated}/odysseus.bash RENAME odysseus
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${generated}/_odysseus DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
  install(FILES ${generated}/odysseus.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
  install(FILES ${generated}/odysseus.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
if(CMAKE_SYSTEM_NAME STREQUAL Linux)
  install(FILES cmake/packaging/odysseus.service DESTINATION lib/systemd/user)
elseif(APPLE)
  install(FILES cmake/packaging/local.odysseus.plist DESTINATION ${CMAKE_INSTALL_DATADIR}/odysseus)
endif()

set(CPACK_PACKAGE_VENDOR "the odysseus authors")
set(CPACK_PACKAGE_CONTACT "the odysseus authors <odysseus@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION
"odysseus looks at the hardware, fetches the llama.cpp build that fits it, finds
the largest context that memory allows, starts and supervises llama-server, and
answers on an OpenAI-compatible endpoint that knows the models by their names.")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/packaging/stage.cmake)
set(CPACK_POST_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/packaging/repack.cmake)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON) # whatever the packer's umask
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates, libgomp1, libvulkan1")
set(CPACK_GENERATOR TGZ)

# The time that packages carry: that of the sources. `git archive` leaves the commit's time on every file.
set(CPACK_ODYSSEUS_EPOCH "$ENV{SOURCE_DATE_EPOCH}")
if(NOT CPACK_ODYSSEUS_EPOCH)
  execute_process(COMMAND git -C ${PROJECT_SOURCE_DIR} log -1 --format=%ct
                  OUTPUT_VARIABLE CPACK_ODYSSEUS_EPOCH OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT CPACK_ODYSSEUS_EPOCH)
  file(TIMESTAMP ${PROJECT_SOURCE_DIR}/CMakeLists.txt CPACK_ODYSSEUS_EPOCH %s UTC)
endif()
include(CPack)
