// What passes between the processes of an upgrade, as it is read: every message, and whatever else
// may arrive.
#include "lbcore/upgrade/inheritance.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace hapair::lbcore::upgrade {
namespace {

Endpoint at(const std::string& text) {
  return Endpoint::parse(text).value();
}

std::vector<UniqueFd> descriptors(size_t count) {
  std::vector<UniqueFd> out;
  for (size_t i = 0; i < count; ++i) out.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return out;
}

class InheritanceTest : public ::testing::Test {
 protected:
  Status take(const wire::FromOld& message, size_t with = 0) {
    return reader.take(message.SerializeAsString(), descriptors(with));
  }
  void begin() {
    wire::FromOld message;
    message.mutable_begin()->set_protocol(kProtocol);
    message.mutable_begin()->set_pid(42);
    message.mutable_begin()->set_version("1.0");
    message.mutable_begin()->set_active(true);
    ASSERT_TRUE(take(message));
  }
  static wire::FromOld resource(wire::Resource::Kind kind) {
    wire::FromOld message;
    message.mutable_resource()->set_kind(kind);
    return message;
  }
  static wire::FromOld listener(const std::string& listen, uint32_t sockets,
                                control::Protocol protocol = control::PROTOCOL_TCP) {
    wire::FromOld message;
    message.mutable_listener()->set_protocol(protocol);
    message.mutable_listener()->set_listen(listen);
    message.mutable_listener()->set_sockets(sockets);
    return message;
  }
  static wire::FromOld prepare() {
    wire::FromOld message;
    message.mutable_prepare();
    return message;
  }
  void needed() {
    begin();
    for (const auto kind : {wire::Resource::LOCK, wire::Resource::CONTROL, wire::Resource::ROLE}) {
      ASSERT_TRUE(take(resource(kind), 1));
    }
  }
  static void expect_refusal(const Status& status, std::string_view reason) {
    ASSERT_FALSE(status);
    EXPECT_NE(status.error().message.find(reason), std::string::npos) << status.error().message;
  }

  InheritanceReader reader;
};

TEST_F(InheritanceTest, IsCompleteWithEverythingThatAnOldProcessHas) {
  needed();
  ASSERT_TRUE(take(resource(wire::Resource::STATUS), 1));
  ASSERT_TRUE(take(resource(wire::Resource::PAIR), 1));
  ASSERT_TRUE(take(listener("10.0.0.1:80", 2), 2));
  ASSERT_TRUE(take(listener("10.0.0.1:80", 1), 1)) << "more of the same";
  ASSERT_TRUE(take(listener("[2001:db8::1]:53", 2, control::PROTOCOL_UDP), 2));
  ASSERT_TRUE(take(listener("10.0.0.1:81", 0))) << "its address was taken there, too";
  wire::FromOld message;
  message.mutable_server()->set_pool("web");
  message.mutable_server()->set_address("10.0.1.1:8080");
  message.mutable_server()->set_up(true);
  message.mutable_server()->set_result("L7OK 200");
  message.mutable_server()->set_result_age_ms(100);
  message.mutable_server()->set_in_state_ms(5000);
  ASSERT_TRUE(take(message));
  message.mutable_change()->mutable_clear();
  ASSERT_TRUE(take(message));
  EXPECT_FALSE(reader.complete());
  ASSERT_TRUE(take(prepare()));
  ASSERT_TRUE(reader.complete());

  Inheritance got = reader.finish();
  EXPECT_EQ(got.pid, 42U);
  EXPECT_EQ(got.version, "1.0");
  EXPECT_TRUE(got.active);
  EXPECT_TRUE(got.lock && got.control && got.role && got.status && got.pair);
  ASSERT_EQ(got.listeners.size(), 3U);
  EXPECT_EQ((got.listeners[{Protocol::tcp, at("10.0.0.1:80")}].size()), 3U);
  EXPECT_EQ((got.listeners[{Protocol::udp, at("[2001:db8::1]:53")}].size()), 2U);
  EXPECT_TRUE((got.listeners[{Protocol::tcp, at("10.0.0.1:81")}].empty()));
  const auto& server = got.servers.at({"web", at("10.0.1.1:8080")});
  EXPECT_TRUE(server.up);
  EXPECT_EQ(server.result, "L7OK 200");
  EXPECT_EQ(server.in_state, 5s);
  ASSERT_EQ(got.changes.size(), 1U);
  EXPECT_TRUE(got.changes[0].has_clear());
}

TEST_F(InheritanceTest, NeedsTheLockAndTheControlSockets) {
  begin();
  ASSERT_TRUE(take(resource(wire::Resource::LOCK), 1));
  ASSERT_TRUE(take(resource(wire::Resource::CONTROL), 1));
  expect_refusal(take(prepare()), "is missing");
  EXPECT_FALSE(reader.complete());
}

TEST_F(InheritanceTest, OfAnotherProtocolIsRefusedByName) {
  wire::FromOld message;
  message.mutable_begin()->set_protocol(kProtocol + 1);
  message.mutable_begin()->set_version("9.9");
  expect_refusal(take(message), "the old process (9.9) speaks version 2");
}

TEST_F(InheritanceTest, BeginsOnceAndFirst) {
  expect_refusal(take(prepare()), "does not begin");
  begin();
  wire::FromOld message;
  message.mutable_begin()->set_protocol(kProtocol);
  expect_refusal(take(message), "begins twice");
}

TEST_F(InheritanceTest, WantsAsManyDescriptorsAsAreAnnounced) {
  needed();
  expect_refusal(take(resource(wire::Resource::STATUS)), "0 descriptors came where 1 were");
  expect_refusal(take(resource(wire::Resource::STATUS), 2), "2 descriptors came where 1 were");
  expect_refusal(take(listener("10.0.0.1:80", 3), 2), "2 descriptors came where 3 were");
  expect_refusal(take(listener("10.0.0.1:80", 4000000000U)), "0 descriptors came");
  expect_refusal(take(prepare(), 1), "1 descriptors came where 0 were");
}

TEST_F(InheritanceTest, ADescriptorOfOneKindComesOnce) {
  needed();
  expect_refusal(take(resource(wire::Resource::LOCK), 1), "came twice");
}

TEST_F(InheritanceTest, WhatAFutureVersionAddsIsLeftAlone) {
  needed();
  EXPECT_TRUE(take(resource(static_cast<wire::Resource::Kind>(77)), 1)) << "closed";
  EXPECT_TRUE(reader.take(std::string("\xfa\x3f\x00", 3), {})) << "an unknown message";
}

TEST_F(InheritanceTest, AddressesMustBeSome) {
  needed();
  expect_refusal(take(listener("nonsense", 0)), "listener: ");
  wire::FromOld message;
  message.mutable_server()->set_pool("web");
  expect_refusal(take(message), "server of pool web: ");
}

TEST_F(InheritanceTest, AbsurdDurationsAreCut) {
  needed();
  wire::FromOld message;
  message.mutable_server()->set_pool("web");
  message.mutable_server()->set_address("10.0.1.1:8080");
  message.mutable_server()->set_in_state_ms(UINT64_MAX);
  ASSERT_TRUE(take(message));
  ASSERT_TRUE(take(prepare()));
  const auto got = reader.finish();
  EXPECT_GT(got.servers.begin()->second.in_state, Duration::zero());
}

TEST_F(InheritanceTest, NothingComesAfterTheEndNorTooEarly) {
  needed();
  wire::FromOld early;
  early.mutable_commit();
  expect_refusal(take(early), "before its time");
  early.mutable_sessions();
  expect_refusal(take(early), "before its time");
  ASSERT_TRUE(take(prepare()));
  expect_refusal(take(listener("10.0.0.1:80", 0)), "after the last");
}

TEST_F(InheritanceTest, BytesThatAreNoMessageAreRefusedWhateverTheyAre) {
  begin();
  expect_refusal(reader.take("\xff\xff\xff", {}), "no message of an upgrade");
  const std::string whole = listener("10.0.0.1:80", 1).SerializeAsString();
  for (size_t cut = 1; cut < whole.size(); ++cut) {
    InheritanceReader fresh;
    wire::FromOld first;
    first.mutable_begin()->set_protocol(kProtocol);
    ASSERT_TRUE(fresh.take(first.SerializeAsString(), {}));
    EXPECT_FALSE(fresh.take(whole.substr(0, cut), descriptors(1))) << cut;
  }
}

}  // namespace
}  // namespace hapair::lbcore::upgrade
