// SPDX-License-Identifier: Apache-2.0
// A TCP connection to a text protocol on this machine, buffered both ways. It blocks: whoever
// bounds what is under way so that the answers fit a socket's buffers cannot deadlock.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "bench/peers/client.hpp"

namespace bench {

class Stream {
 public:
  explicit Stream(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
      give_up("nobody at port " + std::to_string(port));
    }
    const int at_once = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
  }
  ~Stream() { ::close(socket_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void write(std::string_view bytes) { out_.append(bytes); }

  void flush() {
    for (std::string_view left = out_; !left.empty();) {
      const ssize_t sent = ::send(socket_, left.data(), left.size(), MSG_NOSIGNAL);
      if (sent <= 0) give_up("the server has gone");
      left.remove_prefix(static_cast<std::size_t>(sent));
    }
    out_.clear();
  }

  // Whether a line can be had without asking the socket.
  bool has_line() const { return in_.find('\n', at_) != std::string::npos; }

  // Without its end; valid until the next call.
  std::string_view line() {
    std::size_t from = at_;
    std::size_t end = 0;
    while ((end = in_.find('\n', from)) == std::string::npos) {
      const std::size_t known = in_.size() - at_;
      read_more();
      from = at_ + known;
    }
    const std::string_view found(in_.data() + at_, end - at_);
    at_ = end + 1;
    return found.ends_with('\r') ? found.substr(0, found.size() - 1) : found;
  }

  // So many bytes and the line's end after them; valid until the next call.
  std::string_view body(std::size_t size) {
    while (in_.size() - at_ < size + 2) read_more();
    const std::string_view found(in_.data() + at_, size);
    at_ += size + 2;
    return found;
  }

 private:
  static constexpr std::size_t read_size = 256 * 1024;

  // First forgets what was read.
  void read_more() {
    in_.erase(0, at_);
    at_ = 0;
    const std::size_t had = in_.size();
    in_.resize(had + read_size);
    const ssize_t got = ::recv(socket_, in_.data() + had, read_size, 0);
    if (got <= 0) give_up("the server has gone");
    in_.resize(had + static_cast<std::size_t>(got));
  }

  int socket_;
  std::string out_;
  std::string in_;
  std::size_t at_ = 0;
};

}  // namespace bench
