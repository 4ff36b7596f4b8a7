// The proxy between a raw client and a raw llama-server.
#pragma once

#include "odysseus/logic/text.hpp"
#include "odysseus/service/proxy.hpp"

#include "proxy_stand_ins.hpp"
#include "raw_http.hpp"

#include <string>

namespace odysseus::test {

struct ProxyFixture {
    explicit ProxyFixture(RawServer::Script script, ProxySettings settings = {},
                          ProxyPages pages = {})
        : server(std::move(script)), upstream(server.port()),
          models(std::map<std::string, std::string>{{"friendly", "model-file"},
                                                    {"model-file", "model-file"}},
                 "model-file"),
          proxy(std::move(settings), upstream, models, std::move(pages)) {
        proxy.listen("127.0.0.1", 0);
        proxy.start();
    }
    ~ProxyFixture() { proxy.stop(std::chrono::milliseconds(0)); }

    [[nodiscard]] RawConnection client() const { return connect_raw(proxy.port()); }
    [[nodiscard]] static std::string get(std::string_view target, std::string_view lines = {}) {
        return cat("GET ", target, " HTTP/1.1\r\nHost: localhost\r\n", lines, "\r\n");
    }
    [[nodiscard]] static std::string post(std::string_view target, std::string_view body,
                                          std::string_view lines = {}) {
        return cat("POST ", target, " HTTP/1.1\r\nHost: localhost\r\n", lines,
                   "Content-Length: ", body.size(), "\r\n\r\n", body);
    }

    RawServer server;
    FixedUpstream upstream;
    TableDirectory models;
    Proxy proxy;
};

} // namespace odysseus::test
