// SPDX-License-Identifier: Apache-2.0
// The checksum of RocksDB's log and blob files, CRC-32C, by the processor's own instruction.
#pragma once

namespace pawl {

// Debian builds RocksDB for every x86-64 there is, so it computes CRC-32C from tables: 0.6 GB/s,
// half of a durable device's CPU. Where pawl is linked into the program, RocksDB's calls come to
// ours instead (libisal, the same values; docs/decisions/0001). False where they do not, as in a
// plug-in that is loaded later: all works there, at a lower durable rate.
bool checksums_are_fast();

}  // namespace pawl
