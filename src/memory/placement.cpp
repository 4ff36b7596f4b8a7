#include "odysseus/memory/placement.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/memory/compute_buffer.hpp"

#include <algorithm>
#include <array>

namespace odysseus::memory {
namespace {

using Kind = Placement::Kind;

constexpr std::int64_t k_mib = std::int64_t{1} << 20;
constexpr std::int64_t k_gib = std::int64_t{1} << 30;
// Of each GPU: buffers for computing, and what its driver takes. A small one has small models.
constexpr std::int64_t k_spare = 512 * k_mib;
constexpr std::int64_t k_spare_share = 4;
constexpr std::int64_t k_ram_spare = k_gib;
constexpr std::int64_t k_least_context = k_ladder.back();
constexpr std::int64_t k_usual_context = 4096;
constexpr std::int64_t k_good_context = 8192;
// A larger context may cost one of so many blocks.
constexpr std::int64_t k_blocks_for_context = 10;
// After a failure so many of the blocks more.
constexpr std::int64_t k_step_share = 8;
// Loads that may fail, the last of them on the CPU alone: each may take as long as a whole load.
constexpr std::size_t k_loads_max = 4;

constexpr std::array<std::string_view, 5> k_names{"gpu", "experts", "feed_forward", "blocks",
                                                  "cpu"};

// Bytes of a model by place. The table is stretched to the size of the file: it need not know all.
class Division {
  public:
    explicit Division(const models::Model& model) : m_model(model) {
        const auto known = model.weights ? model.weights->total() : 0;
        if (known > 0) m_scale = static_cast<double>(model.size_bytes) / static_cast<double>(known);
    }

    [[nodiscard]] std::int64_t blocks() const {
        return m_model.weights ? static_cast<std::int64_t>(m_model.weights->blocks.size()) : 0;
    }
    [[nodiscard]] bool has_experts() const {
        return m_model.weights && m_model.weights->has_experts();
    }

    // Weights that lie on the GPU.
    [[nodiscard]] std::int64_t on_gpu(const Placement& placement) const {
        if (placement.kind == Kind::cpu) return 0;
        if (!m_model.weights) return m_model.loaded_bytes();
        const auto& weights = *m_model.weights;
        double bytes = static_cast<double>(weights.output);
        if (!weights.has_output) bytes += static_cast<double>(weights.embedding);
        for (std::int64_t i = 0; i < blocks(); ++i)
            bytes += static_cast<double>(block_on_gpu(placement, i));
        return static_cast<std::int64_t>(bytes * m_scale) + m_model.mmproj_bytes;
    }
    [[nodiscard]] std::int64_t in_ram(const Placement& placement) const {
        if (placement.kind == Kind::cpu) return m_model.loaded_bytes();
        if (!m_model.weights) return 0;
        std::int64_t moved = m_model.weights->embedding;
        for (std::int64_t i = 0; i < blocks(); ++i)
            moved += block(i).total() - block_on_gpu(placement, i);
        return static_cast<std::int64_t>(static_cast<double>(moved) * m_scale);
    }

  private:
    [[nodiscard]] const models::BlockWeights& block(std::int64_t number) const {
        return m_model.weights->blocks[static_cast<std::size_t>(number)];
    }
    [[nodiscard]] std::int64_t block_on_gpu(const Placement& placement, std::int64_t number) const {
        const auto& bytes = block(number);
        const bool moved = number >= blocks() - placement.blocks;
        switch (placement.kind) {
        case Kind::gpu: return bytes.total();
        case Kind::experts: return bytes.total() - (moved ? bytes.experts : 0);
        case Kind::feed_forward: return bytes.rest + (moved ? 0 : bytes.feed_forward);
        case Kind::blocks:
        case Kind::cpu: return 0;
        }
        return bytes.total();
    }

    const models::Model& m_model;
    double m_scale = 1;
};

// All placements of a model, from the whole on the GPU to nothing on it.
[[nodiscard]] std::vector<Placement> ways_of(const Division& division) {
    const auto blocks = division.blocks();
    std::vector<Placement> ways{{Kind::gpu, 0, blocks}};
    const auto add = [&](Kind kind) {
        for (std::int64_t k = 1; k <= blocks; ++k)
            ways.push_back({kind, k, blocks});
    };
    if (division.has_experts()) add(Kind::experts);
    add(Kind::feed_forward);
    if (blocks > 0) ways.push_back({Kind::blocks, blocks, blocks});
    ways.push_back({Kind::cpu, blocks, blocks});
    return ways;
}

// How far down `ways` a placement is: its cost, and what the next one is found by.
using Ways = std::vector<Placement>;

[[nodiscard]] std::size_t place_of(const Ways& ways, const Placement& placement) {
    const auto found = std::find_if(ways.begin(), ways.end(), [&](const Placement& way) {
        return way.kind == placement.kind && way.blocks >= placement.blocks;
    });
    return found == ways.end() ? ways.size() - 1 : static_cast<std::size_t>(found - ways.begin());
}

class Planner {
  public:
    Planner(const hardware::Machine& machine, const DeviceRoom& room, const models::Model& model,
            const ContextWish& wish)
        : m_machine(machine), m_room(room), m_model(model), m_wish(wish), m_division(model),
          m_ways(ways_of(m_division)) {}

    [[nodiscard]] const Ways& ways() const { return m_ways; }
    [[nodiscard]] const Division& division() const { return m_division; }

    // The first way that leaves enough on the GPU for this context.
    [[nodiscard]] std::size_t first_way(std::int64_t context) const {
        const auto spare = std::min(k_spare, m_room.total / m_room.devices / k_spare_share);
        const auto budget = std::min(m_room.total, m_room.free) - spare * m_room.devices -
                            context_bytes(m_model, m_wish, context);
        const auto found = std::find_if(m_ways.begin(), m_ways.end(), [&](const Placement& way) {
            return way.kind == Kind::cpu || m_division.on_gpu(way) <= budget;
        });
        return static_cast<std::size_t>(found - m_ways.begin());
    }

    // The context that a user would take, and the way that goes with it.
    [[nodiscard]] Setup best() const {
        if (m_wish.pinned) return {*m_wish.pinned, m_ways[first_way(*m_wish.pinned)]};
        const auto least = first_way(k_least_context);
        if (m_ways[least].kind == Kind::cpu) return on_cpu();
        for (const auto context : {k_good_context, k_usual_context}) {
            const auto way = first_way(context);
            const auto most =
                context == k_good_context
                    ? least + static_cast<std::size_t>(m_division.blocks() / k_blocks_for_context)
                    : m_ways.size() - 2; // all but the CPU alone
            const Setup setup{context, m_ways[way]};
            if (way <= most && is_needed(context) && ram_holds(setup)) return setup;
        }
        return {k_least_context, m_ways[least]};
    }
    // The same with at least so much in RAM.
    [[nodiscard]] Setup best_below(std::size_t way) const {
        auto setup = best();
        if (place_of(m_ways, setup.placement) < way) setup.placement = m_ways[way];
        if (setup.placement.kind == Kind::cpu) return on_cpu();
        return setup;
    }
    [[nodiscard]] Setup on_cpu() const {
        auto machine = m_machine;
        machine.backend = Backend::cpu;
        machine.ram_mib = ram_free() ? *ram_free() / k_mib : machine.ram_mib;
        return {choose_auto_context(machine, &m_model, m_wish).tokens, m_ways.back()};
    }

    // What must be free in RAM.
    [[nodiscard]] std::int64_t ram_need(const Setup& setup) const {
        auto bytes = m_division.in_ram(setup.placement) + k_ram_spare;
        const bool all = setup.placement.kind == Kind::cpu || m_room.is_ram;
        if (m_room.is_ram) bytes = m_model.loaded_bytes() + k_ram_spare;
        if (all) bytes += context_bytes(m_model, m_wish, setup.context);
        return bytes;
    }
    [[nodiscard]] std::optional<std::int64_t> ram_free() const {
        const auto mib =
            m_machine.available_ram_mib ? m_machine.available_ram_mib : m_machine.ram_mib;
        return mib ? std::optional(*mib * k_mib) : std::nullopt;
    }
    [[nodiscard]] bool ram_holds(const Setup& setup) const {
        return !ram_free() || ram_need(setup) <= *ram_free();
    }

  private:
    // Whether the model was trained for more than the rung below.
    [[nodiscard]] bool is_needed(std::int64_t context) const {
        const auto below = rung_below(context);
        return !m_model.trained_context || !below || *m_model.trained_context > *below;
    }

    const hardware::Machine& m_machine;
    const DeviceRoom& m_room;
    const models::Model& m_model;
    const ContextWish& m_wish;
    Division m_division;
    Ways m_ways;
};

// Below `began`: what should hold, an eighth of the blocks more, all feed-forward weights, all
// blocks.
[[nodiscard]] std::vector<std::size_t> ways_below(const Planner& planner, std::size_t began) {
    const auto& ways = planner.ways();
    const auto last = ways.size() - 1;
    const auto more = static_cast<std::size_t>(
        std::max<std::int64_t>(planner.division().blocks() / k_step_share, 1));
    const auto planned = place_of(ways, planner.best().placement);
    const auto all_forward = place_of(
        ways, {Kind::feed_forward, planner.division().blocks(), planner.division().blocks()});
    std::vector<std::size_t> below;
    auto lowest = began;
    for (const auto way : {planned, std::max(planned, began) + more, all_forward, last - 1}) {
        if (way <= lowest || way >= last) continue;
        lowest = way;
        below.push_back(way);
    }
    return below;
}

[[nodiscard]] std::string what_is_in_ram(const Placement& placement, bool has_experts) {
    const auto share = placement.blocks == placement.of
                           ? concat("all ", placement.of, " layers")
                           : concat(placement.blocks, " of ", placement.of, " layers");
    switch (placement.kind) {
    case Kind::gpu: return "all of it is on the GPU";
    case Kind::experts: return concat("the experts of ", share, " are in RAM; slower");
    case Kind::feed_forward:
        return concat(has_experts ? "all experts and " : "", "the feed-forward weights of ", share,
                      " are in RAM; several times slower");
    case Kind::blocks:
        return "all layers are in RAM, the cache is on the GPU; several times slower";
    case Kind::cpu: return "it runs on the CPU alone; many times slower";
    }
    return "";
}

[[nodiscard]] std::string gpu_text(const hardware::Machine& machine, const DeviceRoom& room) {
    const auto gpus = used_gpus(machine);
    const bool tells_free = std::all_of(gpus.begin(), gpus.end(), [](const hardware::Gpu& gpu) {
        return gpu.free_mib.has_value();
    });
    return concat(room.devices == 1 ? "the GPU (" : "the GPUs (",
                  byte_text(std::min(room.free, room.total)), tells_free ? " free)" : ")");
}

} // namespace

std::string_view placement_name(Placement::Kind kind) {
    return k_names[static_cast<std::size_t>(kind)];
}

std::optional<Placement::Kind> placement_from(std::string_view name) {
    const auto found = std::find(k_names.begin(), k_names.end(), name);
    if (found == k_names.end()) return std::nullopt;
    return static_cast<Kind>(found - k_names.begin());
}

std::string_view fits_name(Fits fits) {
    return fits == Fits::yes ? "yes" : fits == Fits::partly ? "partly" : "no";
}

std::string override_tensor(const Placement& placement, const models::Model& model) {
    std::vector<std::string> numbers;
    for (auto block = placement.of - placement.blocks; block < placement.of; ++block)
        numbers.push_back(std::to_string(block));
    const auto last = concat("blk\\.(", joined(numbers, "|"), ")\\.");
    // llama.cpp's own words for --n-cpu-moe.
    constexpr std::string_view k_experts = "ffn_(up|down|gate|gate_up)_(ch|)exps";
    switch (placement.kind) {
    case Kind::gpu:
    case Kind::cpu: return "";
    case Kind::experts: return concat(last, k_experts, "=CPU");
    case Kind::feed_forward: {
        const bool experts = model.weights && model.weights->has_experts();
        return concat(experts ? concat("blk\\.[0-9]+\\.", k_experts, "=CPU,") : "", last,
                      "ffn_.*=CPU");
    }
    case Kind::blocks: return "blk\\..*=CPU";
    }
    return "";
}

std::optional<DeviceRoom> device_room(const hardware::Machine& machine) {
    if (machine.backend == Backend::cpu) return std::nullopt;
    DeviceRoom room;
    bool own_memory = false;
    for (const auto& gpu : used_gpus(machine)) {
        const auto total = gpu.total_mib ? gpu.total_mib : gpu.free_mib;
        if (!total) continue;
        room.total += *total * k_mib;
        room.free += gpu.free_mib.value_or(*total) * k_mib;
        ++room.devices;
        own_memory = own_memory || !gpu.unified_memory.value_or(false);
    }
    room.is_ram = !own_memory;
    return room.devices > 0 ? std::optional(room) : std::nullopt;
}

std::optional<PlacedModel> needed_placement(const hardware::Machine& machine,
                                            const models::Model& model, const ContextWish& wish) {
    const auto room = device_room(machine);
    if (!room) return std::nullopt;
    const Planner planner(machine, *room, model, wish);
    const auto tokens = std::min(wish.pinned.value_or(k_least_context), k_least_context);
    auto least = context_bytes(model, wish, tokens);
    if (wish.buffers_known && model.compute) {
        auto compute = *model.compute;
        compute.fused_attention = true; // some backends fuse more than all do
        least += compute_bytes(compute, tokens * std::max<std::int64_t>(wish.parallel, 1));
    }
    if (planner.division().on_gpu({}) + least <= room->total) return std::nullopt;
    PlacedModel placed;
    placed.setup = planner.best();
    if (!planner.ram_holds(placed.setup)) placed.fits = Fits::no;
    placed.ram_bytes = planner.ram_need(placed.setup);
    placed.reason = placed.fits == Fits::partly
                        ? placement_sentence(machine, model, placed.setup.placement)
                        : concat("model '", model.id,
                                 "' does not fit in memory: ", memory_figures(machine, model), "; ",
                                 byte_text(placed.ram_bytes),
                                 " of RAM would be needed beside the GPU. Use a smaller or more "
                                 "strongly quantised model, or close programs that use memory");
    return placed;
}

std::vector<Setup> placements_below(const hardware::Machine& machine, const models::Model& model,
                                    const ContextWish& wish, const Setup& failed, bool race) {
    const auto room = device_room(machine);
    if (!room) return {};
    const Planner planner(machine, *room, model, wish);
    const auto began = place_of(planner.ways(), failed.placement);
    if (began + 1 == planner.ways().size()) return {}; // it was on the CPU
    std::vector<Setup> steps;
    if (race) steps.push_back(failed);
    for (const auto way : ways_below(planner, began)) {
        const auto setup = planner.best_below(way);
        if (steps.size() + 1 == k_loads_max) break;
        if (setup.placement.kind != Kind::cpu && planner.ram_holds(setup)) steps.push_back(setup);
    }
    if (planner.ram_holds(planner.on_cpu())) steps.push_back(planner.on_cpu());
    return steps;
}

std::int64_t ram_bytes(const hardware::Machine& machine, const models::Model& model,
                       const ContextWish& wish, const Setup& setup) {
    const auto room = device_room(machine);
    const bool all = machine.backend == Backend::cpu || setup.placement.kind == Kind::cpu ||
                     (room && room->is_ram);
    if (!all) return Division(model).in_ram(setup.placement);
    return model.loaded_bytes() + context_bytes(model, wish, setup.context);
}

std::string ram_sentence(const Placement& placement, const models::Model& model) {
    if (placement.kind == Kind::gpu) return "";
    return what_is_in_ram(placement, model.weights && model.weights->has_experts());
}

std::string placement_sentence(const hardware::Machine& machine, const models::Model& model,
                               const Placement& placement) {
    const auto room = device_room(machine);
    const bool has_experts = model.weights && model.weights->has_experts();
    auto text = concat(model.id, " (", byte_text(model.loaded_bytes()), ")",
                       room ? concat(model.loaded_bytes() > std::min(room->free, room->total)
                                         ? " is larger than "
                                         : " with its cache does not fit ",
                                     gpu_text(machine, *room))
                            : "",
                       ": ", what_is_in_ram(placement, has_experts), ".");
    if (const auto whole = model_room(machine).fast; whole && *whole > 0)
        text += concat(" A model of at most ", byte_text(*whole), " would run wholly on the GPU.");
    return text;
}

std::string memory_figures(const hardware::Machine& machine, const models::Model& model) {
    auto text = concat("its weights are ", byte_text(model.loaded_bytes()));
    const auto room = device_room(machine);
    if (room) text += concat(", ", gpu_text(machine, *room));
    const auto ram = machine.available_ram_mib ? machine.available_ram_mib : machine.ram_mib;
    if (ram)
        text += concat(room ? " and the machine (" : ", the machine (", byte_text(*ram * k_mib),
                       " of RAM free)");
    return text;
}

} // namespace odysseus::memory
