#include "odysseus/system/port_text.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::system;

namespace {

// /proc/net/tcp of a Debian 12 machine: a listener on 8080 (1F90), one on 40080 (9C90), and a
// connection to 8080.
constexpr const char* k_proc_net_tcp =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
    "24815 1 0000000000000000 100 0 0 10 0\n"
    "   1: 0100007F:9C90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
    "24816 1 0000000000000000 100 0 0 10 0\n"
    "   2: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 "
    "24817 1 0000000000000000 20 4 30 10 -1\n"
    "   3: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 "
    "24818 1 0000000000000000 20 4 30 10 -1\n";

} // namespace

TEST_CASE("port text: Linux") {
    CHECK(listening_inodes(k_proc_net_tcp, 8080) == std::vector<std::string>{"24815"});
    CHECK(listening_inodes(k_proc_net_tcp, 40080) == std::vector<std::string>{"24816"});
    CHECK(listening_inodes(k_proc_net_tcp, 50000).empty()); // C350: connected, not listening
    CHECK(listening_inodes("", 8080).empty());
    CHECK(listening_inodes("0: :1F90 x 0A", 8080).empty());
}

TEST_CASE("port text: who made a connection, on Linux") {
    const std::string text =
        "   4: 0100007F:C351 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        "
        "0 24819 1 0000000000000000 20 4 30 10 -1\n";
    CHECK(user_of_connection(text, 0xC351, 0x1F90) == 1000);
    CHECK(user_of_connection(k_proc_net_tcp, 0xC350, 0x1F90) == 0);
    CHECK_FALSE(user_of_connection(k_proc_net_tcp, 0x1F90, 0)); // listens only
    CHECK_FALSE(user_of_connection(text, 0xC350, 0x1F90));
    CHECK_FALSE(user_of_connection("", 1, 2));
}

TEST_CASE("port text: lsof") {
    const auto user = lsof_user("p812\ncnginx\nf6\np813\ncnginx\nf6\n");
    REQUIRE(user);
    CHECK(user->pid == 812);
    CHECK(user->name == "nginx");
    CHECK_FALSE(lsof_user(""));
    CHECK_FALSE(lsof_user("pfoo\ncnginx\n"));
}

TEST_CASE("port text: Windows") {
    const char* text =
        "\r\nActive Connections\r\n\r\n"
        "  Proto  Local Address          Foreign Address        State           PID\r\n"
        "  TCP    127.0.0.1:50112        127.0.0.1:8080         ESTABLISHED     77\r\n"
        "  TCP    127.0.0.1:8080         127.0.0.1:50112        ESTABLISHED     78\r\n"
        "  TCP    0.0.0.0:18080          0.0.0.0:0              LISTENING       79\r\n"
        "  TCP    0.0.0.0:8080           0.0.0.0:0              ABH\xd6REN         812\r\n"
        "  TCP    [::]:8081              [::]:0                 LISTENING       813\r\n";
    CHECK(netstat_pid(text, 8080) == 812);
    CHECK(netstat_pid(text, 8081) == 813);
    CHECK_FALSE(netstat_pid(text, 50112));
    CHECK_FALSE(netstat_pid(text, 80));
    CHECK(tasklist_name("\r\n\"nginx.exe\",\"812\",\"Services\",\"0\",\"9 K\"\r\n") == "nginx.exe");
    CHECK(tasklist_name("INFO: No tasks are running\r\n").empty());
}
