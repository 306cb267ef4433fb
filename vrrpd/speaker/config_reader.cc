#include "vrrpd/speaker/config_reader.h"

#include <cerrno>
#include <utility>

#include <sys/eventfd.h>

namespace hapair::vrrp {

ConfigReader::ConfigReader(EventLoop& loop, Callbacks callbacks)
    : loop_(loop), callbacks_(std::move(callbacks)), wake_(::eventfd(0, EFD_CLOEXEC)) {
  if (!wake_) throw_system("make an event descriptor");
  thread_ = std::thread([this] { run(); });
}

ConfigReader::~ConfigReader() {
  ending_ = true;
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
}

void ConfigReader::request() {
  ::eventfd_write(wake_.get(), 1);
}

void ConfigReader::run() {
  while (true) {
    eventfd_t wanted = 0;
    if (::eventfd_read(wake_.get(), &wanted) != 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (ending_) return;
    loop_.post([this, loaded = callbacks_.read()] { callbacks_.on_read(loaded); });
  }
}

}  // namespace hapair::vrrp
