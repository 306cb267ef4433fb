#include "common/pair_key.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string_view>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/unique_fd.h"

namespace hapair {

namespace {

constexpr size_t kDigits = std::tuple_size_v<PairKey> * 2;

std::string_view trimmed(std::string_view line) {
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!line.empty() && is_space(line.back())) line.remove_suffix(1);
  return line;
}

std::optional<PairKey> parse_key(std::string_view line) {
  PairKey key{};
  if (line.size() != kDigits) return std::nullopt;
  for (size_t i = 0; i < key.size(); ++i) {
    const char* digits = line.data() + i * 2;
    if (std::from_chars(digits, digits + 2, key[i], 16).ptr != digits + 2) return std::nullopt;
  }
  return key;
}

std::string to_line(const PairKey& key) {
  std::string text;
  for (const uint8_t byte : key) text += fmt::format("{:02x}", byte);
  return text + '\n';
}

Result<PairKey> fresh_key() {
  PairKey key{};
  if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size()))
    return fail_system("get random bytes");
  return key;
}

Status write_new(const std::string& path, std::string_view text, mode_t mode) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd) return fail_system("pair key " + path);
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0) {
    auto error = fail_system("pair key " + path);
    ::unlink(path.c_str());  // half a key is worse than none
    return error;
  }
  return {};
}

}  // namespace

Result<PairKeys> load_pair_keys(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_system("pair key " + path);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return fail_system("pair key " + path);
  if ((info.st_mode & S_IRWXO) != 0) {
    return fail("pair key {}: readable by others (mode {:04o}); make it 0600", path,
                info.st_mode & 07777U);
  }
  std::array<char, 512> buffer{};
  const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
  if (got < 0) return fail_system("pair key " + path);
  std::string_view text = trimmed({buffer.data(), static_cast<size_t>(got)});

  const size_t end = std::min(text.find('\n'), text.size());
  const auto first = parse_key(trimmed(text.substr(0, end)));
  if (!first)
    return fail("pair key {}: not 64 hexadecimal digits; make one with pairadm keygen", path);
  if (end == text.size()) return PairKeys(*first);
  const auto second = parse_key(trimmed(text.substr(end + 1)));
  if (!second) {
    return fail(
        "pair key {}: behind the first line is more than a second key of 64 hexadecimal digits",
        path);
  }
  return PairKeys(*first, *second);
}

Status create_pair_key(const std::string& path) {
  const auto key = fresh_key();
  if (!key) return tl::unexpected(key.error());
  return write_new(path, to_line(*key), 0600);
}

Status rotate_pair_key(const std::string& path, Rotation step) {
  auto keys = load_pair_keys(path);
  if (!keys) return tl::unexpected(keys.error());
  if (step == Rotation::add) {
    if (keys->also) return fail("pair key {}: has two keys already", path);
    const auto fresh = fresh_key();
    if (!fresh) return tl::unexpected(fresh.error());
    keys->also = *fresh;
  } else {
    if (!keys->also) return fail("pair key {}: has no second key; keygen --add makes it", path);
    if (step == Rotation::promote) {
      std::swap(keys->used, *keys->also);
    } else {
      keys->also.reset();
    }
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return fail_system("pair key " + path);
  const std::string next = path + ".new";
  ::unlink(next.c_str());  // of an attempt that was interrupted
  const std::string text = to_line(keys->used) + (keys->also ? to_line(*keys->also) : "");
  if (auto status = write_new(next, text, info.st_mode & 0770U); !status) return status;
  if (::chown(next.c_str(), info.st_uid, info.st_gid) != 0 ||
      ::rename(next.c_str(), path.c_str()) != 0) {
    auto error = fail_system("pair key " + path);
    ::unlink(next.c_str());
    return error;
  }
  return {};
}

}  // namespace hapair
