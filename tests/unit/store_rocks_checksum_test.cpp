// SPDX-License-Identifier: Apache-2.0
#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>

#include <memory>
#include <string>

#include <catch2/catch.hpp>

#include "core/store/rocks_checksum.hpp"

using namespace pawl;

namespace {

// As RocksDB itself has it computed: big-endian.
std::uint32_t crc_of(const std::string& text, std::size_t cut_at) {
  const auto factory = rocksdb::GetFileChecksumGenCrc32cFactory();
  const auto generator = factory->CreateFileChecksumGenerator({});
  generator->Update(text.data(), cut_at);
  generator->Update(text.data() + cut_at, text.size() - cut_at);
  generator->Finalize();
  std::uint32_t crc = 0;
  for (const char byte : generator->GetChecksum()) crc = crc << 8 | static_cast<std::uint8_t>(byte);
  return crc;
}

}  // namespace

TEST_CASE("RocksDB's checksums come from the processor's instruction, with the standard's values") {
  CHECK(checksums_are_fast());
  // RFC 3720, appendix B.4; and the check value of CRC-32C.
  CHECK(crc_of(std::string(32, '\0'), 0) == 0x8a9136aa);
  CHECK(crc_of(std::string(32, '\xff'), 7) == 0x62a8ab43);
  CHECK(crc_of("123456789", 4) == 0xe3069283);
  CHECK(crc_of("", 0) == 0);
}
