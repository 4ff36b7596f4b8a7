# Run by CPack when a package is packed. Of its own making a .tar.gz has the order in which the folder happens to list
# its files, and the packer's name; a .deb has the packer's umask. Where the system's tools are there, they pack it again:
# in the order of the names, as root's, with the modes that everybody has.
if(NOT CMAKE_HOST_SYSTEM_NAME STREQUAL Linux)
  return()
endif()
list(GET CPACK_PACKAGE_FILES 0 package)
get_filename_component(name ${CPACK_TEMPORARY_DIRECTORY} NAME)
get_filename_component(folder ${CPACK_TEMPORARY_DIRECTORY} DIRECTORY)

find_program(tar tar)
if(CPACK_GENERATOR STREQUAL TGZ AND tar)
  execute_process(
    COMMAND ${tar} -C ${folder} --sort=name --owner=0 --group=0 --numeric-owner --format=gnu -c ${name}
    COMMAND gzip -9n OUTPUT_FILE ${package} COMMAND_ERROR_IS_FATAL ANY)
endif()

find_program(ar ar)
if(CPACK_GENERATOR STREQUAL DEB AND ar)
  file(MAKE_DIRECTORY ${folder}/members)
  execute_process(COMMAND ${ar} x ${package} WORKING_DIRECTORY ${folder}/members COMMAND_ERROR_IS_FATAL ANY)
  file(REMOVE ${package})
  execute_process(COMMAND ${ar} qcD ${package} debian-binary control.tar.gz data.tar.gz
                  WORKING_DIRECTORY ${folder}/members COMMAND_ERROR_IS_FATAL ANY)
endif()
