# Everything comes from Debian 12's packages (./dev setup). libzmq and RocksDB ship no usable CMake
# package there, so they are found by name.
find_package(Threads REQUIRED)
find_package(spdlog REQUIRED)

find_path(ZMQ_INCLUDE_DIR zmq.hpp REQUIRED)
find_library(ZMQ_LIBRARY zmq REQUIRED)
if(NOT TARGET pawl_zmq)
  add_library(pawl_zmq INTERFACE)
  target_include_directories(pawl_zmq SYSTEM INTERFACE ${ZMQ_INCLUDE_DIR})
  target_link_libraries(pawl_zmq INTERFACE ${ZMQ_LIBRARY})
endif()

find_path(ROCKSDB_INCLUDE_DIR rocksdb/db.h REQUIRED)
find_library(ROCKSDB_LIBRARY NAMES librocksdb.so rocksdb REQUIRED)
if(NOT TARGET pawl_rocksdb)
  add_library(pawl_rocksdb INTERFACE)
  target_include_directories(pawl_rocksdb SYSTEM INTERFACE ${ROCKSDB_INCLUDE_DIR})
  target_link_libraries(pawl_rocksdb INTERFACE ${ROCKSDB_LIBRARY})
endif()

find_path(MSGPACK_INCLUDE_DIR msgpack.hpp REQUIRED)
if(NOT TARGET pawl_msgpack)
  add_library(pawl_msgpack INTERFACE)
  target_include_directories(pawl_msgpack SYSTEM INTERFACE ${MSGPACK_INCLUDE_DIR})
  target_compile_definitions(pawl_msgpack INTERFACE MSGPACK_NO_BOOST)
endif()
