#include "common/framing.h"

#include <vector>

#include <gtest/gtest.h>

namespace hapair {
namespace {

TEST(Framing, AFrameIsBigEndianLengthAndPayload) {
  std::string out;
  append_frame(out, "abc");
  EXPECT_EQ(out, std::string("\0\0\0\3abc", 7));
}

TEST(Framing, DecodesWhateverTheCuts) {
  std::string stream;
  for (const char* payload : {"one", "", "three"}) append_frame(stream, payload);
  for (size_t cut = 1; cut <= stream.size(); ++cut) {
    FrameDecoder decoder(16);
    std::vector<std::string> seen;
    for (size_t at = 0; at < stream.size(); at += cut) {
      decoder.append(std::string_view(stream).substr(at, cut));
      while (true) {
        const auto frame = decoder.next();
        ASSERT_TRUE(frame);
        if (!*frame) break;
        seen.emplace_back(**frame);
      }
    }
    EXPECT_EQ(seen, (std::vector<std::string>{"one", "", "three"})) << "cut every " << cut;
    EXPECT_EQ(decoder.pending_bytes(), 0U);
  }
}

TEST(Framing, RefusesALengthBeyondTheBoundBeforeItsPayloadComes) {
  FrameDecoder decoder(16);
  decoder.append(std::string("\0\0\0\x11", 4));
  EXPECT_EQ(decoder.next().error().message,
            "a frame of 17 bytes was announced; at most 16 are accepted");
  decoder.append("more");
  EXPECT_FALSE(decoder.next()) << "the stream stays broken";
}

TEST(Framing, AcceptsALengthAtTheBound) {
  FrameDecoder decoder(16);
  std::string frame;
  append_frame(frame, std::string(16, 'x'));
  decoder.append(frame);
  EXPECT_TRUE(decoder.next()->has_value());
}

}  // namespace
}  // namespace hapair
