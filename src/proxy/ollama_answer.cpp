#include "ollama_answer.hpp"

#include "rewrite.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace odysseus::proxy {
namespace {

using Json = OllamaJson;

constexpr std::string_view k_unreadable = "llama-server's answer cannot be read";
constexpr std::string_view k_broken_off =
    "the model's process ended in the middle of this answer; odysseus starts it again, please ask "
    "once more";
constexpr std::string_view k_bad_call =
    "the model called a tool with arguments that are no JSON object";

std::string text_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Limits the depth too: what a model writes may come as JSON.
Json parsed(std::string_view text) {
    JsonScanner scanner;
    scanner.feed(text);
    return scanner.finish(text).json_object ? Json::parse(text, nullptr, false) : Json();
}

const Json& part(const Json& object, std::string_view name) {
    static const Json k_none;
    if (!object.is_object()) return k_none;
    const auto found = object.find(name);
    return found == object.end() ? k_none : *found;
}

std::string text_part(const Json& object, std::string_view name) {
    const auto& value = part(object, name);
    return value.is_string() ? value.get<std::string>() : std::string();
}

std::int64_t count_part(const Json& object, std::string_view name, std::int64_t otherwise) {
    const auto& value = part(object, name);
    return value.is_number_integer() ? std::max<std::int64_t>(value.get<std::int64_t>(), 0)
                                     : otherwise;
}

std::int64_t ns_part(const Json& object, std::string_view name, std::int64_t otherwise) {
    constexpr double k_ms_max = 9e12; // 285 years
    const auto& value = part(object, name);
    if (!value.is_number()) return otherwise;
    return std::llround(std::clamp(value.get<double>(), 0.0, k_ms_max) * 1e6);
}

bool is_error(const Json& json) {
    return json.is_object() && json.contains("error");
}

// Counts and times, wherever llama-server puts them.
void take_numbers(const Json& json, OllamaProgress& progress) {
    const auto& timings = part(json, "timings");
    if (timings.is_object()) {
        progress.prompt_tokens =
            count_part(timings, "cache_n", 0) + count_part(timings, "prompt_n", 0);
        progress.prompt_ns = ns_part(timings, "prompt_ms", 0);
        progress.answer_tokens = count_part(timings, "predicted_n", 0);
        progress.answer_ns = ns_part(timings, "predicted_ms", 0);
    }
    const auto& usage = part(json, "usage");
    progress.prompt_tokens = count_part(usage, "prompt_tokens", progress.prompt_tokens);
    progress.answer_tokens = count_part(usage, "completion_tokens", progress.answer_tokens);
    progress.prompt_tokens = count_part(json, "tokens_evaluated", progress.prompt_tokens);
    progress.answer_tokens = count_part(json, "tokens_predicted", progress.answer_tokens);
}

void take_logprobs(const Json& given, Json& out) {
    if (!given.is_array()) return;
    for (auto entry : given) {
        if (!entry.is_object()) continue;
        entry.erase("id");
        if (auto& top = entry["top_logprobs"]; top.is_array()) {
            for (auto& one : top)
                if (one.is_object()) one.erase("id");
        }
        if (entry["top_logprobs"].empty()) entry.erase("top_logprobs");
        out.push_back(std::move(entry));
    }
}

// False: what is there is not what llama-server sends.
bool take_chat(const Json& json, OllamaProgress& progress, OllamaToolCalls& tools) {
    const auto& choices = part(json, "choices");
    if (!choices.is_array()) return false;
    take_numbers(json, progress);
    if (choices.empty()) return true; // the counts alone
    const auto& choice = choices.front();
    const auto& delta = part(choice, "delta");
    const auto& message = delta.is_object() ? delta : part(choice, "message");
    progress.text += text_part(message, "content");
    progress.thinking += text_part(message, "reasoning_content");
    take_logprobs(part(part(choice, "logprobs"), "content"), progress.logprobs);
    if (auto finish = text_part(choice, "finish_reason"); !finish.empty())
        progress.finish = std::move(finish);
    const auto& calls = part(message, "tool_calls");
    return calls.is_null() || tools.take(calls);
}

bool take_completion(const Json& json, OllamaProgress& progress) {
    if (!part(json, "content").is_string()) return false;
    take_numbers(json, progress);
    progress.text += text_part(json, "content");
    if (part(json, "stop") == true)
        progress.finish = text_part(json, "stop_type") == "limit" ? "length" : "stop";
    return true;
}

bool take(const OllamaCall& call, const Json& json, OllamaProgress& progress,
          OllamaToolCalls& tools) {
    return call.form == OllamaForm::chat ? take_chat(json, progress, tools)
                                         : take_completion(json, progress);
}

// What every object of an answer begins with; what the model said in it.
Json beginning(const OllamaCall& call, std::string_view model, std::int64_t now_ns,
               const OllamaProgress& said, Json tool_calls) {
    Json out;
    out["model"] = model;
    out["created_at"] = rfc3339(now_ns);
    const bool chat = call.endpoint == OllamaEndpoint::chat;
    Json message;
    if (chat) message["role"] = "assistant";
    message[chat ? "content" : "response"] = said.text;
    if (!said.thinking.empty()) message["thinking"] = said.thinking;
    if (!tool_calls.empty()) message["tool_calls"] = std::move(tool_calls);
    if (chat) {
        out["message"] = std::move(message);
    } else {
        out.update(message);
    }
    if (!said.logprobs.empty()) out["logprobs"] = said.logprobs;
    out["done"] = false;
    return out;
}

void end(Json& out, const OllamaProgress& progress, std::int64_t load_ns, std::int64_t total_ns) {
    out["done"] = true;
    out["done_reason"] = progress.finish == "length" ? "length" : "stop";
    out["total_duration"] = total_ns;
    out["load_duration"] = std::max<std::int64_t>(load_ns, 0);
    out["prompt_eval_count"] = progress.prompt_tokens;
    out["prompt_eval_duration"] = progress.prompt_ns;
    out["eval_count"] = progress.answer_tokens;
    out["eval_duration"] = progress.answer_ns;
}

OllamaAnswer failed(int status, std::string_view message) {
    return {status, ollama_error(message)};
}

OllamaAnswer whole_text(const OllamaCall& call, std::string_view model, const Json& json,
                        const OllamaTimes& times) {
    OllamaProgress progress;
    OllamaToolCalls tools;
    if (!take(call, json, progress, tools)) return failed(502, k_unreadable);
    auto calls = tools.all(progress.finish == "length");
    if (!calls) return failed(500, k_bad_call);
    auto out = beginning(call, model, times.now_ns, progress, *std::move(calls));
    end(out, progress, times.total_ns - progress.prompt_ns - progress.answer_ns, times.total_ns);
    return {200, text_of(out)};
}

// The first `most` numbers, of length 1 again.
Json shortened(const Json& vector, std::size_t most) {
    auto out = Json::array();
    double square = 0;
    for (std::size_t i = 0; i < std::min(most, vector.size()); ++i) {
        const double value = vector[i].is_number() ? vector[i].get<double>() : 0.0;
        square += value * value;
        out.push_back(value);
    }
    if (square > 0) {
        for (auto& value : out)
            value = value.get<double>() / std::sqrt(square);
    }
    return out;
}

OllamaAnswer vectors(const OllamaCall& call, std::string_view model, const Json& json,
                     const OllamaTimes& times) {
    const auto& data = part(json, "data");
    if (!data.is_array() || data.empty()) return failed(502, k_unreadable);
    auto all = Json::array();
    for (const auto& entry : data) {
        const auto& vector = part(entry, "embedding");
        const auto place = static_cast<std::size_t>(
            count_part(entry, "index", static_cast<std::int64_t>(all.size())));
        if (!vector.is_array() || place >= data.size()) return failed(502, k_unreadable);
        while (all.size() <= place)
            all.push_back(nullptr);
        all[place] = call.dimensions ? shortened(vector, static_cast<std::size_t>(*call.dimensions))
                                     : vector;
    }
    if (call.endpoint == OllamaEndpoint::embeddings)
        return {200, text_of({{"embedding", std::move(all[0])}})};
    return {200,
            text_of({{"model", model},
                     {"embeddings", std::move(all)},
                     {"total_duration", times.total_ns},
                     {"load_duration", 0},
                     {"prompt_eval_count", count_part(part(json, "usage"), "prompt_tokens", 0)}})};
}

// Nothing but that the model is loaded now, or is not any more.
OllamaAnswer without_text(const OllamaCall& call, std::string_view model,
                          const OllamaTimes& times) {
    if (call.endpoint == OllamaEndpoint::embeddings)
        return {200, text_of({{"embedding", Json::array()}})};
    if (call.endpoint == OllamaEndpoint::embed)
        return {200, text_of({{"model", model},
                              {"embeddings", Json::array()},
                              {"total_duration", times.total_ns},
                              {"load_duration", times.total_ns},
                              {"prompt_eval_count", 0}})};
    auto out = beginning(call, model, times.now_ns, {}, Json());
    out["done"] = true;
    out["done_reason"] = call.form == OllamaForm::load ? "load" : "unload";
    return {200, text_of(out)};
}

} // namespace

std::string rfc3339(std::int64_t since_1970_ns) {
    using namespace std::chrono;
    const auto time = sys_time<nanoseconds>(nanoseconds(since_1970_ns));
    const auto day = floor<days>(time);
    const year_month_day date(day);
    const hh_mm_ss<nanoseconds> clock(time - day);
    char text[48];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%09lldZ", int(date.year()),
                  unsigned(date.month()), unsigned(date.day()), int(clock.hours().count()),
                  int(clock.minutes().count()), int(clock.seconds().count()),
                  static_cast<long long>(clock.subseconds().count()));
    return text;
}

bool OllamaToolCalls::take(const Json& calls) {
    if (!calls.is_array()) return false;
    std::size_t place = 0;
    return std::all_of(calls.begin(), calls.end(),
                       [&](const Json& call) { return take_one(call, place++); });
}

bool OllamaToolCalls::take_one(const Json& call, std::size_t place) {
    const auto index =
        static_cast<std::size_t>(count_part(call, "index", static_cast<std::int64_t>(place)));
    if (!call.is_object() || index >= k_calls_max || index > m_calls.size()) return false;
    if (index == m_calls.size()) m_calls.emplace_back();
    const auto& function = part(call, "function");
    const auto name = text_part(function, "name");
    const auto arguments = text_part(function, "arguments");
    m_bytes += name.size() + arguments.size();
    m_calls[index].name += name;
    m_calls[index].arguments += arguments;
    return m_bytes <= k_bytes_max;
}

std::optional<Json> OllamaToolCalls::all(bool cut_off) const {
    auto out = Json::array();
    for (const auto& call : m_calls) {
        auto arguments = call.arguments.empty() ? Json::object() : parsed(call.arguments);
        if (!arguments.is_object()) {
            if (cut_off) continue;
            return std::nullopt;
        }
        out.push_back({{"function", {{"name", call.name}, {"arguments", std::move(arguments)}}}});
    }
    return out;
}

OllamaStream::OllamaStream(const OllamaCall& call, std::string model)
    : m_call(call), m_model(std::move(model)) {}

std::string OllamaStream::feed(std::string_view bytes, const OllamaTimes& times) {
    if (m_ended) return {};
    m_events.feed(bytes);
    std::string lines;
    while (const auto data = m_events.next()) {
        lines += event(*data, times);
        if (m_ended) return lines;
    }
    if (m_events.broken()) lines += fail(k_broken_off); // what the router puts behind an answer
    return lines;
}

std::string OllamaStream::event(const std::string& data, const OllamaTimes& times) {
    if (data == "[DONE]") return last_lines(times);
    const auto json = parsed(data);
    if (is_error(json)) return fail(message_of_error(data));
    if (!json.is_object() || !take(m_call, json, m_progress, m_tools)) return fail(k_unreadable);
    if (m_first_ns == 0) m_first_ns = times.total_ns;
    // POST /completion has no "[DONE]".
    if (m_call.form == OllamaForm::completion && !m_progress.finish.empty())
        return last_lines(times);
    if (m_progress.text.empty() && m_progress.thinking.empty()) return {};
    auto line = text_of(beginning(m_call, m_model, times.now_ns, m_progress, Json())) + "\n";
    m_progress.text.clear();
    m_progress.thinking.clear();
    m_progress.logprobs.clear();
    return line;
}

std::string OllamaStream::last_lines(const OllamaTimes& times) {
    if (m_progress.finish.empty()) return fail(k_broken_off);
    auto calls = m_tools.all(m_progress.finish == "length");
    if (!calls) return fail(k_bad_call);
    m_ended = true;
    std::string lines;
    const bool more = !m_progress.text.empty() || !calls->empty();
    if (more)
        lines =
            text_of(beginning(m_call, m_model, times.now_ns, m_progress, *std::move(calls))) + "\n";
    auto out = beginning(m_call, m_model, times.now_ns, {}, Json());
    end(out, m_progress, m_first_ns - m_progress.prompt_ns, times.total_ns);
    return lines + text_of(out) + "\n";
}

std::string OllamaStream::fail(std::string_view message) {
    m_ended = true;
    m_failed = true;
    return ollama_error(message) + "\n";
}

std::string OllamaStream::finish(bool whole, const OllamaTimes& times) {
    if (m_ended) return {};
    // The end of the last event may be missing, all else not.
    if (whole && !m_events.in_event() && !m_progress.finish.empty()) return last_lines(times);
    return fail(k_broken_off);
}

OllamaAnswer ollama_answer(const OllamaCall& call, std::string_view model, int status,
                           std::string_view body, const OllamaTimes& times) {
    const bool gone = call.form == OllamaForm::unload && status == 400; // it was not loaded
    if (status >= 400 && !gone) return failed(status, message_of_error(body));
    if (call.form == OllamaForm::load || call.form == OllamaForm::unload)
        return without_text(call, model, times);
    const auto json = parsed(body);
    if (is_error(json)) return failed(500, message_of_error(body));
    if (!json.is_object()) return failed(502, k_unreadable);
    return call.form == OllamaForm::embeddings ? vectors(call, model, json, times)
                                               : whole_text(call, model, json, times);
}

std::string ollama_sign(const OllamaCall& call, std::string_view model, std::int64_t now_ns) {
    return text_of(beginning(call, model, now_ns, {}, Json())) + "\n";
}

} // namespace odysseus::proxy
