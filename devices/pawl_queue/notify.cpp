// SPDX-License-Identifier: Apache-2.0
#include "devices/pawl_queue/notify.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

namespace pawl::devices {

void notify_supervisor(std::string_view state) {
  const char* where = std::getenv("NOTIFY_SOCKET");
  if (where == nullptr || *where == '\0') return;
  const std::size_t length = std::strlen(where);
  sockaddr_un address{};
  if (length >= sizeof address.sun_path) {
    spdlog::warn(std::string("NOTIFY_SOCKET is too long for a socket's name: ") + where);
    return;
  }
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, where, length);
  if (where[0] == '@') address.sun_path[0] = '\0';  // the abstract namespace
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const auto address_size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  if (socket < 0 || sendto(socket, state.data(), state.size(), MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&address), address_size) < 0) {
    spdlog::warn(std::string("the supervisor at ")
                     .append(where)
                     .append(" could not be told ")
                     .append(state)
                     .append(": ")
                     .append(std::strerror(errno)));
  }
  if (socket >= 0) close(socket);
}

}  // namespace pawl::devices
