// What an operator may write as a program, and what is said when it cannot run.
#include "vrrpd/config/programs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/files.h"
#include "vrrpd/config/config.h"

namespace hapair::vrrp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> words(std::string_view text) {
  auto out = split_words(text);
  return out ? *out : std::vector<std::string>{"error: " + out.error().message};
}

TEST(SplitWords, follows_the_habits_of_a_shell_without_being_one) {
  EXPECT_THAT(words("/bin/check"), ElementsAre("/bin/check"));
  EXPECT_THAT(words("  /bin/check\t-a  b "), ElementsAre("/bin/check", "-a", "b"));
  EXPECT_THAT(words("/c \"a b\" 'c \"d' e\\ f \"\" \"\\\"\""),
              ElementsAre("/c", "a b", "c \"d", "e f", "", "\""));
  EXPECT_THAT(words("/c $HOME *"), ElementsAre("/c", "$HOME", "*"));
  EXPECT_THAT(words("/c 'open"), ElementsAre("error: a quotation mark ' is not closed"));
  EXPECT_THAT(words("/c \\"), ElementsAre("error: ends in the middle of a word"));
  EXPECT_THAT(words("  "), ElementsAre("error: names no program"));
}

class Programs : public testing::Test {
 protected:
  /// Made with this mode whatever the umask says.
  std::string file(const char* name, mode_t mode) {
    const std::string path = dir_ / name;
    test::write_file(path, "#!/bin/sh\n", mode);
    ::chmod(path.c_str(), mode);
    return path;
  }
  std::string mistakes(const std::string& vrrp, const std::string& more = {}) {
    const auto loaded = parse_config(
        "[vrrp main]\ninterface = eth0\nvrid = 51\naddresses = 10.0.0.100/24\n" + vrrp + more,
        "hapair.conf", "lb1");
    return loaded ? "" : loaded.error().message;
  }
  test::TempDir dir_;
};

TEST_F(Programs, what_can_be_run_is_taken) {
  const std::string hook = file("hook", 0755);
  const auto loaded = parse_config(
      "[vrrp main]\ninterface = eth0\nvrid = 51\naddresses = 10.0.0.100/24\non_active = " + hook +
          "\non_stop = " + hook + "\nhook_user = nobody\nhook_timeout = 5s\ntrack = nginx\n" +
          "[track nginx]\nscript = " + hook + " -q \"a b\"\nweight = -20\nuser = nobody\n",
      "hapair.conf", "lb1");
  ASSERT_TRUE(loaded) << loaded.error().message;
  const HookPrograms& hooks = loaded->routers.front().hooks;
  EXPECT_EQ(hooks.of(HookKind::active), hook);
  EXPECT_EQ(hooks.of(HookKind::backup), "");
  EXPECT_EQ(hooks.user, "nobody");
  EXPECT_EQ(hooks.timeout, 5s);
  const TrackScript& script = loaded->scripts.front();
  EXPECT_THAT(script.argv, ElementsAre(hook, "-q", "a b"));
  EXPECT_EQ(script.weight, -20);
  EXPECT_EQ(script.interval, 1s);
  EXPECT_EQ(script.timeout, 1s) << "the interval, unless said otherwise";
  EXPECT_THAT(loaded->hook_users(), ElementsAre("nobody"));
  EXPECT_EQ(loaded->stop_hooks_take(), 5s);
}

TEST_F(Programs, without_hooks_there_is_no_user_and_nothing_to_wait_for) {
  const auto loaded =
      parse_config("[vrrp main]\ninterface = eth0\nvrid = 51\naddresses = 10.0.0.100/24\n",
                   "hapair.conf", "lb1");
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(loaded->hook_users().empty());
  EXPECT_EQ(loaded->stop_hooks_take(), 0s);
}

TEST_F(Programs, what_cannot_is_refused_with_the_reason) {
  EXPECT_EQ(mistakes("on_active = hook\n"),
            "hapair.conf:5: [vrrp main]: on_active: 'hook' is no absolute path; valid: "
            "/path/of/an/executable");
  EXPECT_THAT(mistakes("on_backup = /nowhere/hook\n"),
              HasSubstr("on_backup: /nowhere/hook: No such file or directory"));
  EXPECT_THAT(mistakes("on_fault = /tmp\n"), HasSubstr("on_fault: /tmp is no file"));
  EXPECT_THAT(mistakes("on_stop = " + file("plain", 0644) + "\nhook_user = nobody\n"),
              HasSubstr("is not executable for user nobody; valid: chmod a+x"));
  EXPECT_THAT(mistakes("on_stop = " + file("private", 0700) + "\nhook_user = nobody\n"),
              HasSubstr("is not executable for user nobody"));
  EXPECT_THAT(mistakes("on_active = " + file("open", 0777) + "\n"),
              HasSubstr("; valid: chmod o-w"));
  EXPECT_THAT(mistakes("on_active = " + file("good", 0755) + "\nhook_user = frob\n"),
              HasSubstr("hook_user: there is no user 'frob' on this node"));
}

TEST_F(Programs, scripts_are_checked_alike) {
  EXPECT_EQ(mistakes("track = nginx\n"),
            "hapair.conf:5: [vrrp main]: track: there is no section [track nginx]");
  EXPECT_THAT(mistakes("", "[track nginx]\nscript = \"/bin/true\n"),
              HasSubstr("script: a quotation mark \" is not closed"));
  EXPECT_THAT(mistakes("", "[track nginx]\nscript = true\n"),
              HasSubstr("'true' is no absolute path"));
  EXPECT_THAT(mistakes("", "[track nginx]\nscript = /bin/true\ninterval = 10ms\n"),
              HasSubstr("interval: 10ms is out of range"));
  EXPECT_THAT(mistakes("", "[track nginx]\nscript = /bin/true\nweight = 254\n"),
              HasSubstr("weight: 254 is out of range"));
}

}  // namespace
}  // namespace hapair::vrrp
