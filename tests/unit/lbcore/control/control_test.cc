// Bytes in, bytes out: what the control API makes of requests, good, bad and hostile.
#include "lbcore/control.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace hapair::lbcore {
namespace {

class ControlApiTest : public testing::Test {
 protected:
  ControlApiTest() {
    for (const char* listen : {"10.0.0.100:80", "[2001:db8::100]:80"})
      listing_.add_services()->mutable_key()->set_listen(listen);
    listing_.set_version("0.1.0");
  }

  control::Reply ask(const control::Request& request) {
    return ask_bytes(request.SerializeAsString());
  }

  control::Reply ask_bytes(const std::string& bytes) {
    control::Reply reply;
    EXPECT_TRUE(reply.ParseFromString(api_.handle(bytes, 0)));
    return reply;
  }

  static control::Request add_service(const std::string& listen) {
    control::Request request;
    request.mutable_add_service()->mutable_key()->set_listen(listen);
    return request;
  }

  Logger log_{"test"};
  Spec spec_;
  std::vector<Spec> applied_;
  Status apply_result_;
  control::Listing listing_;
  ControlApi api_{log_,
                  {.spec = [this]() -> const Spec& { return spec_; },
                   .apply = [this](const Spec& spec) -> Status {
                     applied_.push_back(spec);
                     if (apply_result_) spec_ = spec;
                     return apply_result_;
                   },
                   .status =
                       [] {
                         control::NodeStatus status;
                         status.set_node("lb1");
                         return status;
                       },
                   .listing = [this] { return listing_; }}};
};

TEST_F(ControlApiTest, EditIsAppliedOnce) {
  const auto reply = ask(add_service("192.0.2.10:80"));
  EXPECT_EQ(reply.code(), control::OK);
  EXPECT_EQ(reply.message(), "");
  ASSERT_EQ(applied_.size(), 1U);
  EXPECT_EQ(applied_[0].services.at(0).name, "tcp-192.0.2.10:80");
}

TEST_F(ControlApiTest, RefusedEditIsNotApplied) {
  ask(add_service("192.0.2.10:80"));
  const auto reply = ask(add_service("192.0.2.10:80"));
  EXPECT_EQ(reply.code(), control::ALREADY_EXISTS);
  EXPECT_EQ(reply.message(), "Service already exists: TCP 192.0.2.10:80 (tcp-192.0.2.10:80)");
  EXPECT_EQ(applied_.size(), 1U);
}

TEST_F(ControlApiTest, FailureToApplyIsTold) {
  apply_result_ = fail("listen on 192.0.2.10:80: Address already in use");
  const auto reply = ask(add_service("192.0.2.10:80"));
  EXPECT_EQ(reply.code(), control::FAILED);
  EXPECT_EQ(reply.message(), "listen on 192.0.2.10:80: Address already in use");
  EXPECT_TRUE(spec_.services.empty());
}

TEST_F(ControlApiTest, NoteOfAnEditReachesTheOperator) {
  ask(add_service("192.0.2.10:80"));
  ServiceSpec second = spec_.services[0];
  second.name = "second";
  second.listen.port = 81;
  spec_.services.push_back(second);
  control::Request request;
  request.mutable_edit_service()->mutable_key()->set_listen("192.0.2.10:80");
  request.mutable_edit_service()->set_scheduler("rr");
  const auto reply = ask(request);
  EXPECT_EQ(reply.code(), control::OK);
  EXPECT_EQ(reply.message(),
            "pool tcp-192.0.2.10:80 is shared: the change holds for second as well");
}

TEST_F(ControlApiTest, Status) {
  control::Request request;
  request.mutable_status();
  EXPECT_EQ(ask(request).node().node(), "lb1");
}

TEST_F(ControlApiTest, ListsAll) {
  control::Request request;
  request.mutable_list();
  const auto reply = ask(request);
  EXPECT_EQ(reply.listing().services_size(), 2);
  EXPECT_EQ(reply.listing().version(), "0.1.0");
}

TEST_F(ControlApiTest, ListsOneHoweverItIsWritten) {
  control::Request request;
  request.mutable_list()->mutable_service()->set_listen("[2001:db8:0:0::100]:80");
  const auto reply = ask(request);
  ASSERT_EQ(reply.listing().services_size(), 1);
  EXPECT_EQ(reply.listing().services(0).key().listen(), "[2001:db8::100]:80");
}

TEST_F(ControlApiTest, ListOfWhatIsNotThere) {
  control::Request request;
  request.mutable_list()->mutable_service()->set_listen("10.0.0.100:81");
  auto reply = ask(request);
  EXPECT_EQ(reply.code(), control::NOT_FOUND);
  EXPECT_EQ(reply.message(), "No such service: TCP 10.0.0.100:81");
  EXPECT_FALSE(reply.has_listing());
  request.mutable_list()->mutable_service()->set_listen("10.0.0.100:80");
  request.mutable_list()->mutable_service()->set_protocol(control::PROTOCOL_UDP);
  EXPECT_EQ(ask(request).message(), "No such service: UDP 10.0.0.100:80");
  request.mutable_list()->mutable_service()->set_listen("frob");
  EXPECT_EQ(ask(request).code(), control::INVALID);
}

TEST_F(ControlApiTest, EmptyAndUnknownCommands) {
  EXPECT_EQ(ask_bytes("").code(), control::INVALID);
  // Field 99 of a later version: parsed, and no command of ours.
  EXPECT_EQ(ask_bytes(std::string("\x9a\x06\x00", 3)).message(),
            "a command that this lbcore does not know (" HAPAIR_VERSION ")");
}

TEST_F(ControlApiTest, Garbage) {
  EXPECT_EQ(ask_bytes("\xff\xff\xff\xff").message(), "not a request of pairadm");
  EXPECT_EQ(ask_bytes(std::string(200, '\x1a')).code(), control::INVALID);
  EXPECT_TRUE(applied_.empty());
}

TEST_F(ControlApiTest, SizeIsBounded) {
  auto request = add_service("192.0.2.10:80");
  request.mutable_add_service()->set_scheduler(std::string(ControlApi::kMaxRequestBytes, 'x'));
  const auto reply = ask(request);
  EXPECT_EQ(reply.code(), control::INVALID);
  EXPECT_TRUE(reply.message().ends_with("at most 65536 are taken")) << reply.message();
}

}  // namespace
}  // namespace hapair::lbcore
