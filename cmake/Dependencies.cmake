# Everything comes from Debian 12's packages (./dev setup). libzmq, RocksDB and libisal ship no usable
# CMake package there, so they are found by name.
find_package(Threads REQUIRED)
find_package(spdlog REQUIRED)

# pawl_NAME: the library and its headers.
function(pawl_system_library name header)
  string(TOUPPER ${name} variable)
  find_path(${variable}_INCLUDE_DIR ${header} REQUIRED)
  find_library(${variable}_LIBRARY NAMES ${ARGN} REQUIRED)
  if(NOT TARGET pawl_${name})
    add_library(pawl_${name} INTERFACE)
    target_include_directories(pawl_${name} SYSTEM INTERFACE ${${variable}_INCLUDE_DIR})
    target_link_libraries(pawl_${name} INTERFACE ${${variable}_LIBRARY})
  endif()
endfunction()
pawl_system_library(zmq zmq.hpp zmq)
pawl_system_library(rocksdb rocksdb/db.h librocksdb.so rocksdb)
pawl_system_library(isal isa-l/crc.h isal)

find_path(MSGPACK_INCLUDE_DIR msgpack.hpp REQUIRED)
if(NOT TARGET pawl_msgpack)
  add_library(pawl_msgpack INTERFACE)
  target_include_directories(pawl_msgpack SYSTEM INTERFACE ${MSGPACK_INCLUDE_DIR})
  target_compile_definitions(pawl_msgpack INTERFACE MSGPACK_NO_BOOST)
endif()
