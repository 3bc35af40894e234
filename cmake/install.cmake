# `cmake --install`: the program, the library, the headers that a program of one's own needs, and find_package(Longwave).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The headers of the public interface, with everything that they include.
set(LONGWAVE_PUBLIC_HEADERS
    base/check.h base/cpu.h base/fields.h base/policy.h base/random.h base/suggest.h
    io/safetensors.h
    kernels/activation.h kernels/dropout.h kernels/gated_activation.h kernels/mlp.h kernels/recurrent.h
    nn/dropout.h nn/module.h nn/multihead_attention.h nn/seeded_init.h nn/sequence_norm.h nn/tensor_file.h
    mixers/cross_attention.h mixers/mixer.h
    channel/channel.h
    models/adaptive_vocabulary.h models/backbone.h models/classifier.h models/forecaster.h models/language_model.h
    models/sequence_encoder.h
    stream/beam_search.h stream/sampling.h stream/session.h)
file(GLOB operators RELATIVE ${CMAKE_SOURCE_DIR}/longwave CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/longwave/ops/*.h)
list(REMOVE_ITEM operators ops/given.h ops/head_vectors.h ops/lengths.h)  # how operators read their arguments
foreach(header IN LISTS LONGWAVE_PUBLIC_HEADERS operators)
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES longwave/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/longwave/${folder})
endforeach()

install(TARGETS longwave LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS longwave_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
set(LONGWAVE_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Longwave)
configure_package_config_file(cmake/LongwaveConfig.cmake.in ${CMAKE_BINARY_DIR}/LongwaveConfig.cmake
                              INSTALL_DESTINATION ${LONGWAVE_PACKAGE_DIR}
                              PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/LongwaveConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/LongwaveConfig.cmake ${CMAKE_BINARY_DIR}/LongwaveConfigVersion.cmake
        DESTINATION ${LONGWAVE_PACKAGE_DIR})
