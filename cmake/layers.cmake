# One folder of longwave/ is one target of the same name; its sources are all .cpp files directly in it.
function(longwave_layer name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/longwave/${name}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/(main|allocator)\\.cpp$")  # of programs, not of the library
  if(NOT sources)
    add_library(${name} INTERFACE)
    return()
  endif()
  add_library(${name} OBJECT ${sources})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${LONGWAVE_CORE_LIBRARIES})
  if(name STREQUAL kernels AND NOT CMAKE_BUILD_TYPE STREQUAL Debug)
    target_compile_options(kernels PRIVATE -O3)
  endif()
  if(name STREQUAL kernels)
    # Every instruction set is one more compilation of each kernel. No processor of today stops at SSSE3; the sanitizer
    # build takes the portable form alone.
    target_compile_definitions(kernels PRIVATE HWY_DISABLED_TARGETS=HWY_SSSE3
                                               $<$<BOOL:${LONGWAVE_SANITIZE}>:HWY_COMPILE_ONLY_STATIC>)
  endif()
endfunction()

# The same on libtorch. All of these share one precompiled header, made with the flags of the first layer. -O1: what is
# computed is computed in kernels and in libtorch; -O2 takes half as long again to compile and is no faster.
set(LONGWAVE_TORCH_FLAGS -fPIC $<$<CONFIG:Release>:-O1>)
function(longwave_torch_layer name)
  longwave_layer(${name})
  get_target_property(kind ${name} TYPE)
  if(kind STREQUAL INTERFACE_LIBRARY)
    return()
  endif()
  longwave_use_torch(${name})
  set(LONGWAVE_TORCH_LAYERS ${LONGWAVE_TORCH_LAYERS} ${name} PARENT_SCOPE)
endfunction()

function(longwave_use_torch target)
  target_link_libraries(${target} PRIVATE ${TORCH_LIBRARIES} OpenMP::OpenMP_CXX)
  if(NOT TARGET longwave_pch)
    file(WRITE ${CMAKE_BINARY_DIR}/pch.cpp "")
    add_library(longwave_pch OBJECT ${CMAKE_BINARY_DIR}/pch.cpp)
    set_target_properties(longwave_pch PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(longwave_pch PRIVATE ${LONGWAVE_TORCH_FLAGS})
    target_include_directories(longwave_pch PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(longwave_pch PRIVATE ${LONGWAVE_CORE_LIBRARIES} ${TORCH_LIBRARIES} OpenMP::OpenMP_CXX)
    target_precompile_headers(longwave_pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/torch_pch.h)
  endif()
  target_precompile_headers(${target} REUSE_FROM longwave_pch)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)  # the header needs one exact flag set:
  target_compile_options(${target} PRIVATE ${LONGWAVE_TORCH_FLAGS})          # programs would otherwise get -fPIE
endfunction()
