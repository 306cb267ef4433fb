// Bytes in, bytes out: what the control API makes of requests, good, bad and hostile.
#include "lbcore/control.h"

#include <optional>
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
    const auto later = [this](const std::string& page) {
      pages_.push_back(page);
      return true;
    };
    const auto answer = api_.handle(bytes, 0, later);
    EXPECT_TRUE(answer.has_value() && reply.ParseFromString(*answer));
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
  Spec file_;
  std::vector<std::string> zeroed_;
  std::vector<std::string> pages_;
  bool busy_ = false;
  Door door_;
  std::string asked_from_;
  control::Request asked_;
  std::function<void(Result<std::string>)> peer_answers_;
  std::string upgraded_by_;
  ControlApi::OnUpgraded upgraded_;
  control::Listing listing_;
  ControlApi api_{log_,
                  {.spec = [this]() -> const Spec& { return spec_; },
                   .apply = [this](const Spec& spec) -> Status {
                     applied_.push_back(spec);
                     if (apply_result_) spec_ = spec;
                     return apply_result_;
                   },
                   .door = [this] { return door_; },
                   .ask_peer =
                       [this](const std::string& from, std::string request, Duration,
                              std::function<void(Result<std::string>)> done) {
                         asked_from_ = from;
                         asked_.ParseFromString(request);
                         peer_answers_ = std::move(done);
                       },
                   .differences =
                       [] {
                         control::Differences out;
                         out.add_lines("server web/a: weight 1 -> 3");
                         return out;
                       },
                   .status =
                       [] {
                         control::NodeStatus status;
                         status.set_node("lb1");
                         return status;
                       },
                   .listing = [this](bool) { return listing_; },
                   .zero =
                       [this](const ListenKey* only) {
                         zeroed_.push_back(only == nullptr ? "all" : only->second.to_string());
                         return only == nullptr || only->second.port == 80;
                       },
                   .connections =
                       [this](std::optional<ListenKey> only, const ControlApi::OnPage& on_page) {
                         if (busy_) return false;
                         control::ConnectionPage page;
                         page.set_last(true);
                         page.add_entries()->set_listen(only ? only->second.to_string() : "all");
                         return on_page(page);
                       },
                   .explain = [](const control::ExplainRequest& request)
                       -> tl::expected<control::Explanation, ExplainError> {
                     if (request.listen().empty())
                       return tl::unexpected(ExplainError{control::NOT_FOUND, "No such service"});
                     control::Explanation out;
                     out.set_service("web");
                     return out;
                   },
                   .file = [this]() -> const Spec& { return file_; },
                   .upgrade =
                       [this](const std::string& by, uid_t, ControlApi::OnUpgraded done) {
                         upgraded_by_ = by;
                         upgraded_ = std::move(done);
                       }}};
};

TEST_F(ControlApiTest, AnUpgradeIsAnsweredWhenItIsDoneOrHasFailed) {
  control::Request request;
  request.mutable_upgrade()->set_by("alice");
  const auto later = [this](const std::string& reply) {
    pages_.push_back(reply);
    return true;
  };
  EXPECT_FALSE(api_.handle(request.SerializeAsString(), 0, later));
  EXPECT_EQ(upgraded_by_, "alice");
  EXPECT_TRUE(pages_.empty());
  control::Upgraded outcome;
  outcome.set_new_pid(4711);
  upgraded_(outcome);
  EXPECT_FALSE(api_.handle(request.SerializeAsString(), 0, later));
  upgraded_(fail("it ended before it served"));
  ASSERT_EQ(pages_.size(), 2U);
  control::Reply reply;
  ASSERT_TRUE(reply.ParseFromString(pages_[0]));
  EXPECT_EQ(reply.upgraded().new_pid(), 4711U);
  ASSERT_TRUE(reply.ParseFromString(pages_[1]));
  EXPECT_EQ(reply.code(), control::FAILED);
  EXPECT_EQ(reply.message(), "it ended before it served");
}

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

TEST_F(ControlApiTest, ARestoreIsAppliedOnce) {
  control::Request request;
  *request.mutable_restore_table()->add_commands() = add_service("192.0.2.10:80");
  *request.mutable_restore_table()->add_commands() = add_service("192.0.2.10:81");
  EXPECT_EQ(ask(request).code(), control::OK);
  ASSERT_EQ(applied_.size(), 1U);
  EXPECT_EQ(applied_[0].services.size(), 2U);
}

TEST_F(ControlApiTest, ARefusedRestoreNamesItsCommand) {
  control::Request request;
  *request.mutable_restore_table()->add_commands() = add_service("192.0.2.10:80");
  *request.mutable_restore_table()->add_commands() = add_service("frob");
  const auto reply = ask(request);
  EXPECT_EQ(reply.code(), control::INVALID);
  EXPECT_EQ(reply.failed_command(), 2U);
  EXPECT_TRUE(applied_.empty());
}

TEST_F(ControlApiTest, Explain) {
  control::Request request;
  request.mutable_explain();
  EXPECT_EQ(ask(request).code(), control::NOT_FOUND);
  request.mutable_explain()->set_listen("10.0.0.100:80");
  EXPECT_EQ(ask(request).explanation().service(), "web");
}

TEST_F(ControlApiTest, ConnectionsComeAsPages) {
  ask(add_service("192.0.2.10:80"));
  control::Request request;
  request.mutable_connections();
  const auto later = [this](const std::string& page) {
    pages_.push_back(page);
    return true;
  };
  EXPECT_FALSE(api_.handle(request.SerializeAsString(), 0, later));
  request.mutable_connections()->mutable_service()->set_listen("192.0.2.10:80");
  EXPECT_FALSE(api_.handle(request.SerializeAsString(), 0, later));
  ASSERT_EQ(pages_.size(), 2U);
  control::Reply reply;
  ASSERT_TRUE(reply.ParseFromString(pages_[1]));
  EXPECT_TRUE(reply.connections().last());
  EXPECT_EQ(reply.connections().entries(0).listen(), "192.0.2.10:80");

  request.mutable_connections()->mutable_service()->set_listen("192.0.2.10:81");
  EXPECT_EQ(ask(request).code(), control::NOT_FOUND);
  busy_ = true;
  request.mutable_connections()->clear_service();
  EXPECT_EQ(ask(request).code(), control::REFUSED);
}

TEST_F(ControlApiTest, ZeroOfAllOrOneService) {
  control::Request request;
  request.mutable_zero();
  EXPECT_EQ(ask(request).code(), control::OK);
  request.mutable_zero()->mutable_service()->set_listen("10.0.0.100:80");
  EXPECT_EQ(ask(request).code(), control::OK);
  request.mutable_zero()->mutable_service()->set_listen("10.0.0.100:81");
  EXPECT_EQ(ask(request).code(), control::NOT_FOUND);
  request.mutable_zero()->mutable_service()->set_listen("frob");
  EXPECT_EQ(ask(request).code(), control::INVALID);
  EXPECT_EQ(zeroed_, (std::vector<std::string>{"all", "10.0.0.100:80", "10.0.0.100:81"}));
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
  EXPECT_TRUE(reply.message().ends_with("at most 1048576 are taken")) << reply.message();
}

TEST_F(ControlApiTest, ABackupPassesChangesOnAndTellsWhatTheActiveSays) {
  door_ = {.where = Door::Where::peer};
  const auto later = [this](const std::string& reply) {
    pages_.push_back(reply);
    return true;
  };
  const auto request = add_service("10.0.0.100:81");
  EXPECT_FALSE(api_.handle(request.SerializeAsString(), 7, later)) << "the answer comes later";
  EXPECT_EQ(asked_from_, "uid 7");
  EXPECT_EQ(asked_.SerializeAsString(), request.SerializeAsString());
  EXPECT_TRUE(applied_.empty());
  EXPECT_TRUE(pages_.empty());
  control::Reply verdict;
  verdict.set_code(control::ALREADY_EXISTS);
  verdict.set_message("Service already exists");
  peer_answers_(verdict.SerializeAsString());
  ASSERT_EQ(pages_.size(), 1U);
  EXPECT_EQ(pages_[0], verdict.SerializeAsString());

  EXPECT_FALSE(api_.handle(request.SerializeAsString(), 7, later));
  peer_answers_(fail("the pair link was lost"));
  control::Reply failed;
  ASSERT_TRUE(failed.ParseFromString(pages_.at(1)));
  EXPECT_EQ(failed.code(), control::FAILED);
  EXPECT_EQ(failed.message(), "the pair link was lost");

  control::Request own;
  own.mutable_zero();
  EXPECT_EQ(ask(own).code(), control::OK) << "each node counts for itself";
  EXPECT_EQ(zeroed_.size(), 1U);
}

TEST_F(ControlApiTest, ANodeThatMayNotDecideAndCannotAskRefuses) {
  door_ = {.where = Door::Where::nowhere, .why = "this node is Backup"};
  const auto reply = ask(add_service("10.0.0.100:81"));
  EXPECT_EQ(reply.code(), control::REFUSED);
  EXPECT_EQ(reply.message(), "this node is Backup");
  EXPECT_TRUE(applied_.empty());
}

TEST_F(ControlApiTest, ThePeersCommandsAreDoneHereOrRefusedAndNeverPassedOn) {
  std::vector<control::Reply> replies;
  const auto respond = [&](const std::string& bytes) {
    EXPECT_TRUE(replies.emplace_back().ParseFromString(bytes));
  };
  api_.handle_peers("root of lb2", add_service("10.0.0.100:81").SerializeAsString(), respond);
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].code(), control::OK);
  EXPECT_EQ(applied_.size(), 1U);

  door_ = {.where = Door::Where::peer};
  api_.handle_peers("root of lb2", add_service("10.0.0.100:82").SerializeAsString(), respond);
  EXPECT_EQ(replies.at(1).code(), control::REFUSED);
  control::Request status;
  status.mutable_status();
  api_.handle_peers("root of lb2", status.SerializeAsString(), respond);
  EXPECT_EQ(replies.at(2).code(), control::UNSUPPORTED);
  api_.handle_peers("root of lb2", "\xff\xff", respond);
  EXPECT_EQ(replies.at(3).code(), control::INVALID);
  EXPECT_EQ(applied_.size(), 1U);
  EXPECT_TRUE(asked_from_.empty());
}

TEST_F(ControlApiTest, DifferencesFromTheFileAreTold) {
  control::Request request;
  request.mutable_diff();
  const auto reply = ask(request);
  ASSERT_EQ(reply.differences().lines_size(), 1);
  EXPECT_EQ(reply.differences().lines(0), "server web/a: weight 1 -> 3");
}

}  // namespace
}  // namespace hapair::lbcore
