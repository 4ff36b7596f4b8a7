#include "odysseus/download/http_date.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace odysseus;
using namespace odysseus::download;

TEST_CASE("http date: seconds since 1970") {
    CHECK(http_date_s("Sun, 06 Nov 1994 08:49:37 GMT") == 784111777); // RFC 9110's own example
    CHECK(http_date_s("Thu, 01 Jan 1970 00:00:00 GMT") == 0);
    CHECK(http_date_s(" Tue, 29 Feb 2028 23:59:60 GMT ") == 1835481600);
    for (const char* text :
         {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
          "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 32 Nov 1994 08:49:37 GMT",
          "Mon, 29 Feb 2027 00:00:00 GMT", "Sun, 06 Foo 1994 08:49:37 GMT",
          "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:49 GMT", "x, y z 1 2 GMT"}) {
        INFO(text);
        CHECK_FALSE(http_date_s(text));
    }
}
