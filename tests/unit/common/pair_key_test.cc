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
    const auto key = load_pair_keys(path_);
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
  const auto key = load_pair_keys(path_);
  ASSERT_TRUE(key);
  EXPECT_NE(key->used, PairKey{});
  EXPECT_FALSE(key->also);
}

TEST_F(PairKeyTest, AnExistingKeyIsNeverOverwritten) {
  ASSERT_TRUE(create_pair_key(path_));
  const auto before = *load_pair_keys(path_);
  EXPECT_EQ(create_pair_key(path_).error().message, "pair key " + path_ + ": File exists");
  EXPECT_EQ(*load_pair_keys(path_), before);
}

TEST_F(PairKeyTest, ARotationAddsPromotesAndRetires) {
  ASSERT_TRUE(create_pair_key(path_));
  ::chmod(path_.c_str(), 0640);
  const PairKey old = load_pair_keys(path_)->used;
  EXPECT_FALSE(rotate_pair_key(path_, Rotation::promote));
  EXPECT_FALSE(rotate_pair_key(path_, Rotation::retire));

  ASSERT_TRUE(rotate_pair_key(path_, Rotation::add));
  auto keys = load_pair_keys(path_);
  ASSERT_TRUE(keys && keys->also);
  const PairKey fresh = *keys->also;
  EXPECT_EQ(keys->used, old);
  EXPECT_NE(fresh, old);
  EXPECT_EQ(rotate_pair_key(path_, Rotation::add).error().message,
            "pair key " + path_ + ": has two keys already");

  ASSERT_TRUE(rotate_pair_key(path_, Rotation::promote));
  EXPECT_EQ(*load_pair_keys(path_), PairKeys(fresh, old));
  ASSERT_TRUE(rotate_pair_key(path_, Rotation::retire));
  EXPECT_EQ(*load_pair_keys(path_), PairKeys(fresh));
  struct stat info {};
  ::stat(path_.c_str(), &info);
  EXPECT_EQ(info.st_mode & 07777U, 0640U) << "mode is kept";
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

TEST_F(PairKeyTest, BehindTheSecondKeyIsNothing) {
  const std::string key(64, 'a');
  EXPECT_EQ(error_for(key + "\n" + key), "accepted");
  EXPECT_EQ(error_for(key + " \r\n" + key + "\n\n"), "accepted");
  const std::string wrong = "pair key " + path_ +
                            ": behind the first line is more than a second key of 64 hexadecimal "
                            "digits";
  EXPECT_EQ(error_for(key + "\n" + key + "\n" + key), wrong);
  EXPECT_EQ(error_for(key + "\n" + key + "a"), wrong);
  EXPECT_EQ(error_for(key + "\n\n" + key), wrong);
}

TEST_F(PairKeyTest, WhatIsNoKeyIsNamed) {
  EXPECT_EQ(load_pair_keys(path_).error().message,
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
