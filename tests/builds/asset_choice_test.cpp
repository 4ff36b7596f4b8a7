#include "builds/guessed_release.hpp"
#include "odysseus/builds/asset_choice.hpp"
#include "odysseus/hardware/machine_json.hpp"

#include "release_data.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace odysseus;
using namespace odysseus::hardware;
using namespace odysseus::builds;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr const char* k_rtx4090 =
    R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","name":"NVIDIA GeForce RTX 4090",
        "driver":"580.65.06","cuda":"13.0","compute_capability":"8.9"}]})";

ChoiceInput input_for(const std::string& machine, std::vector<Release> upstream) {
    ChoiceInput input;
    const auto read = hardware::machine_from_json(machine);
    REQUIRE(std::holds_alternative<Machine>(read));
    input.machine = std::get<hardware::Machine>(read);
    input.upstream = std::move(upstream);
    return input;
}

BuildPlan plan_of(const ChoiceInput& input) {
    auto answer = choose_builds(input);
    if (const auto* none = std::get_if<NoBuild>(&answer)) FAIL(none->reason);
    return std::get<BuildPlan>(std::move(answer));
}

NoBuild refusal(const ChoiceInput& input) {
    auto answer = choose_builds(input);
    REQUIRE(std::holds_alternative<NoBuild>(answer));
    return std::get<NoBuild>(std::move(answer));
}

// "b11160 cuda llama-...tar.gz" for each choice.
std::vector<std::string> chain(const BuildPlan& plan) {
    std::vector<std::string> out;
    for (const auto& choice : plan.choices) {
        out.push_back(choice.tag + " " + std::string(backend_name(choice.backend)) + " " +
                      choice.files.at(0).name);
    }
    return out;
}

using Chain = std::vector<std::string>;

} // namespace

TEST_CASE("choice: the contract's example, file by file") {
    const auto plan = plan_of(input_for(k_rtx4090, {release("b11160")}));
    CHECK(chain(plan) == Chain{"b11160 cuda llama-b11160-bin-ubuntu-cuda-13.4-x64.tar.gz",
                               "b11160 vulkan llama-b11160-bin-ubuntu-vulkan-x64.tar.gz",
                               "b11160 cpu llama-b11160-bin-ubuntu-x64.tar.gz"});
    CHECK_FALSE(plan.wants_ai_dock);
    const auto& first = plan.choices[0];
    CHECK(first.source == "ggml-org/llama.cpp");
    CHECK_FALSE(first.python_cuda_runtime);
    REQUIRE(first.files.size() == 2);
    CHECK(first.files[0].role == FileRole::primary);
    CHECK(first.files[0].size == 149'300'000);
    CHECK(first.files[1].role == FileRole::runtime);
    CHECK(first.files[1].name == "cudart-llama-b11160-bin-ubuntu-cuda-13.4-x64.tar.gz");
    CHECK(first.files[1].url == "https://github.com/ggml-org/llama.cpp/releases/download/b11160/"
                                "cudart-llama-b11160-bin-ubuntu-cuda-13.4-x64.tar.gz");
    // Two builds would do; the sentence says which was taken.
    CHECK(first.reason ==
          "CUDA 13.4 for NVIDIA GeForce RTX 4090 (compute capability 8.9); driver "
          "580.65.06 supports CUDA 13.0; 12.8 would run too, the newer one is taken");
}

TEST_CASE("choice: the digest travels with the file") {
    const auto plan = plan_of(input_for(
        R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","driver":"570.1","compute_capability":"8.9"}]})",
        {release("b11160")}));
    CHECK(plan.choices[0].files[0].sha256 ==
          "8ed8d659383b6624ef2bd14ebd6984c8c1b1b2f13e4ba0c5c43f6038ca22591d");
    CHECK(plan.choices[0].files[1].sha256 ==
          "54776c67e34b536f6123b1a0697931f86f846f9f71baa9d86f550485fbbc9df1");
}

TEST_CASE("choice: a mirror's base replaces the release's own URLs") {
    auto input = input_for(R"({"os":"win","arch":"x64"})", {release("b11160")});
    input.download_base = "http://127.0.0.1:9000/";
    CHECK(plan_of(input).choices[0].files[0].url ==
          "http://127.0.0.1:9000/ggml-org/llama.cpp/releases/download/b11160/"
          "llama-b11160-bin-win-cpu-x64.zip");
    CHECK(nightly_tag_url("https://github.com", k_upstream_repo) ==
          "https://github.com/ggml-org/llama.cpp/releases/latest/download/nightly-tag.txt");
}

TEST_CASE("choice: a release that is still being uploaded gives way to the older complete one") {
    // b11161 has its CUDA 12.8 pair already, but 13.4 is on its way; Vulkan has size 0, the rest is
    // absent.
    const auto plan = plan_of(
        input_for(k_rtx4090, {release("b11161-uploading"), release("b11160"), release("b11146")}));
    CHECK(chain(plan) == Chain{"b11160 cuda llama-b11160-bin-ubuntu-cuda-13.4-x64.tar.gz",
                               "b11160 vulkan llama-b11160-bin-ubuntu-vulkan-x64.tar.gz",
                               "b11160 cpu llama-b11160-bin-ubuntu-x64.tar.gz"});
    CHECK_THAT(
        plan.choices[0].reason,
        ContainsSubstring("from b11160, since b11161 is not complete: "
                          "llama-b11161-bin-ubuntu-cuda-13.4-x64.tar.gz is still being uploaded"));
}

TEST_CASE("choice: alone, an unfinished release still serves what it has as a whole pair") {
    const auto plan = plan_of(input_for(k_rtx4090, {release("b11161-uploading")}));
    CHECK(chain(plan) == Chain{"b11161 cuda llama-b11161-bin-ubuntu-cuda-12.8-x64.tar.gz"});
    // Windows: 13.4 has no runtime yet, so the pair is 12.4, never a mixed one.
    const auto windows = plan_of(input_for(
        R"({"os":"win","arch":"x64","gpus":[{"vendor":"nvidia","cuda":"13.0","compute_capability":"8.9"}]})",
        {release("b11161-uploading")}));
    REQUIRE(windows.choices[0].files.size() == 2);
    CHECK(windows.choices[0].files[0].name == "llama-b11161-bin-win-cuda-12.4-x64.zip");
    CHECK(windows.choices[0].files[1].name == "cudart-llama-bin-win-cuda-12.4-x64.zip");
}

TEST_CASE("choice: only older releases stand in for an incomplete one") {
    // The list of the API is by date; the wanted build comes first, newer ones do not count.
    auto broken = release("b11146");
    broken.assets.resize(2); // as b9894: a handful of files, for good
    const auto plan = plan_of(input_for(R"({"os":"linux","arch":"x64"})",
                                        {broken, release("b11160"), release("b9775"),
                                         release("v0.5.0"), release("b10356"), release("b8700")}));
    CHECK(chain(plan) == Chain{"b10356 cpu llama-b10356-bin-ubuntu-x64.tar.gz"});
    CHECK(
        refusal(input_for(R"({"os":"linux","arch":"x64"})", {broken, release("b11160")})).reason ==
        "no build of llama.cpp fits this machine (Linux x64): CPU: the release has no CPU build "
        "for "
        "Linux x64; a llama-server of your own can be named with --llama-server PATH, or "
        "brought in with 'odysseus backend import FILE'");
}

TEST_CASE("choice: drafts and pointer releases are no source; broken archives are avoided") {
    auto draft = release("b11160");
    draft.draft = true;
    const std::string cpu = R"({"os":"linux","arch":"x64"})";
    CHECK(chain(plan_of(input_for(cpu, {release("v0.5.0"), draft, release("b9775")}))) ==
          Chain{"b9775 cpu llama-b9775-bin-ubuntu-x64.tar.gz"});
    CHECK(std::holds_alternative<NoBuild>(choose_builds(input_for(cpu, {release("v0.5.0")}))));
    CHECK(std::holds_alternative<NoBuild>(choose_builds(input_for(cpu, {}))));

    const auto bad = *guessed_release("b9168", k_github_download);
    const auto before = *guessed_release("b9164", k_github_download);
    const auto plan = plan_of(input_for(cpu, {bad, before}));
    CHECK(plan.choices[0].tag == "b9164");
    CHECK_THAT(plan.choices[0].reason,
               ContainsSubstring("b9168 is known to be bad: its archives have broken links"));
    CHECK(plan_of(input_for(cpu, {bad})).choices[0].tag == "b9168");
    CHECK(plan_of(input_for(R"({"os":"win","arch":"x64"})", {bad, before})).choices[0].tag ==
          "b9168");
}

TEST_CASE("choice: a build that is known to be bad is passed over, unless it was asked for") {
    const std::string cpu = R"({"os":"linux","arch":"x64"})";
    const auto corrupts = *guessed_release("b10964", k_github_download);
    const auto insecure = *guessed_release("b8912", k_github_download);
    auto input = input_for(cpu, {corrupts, release("b10356")});
    CHECK(plan_of(input).choices[0].tag == "b10356");
    CHECK_THAT(plan_of(input).choices[0].reason, ContainsSubstring("issue 28858"));
    CHECK(plan_of(input_for(cpu, {insecure, release("b8700")})).choices[0].tag == "b8912");
    input.pinned = true;
    CHECK(plan_of(input).choices[0].tag == "b10964");
    CHECK_THAT(plan_of(input).choices[0].reason, ContainsSubstring("it was asked for"));
    // A better backend is no reason to take one.
    auto gpu =
        input_for(k_rtx4090, {*guessed_release("b10950", k_github_download), release("b10356")});
    CHECK(plan_of(gpu).choices[0].tag == "b10356");
}

TEST_CASE("choice: Linux CUDA without an official build asks for ai-dock, then takes it") {
    auto input = input_for(k_rtx4090, {release("b10356")});
    const auto before = plan_of(input);
    CHECK(before.wants_ai_dock);
    CHECK(chain(before) == Chain{"b10356 vulkan llama-b10356-bin-ubuntu-vulkan-x64.tar.gz",
                                 "b10356 cpu llama-b10356-bin-ubuntu-x64.tar.gz"});
    CHECK_THAT(before.choices[0].reason,
               ContainsSubstring("CUDA: the release has no CUDA build for Linux x64"));

    input.ai_dock = releases("ai-dock");
    const auto after = plan_of(input);
    CHECK_FALSE(after.wants_ai_dock);
    CHECK(chain(after) == Chain{"b10099 cuda llama.cpp-b10099-cuda-12.8-amd64.tar.gz",
                                "b10356 vulkan llama-b10356-bin-ubuntu-vulkan-x64.tar.gz",
                                "b10356 cpu llama-b10356-bin-ubuntu-x64.tar.gz"});
    CHECK(after.choices[0].source == "ai-dock/llama.cpp-cuda");
    CHECK(after.choices[0].python_cuda_runtime);
    CHECK(after.choices[0].files.size() == 1);
    CHECK_FALSE(after.choices[1].python_cuda_runtime);

    input.ai_dock = std::vector<Release>{};
    const auto none = plan_of(input);
    CHECK_FALSE(none.wants_ai_dock);
    CHECK(none.choices[0].backend == Backend::vulkan);

    // Windows has official builds, the newest Linux list too: nobody asks ai-dock.
    CHECK_FALSE(plan_of(input_for(k_rtx4090, {release("b11160")})).wants_ai_dock);
    CHECK_FALSE(
        plan_of(
            input_for(R"({"os":"win","arch":"x64","gpus":[{"vendor":"nvidia","driver":"400.1"}]})",
                      {release("b10356")}))
            .wants_ai_dock);
}

TEST_CASE("choice: a device that was asked for does not fall back silently") {
    auto input = input_for(R"({"os":"linux","arch":"x64","vulkan":true})", {release("b11160")});
    input.device = Backend::cpu;
    CHECK(chain(plan_of(input)) == Chain{"b11160 cpu llama-b11160-bin-ubuntu-x64.tar.gz"});
    input.device = Backend::vulkan;
    CHECK(chain(plan_of(input)) ==
          Chain{"b11160 vulkan llama-b11160-bin-ubuntu-vulkan-x64.tar.gz"});
    input.device = Backend::cuda; // no GPU is known: the most compatible one, and it is said
    CHECK(chain(plan_of(input)) ==
          Chain{"b11160 cuda llama-b11160-bin-ubuntu-cuda-12.8-x64.tar.gz"});
    CHECK_THAT(plan_of(input).choices[0].reason,
               ContainsSubstring("no NVIDIA GPU is known here; --device asks for it"));
    input.device = Backend::metal;
    CHECK_THAT(
        refusal(input).reason,
        ContainsSubstring("no Metal build of llama.cpp fits this machine (Linux x64), and "
                          "--device asks for it: Metal: Metal builds exist for Apple silicon "
                          "only; --device auto takes what fits"));

    input.machine.arch = hardware::Arch::arm64;
    input.device = Backend::rocm;
    CHECK_THAT(refusal(input).reason, ContainsSubstring("no ROCm build for Linux arm64"));

    auto mac = input_for(R"({"os":"macos","arch":"arm64"})", {release("b11160")});
    mac.device = Backend::cpu;
    CHECK(chain(plan_of(mac)) == Chain{"b11160 cpu llama-b11160-bin-macos-arm64.tar.gz"});
    mac.device = Backend::vulkan;
    CHECK_THAT(refusal(mac).reason, ContainsSubstring("no Vulkan build for macOS"));

    auto pascal = input_for(
        R"({"os":"win","arch":"x64","gpus":[{"vendor":"nvidia","name":"GTX 1080","driver":"452.06","cuda":"11.0","compute_capability":"6.1"}]})",
        {release("b11160")});
    pascal.device = Backend::cuda;
    CHECK_THAT(
        refusal(pascal).reason,
        ContainsSubstring("CUDA: CUDA 12.4 needs a newer driver: driver 452.06 supports CUDA "
                          "11.0; --device auto takes what fits"));
}

TEST_CASE("choice: SYCL when it is asked for, before the CPU, and after Vulkan") {
    auto input = input_for(
        R"({"os":"linux","arch":"x64","vulkan":false,"sycl":"8","gpus":[{"vendor":"intel","name":"Intel Arc A770"}]})",
        {release("b11160")});
    const Chain without_vulkan{"b11160 sycl llama-b11160-bin-ubuntu-sycl-fp32-x64.tar.gz",
                               "b11160 cpu llama-b11160-bin-ubuntu-x64.tar.gz"};
    CHECK(chain(plan_of(input)) == without_vulkan);
    CHECK_THAT(plan_of(input).choices[0].reason,
               ContainsSubstring("SYCL for Intel Arc A770 with the installed oneAPI; of fp32 and "
                                 "fp16 the fp32, which llama.cpp recommends"));
    input.machine.vulkan = true; // a loader may be there without a driver behind it
    input.machine.backend = hardware::detect_backend(input.machine);
    CHECK(chain(plan_of(input)) == Chain{"b11160 vulkan llama-b11160-bin-ubuntu-vulkan-x64.tar.gz",
                                         without_vulkan[0], without_vulkan[1]});

    input.device = Backend::sycl; // never another one
    CHECK(chain(plan_of(input)) == Chain{without_vulkan[0]});
    input.machine.sycl = "none";
    CHECK_THAT(refusal(input).reason,
               ContainsSubstring("SYCL needs Intel's oneAPI runtime 2025 (libsycl.so.8)") &&
                   ContainsSubstring("install intel-deep-learning-essentials"));
    input.upstream = {release("b8700")}; // Windows only, then
    input.machine.sycl = "8";
    CHECK_THAT(refusal(input).reason, ContainsSubstring("no SYCL build for Linux x64"));

    auto mac = input_for(R"({"os":"macos","arch":"x64"})", {release("b11160")});
    mac.device = Backend::sycl;
    CHECK_THAT(refusal(mac).reason, ContainsSubstring("no SYCL build for macOS"));
}

TEST_CASE("choice: an older release is taken for its runtime, and the reason says so") {
    const auto plan = plan_of(input_for(
        R"({"os":"linux","arch":"x64","glibc":"2.39","gpus":[{"vendor":"amd"}],"rocm":"7.2","vulkan":true})",
        {release("b11160"), release("b9775")}));
    CHECK(chain(plan)[0] == "b9775 rocm llama-b9775-bin-ubuntu-rocm-7.2-x64.tar.gz");
    CHECK(plan.choices[0].reason ==
          "ROCm 7.2 with the installed ROCm 7.2; from b9775, since of b11160 ROCm 10.0 needs a "
          "ROCm 10 runtime, this machine has 7.2");
}

TEST_CASE("choice: versions that cannot be read are not shown as if they were") {
    const auto plan = plan_of(input_for(
        R"({"os":"linux","arch":"x64","gpus":[{"vendor":"nvidia","name":"GB","driver":"[N/A]","compute_capability":"[N/A]"}]})",
        {release("b11160")}));
    CHECK(plan.choices[0].reason.find("N/A") == std::string::npos);
}

TEST_CASE("choice: what was passed over is told with what was taken") {
    const auto plan = plan_of(input_for(
        R"({"os":"linux","arch":"x64","vulkan":false,"gpus":[{"vendor":"nvidia","name":"Tesla K80","driver":"470.1","cuda":"11.4","compute_capability":"3.7"}]})",
        {release("b11160")}));
    CHECK(plan.notes ==
          std::vector<std::string>{
              "CUDA: CUDA 12.8 needs compute capability 5.0 or newer, Tesla K80 has 3.7",
              "Vulkan: no Vulkan loader is installed"});
    CHECK_THAT(plan.choices[0].reason, ContainsSubstring("the CPU build (CUDA: CUDA 12.8 needs"));
    CHECK_THAT(
        refusal(input_for(R"({"os":"linux","arch":"x64","glibc":"2.31"})", {release("b11160")}))
            .reason,
        ContainsSubstring("it needs glibc 2.34 or newer, this system has 2.31"));
    CHECK_THAT(
        refusal(input_for(R"({"os":"linux","arch":"x64","glibc":"none"})", {release("b11160")}))
            .reason,
        ContainsSubstring("another C library (musl)"));
}

TEST_CASE("choice: a file of another build does not belong to a release") {
    auto mixed = release("b11160");
    mixed.assets = {*find_asset(release("b11146"), "llama-b11146-bin-ubuntu-x64.tar.gz")};
    CHECK(std::holds_alternative<NoBuild>(
        choose_builds(input_for(R"({"os":"linux","arch":"x64"})", {mixed}))));
    // Nor does a CUDA runtime of another build, version or architecture.
    auto pair = release("b11160");
    std::vector<Asset> kept;
    for (const auto& asset : pair.assets) {
        if (asset.name != "cudart-llama-b11160-bin-ubuntu-cuda-13.4-x64.tar.gz")
            kept.push_back(asset);
    }
    kept.push_back(
        *find_asset(release("b11146"), "cudart-llama-b11146-bin-ubuntu-cuda-13.4-x64.tar.gz"));
    pair.assets = kept;
    CHECK(plan_of(input_for(k_rtx4090, {pair})).choices[0].files[0].name ==
          "llama-b11160-bin-ubuntu-cuda-12.8-x64.tar.gz");
}

TEST_CASE("choice: the reason names what is served") {
    const auto reason = [](const char* machine) {
        return plan_of(input_for(machine, {release("b11160")})).choices[0].reason;
    };
    CHECK(reason(R"({"os":"linux","arch":"x64"})") == "the CPU build, no GPU is known here");
    CHECK(reason(R"({"os":"linux","arch":"x64","vulkan":true})") == "Vulkan, whose loader is here");
    CHECK(
        reason(
            R"({"os":"win","arch":"x64","gpus":[{"vendor":"amd","name":"AMD Radeon RX 7800 XT"}]})") ==
        "Vulkan for AMD Radeon RX 7800 XT");
    CHECK(reason(R"({"os":"macos","arch":"arm64"})") == "Metal for Apple silicon");
}

TEST_CASE("choice: old Windows CPU builds come by instruction set, never AVX-512") {
    const auto plan = plan_of(input_for(R"({"os":"win","arch":"x64"})", {release("b4585")}));
    CHECK(chain(plan) == Chain{"b4585 cpu llama-b4585-bin-win-avx2-x64.zip",
                               "b4585 cpu llama-b4585-bin-win-avx-x64.zip",
                               "b4585 cpu llama-b4585-bin-win-noavx-x64.zip"});
    CHECK(next_choice(plan, 0, Rejection::does_not_run) == 1);
    CHECK_THAT(
        plan_of(input_for(R"({"os":"linux","arch":"x64"})", {release("b7400")})).choices[0].reason,
        ContainsSubstring("the tar.gz, which keeps links"));
}

TEST_CASE("choice: ground truth leads on, without a GPU to the next backend") {
    const auto plan =
        plan_of(input_for(k_rtx4090, {*guessed_release("b11100", k_github_download)}));
    REQUIRE(chain(plan) == Chain{"b11100 cuda llama-b11100-bin-ubuntu-cuda-13.4-x64.tar.gz",
                                 "b11100 cuda llama-b11100-bin-ubuntu-cuda-13.3-x64.tar.gz",
                                 "b11100 cuda llama-b11100-bin-ubuntu-cuda-12.8-x64.tar.gz",
                                 "b11100 vulkan llama-b11100-bin-ubuntu-vulkan-x64.tar.gz",
                                 "b11100 cpu llama-b11100-bin-ubuntu-x64.tar.gz"});
    CHECK(next_choice(plan, 0, Rejection::absent) == 1);
    CHECK(next_choice(plan, 0, Rejection::does_not_run) == 1);
    CHECK(next_choice(plan, 0, Rejection::lists_no_gpu) == 3);
    CHECK(next_choice(plan, 3, Rejection::lists_no_gpu) == 4);
    CHECK_FALSE(next_choice(plan, 4, Rejection::does_not_run).has_value());
}

TEST_CASE("choice: names guessed from the tag alone exist in the real lists") {
    for (const char* tag : {"b4585", "b6801", "b7400", "b8700", "b9775", "b10356", "b11160"}) {
        const auto real = release(tag);
        const auto guessed = guessed_release(tag, "https://mirror.example");
        REQUIRE(guessed.has_value());
        CHECK(guessed->guessed);
        int found = 0;
        for (const auto& asset : guessed->assets) {
            CHECK(asset.url == "https://mirror.example/ggml-org/llama.cpp/releases/download/" +
                                   std::string(tag) + "/" + asset.name);
            CHECK_FALSE(asset.size_bytes.has_value());
            found += find_asset(real, asset.name) != nullptr ? 1 : 0;
        }
        INFO(tag << ": " << found << " of " << guessed->assets.size());
        CHECK(found >= static_cast<int>(guessed->assets.size()) - 3);
    }
    CHECK_FALSE(guessed_release("v0.5.0", "https://mirror.example").has_value());
    // The first guess is a real name on every machine of the newest list.
    for (const char* machine :
         {k_rtx4090, R"({"os":"linux","arch":"arm64","vulkan":true})",
          R"({"os":"win","arch":"x64","backend":"cuda"})", R"({"os":"macos","arch":"arm64"})",
          R"({"os":"win","arch":"arm64"})",
          R"({"os":"linux","arch":"x64","gpus":[{"vendor":"amd"}],"rocm":"10.0"})",
          R"({"os":"linux","arch":"x64","backend":"sycl"})",
          R"({"os":"win","arch":"x64","backend":"sycl"})"}) {
        INFO(machine);
        const auto guess =
            plan_of(input_for(machine, {*guessed_release("b11160", "https://github.com")}));
        const auto real = plan_of(input_for(machine, {release("b11160")}));
        CHECK(guess.choices[0].files[0].name == real.choices[0].files[0].name);
        CHECK(guess.choices[0].files[0].url == real.choices[0].files[0].url);
    }
}
