#include "common/result.h"

#include <system_error>

namespace hapair {

Error system_error(std::string_view attempt, int error) {
  return Error{fmt::format("{}: {}", attempt, std::system_category().message(error))};
}

tl::unexpected<Error> fail_system(std::string_view attempt, int error) {
  return tl::unexpected(system_error(attempt, error));
}

void throw_system(std::string_view attempt, int error) {
  throw std::system_error(error, std::system_category(), std::string(attempt));
}

}  // namespace hapair
