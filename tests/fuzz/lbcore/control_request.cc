// Bytes from the control socket, and from the peer, into lbcore's control API: parsing, edits,
// restores, lists. The input is a series of requests, each behind its length in two bytes
// (big-endian); all of them meet one table, as those of several operators would. Whatever comes,
// there is a reply that says why when nothing was done, and only a valid table is ever taken.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "common/log.h"
#include "lbcore/control.h"

using namespace hapair;
using namespace hapair::lbcore;

namespace {

class Table {
 public:
  explicit Table(Logger& log) : api_(log, backend()) {
    file_.pools.push_back(
        {.name = "web",
         .servers = {{.name = "a", .address = Endpoint::parse("10.0.1.1:80").value()}}});
    file_.services.push_back(
        {.name = "web", .listen = Endpoint::parse("10.0.0.100:80").value(), .pool = "web"});
    running_ = file_;
  }

  void ask(std::string_view request) {
    const Spec before = running_;
    taken_ = false;
    std::string later;
    const auto keep = [&](const std::string& page) {
      later = page;
      return true;
    };
    // In turn from an operator here and passed on by the peer.
    peers_ = !peers_;
    std::optional<std::string> reply;
    if (peers_) {
      api_.handle_peers("lb2", std::string(request), keep);
    } else {
      reply = api_.handle(request, 0, keep);
    }
    control::Reply told;
    if (!told.ParseFromString(reply ? *reply : later)) std::abort();
    if (told.code() != control::OK && (told.message().empty() || running_ != before)) std::abort();
    if (running_ != before && !taken_) std::abort();
    if (!validate(running_)) std::abort();
  }

 private:
  ControlApi::Backend backend() {
    return {
        .spec = [this]() -> const Spec& { return running_; },
        .apply = [this](const Spec& spec) -> Status {
          if (auto valid = validate(spec); !valid) return valid;
          taken_ = true;
          running_ = spec;
          return {};
        },
        .door = [] { return Door(); },
        .ask_peer =
            [](const std::string&, const std::string&, Duration,
               const std::function<void(Result<std::string>)>& done) {
              done(fail("there is no peer"));
            },
        .differences = [] { return control::Differences(); },
        .status = [] { return control::NodeStatus(); },
        .listing =
            [this](bool) {
              control::Listing listing;
              for (const ServiceSpec& service : running_.services) {
                auto& key = *listing.add_services()->mutable_key();
                key.set_listen(service.listen.to_string());
                if (service.protocol == Protocol::udp) key.set_protocol(control::PROTOCOL_UDP);
              }
              return listing;
            },
        .zero = [](const ListenKey* only) { return only == nullptr; },
        .connections =
            [](std::optional<ListenKey>, const ControlApi::OnPage& on_page) {
              control::ConnectionPage page;
              page.set_last(true);
              return on_page(page);
            },
        .explain =
            [](const control::ExplainRequest&) -> tl::expected<control::Explanation, ExplainError> {
          return tl::unexpected(ExplainError{control::NOT_FOUND, "No such service"});
        },
        .file = [this]() -> const Spec& { return file_; },
        .upgrade = [](const std::string&, uid_t,
                      const ControlApi::OnUpgraded& done) { done(fail("not here")); },
        .take_config =
            [](const control::PushConfig&, const ControlApi::OnReply& done) {
              control::Reply refused;
              refused.set_code(control::FAILED);
              refused.set_message("not here");
              done(refused);
            }};
  }

  Spec file_;
  Spec running_;
  bool taken_ = false;
  bool peers_ = true;
  ControlApi api_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Logger& log = *new Logger("fuzz", Logger::Level::bug);
  Table table(log);
  std::string_view input(reinterpret_cast<const char*>(data), size);
  constexpr size_t kLength = 2;
  while (input.size() >= kLength) {
    const size_t length =
        static_cast<size_t>(static_cast<uint8_t>(input[0])) << 8 | static_cast<uint8_t>(input[1]);
    input.remove_prefix(kLength);
    table.ask(input.substr(0, length));
    input.remove_prefix(std::min(length, input.size()));
  }
  return 0;
}
