#include "common/pair_key.h"

#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace hapair {
namespace {

class PairKeyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "hapair-key-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ + "/pair.key";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string error_for(const std::string& text, mode_t mode = 0600) {
    std::ofstream(path_) << text;
    ::chmod(path_.c_str(), mode);
    const auto key = load_pair_key(path_);
    return key ? "accepted" : key.error().message;
  }

  std::string folder_;
  std::string path_;
};

TEST_F(PairKeyTest, AFreshKeyLoadsAndIsPrivate) {
  ASSERT_TRUE(create_pair_key(path_));
  struct stat info {};
  ::stat(path_.c_str(), &info);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
  const auto key = load_pair_key(path_);
  ASSERT_TRUE(key);
  EXPECT_NE(*key, PairKey{});
}

TEST_F(PairKeyTest, AnExistingKeyIsNeverOverwritten) {
  ASSERT_TRUE(create_pair_key(path_));
  const auto before = *load_pair_key(path_);
  EXPECT_EQ(create_pair_key(path_).error().message, "pair key " + path_ + ": File exists");
  EXPECT_EQ(*load_pair_key(path_), before);
}

TEST_F(PairKeyTest, WhatIsNoKeyIsNamed) {
  EXPECT_EQ(load_pair_key(path_).error().message,
            "pair key " + path_ + ": No such file or directory");
  const std::string wrong =
      "pair key " + path_ + ": not 64 hexadecimal digits; make one with pairadm keygen";
  EXPECT_EQ(error_for(""), wrong);
  EXPECT_EQ(error_for(std::string(63, 'a')), wrong);
  EXPECT_EQ(error_for(std::string(65, 'a')), wrong);
  EXPECT_EQ(error_for(std::string(63, 'a') + "g"), wrong);
  EXPECT_EQ(error_for(std::string(64, 'a') + "\n"), "accepted");
  EXPECT_EQ(error_for(std::string(64, 'a'), 0644),
            "pair key " + path_ + ": readable by others (mode 0644); make it 0600");
}

}  // namespace
}  // namespace hapair
