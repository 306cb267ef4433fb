// A demotion as text, in a file, and in memory that outlives who wrote it.
#include "vrrpd/operate/demotion.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/files.h"
#include "vrrpd/operate/demotion_file.h"
#include "vrrpd/operate/kept_note.h"

namespace hapair::vrrp {
namespace {

const Demotion kSample{.since_unix = 1763724241, .by = "root", .reason = "new kernel, at last"};

TEST(Demotion, says_why) {
  EXPECT_EQ(kSample.why(), "demoted by root: new kernel, at last");
  EXPECT_EQ((Demotion{.since_unix = 0, .by = "root", .reason = {}}.why()), "demoted by root");
  EXPECT_EQ(Demotion{}.why(), "demoted by somebody");
}

TEST(Demotion, its_text_comes_back_as_it_was) {
  EXPECT_EQ(Demotion::parse(kSample.to_text()), kSample);
  EXPECT_EQ(Demotion::parse(Demotion{}.to_text()), Demotion{});
  const Demotion lines{.since_unix = 1, .by = "a\nsince 9", .reason = "b\nby c\x1b"};
  EXPECT_EQ(Demotion::parse(lines.to_text()),
            (Demotion{.since_unix = 1, .by = "a since 9", .reason = "b by c "}));
}

TEST(Demotion, other_texts_are_none) {
  for (const char* text : {"", "since 1\n", "since x\nby root\nreason \n", "since 1\nreason \n"}) {
    EXPECT_EQ(Demotion::parse(text), std::nullopt) << text;
  }
}

TEST(Demotion, an_operators_words_are_one_line_of_bounded_length) {
  EXPECT_EQ(one_line("a\tb\nc\x7f"), "a b c ");
  EXPECT_EQ(one_line(std::string(1000, 'x')).size(), 200U);
}

TEST(DemotionFile, is_there_while_demoted) {
  const test::TempDir dir;
  const std::string state = dir / "state";
  EXPECT_EQ(read_demotion(state), std::nullopt);
  ASSERT_TRUE(write_demotion(state, kSample));
  EXPECT_EQ(read_demotion(state), kSample);
  ASSERT_TRUE(write_demotion(state, std::nullopt));
  EXPECT_EQ(read_demotion(state), std::nullopt);
  EXPECT_TRUE(write_demotion(state, std::nullopt)) << "nothing to remove is no mistake";
  EXPECT_TRUE(std::filesystem::is_empty(state)) << "no half-written file stays";
}

TEST(DemotionFile, one_that_makes_no_sense_counts_all_the_same) {
  const test::TempDir dir;
  test::write_file(dir / "demoted", "garbage");
  EXPECT_EQ(read_demotion(dir.path())->why(), "demoted by a file that is not readable");
  test::write_file(dir / "demoted", "");
  EXPECT_TRUE(read_demotion(dir.path())) << "an operator may simply touch it";
}

TEST(DemotionFile, a_failure_names_the_file) {
  const test::TempDir dir;
  test::write_file(dir / "state", "in the way");
  const Status failed = write_demotion(dir / "state", kSample);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, testing::HasSubstr(dir / "state/demoted"));
}

TEST(KeptNote, outlives_who_wrote_it) {
  KeptNote note;
  EXPECT_EQ(note.read(), "");
  note.write("one");
  const pid_t child = ::fork();
  if (child == 0) {
    note.write(note.read() + " two");
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(note.read(), "one two");
  note.write(std::string(5000, 'x'));
  EXPECT_EQ(note.read().size(), KeptNote::kBytes);
}

}  // namespace
}  // namespace hapair::vrrp
