#include "vrrpd/guardian/lifeline.h"

#include <new>
#include <utility>

#include <sys/mman.h>

#include "common/result.h"
#include "vrrpd/guardian/realtime.h"

namespace hapair::vrrp {

Lifeline::Lifeline() {
  void* memory = ::mmap(nullptr, sizeof(pthread_mutex_t), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw_system("share memory with the speaker");
  mutex_ = new (memory) pthread_mutex_t;
  pthread_mutexattr_t attributes;
  ::pthread_mutexattr_init(&attributes);
  ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  ::pthread_mutex_init(mutex_, &attributes);
  ::pthread_mutexattr_destroy(&attributes);
}

Lifeline::~Lifeline() {
  join();
  ::munmap(mutex_, sizeof(pthread_mutex_t));
}

void Lifeline::hold() {
  ::pthread_mutex_lock(mutex_);
}

void Lifeline::watch(std::function<void()> on_death) {
  watcher_ = std::thread([this, report = std::move(on_death)] {
    become_realtime();  // threads begin as ordinary ones
    // EOWNERDEAD: what this thread waits for. The mutex is not made consistent: nobody takes it
    // again.
    ::pthread_mutex_lock(mutex_);
    report();
  });
}

void Lifeline::join() {
  if (watcher_.joinable()) watcher_.join();
}

}  // namespace hapair::vrrp
