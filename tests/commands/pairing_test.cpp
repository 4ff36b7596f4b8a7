#include "commands/pairing.hpp"

#include "odysseus/base/text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::commands;

namespace {

std::string hex(char digit) {
    return std::string(64, digit);
}

} // namespace

TEST_CASE("pairing: the code has eight digits, and every fact is in what it is made of") {
    CHECK(pairing_code(std::string(64, '0')) == "0000 0000");
    CHECK(pairing_code(concat(std::string(14, '0'), "1", std::string(49, 'f'))) == "0000 0001");
    CHECK(pairing_code(std::string(64, 'f')).size() == 9);
    const PairFacts facts{hex('a'), hex('b'), hex('c'), hex('d')};
    auto swapped = facts;
    std::swap(swapped.connecting_certificate, swapped.waiting_certificate);
    CHECK(code_text(facts) != code_text(swapped));
    for (const auto& part : {hex('a'), hex('b'), hex('c'), hex('d')})
        CHECK(code_text(facts).find(part) != std::string::npos);
    CHECK(commit_text(hex('a')) != hex('a'));
}

TEST_CASE("pairing: messages are read strictly") {
    CHECK(number_in(number_message("nonce", hex('a')), "nonce") == hex('a'));
    CHECK_FALSE(number_in(number_message("nonce", hex('a')), "commit"));
    for (const char* message :
         {"", "{}", "[]", "null", "GET / HTTP/1.1", R"({"odysseus_pair":2,"nonce":"00"})",
          R"({"odysseus_pair":1,"nonce":7})", R"({"odysseus_pair":1,"nonce":"00"})"}) {
        INFO(message);
        CHECK_FALSE(number_in(message, "nonce"));
        CHECK_FALSE(answer_in(message));
    }
    CHECK_FALSE(number_in(number_message("nonce", hex('G')), "nonce"));

    PairAnswer answer;
    const auto no = answer_in(answer_message(answer));
    REQUIRE(no);
    CHECK_FALSE(no->agreed);
    answer = {true, 8080, hex('1')};
    const auto yes = answer_in(answer_message(answer));
    REQUIRE(yes);
    CHECK(yes->agreed);
    CHECK(yes->port == 8080);
    CHECK(yes->key == hex('1'));
    answer.key = "short";
    CHECK_FALSE(answer_in(answer_message(answer)));
    answer = {true, 99999, hex('1')};
    CHECK_FALSE(answer_in(answer_message(answer)));
}

TEST_CASE("pairing: what is kept, and a machine that is paired again") {
    std::vector<PairedMachine> machines;
    keep_paired(machines, {"box", 8080, hex('a'), hex('1'), hex('2')});
    keep_paired(machines, {"192.168.1.7", 8080, hex('b'), hex('3'), hex('4')});
    keep_paired(machines, {"BOX", 8081, hex('c'), hex('5'), hex('6')});   // a new certificate
    keep_paired(machines, {"other", 8082, hex('b'), hex('7'), hex('8')}); // a new address
    REQUIRE(machines.size() == 2);
    const auto read = paired_machines(paired_text(machines));
    REQUIRE(read);
    REQUIRE(read->size() == 2);
    CHECK(read->at(0).host == "BOX");
    CHECK(read->at(0).port == 8081);
    CHECK(read->at(1).certificate == hex('b'));
    CHECK(read->at(1).key == hex('7'));
    CHECK(read->at(1).accepts == hex('8'));
    for (const char* text :
         {"", "{", "[]", R"({"paired":{}})", R"({"paired":[7]})", R"({"paired":[{"host":"box"}]})"})
        CHECK_FALSE(paired_machines(text));
    CHECK(paired_machines(R"({"paired":[]})")->empty());
}

TEST_CASE("pairing: where the other machine is") {
    struct Row {
        const char* text;
        const char* host;
        int port;
    };
    const Row rows[] = {{"", "", 7442},
                        {":9", "", 9},
                        {"box", "box", 7442},
                        {"box:9", "box", 9},
                        {"::1", "::1", 7442},
                        {"[::1]", "::1", 7442},
                        {"[::1]:9", "::1", 9},
                        {"192.168.1.7:9", "192.168.1.7", 9},
                        {"fe80::1%eth0", "fe80::1%eth0", 7442}};
    for (const auto& row : rows) {
        INFO(row.text);
        const auto place = pair_place(row.text);
        REQUIRE(place);
        CHECK(place->host == row.host);
        CHECK(place->port == row.port);
    }
    for (const char* text :
         {":", "box:", "box:0", "box:99999", "http://box", "a b", "box;rm", ":x"})
        CHECK_FALSE(pair_place(text));
}
