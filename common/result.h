// Errors of the steady state. Exceptions are for start-up and configuration only.
//
// An Error is one sentence for an operator: what was attempted, on what, and why it failed.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <tl/expected.hpp>

namespace hapair {

struct Error {
  std::string message;
};

template <typename T>
using Result = tl::expected<T, Error>;

using Status = Result<void>;

template <typename... Args>
[[nodiscard]] tl::unexpected<Error> fail(fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(Error{fmt::format(format, std::forward<Args>(args)...)});
}

/// "attempt: strerror". `error` defaults to errno at the call, so call it before anything else can
/// change that.
[[nodiscard]] Error system_error(std::string_view attempt, int error = errno);
[[nodiscard]] tl::unexpected<Error> fail_system(std::string_view attempt, int error = errno);

/// Throws std::system_error with the same text; for start-up code.
[[noreturn]] void throw_system(std::string_view attempt, int error = errno);

}  // namespace hapair
