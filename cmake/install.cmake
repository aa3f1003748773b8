# What `cmake --install` gives: the program, the library with its headers and CMake package, and the models.
include(CMakePackageConfigHelpers)

set(FORETELL_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/foretell)
install(TARGETS foretell_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS foretell EXPORT foretellTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/foretell DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(DIRECTORY models/ DESTINATION ${CMAKE_INSTALL_DATADIR}/foretell/models)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(EXPORT foretellTargets NAMESPACE foretell:: DESTINATION ${FORETELL_PACKAGE_DIR})
configure_package_config_file(cmake/foretellConfig.cmake.in foretellConfig.cmake
  INSTALL_DESTINATION ${FORETELL_PACKAGE_DIR})
write_basic_package_version_file(foretellConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/foretellConfig.cmake ${PROJECT_BINARY_DIR}/foretellConfigVersion.cmake
  DESTINATION ${FORETELL_PACKAGE_DIR})
