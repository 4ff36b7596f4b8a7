#include "proxy/router_remark.hpp"

#include <catch2/catch_test_macros.hpp>
#include <vector>

using namespace odysseus;
using namespace odysseus::proxy;

TEST_CASE("The router's remark at the end of an answer is recognised, however it arrives") {
    struct Row {
        std::vector<std::string> pieces;
        bool found;
    };
    const std::string event = "data: {\"choices\":[]}\n\n";
    const std::string long_event = "data: " + std::string(5000, 'x') + "\n\n";
    const std::vector<Row> rows = {
        {{event, "proxy error: Failed to read connection"}, true}, // seen with b11669
        {{long_event, "proxy err", "or: Failed to read", " connection"}, true},
        {{event + "data: {\"cho", "proxy error: Connection timed out"}, true}, // in mid-event
        {{"{\"choices\":[{\"messproxy error: Could not establish connection"}, true},
        {{"proxy error: Success (no error)"}, true},
        {{long_event + "proxy error: Unknown"}, true},
        // What a model says is quoted, and something follows.
        {{"data: {\"content\":\"proxy error: Failed to read connection\"}\n\n"}, false},
        {{"{\"content\":\"proxy error: Failed to read connection\"}"}, false},
        {{"{\"content\":\"proxy error: Failed to read connection"}, true}, // cut there: half JSON
        {{event, "proxy error: Failed to read connection\n\n"}, false},
        {{event, "proxy error: Failed to read connection", event}, false},
        {{event, "proxy error: "}, false},
        {{event}, false},
        {{}, false},
    };
    for (const auto& row : rows) {
        RouterRemark remark;
        std::string all;
        for (const auto& piece : row.pieces) {
            remark.feed(piece);
            all += piece;
        }
        CAPTURE(all.substr(0, 200));
        CHECK(remark.at_end() == row.found);
        RouterRemark by_bytes;
        for (const char c : all)
            by_bytes.feed({&c, 1});
        CHECK(by_bytes.at_end() == row.found);
    }
}

TEST_CASE("The remark alone is no answer") {
    CHECK(is_router_remark("proxy error: Failed to read connection"));
    CHECK_FALSE(is_router_remark("proxy error: "));
    CHECK_FALSE(is_router_remark("data: proxy error: Failed to read connection"));
    CHECK_FALSE(is_router_remark("proxy error: Failed to read connection\n"));
    CHECK_FALSE(is_router_remark("proxy error: " + std::string(200, 'a')));
    CHECK_FALSE(is_router_remark(""));
}
