#include "common/pair_key.h"

#include <cctype>
#include <charconv>
#include <string_view>

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/unique_fd.h"

namespace hapair {

Result<PairKey> load_pair_key(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_system("pair key " + path);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return fail_system("pair key " + path);
  if ((info.st_mode & S_IRWXO) != 0) {
    return fail("pair key {}: readable by others (mode {:04o}); make it 0600", path,
                info.st_mode & 07777U);
  }
  std::array<char, 256> buffer{};
  const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
  if (got < 0) return fail_system("pair key " + path);
  std::string_view text(buffer.data(), static_cast<size_t>(got));
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0)
    text.remove_suffix(1);

  PairKey key{};
  bool good = text.size() == key.size() * 2;
  for (size_t i = 0; good && i < key.size(); ++i) {
    const char* digits = text.data() + i * 2;
    good = std::from_chars(digits, digits + 2, key[i], 16).ptr == digits + 2;
  }
  if (!good)
    return fail("pair key {}: not 64 hexadecimal digits; make one with pairadm keygen", path);
  return key;
}

Status create_pair_key(const std::string& path) {
  PairKey key{};
  if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size()))
    return fail_system("get random bytes");
  std::string text;
  for (const uint8_t byte : key) text += fmt::format("{:02x}", byte);
  text += '\n';
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return fail_system("pair key " + path);
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fsync(fd.get()) != 0) {
    auto error = fail_system("pair key " + path);
    ::unlink(path.c_str());  // half a key is worse than none
    return error;
  }
  return {};
}

}  // namespace hapair
