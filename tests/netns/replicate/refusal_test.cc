// What a real lbcore makes of a peer that has the key and has lost its mind, and of bytes that are
// no handshake: refused with a reason, counted, few lines in the log, never fatal; and the right
// peer is taken up again at once.
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include "common/pair_key.h"
#include "lbcore/replicate/link.h"
#include "lbcore/replicate/replication.pb.h"
#include "tests/support/pair_lab.h"
#include "tests/support/root_test.h"
#include "tests/support/wait.h"

namespace hapair::test {
namespace {

using lbcore::replicate::Channel;
using lbcore::replicate::Link;
namespace wire = lbcore::replicate::wire;
using testing::HasSubstr;

constexpr uint16_t kPort = 7400;
const Endpoint kOwn{IpAddress::v4(0x0aff0001U), kPort};
const Endpoint kOther{IpAddress::v4(0x0aff0002U), kPort};

std::string text_of(wire::Frame frame, uint64_t epoch) {
  frame.set_epoch(epoch);
  return frame.SerializeAsString();
}
std::string hello(uint64_t epoch, uint32_t version = 1, const std::string& node = "lb1") {
  wire::Frame frame;
  frame.mutable_hello()->set_protocol(version);
  frame.mutable_hello()->set_node(node);
  return text_of(frame, epoch);
}
std::string snapshot_begin(uint64_t epoch, uint64_t sequence) {
  wire::Frame frame;
  frame.set_sequence(sequence);
  frame.mutable_snapshot_begin();
  return text_of(frame, epoch);
}

class Refusal : public RootTest {
 protected:
  void SetUp() override {
    RootTest::SetUp();
    if (IsSkipped() || HasFailure()) return;
    lab_.emplace(PairLab::Options{.with_vrrpd = false, .with_servers = false});
    lab_->start();
    ASSERT_TRUE(wait_state("synced"));
  }

  nlohmann::json sync() {
    const auto shown = lab_->pairadm("lb2", {"status", "--json", "--wait", "500ms"});
    const auto view = nlohmann::json::parse(shown.out, nullptr, false);
    if (view.is_discarded()) return {};
    for (const auto& one : view.at("nodes")) {
      if (one.at("name") == "lb2") return one.at("sync");
    }
    return {};
  }
  uint64_t refused() {
    const auto now = sync();
    return now.is_object() ? now.at("refused").get<uint64_t>() : 0;
  }
  testing::AssertionResult wait_state(const std::string& state) {
    return eventually(20s, [&] {
      const auto now = sync();
      return now.is_object() && now.at("state") == state;
    });
  }

  /// Connects as lb1 and says all of it; why lb2 ended that, in its own words if it had any.
  std::string refusal_of(const std::vector<std::string>& payloads) {
    const auto keys = load_pair_keys(key_path());
    return lab_->node("lb1").inside.run([&] {
      EventLoop loop;
      Logger log{"rogue"};
      std::string bye;
      std::string down;
      bool late = false;
      std::unique_ptr<Link> link;
      link = std::make_unique<Link>(
          loop, log, config::Pair{"lb1", "lb2", kOwn, kOther, ""}, *keys, Link::Timing{},
          Link::Callbacks{.on_up =
                              [&] {
                                for (const auto& payload : payloads) link->send(payload);
                                link->flush();
                              },
                          .on_frame =
                              [&](std::string_view payload) {
                                wire::Frame frame;
                                if (frame.ParseFromArray(payload.data(),
                                                         static_cast<int>(payload.size())) &&
                                    frame.has_bye()) {
                                  bye = frame.bye().reason();
                                }
                              },
                          .on_pause = [&] { link->flush(); },
                          .on_down = [&](const std::string& reason) { down = reason; }});
      Deadline deadline(loop, [&] { late = true; });
      deadline.arm(loop.refresh_now() + 10s);
      while (down.empty() && !late) loop.run_once();
      return bye.empty() ? down : bye;
    });
  }
  [[nodiscard]] std::string key_path() const {
    const std::string& text = lab_->config();
    const std::string key_line = "key_file = ";
    const size_t at = text.find(key_line) + key_line.size();
    return text.substr(at, text.find('\n', at) - at);
  }

  std::optional<PairLab> lab_;
};

TEST_F(Refusal, APeerOutOfItsMindIsToldWhyAndCounted) {
  lab_->node("lb1").lbcore->signal(SIGKILL);
  ASSERT_TRUE(wait_state("disconnected"));
  struct Case {
    std::vector<std::string> says;
    const char* why;
  };
  const std::vector<Case> cases{
      {{"\xff\xff\xff"}, "malformed frame"},
      {{""}, "malformed frame"},
      {{hello(11, 9)}, "protocol version 9, this node speaks 1"},
      {{hello(12, 1, "lb7")}, "node 'lb7', this node's peer is 'lb1'"},
      {{hello(0)}, "epoch is missing"},
      {{hello(13), hello(13)}, "a second hello"},
      {{hello(14), snapshot_begin(99, 1)}, "frame of another epoch"},
      {{hello(13)}, "stale epoch"},  // recorded, and said again
      {{hello(15), snapshot_begin(15, 1), snapshot_begin(15, 1), "\xff"}, "malformed frame"},
  };
  uint64_t before = refused();
  for (const auto& each : cases) {
    EXPECT_THAT(refusal_of(each.says), HasSubstr(each.why));
    EXPECT_TRUE(eventually(10s, [&] { return refused() > before; })) << each.why;
    before = refused();
  }
  // More than a frame may have: closed before it is read.
  EXPECT_NE(refusal_of({hello(16), std::string(Channel::kMaxFrameBytes + 1, 'x')}), "");

  lab_->start_lbcore("lb1");
  EXPECT_TRUE(wait_state("synced")) << sync().dump();
}

TEST_F(Refusal, BytesThatAreNoHandshakeAreCountedAndDisturbNobody) {
  const uint64_t before = refused();
  lab_->node("lb1").inside.run([&] {
    for (int i = 0; i < 100; ++i) {
      const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_storage address{};
      const socklen_t size = kOther.to_sockaddr(address);
      // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): sockets are typed by casting
      ASSERT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
      const std::string garbage = "GET / HTTP/1.1\r\nHost: lb2\r\n\r\n";
      (void)::send(fd.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL);
    }
  });
  EXPECT_TRUE(eventually(10s, [&] { return refused() >= before + 50; })) << sync().dump();
  EXPECT_EQ(sync().at("state"), "synced");
  const std::string log = lab_->node("lb2").lbcore->err();
  size_t lines = 0;
  for (size_t at = log.find("does not speak TLS"); at != std::string::npos;
       at = log.find("does not speak TLS", at + 1)) {
    ++lines;
  }
  EXPECT_LE(lines, 10U) << "the log is not the stranger's to fill";
}

}  // namespace
}  // namespace hapair::test
