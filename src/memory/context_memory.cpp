#include "odysseus/memory/context_memory.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace odysseus::memory {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t k_entries_max = 256;
constexpr std::size_t k_text_bytes_max = 4096;
constexpr std::int64_t k_tokens_max = 1 << 24;
constexpr std::int64_t k_clean_runs_to_climb = 3;
constexpr std::int64_t k_doublings_max = 5; // at most 96 runs between two tries
constexpr std::int64_t k_count_max = 1'000'000;

template <class Entries>
[[nodiscard]] auto find_entry(Entries& entries, const HeldKey& key) {
    return std::find_if(entries.begin(), entries.end(),
                        [&key](const HeldContext& held) { return held.key == key; });
}

// More by an eighth, and by half a GiB: what other programs leave varies by less from day to day.
[[nodiscard]] bool is_clearly_more(std::optional<std::int64_t> now_mib,
                                   std::optional<std::int64_t> then_mib) {
    constexpr std::int64_t k_least_mib = 512;
    return now_mib && then_mib && *now_mib - *then_mib >= std::max(k_least_mib, *then_mib / 8);
}

[[nodiscard]] std::int64_t runs_to_climb(const HeldContext& held) {
    return k_clean_runs_to_climb << std::min(held.failed_climbs, k_doublings_max);
}

// What is known after a further launch.
[[nodiscard]] HeldContext learnt(HeldContext held, const Setup& setup,
                                 std::optional<std::int64_t> failed_tokens,
                                 std::optional<std::int64_t> free_mib) {
    const auto tokens = setup.context;
    const bool same_place = setup.placement == held.placement;
    const bool climb_failed = failed_tokens && (*failed_tokens > held.tokens ||
                                                setup.placement.kind != Placement::Kind::gpu);
    const bool climb_held = !failed_tokens && (tokens > held.tokens || !same_place);
    if (!failed_tokens && same_place && tokens < held.tokens)
        return held; // started lower for another reason
    if (!failed_tokens && !climb_held) {
        held.clean_runs = std::min(held.clean_runs + 1, k_count_max);
        return held;
    }
    held.tokens = tokens;
    held.placement = setup.placement;
    held.clean_runs = 0;
    held.free_mib = free_mib;
    if (climb_failed) held.failed_climbs = std::min(held.failed_climbs + 1, k_count_max);
    if (climb_held) held.failed_climbs = 0;
    return held;
}

[[nodiscard]] std::optional<std::int64_t> number(const Json& object, const char* key,
                                                 std::int64_t least, std::int64_t most) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_number_integer()) return std::nullopt;
    if (found->is_number_unsigned() &&
        found->get<std::uint64_t>() > static_cast<std::uint64_t>(most)) {
        return std::nullopt;
    }
    const auto value = found->get<std::int64_t>();
    if (value < least || value > most) return std::nullopt;
    return value;
}

[[nodiscard]] std::optional<std::string> text(const Json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_string()) return std::nullopt;
    auto value = found->get<std::string>();
    if (value.size() > k_text_bytes_max) return std::nullopt;
    return value;
}

[[nodiscard]] Json entry_json(const HeldContext& held) {
    return {{"model", held.key.model},
            {"size_bytes", held.key.size_bytes},
            {"modified_s", held.key.modified_s},
            {"build", held.key.build},
            {"device", held.key.device},
            {"parallel", held.key.parallel},
            {"tokens", held.tokens},
            {"clean_runs", held.clean_runs},
            {"failed_climbs", held.failed_climbs},
            {"free_mib", held.free_mib ? Json(*held.free_mib) : Json()},
            {"placement", placement_name(held.placement.kind)},
            {"blocks", held.placement.blocks},
            {"blocks_total", held.placement.of}};
}

// Files of before have none: all on the GPU.
[[nodiscard]] Placement placement_of(const Json& object) {
    constexpr std::int64_t k_blocks_max = 1024;
    const auto kind = placement_from(text(object, "placement").value_or(""));
    const auto blocks = number(object, "blocks", 0, k_blocks_max);
    const auto total = number(object, "blocks_total", 0, k_blocks_max);
    if (!kind || !blocks || !total || *blocks > *total) return {};
    return {*kind, *blocks, *total};
}

[[nodiscard]] std::optional<HeldContext> entry_from(const Json& object) {
    constexpr auto k_any = std::int64_t{1} << 62;
    if (!object.is_object()) return std::nullopt;
    const auto model = text(object, "model");
    const auto build = text(object, "build");
    const auto device = text(object, "device");
    const auto size = number(object, "size_bytes", 0, k_any);
    const auto modified = number(object, "modified_s", -k_any, k_any);
    const auto parallel = number(object, "parallel", 1, k_count_max);
    const auto tokens = number(object, "tokens", 1, k_tokens_max);
    const auto clean = number(object, "clean_runs", 0, k_count_max);
    const auto climbs = number(object, "failed_climbs", 0, k_count_max);
    if (!model || !build || !device || !size || !modified || !parallel || !tokens || !clean ||
        !climbs) {
        return std::nullopt;
    }
    return HeldContext{{*model, *size, *modified, *build, *device, *parallel},
                       *tokens,
                       *clean,
                       *climbs,
                       number(object, "free_mib", 0, k_any),
                       placement_of(object)};
}

} // namespace

HeldKey held_key(const models::Model& model, std::string_view models_dir, const std::string& build,
                 const hardware::Machine& machine, std::int64_t parallel) {
    std::string_view path = model.path;
    if (!models_dir.empty() && path.starts_with(models_dir) &&
        path.substr(models_dir.size()).starts_with('/')) {
        path.remove_prefix(models_dir.size() + 1);
    }
    return {std::string(path), model.loaded_bytes(), model.modified_s, build, device_text(machine),
            parallel};
}

std::string device_text(const hardware::Machine& machine) {
    const auto mib = [](std::optional<std::int64_t> amount) {
        return amount ? concat(" ", *amount, " MiB") : std::string();
    };
    switch (machine.backend) {
    case Backend::cpu: return "cpu" + mib(machine.ram_mib);
    case Backend::cuda:
    case Backend::rocm:
    case Backend::sycl:
    case Backend::vulkan:
    case Backend::metal: break;
    }
    std::vector<std::string> parts;
    for (const auto& gpu : used_gpus(machine))
        parts.push_back(gpu.name + mib(gpu.total_mib));
    return concat(backend_name(machine.backend), " ", joined(parts, ", "));
}

std::optional<RememberedStart> remembered_start(const ContextMemory& memory, const HeldKey& key,
                                                std::int64_t estimate_tokens,
                                                std::optional<std::int64_t> free_mib) {
    const auto held = find_entry(memory.entries, key);
    if (held == memory.entries.end() || held->tokens >= estimate_tokens) return std::nullopt;
    const bool clean = held->clean_runs >= runs_to_climb(*held);
    const auto above = rung_above(held->tokens);
    if (above && (clean || is_clearly_more(free_mib, held->free_mib))) {
        return RememberedStart{
            std::min(*above, estimate_tokens), true,
            concat(held->tokens, " tokens worked before; the next larger size is tried, ",
                   clean ? concat("after ", held->clean_runs, " runs without trouble")
                         : concat("as ", byte_text((*free_mib) << 20), " are free instead of ",
                                  byte_text((*held->free_mib) << 20)),
                   ".")};
    }
    return RememberedStart{held->tokens, false,
                           concat(held->tokens,
                                  " tokens is what worked here before; the estimate of ",
                                  estimate_tokens, " did not.")};
}

ContextChoice with_memory(ContextChoice estimate, const ContextMemory& memory, const HeldKey& key,
                          std::optional<std::int64_t> free_mib) {
    if (estimate.source == "pinned") return estimate;
    const auto start = remembered_start(memory, key, estimate.tokens, free_mib);
    if (!start) return estimate;
    estimate.tokens = start->tokens;
    estimate.source = "remembered";
    estimate.reason = start->reason;
    return estimate;
}

ModelFit with_memory(const hardware::Machine& machine, const models::Model& model,
                     ModelFit estimate, const ContextMemory& memory, const HeldKey& key,
                     std::optional<std::int64_t> free_mib) {
    const auto held = find_entry(memory.entries, key);
    if (held == memory.entries.end() || held->placement.kind == Placement::Kind::gpu) {
        if (estimate.placement.kind == Placement::Kind::gpu)
            estimate.context = with_memory(estimate.context, memory, key, free_mib);
        return estimate;
    }
    const bool climbs =
        held->clean_runs >= runs_to_climb(*held) || is_clearly_more(free_mib, held->free_mib);
    if (climbs) return estimate;
    estimate.placement = held->placement;
    estimate.fits = Fits::partly;
    estimate.reason = placement_sentence(machine, model, held->placement);
    if (estimate.context.source == "pinned") return estimate;
    estimate.context.tokens = held->tokens;
    estimate.context.source = "remembered";
    estimate.context.reason =
        concat(held->tokens, " tokens is what worked here before: ", estimate.reason);
    return estimate;
}

ContextChoice with_memory(const ContextChoice& estimate, const ContextMemory& memory,
                          const std::vector<HeldKey>& keys, std::optional<std::int64_t> free_mib) {
    auto least = estimate;
    for (const auto& key : keys) {
        const auto choice = with_memory(estimate, memory, key, free_mib);
        if (choice.tokens < least.tokens) least = choice;
    }
    return least;
}

void note_held(ContextMemory& memory, const HeldKey& key, const Setup& setup,
               std::optional<std::int64_t> failed_tokens, std::optional<std::int64_t> free_mib) {
    const auto known = find_entry(memory.entries, key);
    if (known == memory.entries.end() && !failed_tokens) return; // it never ran out of memory
    HeldContext held{key, setup.context, 0, 0, free_mib, setup.placement};
    if (known != memory.entries.end()) {
        held = learnt(*known, setup, failed_tokens, free_mib);
        memory.entries.erase(known);
    }
    // The same file, changed: what was known of it is of no use any more.
    std::erase_if(memory.entries, [&key](const HeldContext& other) {
        return other.key.model == key.model &&
               (other.key.size_bytes != key.size_bytes || other.key.modified_s != key.modified_s);
    });
    memory.entries.push_back(std::move(held));
    if (memory.entries.size() > k_entries_max) memory.entries.erase(memory.entries.begin());
}

std::string memory_json(const ContextMemory& memory) {
    Json entries = Json::array();
    for (const auto& held : memory.entries)
        entries.push_back(entry_json(held));
    const Json whole{{"version", 1}, {"entries", entries}};
    return whole.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<ContextMemory> memory_from_json(std::string_view json) {
    const auto whole = Json::parse(json, nullptr, false);
    if (!whole.is_object() || !number(whole, "version", 1, 1)) return std::nullopt;
    const auto entries = whole.find("entries");
    if (entries == whole.end() || !entries->is_array()) return std::nullopt;
    ContextMemory memory;
    for (const auto& object : *entries) {
        auto held = entry_from(object);
        if (!held || find_entry(memory.entries, held->key) != memory.entries.end()) continue;
        memory.entries.push_back(std::move(*held));
        if (memory.entries.size() == k_entries_max) break;
    }
    return memory;
}

} // namespace odysseus::memory
