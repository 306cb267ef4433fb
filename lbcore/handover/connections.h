// What a handover needs of whoever has the connections; relay::WorkerPool is it. On the main
// thread; what takes a while tells its end there, once, and only one of these is under way.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/address.h"

namespace hapair::lbcore::handover {

class Connections {
 public:
  Connections() = default;
  virtual ~Connections() = default;
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  [[nodiscard]] virtual size_t open() const = 0;

  /// No new client gets an answer until resume().
  virtual void quiesce(std::function<void()> done) = 0;
  virtual void resume() = 0;

  struct Frozen {
    std::vector<std::string> images;
    std::map<std::string, size_t> left;  // that cannot move, by reason
  };
  /// Those whose client is connected to one of `vips`. They are silent until one of the two below.
  virtual void freeze(std::set<IpAddress> vips, std::function<void(Frozen)> done) = 0;
  virtual void thaw() = 0;
  virtual void discard_frozen() = 0;

  struct Restored {
    size_t connections = 0;
    std::vector<std::string> failures;  // one sentence each
  };
  /// They are silent until one of the two below.
  virtual void restore(std::vector<std::string> images, std::function<void(Restored)> done) = 0;
  virtual void revive() = 0;
  virtual void discard_restored() = 0;
};

}  // namespace hapair::lbcore::handover
