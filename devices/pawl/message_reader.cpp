// SPDX-License-Identifier: Apache-2.0
#include "devices/pawl/message_reader.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace pawl::devices {

constexpr std::size_t read_bytes = 256 * 1024;

MessageReader::MessageReader(int fd, char separator, std::size_t message_bytes_max, int wake_fd)
    : fd_(fd), separator_(separator), message_bytes_max_(message_bytes_max), wake_fd_(wake_fd) {}

MessageReader::Found MessageReader::next(std::string_view& body) {
  bool too_long = false;
  for (;;) {
    const std::size_t at = buffer_.find(separator_, scanned_);
    const bool found = at != std::string::npos;
    const std::size_t length = (found ? at : buffer_.size()) - begin_;
    too_long = too_long || length > message_bytes_max_;
    if (found || (ended_ && length > 0)) {
      body = std::string_view(buffer_).substr(begin_, length);
      begin_ = scanned_ = std::min(begin_ + length + 1, buffer_.size());
      return too_long ? Found::too_long : Found::message;
    }
    if (ended_) return too_long ? Found::too_long : Found::end;
    if (too_long) begin_ = buffer_.size() - 1;  // forget all but a byte, which says it began
    Found why_not = Found::end;
    if (!fill(why_not)) return why_not;
  }
}

// Reads once more, or finds the end. False when there is something else to say.
bool MessageReader::fill(Found& why_not) {
  buffer_.erase(0, begin_);
  begin_ = 0;
  scanned_ = buffer_.size();
  pollfd watched[] = {{fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
  if (poll(watched, 2, -1) < 0 && errno != EINTR) {
    error_ = std::strerror(errno);
    why_not = Found::failed;
    return false;
  }
  if (watched[1].revents != 0) {
    why_not = Found::woken;
    return false;
  }
  if (watched[0].revents == 0) return true;
  buffer_.resize(scanned_ + read_bytes);
  const ssize_t got = read(fd_, buffer_.data() + scanned_, read_bytes);
  const int failure = errno;
  buffer_.resize(scanned_ + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0 && failure != EINTR && failure != EAGAIN) {
    error_ = std::strerror(failure);
    why_not = Found::failed;
    return false;
  }
  if (got == 0) ended_ = true;
  if (got > 0) bytes_read_ += static_cast<std::uint64_t>(got);
  return true;
}

}  // namespace pawl::devices
