#include "proxy/message_start.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

using namespace odysseus;
using namespace odysseus::proxy;

namespace {

constexpr MessageIdentity k_identity{"msg_1", "word-model"};

std::string inserted() {
    return "event: message_start\n"
           R"(data: {"type":"message_start","message":{"id":"msg_1","type":"message",)"
           R"("role":"assistant","content":[],"model":"word-model","stop_reason":null,)"
           R"("stop_sequence":null,"usage":{"cache_read_input_tokens":0,"input_tokens":0,)"
           R"("output_tokens":0}}})"
           "\n\n";
}

// A stream as llama-server sent it, without its framing.
std::string captured(const std::string& name) {
    std::ifstream in(std::string(ODYSSEUS_TEST_DATA "/message_start/") + name, std::ios::binary);
    REQUIRE(in);
    return {std::istreambuf_iterator<char>(in), {}};
}

// What a client gets when the stream comes in pieces of `size` bytes.
std::string passed_on(std::string_view stream, std::size_t size) {
    std::string out;
    std::string held;
    bool decided = false;
    for (; !stream.empty(); stream.remove_prefix(std::min(size, stream.size()))) {
        held += stream.substr(0, size);
        if (!decided) {
            const auto verdict = judge_message_start(held, k_identity);
            if (const auto* wait = std::get_if<AwaitFirstEvent>(&verdict)) {
                out += held.substr(0, wait->may_pass);
                held.erase(0, wait->may_pass);
                continue;
            }
            if (const auto* insert = std::get_if<InsertMessageStart>(&verdict))
                held.insert(insert->at, insert->bytes);
            decided = true;
        }
        out += held;
        held.clear();
    }
    return out + held;
}

void check_in_all_pieces(const std::string& stream, const std::string& expected) {
    for (std::size_t size = 1; size <= stream.size() + 1; ++size) {
        CAPTURE(size);
        REQUIRE(passed_on(stream, size) == expected);
    }
}

std::string event(const std::string& type) {
    return "event: " + type + "\ndata: {\"type\":\"" + type + "\"}\n\n";
}

} // namespace

TEST_CASE("A stream that llama-server sent without its message_start gets one") {
    const auto* name = GENERATE("emoji.txt", "half_a_character.txt");
    CAPTURE(name);
    const auto stream = captured(name);
    REQUIRE(stream.find("message_start") == std::string::npos);
    check_in_all_pieces(stream, inserted() + stream);
}

TEST_CASE("A stream that llama-server sent with its message_start stays as it is") {
    const auto* name = GENERATE("whole.txt", "nothing.txt");
    CAPTURE(name);
    const auto stream = captured(name);
    check_in_all_pieces(stream, stream);
}

TEST_CASE("The message_start that is put in has the shape of llama-server's own") {
    const auto data_of = [](const std::string& stream) {
        const auto begin = stream.find("data: ") + 6;
        return nlohmann::ordered_json::parse(
            stream.substr(begin, stream.find('\n', begin) - begin));
    };
    auto own = data_of(captured("whole.txt"));
    auto ours = data_of(inserted());
    for (auto* one : {&own, &ours}) {
        (*one)["message"]["id"] = "";
        (*one)["message"]["usage"]["input_tokens"] = 0;
    }
    CHECK(own.dump() == ours.dump());
}

TEST_CASE("What a message begins with decides") {
    struct Row {
        std::string front; // passes before
        std::string first;
        bool inserts;
    };
    const auto row = GENERATE(
        Row{"", event("content_block_start"), true}, Row{"", event("content_block_delta"), true},
        Row{"", event("content_block_stop"), true}, Row{"", event("message_delta"), true},
        Row{"", event("message_stop"), true}, Row{"", event("message_start"), false},
        Row{"", event("error"), false}, Row{"", event("something_new"), false},
        // heartbeats come before the first event
        Row{": loading...\n\n", event("message_delta"), true},
        Row{":\n\n:\n\n", event("message_start"), false}, Row{"\n\n", event("message_stop"), true},
        Row{event("ping"), event("content_block_start"), true},
        Row{event("ping") + ": x\n" + event("ping"), event("message_start"), false},
        Row{"data: {\"type\":\"ping\"}\n\n", event("content_block_start"), true},
        // other ways of writing an event
        Row{"", "event:message_stop\ndata: {}\n\n", true},
        Row{"", "event: message_stop\r\ndata: {}\r\n\r\n", true},
        Row{": x\r\n\r\n", "event: message_start\r\ndata: {}\r\n\r\n", false},
        Row{"", "id: 7\nretry: 10\nevent: message_stop\ndata: {}\n\n", true},
        Row{"", "data: {\"type\":\"message_delta\"}\n\n", true},
        Row{"", "data: {\"type\":\ndata: \"message_delta\"}\n\n", true},
        Row{"", "data: {\"type\":\"message_start\"}\n\n", false},
        Row{"", "data: {\"type\":\"message_delta\"}\nevent: message_start\n\n", false},
        Row{"", "event: message_start\ndata: {\"type\":\"message_stop\"}\n\n", false},
        // what is no message of Anthropic's
        Row{"", "data: [DONE]\n\n", false}, Row{"", "data: {\"choices\":[]}\n\n", false},
        Row{"", "data: {\"type\":5}\n\n", false}, Row{"", "data\n\n", false},
        Row{"", "proxy error: Failed to read connection\n", false},
        Row{"", "{\"error\":{\"message\":\"event: message_stop\"}}\n", false},
        Row{"", "events: message_stop\n\n", false}, Row{"", "event\n\n", false});
    CAPTURE(row.front, row.first);
    const auto put_in = row.inserts ? inserted() : "";
    check_in_all_pieces(row.front + row.first, row.front + put_in + row.first);
}

TEST_CASE("Comments and pings are not held back") {
    const auto front = ":\n\n" + event("ping") + ": loading...\n\n";
    const auto verdict = judge_message_start(front + "event: message_st", k_identity);
    REQUIRE(std::holds_alternative<AwaitFirstEvent>(verdict));
    CHECK(std::get<AwaitFirstEvent>(verdict).may_pass == front.size());
}

TEST_CASE("A stream that ends before its first event is passed on") {
    const auto* stream =
        GENERATE("", "event", "event: message_stop", "data: {\"type\":\"message_stop\"}\n",
                 ": loading...\n\n", "proxy error: Failed to read connection");
    check_in_all_pieces(stream, stream);
}

TEST_CASE("A first event without end is not held for ever") {
    const auto endless = "data: " + std::string(k_first_event_max_bytes, 'x');
    CHECK(std::holds_alternative<PassUnchanged>(judge_message_start(endless, k_identity)));
    const auto not_yet = endless.substr(0, k_first_event_max_bytes);
    CHECK(std::holds_alternative<AwaitFirstEvent>(judge_message_start(not_yet, k_identity)));
}

TEST_CASE("A model's name is quoted, whatever it is") {
    const auto verdict =
        judge_message_start(event("message_stop"), {"i\"d", "a \"b\"\n\nevent: x\xFF"});
    const auto& bytes = std::get<InsertMessageStart>(verdict).bytes;
    CHECK(bytes.find("\n\n") == bytes.size() - 2);
    CHECK(bytes.find(R"("model":"a \"b\"\n\nevent: x)"
                     "\xEF\xBF\xBD\"") != std::string::npos);
}
