#include "commands/findings.hpp"

#include "odysseus/base/text.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <nlohmann/json.hpp>

using namespace odysseus;
using namespace odysseus::commands;

namespace {

constexpr std::int64_t k_gib = std::int64_t{1} << 30;
constexpr std::int64_t k_now_s = 1'800'000'000; // January 2027

models::Model model_of(const char* id, std::int64_t bytes) {
    models::Model model;
    model.id = id;
    model.size_bytes = bytes;
    return model;
}

hardware::Gpu nvidia(const char* driver, const char* capability) {
    hardware::Gpu gpu;
    gpu.vendor = hardware::Vendor::nvidia;
    gpu.name = "NVIDIA GeForce RTX 4090";
    gpu.total_mib = 24576;
    gpu.free_mib = 23000;
    gpu.driver = driver;
    gpu.compute_capability = capability;
    return gpu;
}

// A machine where everything is as it should be.
DoctorFacts healthy() {
    DoctorFacts facts;
    facts.machine.ram_mib = 32 * 1024;
    facts.machine.glibc = "2.39";
    facts.home = "/h";
    facts.models_dir = "/h/models";
    facts.free_bytes = 100 * k_gib;
    facts.build = BuildFact{"b11160-cpu", false, Backend::cpu, true, "", std::nullopt};
    facts.models = {model_of("m", 4 * k_gib)};
    facts.ports = {{8080, "--port", false, true, std::nullopt, "", false},
                   {10086, "--llama-port", false, true, std::nullopt, "", false}};
    facts.hosts = {{"the release host", "https://api.github.com", "--github-api", true, "", false},
                   {"the model host", "https://huggingface.co", "--hf-endpoint", true, "", true}};
    facts.now_s = k_now_s;
    facts.server_now_s = k_now_s + 20;
    return facts;
}

DoctorFacts with_gpu() {
    auto facts = healthy();
    facts.machine.backend = Backend::cuda;
    facts.machine.gpus = {nvidia("580.65.06", "8.9")};
    facts.build = BuildFact{"b11160-cuda-13.4", false, Backend::cuda, true, "", true};
    return facts;
}

const Finding* find(const std::vector<Finding>& findings, std::string_view code) {
    for (const auto& finding : findings) {
        if (finding.code == code) return &finding;
    }
    return nullptr;
}

} // namespace

TEST_CASE("findings: nothing is wrong where nothing is wrong") {
    for (const auto& facts : {healthy(), with_gpu()}) {
        const auto findings = findings_of(facts);
        INFO(findings_text(findings));
        CHECK(findings.empty());
        CHECK(doctor_exit_code(findings) == 0);
    }
    CHECK(findings_text({}) == "Nothing wrong was found.\n");
}

TEST_CASE("findings: each with its severity, its words and its remedy") {
    struct Row {
        const char* code;
        Severity severity;
        int exit_code;
        const char* what;
        const char* remedy;
        std::function<void(DoctorFacts&)> change;
        bool gpu = false;
    };
    const auto taken = [](bool asked, bool ours) {
        return [=](DoctorFacts& f) {
            f.ports[0] = {8080, "--port", asked, false, 812, "nginx", ours};
        };
    };
    const auto blocks = Severity::blocks;
    const auto warns = Severity::warns;
    const auto notes = Severity::notes;
    const Row rows[] = {
        {"home_read_only", blocks, 2, "Nothing can be written in /h: Read-only file system",
         "--home", [](auto& f) { f.home_trouble = "Read-only file system"; }},
        {"no_links", notes, 0, "without links (FAT or exFAT)", "copies",
         [](auto& f) { f.links = false; }},
        {"no_space", blocks, 4, "Only 100.0 MiB are free", "--home",
         [](auto& f) {
             f.free_bytes = 100 * 1024 * 1024;
             f.build.reset();
         }},
        {"little_space", warns, 0, "Only 100.0 MiB", "--models-dir",
         [](auto& f) { f.free_bytes = 100 * 1024 * 1024; }},
        {"little_space", warns, 0, "Only 2.0 GiB", "--models-dir",
         [](auto& f) {
             f.free_bytes = 2 * k_gib;
             f.models.clear();
         }},
        {"old_driver", warns, 0, "driver 470.256 supports CUDA 11.4", "570 or newer",
         [](auto& f) { f.machine.gpus = {nvidia("470.256", "8.9")}; }, true},
        {"gpu_not_used", warns, 0, "RTX 4090 is not used: the build b1-cpu is for the CPU",
         "odysseus backend install",
         [](auto& f) { f.build = BuildFact{"b1-cpu", false, Backend::cpu, true, "", {}}; }, true},
        {"gpu_not_used", warns, 0, "the build /x/llama-server", "--llama-server",
         [](auto& f) { f.build = BuildFact{"/x/llama-server", true, Backend::cpu, true, "", {}}; },
         true},
        {"gpu_not_used", notes, 0, "no usable GPU was detected", "--device",
         [](auto& f) {
             f.build.reset();
             f.machine.gpus = {hardware::Gpu{}};
             f.machine.gpus[0].vendor = hardware::Vendor::intel;
         }},
        {"gpu_not_seen", warns, 0, "is for CUDA, but finds no GPU", "--device",
         [](auto& f) { f.build->sees_gpu = false; }, true},
        {"old_libc", blocks, 3, "needs glibc 2.34 or newer, this system has 2.31",
         "odysseus backend import",
         [](auto& f) {
             f.build.reset();
             f.machine.glibc = "2.31";
         }},
        {"no_build", notes, 0, "the first start fetches one", "", [](auto& f) { f.build.reset(); }},
        {"no_build", blocks, 3, "--offline forbids", "odysseus backend import",
         [](auto& f) {
             f.build.reset();
             f.offline = true;
             f.hosts.clear();
         }},
        {"build_changed", warns, 0,
         "b11160-cpu is not as it was installed: libggml.so was changed (and 1 more)",
         "odysseus backend install b11160.",
         [](auto& f) {
             f.build->tag = "b11160";
             f.build->differences = {"libggml.so was changed", "llama-cli is missing"};
         }},
        {"build_changed", warns, 0, "libggml.so was changed.", "odysseus backend import FILE.",
         [](auto& f) {
             f.build->imported = true;
             f.build->differences = {"libggml.so was changed"};
         }},
        {"known_bad_build", warns, 0, "llama.cpp b10950 is known to be bad", "backend update",
         [](auto& f) { f.build->tag = "b10950"; }},
        {"insecure_build", warns, 0, "CVE-2026-43631", "--llama-server",
         [](auto& f) {
             f.build->tag = "b8000";
             f.build->given = true;
         }},
        {"better_build", warns, 0, "RTX 4090 came after", "rollback",
         [](auto& f) { f.build->better = "RTX 4090 came after this llama.cpp build was chosen"; }},
        {"build_does_not_run", blocks, 5, "exited with 127: this is NixOS", "programs.nix-ld",
         [](auto& f) {
             f.build->runs = false;
             f.build->trouble = "exited with 127: this is NixOS, which runs no programs";
             f.build->remedy = "Set programs.nix-ld.enable = true.";
         }},
        {"build_does_not_run", blocks, 5, "(b11160-cpu) does not run: exited with 1", "rollback",
         [](auto& f) {
             f.build->runs = false;
             f.build->trouble = "exited with 1";
         }},
        {"build_does_not_run", blocks, 5, "libcudart", "CUDA's libraries are missing",
         [](auto& f) {
             f.build->runs = false;
             f.build->trouble = "exited with 127: libcudart.so.12: cannot open shared object file";
         }},
        {"build_does_not_run", blocks, 5, "Illegal", "processor lacks instructions",
         [](auto& f) {
             f.build->runs = false;
             f.build->trouble = "ended by signal 4 (Illegal instruction)";
         }},
        {"build_does_not_run", blocks, 5, "Permission denied", "noexec",
         [](auto& f) {
             f.build->runs = false;
             f.build->trouble = "starting it: Permission denied";
         }},
        {"build_does_not_run", blocks, 5, "exited with 3", "Name another one with --llama-server",
         [](auto& f) {
             f.build = BuildFact{"/x", true, Backend::cpu, false, "exited with 3", std::nullopt};
         }},
        {"models_folder", warns, 0, "a.gguf is a projector (mmproj) without a model",
         "odysseus pull",
         [](auto& f) {
             f.model_findings = {"a.gguf is a projector (mmproj) without a model beside it."};
         }},
        {"no_model", notes, 0, "There is no model in /h/models", "odysseus pull",
         [](auto& f) { f.models.clear(); }},
        {"model_too_large", warns, 0, "big takes 40.0 GiB, but this machine has 30.0 GiB",
         "a smaller model", [](auto& f) { f.models.push_back(model_of("big", 40 * k_gib)); }},
        {"model_partly_in_ram", notes, 0, "a part of it lies in RAM", "a smaller model",
         [](auto& f) { f.models.push_back(model_of("big", 40 * k_gib)); }, true},
        {"model_too_large", warns, 0, "it will not load", "a smaller model",
         [](auto& f) { f.models.push_back(model_of("big", 400 * k_gib)); }, true},
        {"port_taken", blocks, 7, "Port 8080 is taken by nginx (process 812).", "--port",
         taken(true, false)},
        {"port_taken", notes, 0, "the next free port is taken", "--port", taken(false, false)},
        {"port_taken", blocks, 7, "taken by another program.", "--llama-port",
         [](auto& f) { f.ports[1] = {10086, "--llama-port", true, false, {}, "", false}; }},
        {"already_running", notes, 0, "odysseus runs in this HOME already.", "",
         [](auto& f) { f.running = RunningFact{}; }},
        {"already_running", notes, 0,
         "odysseus runs in this HOME already (process 7): http://127.0.0.1:9/odysseus.", "",
         [&](auto& f) {
             taken(true, true)(f); // its own port, which is no trouble
             f.running = RunningFact{7, "http://127.0.0.1:9"};
         }},
        {"threads", notes, 0, "4 of 16 cores are used", "",
         [](auto& f) {
             f.machine.cpu_cores = 16;
             f.machine.backend = Backend::cpu;
             if (f.build) f.build->backend = Backend::cpu;
         }},
        {"host_unreachable", blocks, 4,
         "https://api.github.com (the release host) cannot be reached", "--github-api",
         [](auto& f) {
             f.build.reset();
             f.hosts[0].reached = false;
             f.hosts[0].why = "the host was not found";
         }},
        {"host_unreachable", notes, 0, "api.github.com", "Only downloads need it",
         [](auto& f) { f.hosts[0].reached = false; }},
        {"host_unreachable", warns, 0, "https://huggingface.co", "copied into the models folder",
         [](auto& f) {
             f.models.clear();
             f.hosts[1].reached = false;
         }},
        {"proxy_malformed", warns, 0, "HTTPS_PROXY is set, but is no address", "unset HTTPS_PROXY",
         [](auto& f) {
             f.proxies = {{"HTTPS_PROXY", "ftp://x y"}};
         }},
        {"proxy", notes, 0, "the proxy proxy.example:3128 (https_proxy)", "",
         [](auto& f) {
             f.proxies = {{"https_proxy", "http://me:hush@proxy.example:3128"}};
         }},
        {"proxy", notes, 0, "the proxy proxy.example:1080 (ALL_PROXY)", "",
         [](auto& f) {
             f.proxies = {{"ALL_PROXY", "socks5h://proxy.example:1080"}};
             f.no_proxy = "*";
         }},
        {"proxy_for_loopback", warns, 0, "NO_PROXY does not except", "NO_PROXY=127.0.0.1,localhost",
         [](auto& f) {
             f.proxies = {{"http_proxy", "proxy.example:3128"}};
         }},
        {"clock", warns, 0, "is set to a day before", "Set the clock",
         [](auto& f) { f.now_s = 1'600'000'000; }},
        {"clock", warns, 0, "clock is 60 minutes slow", "Set the clock",
         [](auto& f) { f.server_now_s = k_now_s + 3600; }},
        {"clock", warns, 0, "clock is 6 minutes fast", "Set the clock",
         [](auto& f) { f.server_now_s = k_now_s - 360; }},
        {"unknown_setting", warns, 0, "the key 'proxy_prot'", "Did you mean proxy_port?",
         [](auto& f) { f.unknown_keys = {"proxy_prot"}; }},
        {"unknown_setting", notes, 0, "the key 'somebody_elses_window_theme'", "",
         [](auto& f) { f.unknown_keys = {"somebody_elses_window_theme"}; }},
        {"llama_config_file", notes, 0, "also reads /etc/llama.cpp/config.ini; odysseus overrides",
         "behind --",
         [](auto& f) {
             f.llama_config = {"/etc/llama.cpp/config.ini", {}};
         }},
        {"llama_config_file", warns, 0, "cannot override lora, embeddings there", "out of the file",
         [](auto& f) {
             f.llama_config = {"/etc/llama.cpp/config.ini", {"lora", "embeddings"}};
         }},
        {"peer_setting", blocks, 2, "--peer is wrong.", "ODYSSEUS_PEER",
         [](auto& f) { f.peer_trouble = "--peer is wrong"; }},
        {"peer_unreachable", warns, 0, "box (http://box:1) cannot be asked: it gave no answer.",
         "Start odysseus there",
         [](auto& f) {
             f.peers = {{.name = "box", .url = "http://box:1", .trouble = "it gave no answer"}};
         }},
        {"peer_in_the_clear", warns, 0, "peer box over the network unencrypted", "a tunnel",
         [](auto& f) {
             f.peers = {
                 {.name = "box", .url = "http://box:1", .answers = true, .in_the_clear = true}};
         }},
        {"worker_setting", blocks, 2, "was not paired.", "ODYSSEUS_WORKER",
         [](auto& f) { f.worker_trouble = "box was not paired"; }},
        {"worker_unreachable", warns, 0, "box:7443 cannot be used: it is busy.", "same llama.cpp",
         [](auto& f) {
             f.worker = proxy::WorkerView{.name = "box:7443", .trouble = "it is busy"};
         }},
        {"worker_answers", notes, 0,
         "box:7443 answers: b1, CPU (1.0 GiB free), round trip 3 ms.", "",
         [](auto& f) {
             f.worker = proxy::WorkerView{
                 .name = "box:7443",
                 .offer = proxy::WorkerOffer{"b1", "8.0.0", {{"CPU", "", 2048, 1024}}},
                 .round_trip_ms = 2.6};
         }},
        {"peer_answers", notes, 0, "box answers with 2 models, 1.0 GiB free, round trip 3 ms.", "",
         [](auto& f) {
             f.peers = {{.name = "box",
                         .url = "http://127.0.0.1:1",
                         .answers = true,
                         .models = 2,
                         .free_mib = 1024,
                         .round_trip_ms = 2.6}};
         }},
        {"leftover_process", warns, 0, "llama-server (process 99) of an earlier run", "next start",
         [](auto& f) {
             f.leftovers = {{LeftoverFact::Kind::process, "llama-server", 0, 99}};
         }},
        {"leftover_download", notes, 0, "x.gguf.part is an unfinished download (1.0 GiB)",
         "odysseus pull",
         [](auto& f) {
             f.leftovers = {{LeftoverFact::Kind::download, "x.gguf.part", k_gib, {}}};
         }},
        {"leftover_installation", notes, 0, "was left by an installation", "next installation",
         [](auto& f) {
             f.leftovers = {{LeftoverFact::Kind::installation, ".staging-1", 0, {}}};
         }},
        {"hardware", notes, 0, "nvidia-smi says that", "",
         [](auto& f) { f.machine.notes = {"nvidia-smi says that it is tired."}; }},
    };
    for (const char* code : finding_codes()) {
        INFO(code << " has no row in this table");
        CHECK(std::any_of(std::begin(rows), std::end(rows),
                          [&](const Row& row) { return std::string_view(row.code) == code; }));
    }
    for (const auto& row : rows) {
        auto facts = row.gpu ? with_gpu() : healthy();
        row.change(facts);
        const auto findings = findings_of(facts);
        INFO(row.code << " among:\n" << findings_text(findings));
        for (const auto& each : findings) { // no code that is not in the list
            const auto& codes = finding_codes();
            CHECK(std::find(codes.begin(), codes.end(), each.code) != codes.end());
        }
        const auto* finding = find(findings, row.code);
        REQUIRE(finding != nullptr);
        CHECK(finding->severity == row.severity);
        CHECK(finding->exit_code == row.exit_code);
        CHECK(finding->what.find(row.what) != std::string::npos);
        if (*row.remedy == '\0') {
            CHECK(finding->remedy.empty());
        } else {
            CHECK(finding->remedy.find(row.remedy) != std::string::npos);
        }
        CHECK(findings_text(findings).find("hush") == std::string::npos);
        CHECK((finding->severity == blocks) == (finding->exit_code != 0));
        CHECK(doctor_exit_code(findings) ==
              (findings.front().severity == blocks ? findings.front().exit_code : 0));
    }
}

TEST_CASE("findings: look-alikes that are none") {
    struct Row {
        const char* code;
        std::function<void(DoctorFacts&)> change;
        bool gpu = false;
    };
    const Row rows[] = {
        {"gpu_not_used",
         [](auto& f) { // it was the user's wish
             f.device = Backend::cpu;
             f.build = BuildFact{"b1-cpu", false, Backend::cpu, true, "", {}};
         },
         true},
        {"gpu_not_seen", [](auto& f) { f.build->sees_gpu.reset(); }, true},
        {"old_driver", [](auto& f) { f.machine.gpus = {nvidia("550.90", "8.9")}; }, true},
        {"old_libc", [](auto& f) { f.machine.glibc = "2.31"; }}, // the installed build runs
        {"old_libc",
         [](auto& f) {
             f.build.reset();
             f.machine.glibc.reset();
         }},
        {"model_too_large", [](auto& f) { f.machine.ram_mib.reset(); }},
        {"model_too_large", [](auto& f) { f.models.push_back(model_of("just", 30 * k_gib)); }},
        {"clock", [](auto& f) { f.server_now_s = k_now_s - 299; }},
        {"clock", [](auto& f) { f.server_now_s.reset(); }},
        {"proxy_for_loopback",
         [](auto& f) {
             f.proxies = {{"HTTPS_PROXY", "http://proxy.example:3128"}};
         }},
        {"proxy_for_loopback",
         [](auto& f) {
             f.proxies = {{"http_proxy", "http://proxy.example:3128"}};
             f.no_proxy = "internal.example, 127.0.0.1";
         }},
        {"little_space", [](auto& f) { f.free_bytes = 2 * k_gib; }},
        {"little_space", [](auto& f) { f.free_bytes.reset(); }},
    };
    for (const auto& row : rows) {
        auto facts = row.gpu ? with_gpu() : healthy();
        row.change(facts);
        const auto findings = findings_of(facts);
        INFO(row.code << " among:\n" << findings_text(findings));
        CHECK(find(findings, row.code) == nullptr);
    }
}

TEST_CASE("findings: what blocks comes first and decides the exit code") {
    auto facts = healthy();
    facts.machine.notes = {"a note"};
    facts.build->runs = false;
    facts.build->trouble = "exited with 1";
    facts.ports[0] = {8080, "--port", true, false, std::nullopt, "", false};
    facts.server_now_s = k_now_s + 3600;
    const auto findings = findings_of(facts);
    REQUIRE(findings.size() == 4);
    CHECK(findings[0].code == "build_does_not_run");
    CHECK(findings[1].code == "port_taken");
    CHECK(findings[2].severity == Severity::warns);
    CHECK(findings[3].severity == Severity::notes);
    CHECK(doctor_exit_code(findings) == 5);

    const auto json = findings_json(findings);
    CHECK(json["ok"] == false);
    CHECK(json["exit_code"] == 5);
    CHECK(json["findings"].size() == 4);
    CHECK(json["findings"][0]["severity"] == "blocks");
    CHECK(json["findings"][3]["remedy"].is_null());
    CHECK(findings_text(findings).ends_with("2 problems must be solved first.\n"));
}

TEST_CASE("findings: on a terminal the rows end between words, behind the labels") {
    auto facts = healthy();
    facts.build.reset();
    facts.offline = true;
    const auto text = findings_text(findings_of(facts), 60);
    CAPTURE(text);
    for (const auto line : lines_of(text))
        CHECK(line.size() <= 60);
    CHECK(text.find("\n          ") != std::string::npos);
}
