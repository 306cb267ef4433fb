#include "vrrpd/operate/kept_note.h"

#include <algorithm>
#include <new>

#include <sys/mman.h>

#include "common/result.h"

namespace hapair::vrrp {

KeptNote::KeptNote() {
  void* memory =
      ::mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw_system("share memory with the speaker");
  memory_ = new (memory) Memory;
}

KeptNote::~KeptNote() {
  ::munmap(memory_, sizeof(Memory));
}

void KeptNote::write(std::string_view text) {
  const size_t next = 1 - memory_->current.load(std::memory_order_acquire);
  memory_->length.at(next) = text.copy(memory_->text.at(next).data(), kBytes);
  memory_->current.store(next, std::memory_order_release);
}

std::string KeptNote::read() const {
  const size_t current = memory_->current.load(std::memory_order_acquire);
  return {memory_->text.at(current).data(), std::min(memory_->length.at(current), kBytes)};
}

}  // namespace hapair::vrrp
