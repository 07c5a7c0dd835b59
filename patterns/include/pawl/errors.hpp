// SPDX-License-Identifier: Apache-2.0
// What pawl throws, and what a handler throws at pawl.
#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

#include <pawl/codes.hpp>

namespace pawl {

// The base of everything that pawl throws.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The hub, or the back-pressure that was chosen, said no. code() says what kind of no: 1xx is
// permanent, 2xx may go well later.
class Refused : public Error {
 public:
  Refused(Code code, const std::string& text) : Error(text), code_(code) {}
  Code code() const { return code_; }

 private:
  Code code_;
};

// Nobody answered in time: the message may or may not be kept. close() ended the wait.
class Unconfirmed : public Error {
 public:
  using Error::Error;
};

// A call on something that was closed.
class Closed : public Error {
 public:
  using Error::Error;
};

// as<T>() on a body that is not a T.
class BadBody : public Error {
 public:
  using Error::Error;
};

// Thrown by a handler -------------------------------------------------------------------------
// Any other std::exception is a nack with what() as its reason and the policy's backoff.

// A failure, with a delay in place of the policy's backoff (0 to ten years; what is longer is taken
// for that).
class Nack : public std::runtime_error {
 public:
  explicit Nack(const std::string& reason,
                std::optional<std::chrono::milliseconds> delay = std::nullopt)
      : std::runtime_error(reason), delay_(delay) {}
  std::optional<std::chrono::milliseconds> delay() const { return delay_; }

 private:
  std::optional<std::chrono::milliseconds> delay_;
};

// To the dead letters at once: trying again cannot help.
class Reject : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Not this worker, not now: the message goes back and no failure is counted. With a delay (0 to ten
// years) it counts towards handouts_max, so that it cannot go round for ever.
class Return : public std::runtime_error {
 public:
  explicit Return(std::optional<std::chrono::milliseconds> delay = std::nullopt)
      : std::runtime_error("returned"), delay_(delay) {}
  std::optional<std::chrono::milliseconds> delay() const { return delay_; }

 private:
  std::optional<std::chrono::milliseconds> delay_;
};

}  // namespace pawl
