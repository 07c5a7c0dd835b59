// SPDX-License-Identifier: Apache-2.0
// Cuts a stream of bytes into messages, one a separator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pawl::devices {

class MessageReader {
 public:
  enum class Found : std::uint8_t {
    message,
    too_long,  // over the bound: read away to the next separator
    end,
    woken,   // wake_fd became readable first
    failed,  // error() says why
  };

  // Neither descriptor is owned. A last message without a separator counts, an empty rest does not.
  MessageReader(int fd, char separator, std::size_t message_bytes_max, int wake_fd);

  // The next message; `body` is a view that lives until the next call.
  Found next(std::string_view& body);
  std::uint64_t bytes_read() const { return bytes_read_; }
  const std::string& error() const { return error_; }

 private:
  bool fill(Found& why_not);

  int fd_;
  char separator_;
  std::size_t message_bytes_max_;
  int wake_fd_;
  std::string buffer_;
  std::size_t begin_ = 0;    // of the message that is being looked for
  std::size_t scanned_ = 0;  // no separator before this
  bool ended_ = false;
  std::uint64_t bytes_read_ = 0;
  std::string error_;
};

}  // namespace pawl::devices
