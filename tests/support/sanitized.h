// Whether this is a sanitizer's build: slower by far, and it keeps freed memory for a while.
#pragma once

namespace hapair::test {

#ifdef HAPAIR_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace hapair::test
