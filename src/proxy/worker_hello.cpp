#include "odysseus/proxy/worker_hello.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/base/visible.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace odysseus::proxy {
namespace {

using Json = nlohmann::ordered_json;

constexpr int k_version = 1;
constexpr const char* k_key = "odysseus_worker";
constexpr std::size_t k_text_max = 400;
constexpr std::size_t k_devices_max = 64;
constexpr std::int64_t k_mib_max = std::int64_t{1} << 30;

std::string text_in(const Json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_string()) return {};
    return visible_line(found->get<std::string>().substr(0, k_text_max));
}

std::optional<std::int64_t> mib_in(const Json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_number_integer()) return std::nullopt;
    const auto mib = found->get<std::int64_t>();
    return mib >= 0 && mib <= k_mib_max ? std::optional(mib) : std::nullopt;
}

// A string says what is wrong with it.
std::variant<Json, std::string> hello_in(std::string_view line) {
    auto json = Json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains(k_key))
        return std::string("it does not speak as odysseus does");
    if (json[k_key] != k_version)
        return std::string(
            "its odysseus speaks another version of the worker's protocol; use the same "
            "odysseus on both machines");
    return json;
}

std::optional<server::RpcDevice> device_in(const Json& object) {
    if (!object.is_object()) return std::nullopt;
    const auto total = mib_in(object, "total_mib");
    const auto free = mib_in(object, "free_mib");
    if (!total || !free) return std::nullopt;
    return server::RpcDevice{text_in(object, "name"), text_in(object, "description"), *total,
                             *free};
}

std::string line_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace

std::string question_line(const WorkerQuestion& question) {
    return line_of({{k_key, k_version},
                    {"build", question.build},
                    {"want", question.only_look ? "look" : "hold"}});
}

std::variant<WorkerQuestion, std::string> question_in(std::string_view line) {
    const auto json = hello_in(line);
    if (const auto* why = std::get_if<std::string>(&json)) return *why;
    const auto& object = std::get<Json>(json);
    const auto want = text_in(object, "want");
    if (want != "look" && want != "hold") return "it wants what this worker does not know";
    return WorkerQuestion{text_in(object, "build"), want == "look"};
}

std::string offer_line(const WorkerOffer& offer) {
    auto devices = Json::array();
    for (const auto& device : offer.devices)
        devices.push_back({{"name", device.name},
                           {"description", device.description},
                           {"total_mib", device.total_mib},
                           {"free_mib", device.free_mib}});
    return line_of({{k_key, k_version},
                    {"build", offer.build},
                    {"protocol", offer.protocol},
                    {"devices", std::move(devices)}});
}

std::string refusal_line(std::string_view why) {
    return line_of({{k_key, k_version}, {"refused", why}});
}

std::variant<WorkerOffer, std::string> offer_in(std::string_view line) {
    const auto json = hello_in(line);
    if (const auto* why = std::get_if<std::string>(&json)) return *why;
    const auto& object = std::get<Json>(json);
    if (auto refused = text_in(object, "refused"); !refused.empty()) return refused;
    WorkerOffer offer{text_in(object, "build"), text_in(object, "protocol"), {}};
    const auto devices = object.find("devices");
    if (devices == object.end() || !devices->is_array() || devices->empty() ||
        devices->size() > k_devices_max)
        return "it tells no devices";
    for (const auto& entry : *devices) {
        auto device = device_in(entry);
        if (!device) return "it tells no memory of a device";
        offer.devices.push_back(std::move(*device));
    }
    return offer;
}

std::int64_t WorkerOffer::free_mib() const {
    std::int64_t sum = 0;
    for (const auto& device : devices)
        sum += device.free_mib;
    return sum;
}

std::string WorkerOffer::text() const {
    std::vector<std::string> parts{build};
    for (const auto& device : devices)
        parts.push_back(concat(device.name, device.description.empty() ? "" : ": ",
                               device.description, " (", byte_text(device.free_mib * 1024 * 1024),
                               " free)"));
    return joined(parts, ", ");
}

std::string build_trouble(std::string_view here, std::string_view there) {
    if (here == there && !here.empty()) return "";
    const auto named = [](std::string_view build) {
        return build.empty() ? std::string("one that does not tell its number")
                             : std::string(build);
    };
    return concat("llama.cpp must be the same build on both machines: the worker has ", named(here),
                  ", this machine ", named(there),
                  there.empty() ? "" : concat("; on the worker: odysseus backend install ", there));
}

std::string WorkerAddress::text() const {
    const bool ipv6 = host.find(':') != std::string::npos;
    return concat(ipv6 ? "[" : "", host, ipv6 ? "]:" : ":", port);
}

std::optional<WorkerAddress> worker_address(std::string_view text) {
    WorkerAddress address;
    auto colon = text.rfind(':');
    if (text.find(':') != colon && text.find("]:") == std::string_view::npos)
        colon = std::string_view::npos; // a bare IPv6 address, or one in brackets
    if (colon != std::string_view::npos) {
        const auto port = parsed_int(text.substr(colon + 1));
        if (!port || *port < 1 || *port > 65535) return std::nullopt;
        address.port = static_cast<int>(*port);
        text = text.substr(0, colon);
    }
    if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
    if (text.empty() || text.size() > 255 ||
        text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               ".-_:%") != std::string_view::npos)
        return std::nullopt;
    address.host = text;
    return address;
}

} // namespace odysseus::proxy
