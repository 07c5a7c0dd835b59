// SPDX-License-Identifier: Apache-2.0
// SIGINT and SIGTERM as something to poll, so that nothing happens inside a signal handler.
#pragma once

#include <csignal>

namespace pawl::devices {

// Before anything else in main(): descriptors 0 to 2 that came closed are opened on /dev/null, so
// that what is opened next does not take their place and get our output, or be read as our input.
void open_standard_descriptors();

// Made first in main(), before any thread is: threads inherit the blocked mask, so that the signals
// arrive here only. SIGPIPE is ignored: a closed pipe is an error of the write that met it.
class Signals {
 public:
  Signals();  // throws std::system_error when the process is out of descriptors
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Readable when a signal has arrived.
  int fd() const { return fd_; }
  // The signal's number, or 0 when there is none.
  int take() const;

 private:
  int fd_ = -1;
};

}  // namespace pawl::devices
