#include "findings.hpp"

#include "findings_settings.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/builds/asset_choice.hpp"
#include "odysseus/builds/known_builds.hpp"
#include "odysseus/builds/runtime_fit.hpp"
#include "odysseus/download/url.hpp"
#include "odysseus/memory/context_choice.hpp"
#include "odysseus/models/hub_listing.hpp"

#include <algorithm>

namespace odysseus::commands {
namespace {

// docs/manual.md, "Exit codes"; decisions know no Fault.
constexpr int k_exit_usage = 2;
constexpr int k_exit_no_build = 3;
constexpr int k_exit_network = 4;
constexpr int k_exit_integrity = 5;
constexpr int k_exit_busy = 7;

constexpr std::int64_t k_mib = std::int64_t{1} << 20;
constexpr std::int64_t k_space_least_bytes = std::int64_t{200} * k_mib;      // a build, unpacked
constexpr std::int64_t k_space_easy_bytes = std::int64_t{5} * (k_mib << 10); // a build and a model
// No certificate of today was valid when this was written: 2026-11-01.
constexpr std::int64_t k_clock_least_s = 1'793'491'200;
constexpr std::int64_t k_clock_off_s = 300;

using Findings = std::vector<Finding>;

void add(Findings& findings, Severity severity, const char* code, std::string what,
         std::string remedy, int exit_code = 0) {
    findings.push_back({severity, code, std::move(what), std::move(remedy), exit_code});
}

std::string gpu_name(const hardware::Gpu& gpu) {
    return gpu.name.empty() ? "a GPU" : gpu.name;
}

const char* backend_word(Backend backend) {
    switch (backend) {
    case Backend::cuda: return "CUDA";
    case Backend::rocm: return "ROCm";
    case Backend::sycl: return "SYCL";
    case Backend::vulkan: return "Vulkan";
    case Backend::metal: return "Metal";
    case Backend::cpu: return "the CPU";
    }
    return "";
}

void look_at_home(const DoctorFacts& facts, Findings& findings) {
    if (!facts.home_trouble.empty()) {
        add(findings, Severity::blocks, "home_read_only",
            concat("Nothing can be written in ", facts.home, ": ", facts.home_trouble, "."),
            "Make it writable for you, or name another folder with --home DIR (or ODYSSEUS_HOME).",
            k_exit_usage);
        return;
    }
    if (!facts.links) {
        add(findings, Severity::notes, "no_links",
            concat(facts.home, " is on a file system without links (FAT or exFAT)."),
            "An archive's links become copies there, which take a little more room.");
    }
}

void look_at_space(const DoctorFacts& facts, Findings& findings) {
    if (!facts.free_bytes) return;
    const auto free = *facts.free_bytes;
    const auto what =
        concat("Only ", byte_text(free), " are free where the models are (", facts.models_dir, ")");
    if (free < k_space_least_bytes && !facts.build) {
        add(findings, Severity::blocks, "no_space", concat(what, "; a llama.cpp build needs more."),
            "Make room, or use a folder on another disk: --home DIR.", k_exit_network);
    } else if (free < k_space_least_bytes || (free < k_space_easy_bytes && facts.models.empty())) {
        add(findings, Severity::warns, "little_space",
            concat(what, "; most models take 1 to 8 GiB."),
            "Make room, or keep the models on another disk: --models-dir DIR.");
    }
}

// The CUDA release that the public builds of this system begin with (facts of the releases' names).
builds::AssetName oldest_cuda_build(const hardware::Machine& machine) {
    builds::AssetName name;
    name.os = machine.os;
    name.arch = machine.arch;
    name.backend = Backend::cuda;
    name.version =
        machine.os == hardware::Os::windows ? DottedVersion{12, 4} : DottedVersion{12, 8};
    return name;
}

void look_at_driver(const DoctorFacts& facts, Findings& findings) {
    const auto& machine = facts.machine;
    const bool nvidia =
        std::any_of(machine.gpus.begin(), machine.gpus.end(), [](const hardware::Gpu& gpu) {
            return gpu.vendor == hardware::Vendor::nvidia;
        });
    if (!nvidia || facts.device == Backend::cpu) return;
    const auto fit = builds::cuda_fit(machine, oldest_cuda_build(machine));
    if (fit.fits != builds::Fits::no) return;
    add(findings, Severity::warns, "old_driver",
        concat("llama.cpp's CUDA builds do not run on this NVIDIA GPU: ", fit.why, "."),
        "Install a newer NVIDIA driver (570 or newer runs all of today's builds), or use "
        "--device vulkan.");
}

void look_at_gpus(const DoctorFacts& facts, Findings& findings) {
    const auto& machine = facts.machine;
    if (facts.device == Backend::cpu || machine.gpus.empty()) return;
    const auto& gpu = machine.gpus.front();
    const auto backend = facts.build ? facts.build->backend : machine.backend;
    if (backend == Backend::cpu) {
        // A graphics unit beside the processor brings little: nothing to warn of.
        const bool worthwhile =
            gpu.vendor != hardware::Vendor::intel && gpu.vendor != hardware::Vendor::other;
        add(findings, worthwhile ? Severity::warns : Severity::notes, "gpu_not_used",
            concat(gpu_name(gpu), " is not used: ",
                   facts.build ? concat("the build ", facts.build->name, " is for the CPU.")
                               : "no usable GPU was detected."),
            facts.build && facts.build->given
                ? "Name a llama-server that was built for this GPU with --llama-server."
                : "Install the GPU's driver, then: odysseus backend install; or choose the build "
                  "with --device cuda, rocm, sycl or vulkan.");
        return;
    }
    if (facts.build && facts.build->runs && facts.build->sees_gpu == false) {
        add(findings, Severity::warns, "gpu_not_seen",
            concat("The build ", facts.build->name, " is for ", backend_word(backend),
                   ", but finds no GPU: it will run on the CPU."),
            "Update the GPU's driver; in a container, pass the GPU through; else choose another "
            "build with --device.");
    }
}

void look_at_libc(const DoctorFacts& facts, Findings& findings) {
    if (facts.build) return; // what runs here is the proof
    builds::AssetName name;
    name.os = facts.machine.os;
    name.arch = facts.machine.arch;
    name.backend = facts.machine.backend;
    const auto obstacle = builds::libc_obstacle(facts.machine, name);
    if (!obstacle) return;
    add(findings, Severity::blocks, "old_libc",
        concat("The public llama.cpp builds do not run on this system: ", *obstacle, "."),
        "Use a newer system, or bring a build that carries its own C library: odysseus backend "
        "import FILE (scripts/debian-llama-server makes one).",
        k_exit_no_build);
}

// What the check knows, else what the system's own words mean.
std::string remedy_of_trouble(const BuildFact& build) {
    if (!build.remedy.empty()) return build.remedy;
    const auto low = lowered(build.trouble);
    const auto has = [&](const char* words) { return low.find(words) != std::string::npos; };
    if (has("libcud") || has("libcublas")) {
        return "CUDA's libraries are missing beside it: odysseus backend install fetches them.";
    }
    if (has("illegal instruction") || has("signal 4")) {
        return "This processor lacks instructions that it uses: install a build for an older one.";
    }
    if (has("permission denied")) {
        return "Its folder may be on a disk that runs no programs (mounted noexec), or the file is "
               "not executable: use another folder with --home.";
    }
    return build.given ? "Name another one with --llama-server, or leave that out to use an "
                         "installed build."
                       : "Install another one: odysseus backend install, or go back: odysseus "
                         "backend rollback.";
}

void look_at_build(const DoctorFacts& facts, Findings& findings) {
    if (!facts.build) {
        const bool can_fetch = !facts.offline;
        for (const auto& host : facts.hosts) {
            if (!host.models && !host.reached) return; // that finding says it all
        }
        add(findings, can_fetch ? Severity::notes : Severity::blocks, "no_build",
            concat("No llama.cpp build is installed yet",
                   can_fetch ? "; the first start fetches one."
                             : ", and --offline forbids fetching one."),
            can_fetch ? "" : "Start once with the network, or: odysseus backend import FILE.",
            can_fetch ? 0 : k_exit_no_build);
        return;
    }
    if (const auto& differences = facts.build->differences; !differences.empty()) {
        const auto more = differences.size() - 1;
        add(findings, Severity::warns, "build_changed",
            concat("The build ", facts.build->name, " is not as it was installed: ",
                   differences.front(), more > 0 ? concat(" (and ", more, " more)") : "", "."),
            concat("Install it anew: odysseus backend ",
                   facts.build->imported ? "import FILE" : concat("install ", facts.build->tag),
                   ". If files change by themselves, the disk is failing."));
    }
    if (const auto fault = builds::known_fault(facts.build->tag, facts.machine)) {
        const bool insecure = fault->kind == builds::KnownFault::Kind::insecure;
        add(findings, Severity::warns, insecure ? "insecure_build" : "known_bad_build",
            concat(builds::fault_sentence(facts.build->tag, *fault), "."),
            facts.build->given ? "Name a newer one with --llama-server, or leave that out."
                               : "Take a newer one: odysseus backend update.");
    }
    if (!facts.build->better.empty())
        add(findings, Severity::warns, "better_build", concat(facts.build->better, "."),
            "odysseus backend rollback goes back if it does not hold.");
    if (facts.build->runs) return;
    add(findings, Severity::blocks, "build_does_not_run",
        concat("llama-server (", facts.build->name, ") does not run: ", facts.build->trouble, "."),
        remedy_of_trouble(*facts.build), k_exit_integrity);
}

constexpr const char* k_smaller_model = "Use a smaller quantisation (odysseus pull ORG/REPO "
                                        "chooses one that fits), or a smaller model.";

void look_at_models(const DoctorFacts& facts, Findings& findings) {
    for (const auto& sentence : facts.model_findings) {
        const bool says_all = sentence.find("download it again") != std::string::npos ||
                              sentence.find("take its variant") != std::string::npos;
        add(findings, Severity::warns, "models_folder", sentence,
            says_all ? "" : "Download it again (odysseus pull NAME), or delete it.");
    }
    if (facts.models.empty()) {
        add(findings, Severity::notes, "no_model",
            concat("There is no model in ", facts.models_dir, "."),
            "Get one on odysseus's page, or: odysseus pull unsloth/Qwen3-4B-Instruct-2507-GGUF. "
            "Until "
            "then a toy answers with random words.");
    }
    auto machine = facts.machine;
    if (facts.build) machine.backend = facts.build->backend; // whose memory counts
    const auto room = memory::model_room(machine);
    for (const auto& model : facts.models) {
        const auto how = models::fits_in(room, model.loaded_bytes());
        if (how == models::Fits::yes) continue;
        const auto size = byte_text(model.loaded_bytes());
        if (how == models::Fits::partly) {
            add(findings, Severity::notes, "model_partly_in_ram",
                concat(model.id, " takes ", size, ", and the GPU has ", byte_text(*room.fast),
                       " for a model: a part of it lies in RAM, which is several times slower."),
                k_smaller_model);
        } else {
            add(findings, Severity::warns, "model_too_large",
                concat(model.id, " takes ", size, ", but this machine has ",
                       byte_text(*room.fast + room.ram), " for a model: it will not load."),
                k_smaller_model);
        }
    }
}

void look_for_another(const DoctorFacts& facts, Findings& findings) {
    if (!facts.running) return;
    const auto& [pid, url] = *facts.running;
    add(findings, Severity::notes, "already_running",
        concat("odysseus runs in this HOME already", pid != 0 ? concat(" (process ", pid, ")") : "",
               url.empty() ? "" : concat(": ", url, "/odysseus"), "."),
        "");
}

void look_at_ports(const DoctorFacts& facts, Findings& findings) {
    look_for_another(facts, findings);
    for (const auto& port : facts.ports) {
        if (port.is_free || port.ours) continue;
        std::string by = port.owner_name.empty() ? "another program" : port.owner_name;
        if (port.owner_pid) by += concat(" (process ", *port.owner_pid, ")");
        const auto what = concat("Port ", port.port, " is taken by ", by);
        if (port.asked_for) {
            add(findings, Severity::blocks, "port_taken", what + ".",
                concat("Stop that program, or choose another port with ", port.setting, " N."),
                k_exit_busy);
        } else {
            add(findings, Severity::notes, "port_taken",
                concat(what, "; the next free port is taken instead."),
                concat("To always use the same port, name one with ", port.setting, " N."));
        }
    }
}

void look_at_hosts(const DoctorFacts& facts, Findings& findings) {
    for (const auto& host : facts.hosts) {
        if (host.reached) continue;
        const bool needed = host.models ? facts.models.empty() : !facts.build;
        const auto severity = !needed       ? Severity::notes
                              : host.models ? Severity::warns
                                            : Severity::blocks;
        add(findings, severity, "host_unreachable",
            concat(host.url, " (", host.what, ") cannot be reached: ", host.why, "."),
            needed ? concat("Check the network and the proxy variables, or name a mirror with ",
                            host.setting,
                            host.models ? "; a GGUF file can also be copied into the models folder."
                                        : "; or bring a build: odysseus backend import FILE.")
                   : "Only downloads need it; what is installed works.",
            severity == Severity::blocks ? k_exit_network : 0);
    }
}

// What libcurl takes: an address, or HOST:PORT; schemes of proxies besides http.
std::optional<download::Url> proxy_address(std::string text) {
    for (const char* scheme : {"socks4://", "socks4a://", "socks5://", "socks5h://"}) {
        if (lowered(text).starts_with(scheme)) {
            text = concat("http://", text.substr(std::string_view(scheme).size()));
        }
    }
    if (text.find("://") == std::string::npos) text.insert(0, "http://");
    return download::parsed_url(text);
}

bool covers_loopback(std::string_view no_proxy) {
    for (const auto part : split(no_proxy, ',')) {
        const auto name = trimmed(part);
        if (name == "*" || name == "127.0.0.1" || name.starts_with("127.")) return true;
    }
    return false;
}

void look_at_proxies(const DoctorFacts& facts, Findings& findings) {
    bool plain_http = false;
    for (const auto& proxy : facts.proxies) {
        const auto address = proxy_address(proxy.value);
        if (!address) {
            add(findings, Severity::warns, "proxy_malformed",
                concat(proxy.variable, " is set, but is no address of a proxy."),
                concat("Set it like http://proxy.example:3128, or unset ", proxy.variable, "."));
            continue;
        }
        plain_http = plain_http || lowered(proxy.variable) != "https_proxy";
        add(findings, Severity::notes, "proxy",
            concat("Downloads go through the proxy ", address->host, ":", address->port, " (",
                   proxy.variable, ")."),
            "");
    }
    if (plain_http && !covers_loopback(facts.no_proxy)) {
        add(findings, Severity::warns, "proxy_for_loopback",
            "A proxy is set for plain http, and NO_PROXY does not except this machine: many "
            "clients "
            "will ask the proxy for http://127.0.0.1.",
            "Set NO_PROXY=127.0.0.1,localhost where the clients run.");
    }
}

void look_at_clock(const DoctorFacts& facts, Findings& findings) {
    const auto remedy =
        "Set the clock (on Linux: timedatectl set-ntp true): certificates are judged by it, and "
        "downloads fail when it is wrong.";
    if (facts.now_s > 0 && facts.now_s < k_clock_least_s) {
        add(findings, Severity::warns, "clock",
            "This machine's clock is set to a day before this program was written.", remedy);
        return;
    }
    if (!facts.server_now_s) return;
    const auto off = facts.now_s - *facts.server_now_s;
    if (std::abs(off) <= k_clock_off_s) return;
    add(findings, Severity::warns, "clock",
        concat("This machine's clock is ", std::abs(off) / 60, " minutes ",
               off < 0 ? "slow" : "fast", "."),
        remedy);
}

void look_at_notes(const DoctorFacts& facts, Findings& findings) {
    for (const auto& note : facts.machine.notes)
        add(findings, Severity::notes, "hardware", note, "");
}

} // namespace

std::vector<Finding> findings_of(const DoctorFacts& facts) {
    Findings findings;
    for (const auto look :
         {look_at_home, look_at_space, look_at_settings, look_at_llama_config, look_at_clock,
          look_at_proxies, look_at_hosts, look_at_peers, look_at_worker, look_at_libc,
          look_at_build, look_at_driver, look_at_gpus, look_at_notes, look_at_models,
          look_at_threads, look_at_ports, look_at_leftovers}) {
        look(facts, findings);
    }
    std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
        return static_cast<int>(a.severity) < static_cast<int>(b.severity);
    });
    return findings;
}

int doctor_exit_code(const std::vector<Finding>& findings) {
    if (findings.empty() || findings.front().severity != Severity::blocks) return 0;
    return findings.front().exit_code;
}

} // namespace odysseus::commands
