#include "pairing.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace odysseus::commands {
namespace {

using Json = nlohmann::ordered_json;

constexpr int k_version = 1;
constexpr std::size_t k_hex_digits = 64;
constexpr std::size_t k_machines_max = 64;

bool is_hex(std::string_view text) {
    return text.size() == k_hex_digits &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string text_in(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

int port_in(const Json& object) {
    const auto found = object.find("port");
    if (found == object.end() || !found->is_number_integer()) return 0;
    const auto port = found->get<std::int64_t>();
    return port > 0 && port < 65536 ? static_cast<int>(port) : 0;
}

std::optional<Json> parsed(std::string_view message) {
    auto json = Json::parse(message, nullptr, false);
    if (!json.is_object() || !json.contains("odysseus_pair") || json["odysseus_pair"] != k_version)
        return std::nullopt;
    return json;
}

bool is_host(std::string_view text) {
    return !text.empty() && text.size() < 256 &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  ".-_:%") == std::string_view::npos;
}

} // namespace

std::string commit_text(std::string_view nonce) {
    return concat("odysseus pair commit\n", nonce);
}

std::string code_text(const PairFacts& facts) {
    return concat("odysseus pair code\n", facts.connecting_certificate, '\n',
                  facts.waiting_certificate, '\n', facts.connecting_nonce, '\n',
                  facts.waiting_nonce);
}

std::string pairing_code(std::string_view sha256_hex) {
    constexpr std::uint64_t k_codes = 100'000'000;
    std::uint64_t number = 0;
    for (const char c : sha256_hex.substr(0, 15))
        number = number * 16 + static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    auto digits = std::to_string(k_codes + number % k_codes).substr(1);
    return digits.insert(4, " ");
}

std::string number_message(const char* key, std::string_view hex) {
    return Json{{"odysseus_pair", k_version}, {key, hex}}.dump();
}

std::optional<std::string> number_in(std::string_view message, const char* key) {
    const auto json = parsed(message);
    if (!json) return std::nullopt;
    auto number = text_in(*json, key);
    if (!is_hex(number)) return std::nullopt;
    return number;
}

std::string answer_message(const PairAnswer& answer) {
    Json json{{"odysseus_pair", k_version}, {"agreed", answer.agreed}};
    if (answer.agreed) {
        json["port"] = answer.port;
        json["key"] = answer.key;
    }
    return json.dump();
}

std::optional<PairAnswer> answer_in(std::string_view message) {
    const auto json = parsed(message);
    if (!json || !json->contains("agreed") || !(*json)["agreed"].is_boolean()) return std::nullopt;
    PairAnswer answer;
    answer.agreed = (*json)["agreed"].get<bool>();
    if (!answer.agreed) return answer;
    answer.port = port_in(*json);
    answer.key = text_in(*json, "key");
    if (answer.port == 0 || !is_hex(answer.key)) return std::nullopt;
    return answer;
}

std::optional<std::vector<PairedMachine>> paired_machines(std::string_view text) {
    const auto json = Json::parse(text, nullptr, false);
    if (!json.is_object() || !json.contains("paired") || !json["paired"].is_array())
        return std::nullopt;
    std::vector<PairedMachine> machines;
    for (const auto& entry : json["paired"]) {
        if (!entry.is_object()) return std::nullopt;
        PairedMachine machine;
        machine.host = text_in(entry, "host");
        machine.port = port_in(entry);
        machine.certificate = text_in(entry, "certificate");
        machine.key = text_in(entry, "key");
        machine.accepts = text_in(entry, "accepts");
        if (!is_host(machine.host) || machine.port == 0 || !is_hex(machine.certificate) ||
            !is_hex(machine.key) || !is_hex(machine.accepts))
            return std::nullopt;
        machines.push_back(std::move(machine));
    }
    return machines;
}

std::string paired_text(const std::vector<PairedMachine>& machines) {
    auto list = Json::array();
    for (const auto& machine : machines)
        list.push_back({{"host", machine.host},
                        {"port", machine.port},
                        {"certificate", machine.certificate},
                        {"key", machine.key},
                        {"accepts", machine.accepts}});
    return Json{{"paired", std::move(list)}}.dump(2) + "\n";
}

void keep_paired(std::vector<PairedMachine>& machines, PairedMachine machine) {
    std::erase_if(machines, [&machine](const PairedMachine& known) {
        return known.certificate == machine.certificate || same_name(known.host, machine.host);
    });
    if (machines.size() >= k_machines_max) machines.erase(machines.begin());
    machines.push_back(std::move(machine));
}

std::optional<PairPlace> pair_place(std::string_view text, int usual_port) {
    PairPlace place;
    place.port = usual_port;
    auto colon = text.rfind(':');
    const bool bare_ipv6 = text.find(':') != colon && !text.ends_with(']') &&
                           text.find("]:") == std::string_view::npos;
    if (bare_ipv6 || text.ends_with(']')) colon = std::string_view::npos;
    if (colon != std::string_view::npos) {
        const auto port = parsed_int(text.substr(colon + 1));
        if (!port || *port < 1 || *port > 65535) return std::nullopt;
        place.port = static_cast<int>(*port);
        text = text.substr(0, colon);
    }
    if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
    if (!text.empty() && !is_host(text)) return std::nullopt;
    place.host = text;
    return place;
}

} // namespace odysseus::commands
