#include "proxy/worker_frames.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus::proxy;
using Kind = WorkerFrame::Kind;

TEST_CASE("worker frames: in any pieces") {
    const auto stream = frame_head(Kind::open, 0) + frame_head(Kind::data, 5) + "hello" +
                        frame_head(Kind::close, 0) + frame_head(Kind::bye, 4) + "gone";
    for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
        WorkerFrames frames;
        std::string seen;
        for (std::size_t at = 0; at < stream.size(); at += piece) {
            frames.feed(std::string_view(stream).substr(at, piece));
            while (const auto frame = frames.next()) {
                seen += static_cast<char>(frame->kind);
                seen += frame->bytes;
            }
        }
        CHECK(seen == "odhellocegone");
        CHECK_FALSE(frames.broken());
    }
}

TEST_CASE("worker frames: what is none") {
    for (const auto& bytes :
         {std::string("GET / HTTP/1.1\r\n\r\n"), frame_head(Kind::data, k_frame_bytes_max + 1),
          std::string("d\xff\xff\xff\xff"), std::string("x\0\0\0\0", 5)}) {
        WorkerFrames frames;
        frames.feed(bytes);
        CHECK_FALSE(frames.next());
        CHECK(frames.broken());
    }
    WorkerFrames frames;
    frames.feed(frame_head(Kind::data, k_frame_bytes_max));
    CHECK_FALSE(frames.next());
    CHECK_FALSE(frames.broken());
}
