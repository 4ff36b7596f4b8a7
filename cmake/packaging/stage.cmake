# Run by CPack when the files of a package are laid out and not yet packed.
if(NOT CMAKE_HOST_SYSTEM_NAME STREQUAL Linux)
  return()
endif()

macro(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endmacro()

set(top ${CPACK_TEMPORARY_DIRECTORY})
if(CPACK_GENERATOR STREQUAL DEB)
  # What Debian's policy asks for: chapter 12 (documents), section 9.1.1 (internal programs).
  set(usr ${top}/usr)
  file(MAKE_DIRECTORY ${usr}/libexec/odysseus)
  file(RENAME ${usr}/bin/odysseus ${usr}/libexec/odysseus/odysseus)
  file(COPY_FILE ${CMAKE_CURRENT_LIST_DIR}/odysseus.sh ${usr}/bin/odysseus)
  set(doc ${usr}/share/doc/odysseus)
  file(RENAME ${doc}/LICENSE ${doc}/copyright)
  run(env LC_ALL=C date -Ru -d @${CPACK_ODYSSEUS_EPOCH} OUTPUT_VARIABLE day OUTPUT_STRIP_TRAILING_WHITESPACE)
  file(WRITE ${doc}/changelog "odysseus (${CPACK_PACKAGE_VERSION}) stable; urgency=medium\n\n"
       "  * What is new stands in changelog.md.gz.\n\n -- ${CPACK_PACKAGE_CONTACT}  ${day}\n")
  run(gzip -9n ${doc}/changelog ${doc}/changelog.md ${usr}/share/man/man1/odysseus.1)
  run(chmod 755 ${usr}/bin/odysseus)
endif()

# The same files make the same package: whoever packs, wherever and whenever.
run(chmod -R u=rwX,go=rX ${top})
run(find ${top} -exec touch -h -d @${CPACK_ODYSSEUS_EPOCH} {} +)
set(ENV{SOURCE_DATE_EPOCH} ${CPACK_ODYSSEUS_EPOCH})
