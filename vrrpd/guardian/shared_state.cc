#include "vrrpd/guardian/shared_state.h"

#include <new>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hapair::vrrp {

namespace {

// Atomics without locks: a speaker that dies holds none, and the guardian never waits for it.
static_assert(std::atomic<uint64_t>::is_always_lock_free);
static_assert(std::atomic<Duration::rep>::is_always_lock_free);
static_assert(std::atomic<bool>::is_always_lock_free);

/// FNV-1a: finds what a stray pointer of a dying speaker would have done to the slot.
uint64_t digest(std::string_view bytes) {
  uint64_t out = 0xcbf29ce484222325U;
  for (const char byte : bytes) {
    out = (out ^ static_cast<uint8_t>(byte)) * 0x100000001b3U;
  }
  return out;
}

UniqueFd memory_file(const char* name) {
  UniqueFd fd(::memfd_create(name, MFD_CLOEXEC));
  if (!fd) throw_system("make memory to share with the speaker");
  return fd;
}

}  // namespace

struct SharedState::Slot {
  uint64_t size;
  uint64_t digest;
  std::array<char, kSnapshotBytes> bytes;
};

struct SharedState::Memory {
  Board board;
  std::atomic<uint64_t> published{0};  // number of the last snapshot: odd in slot 1, even in slot 0
  std::atomic<uint64_t> config{0};     // number of the last text, likewise
  std::array<Slot, 2> slots;  // pages of zeros until written: what is not used costs nothing
};

SharedState::SharedState()
    : fd_(memory_file("vrrpd-state")),
      config_files_{memory_file("vrrpd-config-0"), memory_file("vrrpd-config-1")} {
  if (::ftruncate(fd_.get(), sizeof(Memory)) != 0) throw_system("size the shared memory");
  void* at = ::mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
  if (at == MAP_FAILED) throw_system("map the shared memory");
  memory_ = new (at) Memory;  // default: the slots stay untouched
  board_ = &memory_->board;
}

SharedState::~SharedState() {
  ::munmap(memory_, sizeof(Memory));
}

Status SharedState::publish(std::string_view snapshot) {
  if (snapshot.size() > kSnapshotBytes) {
    return fail("the speaker's state needs {} bytes, and there is room for {}", snapshot.size(),
                kSnapshotBytes);
  }
  const uint64_t number = memory_->published.load(std::memory_order_relaxed) + 1;
  Slot& slot = memory_->slots[number % 2];
  slot.size = snapshot.size();
  slot.digest = digest(snapshot);
  snapshot.copy(slot.bytes.data(), snapshot.size());  // it may be empty
  memory_->published.store(number, std::memory_order_release);
  return {};
}

uint64_t SharedState::published() const {
  return memory_->published.load(std::memory_order_acquire);
}

std::optional<std::string> SharedState::snapshot() const {
  // A slot is written again only after the next number was published: a copy during which that
  // happened may be torn, and the digest says so. Then there is a newer one.
  for (int attempt = 0; attempt < 3; ++attempt) {
    const uint64_t number = published();
    if (number == 0) return std::nullopt;
    const Slot& slot = memory_->slots[number % 2];
    const uint64_t size = slot.size;
    if (size > kSnapshotBytes) continue;
    std::string out(slot.bytes.data(), size);
    if (digest(out) == slot.digest) return out;
  }
  return std::nullopt;
}

Status SharedState::keep_config(std::string_view text) {
  const uint64_t number = memory_->config.load(std::memory_order_relaxed) + 1;
  const int fd = config_files_[number % 2].get();
  if (::ftruncate(fd, 0) != 0) return fail_system("keep the configuration");
  for (size_t done = 0; done < text.size();) {
    const ssize_t put =
        ::pwrite(fd, text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (put <= 0) return fail_system("keep the configuration");
    done += static_cast<size_t>(put);
  }
  memory_->config.store(number, std::memory_order_release);
  return {};
}

std::optional<std::string> SharedState::config() const {
  const uint64_t number = memory_->config.load(std::memory_order_acquire);
  if (number == 0) return std::nullopt;
  const int fd = config_files_[number % 2].get();
  struct stat about {};
  if (::fstat(fd, &about) != 0) return std::nullopt;
  std::string out(static_cast<size_t>(about.st_size), '\0');
  const ssize_t got = ::pread(fd, out.data(), out.size(), 0);
  if (got != about.st_size) return std::nullopt;
  return out;
}

}  // namespace hapair::vrrp
