// The CUDA runtime from NVIDIA's Python packages, for builds that bring none (ai-dock's): installed
// by `uv pip install --target`, or `python3 -m pip` where there is no uv, into a folder of its own,
// and its libraries moved beside llama-server. The packages come from the index that pip or uv is
// configured for, which checks their digests; none of their code is run.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace odysseus::builds {

struct PythonRuntimeOptions {
    std::vector<std::string> packages{"nvidia-cuda-runtime-cu12", "nvidia-cublas-cu12",
                                      "nvidia-nccl-cu12", "nvidia-cuda-nvrtc-cu12"};
    std::string present = "libcudart.so.12"; // beside llama-server already: nothing to do
    std::filesystem::path home;              // HOME/bin/uv is tried after the PATH's
    std::chrono::milliseconds limit{std::chrono::minutes(30)};
    std::function<void(const std::string& sentence)> tell;
};

// Gives the names of the libraries that came. Throws Error: no_build (neither uv nor pip), network
// (they failed; with their last words), usage (the disk).
std::vector<std::string> add_python_runtime(const std::filesystem::path& beside,
                                            const PythonRuntimeOptions& options);

} // namespace odysseus::builds
