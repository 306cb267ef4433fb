// A keepalived that is configured otherwise than vrrpd: the mistake in; the counter and the line
// that tells the operator what to do, out.
#include "tests/interop/keepalived_lab.h"

namespace hapair::test {
namespace {

struct Case {
  const char* name;
  Setting vrrpd;
  KeepalivedLab::Keepalived keepalived;
  const char* reason;
  const char* line;
};

const Case kCases[] = {
    {"version_2_where_we_speak_3",
     {3, 4, false, 100ms},
     {.version = 2, .interval = 1s},
     "version",
     "; we speak version 3: set version = 2 here, or version 3 there (keepalived: vrrp_version 3)"},
    {"version_3_where_we_speak_2",
     {2, 4, false, 1s},
     {.version = 3},
     "version",
     "; we speak version 2: set version = 3 here, or version 2 there"},
    {"a_password",
     {2, 4, false, 1s},
     {.more = "  authentication {\n    auth_type PASS\n    auth_pass 1234\n  }\n"},
     "auth-type",
     "; take the authentication out of its configuration"},
    {"another_interval",
     {2, 4, false, 1s},
     {.interval = 2s},
     "other-interval",
     "; version 2 demands our 1s of it"},
    {"a_hop_limit_below_255",
     {3, 6, true, 100ms},
     {.default_ttl = true},
     "ttl",
     "; it came through a router (min_ttl), or did not start with 255 (keepalived over IPv6: "
     "unicast_ttl 255)"},
};

class KeepalivedRefusal : public KeepalivedLab, public testing::WithParamInterface<Case> {};

INSTANTIATE_TEST_SUITE_P(All, KeepalivedRefusal, testing::ValuesIn(kCases),
                         [](const auto& kind) { return std::string(kind.param.name); });

TEST_P(KeepalivedRefusal, is_counted_and_explained) {
  const Case& test = GetParam();
  ASSERT_NO_FATAL_FAILURE(build(test.vrrpd, {}));
  start_keepalived(test.keepalived);
  start_vrrpd();
  // A keepalived that hears what it refuses itself hardly advertises: one has to do.
  EXPECT_TRUE(vrrpd_says(fmt::format("refused an advertisement from {}: {}{}", keepalived_address(),
                                     test.reason, test.line)));
  const auto router = vrrpd_router(lab_->node("lb1").run_dir, router_);
  EXPECT_TRUE(router.refused().contains(test.reason));
  EXPECT_EQ(router.refused().size(), 1U);
  EXPECT_EQ(router.received(), 0U);
}

}  // namespace
}  // namespace hapair::test
