#include "odysseus/proxy/worker_hello.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::proxy;

namespace {

template <class T>
std::string trouble_of(const std::variant<T, std::string>& answer) {
    const auto* const why = std::get_if<std::string>(&answer);
    return why != nullptr ? *why : "";
}

} // namespace

TEST_CASE("worker hello: there and back") {
    const auto asked = question_in(question_line({"b11669", true}));
    REQUIRE(trouble_of(asked).empty());
    CHECK(std::get<WorkerQuestion>(asked).build == "b11669");
    CHECK(std::get<WorkerQuestion>(asked).only_look);
    CHECK_FALSE(std::get<WorkerQuestion>(question_in(question_line({"b1", false}))).only_look);

    const WorkerOffer offer{
        "b11669", "8.0.0", {{"CPU", "EPYC", 24105, 20480}, {"CUDA0", "", 8, 7}}};
    const auto told = offer_in(offer_line(offer));
    REQUIRE(trouble_of(told).empty());
    const auto& read = std::get<WorkerOffer>(told);
    CHECK(read.devices == offer.devices);
    CHECK(read.free_mib() == 20487);
    CHECK(read.protocol == "8.0.0");
    CHECK(read.text() == "b11669, CPU: EPYC (20.0 GiB free), CUDA0 (7.0 MiB free)");
    CHECK(trouble_of(offer_in(refusal_line("it is busy"))) == "it is busy");
}

TEST_CASE("worker hello: what is refused") {
    for (const char* line : {"", "GET / HTTP/1.1\r", "[]", "{}", "{\"odysseus_pair\":1}"}) {
        CHECK(trouble_of(question_in(line)) == "it does not speak as odysseus does");
        CHECK(trouble_of(offer_in(line)) == "it does not speak as odysseus does");
    }
    CHECK(trouble_of(question_in("{\"odysseus_worker\":2,\"want\":\"look\"}"))
              .find("another version") != std::string::npos);
    CHECK_FALSE(trouble_of(question_in("{\"odysseus_worker\":1,\"want\":\"all\"}")).empty());
    CHECK_FALSE(trouble_of(offer_in("{\"odysseus_worker\":1}")).empty());
    CHECK_FALSE(trouble_of(offer_in("{\"odysseus_worker\":1,\"devices\":[]}")).empty());
    for (const char* device :
         {"1", "{}", "{\"total_mib\":1}", "{\"total_mib\":-1,\"free_mib\":1}",
          "{\"total_mib\":1e9,\"free_mib\":1}", "{\"total_mib\":9000000000000,\"free_mib\":1}"})
        CHECK_FALSE(trouble_of(offer_in(std::string("{\"odysseus_worker\":1,\"devices\":[") +
                                        device + "]}"))
                        .empty());
    // What a stranger writes cannot harm a terminal.
    CHECK(
        trouble_of(offer_in("{\"odysseus_worker\":1,\"refused\":\"a\\u001b[2Jb\"}")).find('\x1b') ==
        std::string::npos);
}

TEST_CASE("worker hello: builds must be the same") {
    CHECK(build_trouble("b11669", "b11669").empty());
    CHECK(build_trouble("b11434", "b11669") ==
          "llama.cpp must be the same build on both machines: the worker has b11434, this machine "
          "b11669; on the worker: odysseus backend install b11669");
    CHECK_FALSE(build_trouble("", "").empty());
    CHECK_FALSE(build_trouble("b11669", "").empty());
}

TEST_CASE("worker hello: addresses") {
    CHECK(worker_address("box")->text() == "box:7443");
    CHECK(worker_address("box:9")->port == 9);
    CHECK(worker_address("::1")->text() == "[::1]:7443");
    CHECK(worker_address("[::1]:9")->text() == "[::1]:9");
    CHECK(worker_address("[::1]")->host == "::1");
    for (const char* text :
         {"", ":9", "box:", "box:0", "box:65536", "https://box", "a b", "box/x", "box#key", "[]:9"})
        CHECK_FALSE(worker_address(text));
}
