#include "proxy/conversation.hpp"

#include "odysseus/base/text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::proxy;

TEST_CASE("conversation: later turns are the same one, other beginnings are not") {
    const auto first = conversation_of("m", R"({"model":"m","messages":[
        {"role":"system","content":"be kind"},{"role":"user","content":"hello"}]})");
    REQUIRE(first);
    CHECK(conversation_of("m", R"({"temperature":0.5,"model":"m","messages":[
        {"role":"system","content":"be kind"},{"role":"user","content":"hello"},
        {"role":"assistant","content":"hi"},{"role":"user","content":"and now?"}]})") == first);
    const char* others[] = {
        R"({"messages":[{"role":"system","content":"be rude"},{"role":"user","content":"hello"}]})",
        R"({"messages":[{"role":"system","content":"be kind"},{"role":"user","content":"hi"}]})",
        R"({"messages":[{"role":"user","content":"hello"}]})",
        R"({"prompt":"hello"})",
    };
    for (const auto* other : others) {
        INFO(other);
        const auto key = conversation_of("m", other);
        REQUIRE(key);
        CHECK(key != first);
    }
    CHECK(conversation_of("another", R"({"messages":[{"role":"system","content":"be kind"},
        {"role":"user","content":"hello"}]})") != first);
}

TEST_CASE("conversation: what is none, and what is cut or endless") {
    for (const char* body : {"", "{", "[]", "null", "{}", R"({"messages":[]})", R"({"messages":7})",
                             R"({"other":{"messages":[{"role":"user"}]}})"}) {
        INFO(body);
        CHECK_FALSE(conversation_of("m", body));
    }
    // A prompt that grows at its end.
    const std::string begin(2000, 'x');
    CHECK(conversation_of("m", concat(R"({"prompt":")", begin, R"("})")) ==
          conversation_of("m", concat(R"({"prompt":")", begin, R"(more"})")));
    // A picture behind a system's message.
    const auto picture = concat(R"({"messages":[{"role":"system","content":"s"},{"role":"user",)",
                                R"("content":")", std::string(400'000, 'A'), R"("}]})");
    CHECK(conversation_of("m", picture));
    // Content before the role.
    CHECK(conversation_of("m", R"({"messages":[{"content":"a","role":"user"},{"x":1}]})") ==
          conversation_of("m", R"({"messages":[{"content":"a","role":"user"}]})"));
}

TEST_CASE("conversation places: the oldest is forgotten") {
    ConversationPlaces places(2);
    places.keep(1, 0);
    places.keep(2, 1);
    places.keep(1, -1);
    places.keep(3, 2);
    CHECK(places.size() == 2);
    CHECK(places.find(1) == -1);
    CHECK_FALSE(places.find(2));
    CHECK(places.find(3) == 2);
}
