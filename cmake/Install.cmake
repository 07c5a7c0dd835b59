# What `cmake --install` gives: headers, libraries, programs, man pages, a CMake package and
# pkg-config files, none of which holds an absolute path: the tree may be moved.
include(CMakePackageConfigHelpers)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/core/include/pawl ${PROJECT_SOURCE_DIR}/patterns/include/pawl
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")

# Two export sets, so that the package can offer pawl::client where RocksDB is absent.
set(pawl_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pawl)
install(TARGETS pawl_client EXPORT pawl-client-targets)
install(TARGETS pawl pawl_testing EXPORT pawl-targets)
install(EXPORT pawl-client-targets NAMESPACE pawl:: DESTINATION ${pawl_package_dir})
install(EXPORT pawl-targets NAMESPACE pawl:: DESTINATION ${pawl_package_dir})

configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/pawl-config.cmake.in ${PROJECT_BINARY_DIR}/pawl-config.cmake
  INSTALL_DESTINATION ${pawl_package_dir})
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/pawl-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/pawl-config.cmake
              ${PROJECT_BINARY_DIR}/pawl-config-version.cmake
        DESTINATION ${pawl_package_dir})

# pkg-config resolves the prefix from where its file lies.
file(RELATIVE_PATH pawl_prefix_from_pc
     /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" pawl_prefix_from_pc "${pawl_prefix_from_pc}")
foreach(name pawl-client pawl pawl-testing)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

file(GLOB pawl_man_pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.1)
if(pawl_man_pages)
  install(FILES ${pawl_man_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
