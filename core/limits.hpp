// SPDX-License-Identifier: Apache-2.0
// Every bound that a peer or a user can meet, in one place, with where its number comes from.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pawl::limits {

// The wire -----------------------------------------------------------------------------------
inline constexpr std::size_t body_bytes_max = 1024 * 1024;  // a queue's policy may lower it
inline constexpr std::size_t meta_bytes_max = 64 * 1024;    // key, headers, history of one entry
inline constexpr std::size_t entry_overhead_max = 16;       // array, nil or map, bin32 header
inline constexpr std::size_t chunk_bytes_aim = 128 * 1024;  // a chunk is this, or one larger entry
inline constexpr std::size_t chunk_messages_max = 4096;
inline constexpr std::size_t entry_bytes_max = body_bytes_max + meta_bytes_max + entry_overhead_max;
inline constexpr std::size_t chunk_bytes_max = entry_bytes_max;
inline constexpr std::size_t header_bytes_max = 64 * 1024;
inline constexpr std::size_t header_fields_max = 32;
inline constexpr std::size_t header_depth_max = 4;
inline constexpr std::size_t frames_max = 256;     // chunk frames after the header, rows of DELIVER
inline constexpr std::size_t send_parts_max = 16;  // and of SEND: 2 MiB, a quarter of a commit
inline constexpr std::size_t rows_max = 1024;      // rows of any list in a header
inline constexpr std::size_t reason_bytes_max = 1024;
// Of a nack or a return: ten years. What is longer was surely computed wrongly.
inline constexpr std::uint64_t delay_ms_max = 315'360'000'000;
inline constexpr std::size_t history_max = 32;      // failures kept; the rest counted
inline constexpr std::size_t name_bytes_max = 128;  // queues, producers, groups, peers
inline constexpr std::size_t headers_max = 64;      // user headers of one message

// A hub --------------------------------------------------------------------------------------
inline constexpr std::size_t sessions_max = 16 * 1024;
inline constexpr std::size_t handles_max = 64;  // of one session
inline constexpr std::size_t queues_max = 64 * 1024;
inline constexpr std::size_t delivers_unreceived_max = 1024;   // DELIVERs past received-up-to
inline constexpr int socket_messages_max = 4096;               // SNDHWM: above the line before
inline constexpr std::size_t dedup_ranges_max = 64;            // open ranges of one producer
inline constexpr std::uint32_t slots_max = 4096;               // started by one worker
inline constexpr std::uint64_t held_messages_max = 32 * 1024;  // leased to one session, of a queue
inline constexpr std::uint64_t unreceived_bytes_max = 32 * 1024 * 1024;  // sent, not yet heard of
inline constexpr std::size_t failing_bytes_max = 64 * 1024 * 1024;       // records of one queue
inline constexpr std::size_t failing_bytes_all_max = 256 * 1024 * 1024;  // of all queues
inline constexpr std::size_t held_ranges_max = 1024;                     // HELLO's list at resume
inline constexpr std::size_t chunk_cache_bytes = 16 * 1024 * 1024;
inline constexpr std::size_t producer_window_bytes_max = 4 * 1024 * 1024;
inline constexpr std::size_t producer_window_bytes_min = 128 * 1024;
inline constexpr std::size_t producer_windows_bytes = 64 * 1024 * 1024;  // shared by all

// A store ------------------------------------------------------------------------------------
inline constexpr std::size_t commit_bytes_max = 8 * 1024 * 1024;
inline constexpr std::size_t value_bytes_max = 1280 * 1024;  // chunk_bytes_max and room

static_assert(chunk_bytes_aim < chunk_bytes_max);
static_assert(chunk_bytes_max < value_bytes_max);
static_assert(value_bytes_max < commit_bytes_max);
static_assert(delivers_unreceived_max * 2 <= static_cast<std::size_t>(socket_messages_max));

}  // namespace pawl::limits
