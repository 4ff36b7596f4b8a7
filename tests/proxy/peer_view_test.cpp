#include "odysseus/proxy/peer_view.hpp"

#include "odysseus/base/text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::proxy;

TEST_CASE("peer view: lists of models as servers write them") {
    PeerView view;
    REQUIRE(take_models(view, R"({"object":"list","data":[
        {"id":"a","owned_by":"llamacpp","status":{"value":"loaded"},"meta":{"n_ctx":4096}},
        {"id":"b","owned_by":"llamacpp","status":{"value":"unloaded"},"context_length":8192},
        {"id":"a"}]})"));
    REQUIRE(view.models.size() == 2);
    CHECK(view.speaks_llama);
    CHECK(view.models[0].loaded);
    CHECK(view.models[0].context == 4096);
    CHECK_FALSE(view.models[1].loaded);
    CHECK(view.models[1].context == 8192);

    // One that tells nothing has its models ready.
    REQUIRE(take_models(view, R"({"data":[{"id":"gpt","owned_by":"vllm"}]})"));
    REQUIRE(view.models.size() == 1);
    CHECK(view.models[0].loaded);
    CHECK_FALSE(view.speaks_llama);
}

TEST_CASE("peer view: what is no list leaves everything as it was") {
    PeerView view;
    REQUIRE(take_models(view, R"({"data":[{"id":"a"}]})"));
    for (const char* body : {"", "{", "[]", "null", R"({"data":null})", R"({"data":{"id":"b"}})",
                             R"({"models":[]})", "<html>"}) {
        INFO(body);
        CHECK_FALSE(take_models(view, body));
        CHECK(view.models.size() == 1);
    }
}

TEST_CASE("peer view: names that cannot be shown or sent are left out, and there is an end") {
    PeerView view;
    const auto long_name = std::string(257, 'x');
    REQUIRE(
        take_models(view, concat(R"({"data":[7,null,[],{"id":7},{"id":""},{"id":"a\u001b[2J"},)",
                                 R"({"id":"b\nc"},{"id":")", long_name, R"("},{"id":"ok"}]})")));
    REQUIRE(view.models.size() == 1);
    CHECK(view.models[0].id == "ok");

    std::string many = R"({"data":[)";
    for (int i = 0; i < 3000; ++i)
        many += concat(i == 0 ? "" : ",", R"({"id":"m)", i, R"("})");
    REQUIRE(take_models(view, many + "]}"));
    CHECK(view.models.size() == 1000);

    const std::string deep = concat(R"({"data":[{"id":"a","x":)", std::string(100000, '['),
                                    std::string(100000, ']'), "}]}");
    REQUIRE(take_models(view, deep));
    CHECK(view.models.size() == 1);
}

TEST_CASE("peer view: the status of an odysseus") {
    PeerView view;
    REQUIRE(take_models(view, R"({"data":[{"id":"big-Q4","status":{"value":"unloaded"}},
        {"id":"big","status":{"value":"unloaded"}},{"id":"small","status":{"value":"loaded"}}]})"));
    REQUIRE(take_status(view, R"({"version":"1.2.0","state":"ready","generation":3,
        "hardware":{"backend":"cuda","available_ram_mib":60000,
                    "gpus":[{"free_mib":20000},{"free_mib":null},{"free_mib":4000}]},
        "models":[{"id":"big-Q4","names":["big","big-Q4"],"fits":"partly"},
                  {"id":"small","names":["small"],"fits":"yes"}],
        "requests":{"total":9,"active":2}})"));
    CHECK(view.is_odysseus);
    CHECK(view.version == "1.2.0");
    CHECK(view.state == "ready");
    CHECK(view.free_mib == 24000);
    CHECK(view.active == 2);
    CHECK(view.models[0].fits == PeerFit::partly);
    CHECK(view.models[1].fits == PeerFit::partly);
    CHECK(view.models[2].fits == PeerFit::yes);
}

TEST_CASE("peer view: what is no status, and one with odd numbers") {
    PeerView view;
    for (const char* body : {"", "{}", R"({"version":"1","state":"ready"})",
                             R"({"version":1,"state":"ready","generation":1})",
                             R"({"version":"1","state":"re\u0007ady","generation":1})",
                             R"({"version":"1","state":"ready","generation":-1})"}) {
        INFO(body);
        CHECK_FALSE(take_status(view, body));
        CHECK_FALSE(view.is_odysseus);
    }
    REQUIRE(take_status(view, R"({"version":"1","state":"ready","generation":1,
        "hardware":{"backend":"cpu","available_ram_mib":1234,"gpus":[{"free_mib":99}]},
        "requests":{"active":-5},"models":"none"})"));
    CHECK(view.free_mib == 1234); // models are computed there
    CHECK(view.active == 0);
    REQUIRE(take_status(view, R"({"version":"1","state":"ready","generation":1,"hardware":
        {"backend":"cuda","gpus":[{"free_mib":18446744073709551615},{"free_mib":1e300}]}})"));
    CHECK_FALSE(view.free_mib == 0);
}
