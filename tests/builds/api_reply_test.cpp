#include "builds/api_reply.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::builds;

TEST_CASE("api_reply: statuses and what the token has to do with them") {
    struct Case {
        ApiReply reply;
        bool with_token;
        ApiMeaning meaning;
    };
    for (const auto& [reply, with_token, meaning] : std::initializer_list<Case>{
             {{200, "59", "", ""}, false, ApiMeaning::content},
             {{200, "0", "1", ""}, false, ApiMeaning::content}, // the last one that was free
             {{304, "", "", ""}, true, ApiMeaning::not_modified},
             {{403, "0", "1763807000", ""}, false, ApiMeaning::limited},
             {{403, "0", "1763807000", ""}, true, ApiMeaning::limited},
             {{403, "12", "", "60"}, false, ApiMeaning::limited}, // a secondary limit
             {{429, "", "", ""}, false, ApiMeaning::limited},
             {{403, "12", "", ""}, false, ApiMeaning::refused},
             {{403, "12", "", ""}, true, ApiMeaning::token_bad},
             {{401, "", "", ""}, true, ApiMeaning::token_bad},
             {{401, "", "", ""}, false, ApiMeaning::refused},
             {{404, "", "", ""}, true, ApiMeaning::token_bad},
             {{404, "", "", ""}, false, ApiMeaning::absent},
             {{500, "", "", ""}, true, ApiMeaning::refused},
             {{302, "", "", ""}, false, ApiMeaning::refused},
         }) {
        INFO(reply.status << " " << with_token);
        CHECK(meaning_of(reply, with_token) == meaning);
    }
}

TEST_CASE("api_reply: how long a limit lasts") {
    CHECK(seconds_to_reset({403, "0", "1000", ""}, 900) == 100);
    CHECK(seconds_to_reset({403, "0", "1000", "7"}, 900) == 7);
    CHECK(seconds_to_reset({403, "0", "800", ""}, 900) == 0);
    CHECK(seconds_to_reset({403, "0", "9223372036854775807", ""}, 900) == 24 * 3600);
    CHECK(seconds_to_reset({429, "", "", "-5"}, 900) == 0);
    CHECK_FALSE(seconds_to_reset({403, "0", "soon", ""}, 900));
    CHECK_FALSE(seconds_to_reset({403, "", "", ""}, 900));
    CHECK(reset_text(5, 0) == "in 5 seconds");
    CHECK(reset_text(1, 0) == "in 1 second");
    CHECK(reset_text(2220, 12 * 3600 + 180) == "in 37 minutes (12:40 UTC)");
    CHECK(reset_text(3600, 86400 - 1800) == "in 60 minutes (00:30 UTC)");
}
