// What a repository of the hub holds: from the JSON of its file tree to the quantisations that can
// be pulled. Format: GET /api/models/ORG/REPO/tree/REVISION?recursive=true, an array of
// {"type", "path", "size", "oid", "lfs": {"oid", "size"}}; `lfs.oid` is the SHA-256 of the content,
// the outer `oid` is a git object's and says nothing about it. Pages are linked by the header Link.
#pragma once

#include "odysseus/hardware/machine.hpp"
#include "odysseus/models/model_room.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace odysseus::models {

struct HubFile {
    std::string path;                  // in the repository, '/' between parts
    std::int64_t size_bytes = 0;       // of the content, not of the LFS pointer
    std::optional<std::string> sha256; // 64 lower-case digits; absent: the hub does not say
};

// The files of one page, those with unsafe paths left out; a string says why the text is no tree.
[[nodiscard]] std::variant<std::vector<HubFile>, std::string> hub_files_from(std::string_view json);

// The next page's address out of a Link header: <https://…>; rel="next".
[[nodiscard]] std::optional<std::string> next_page(std::string_view link_header);

// One model of a repository: a file, or all the shards of a split one.
struct HubQuant {
    std::string name; // "Q4_K_M", "UD-Q4_K_XL", upper case; empty: the file's name has none
    std::string base; // the file's name without it: "Qwen3-8B"
    std::vector<HubFile> files; // shards in their order
    int shards_missing = 0;     // of a split model that was not uploaded whole
    std::int64_t size_bytes = 0;

    // "Q4_K_M", or the first file's name.
    [[nodiscard]] std::string label() const;
};

struct HubListing {
    std::vector<HubQuant> quants;  // the best quality first
    std::vector<HubQuant> drafts;  // small models that write ahead for these
    std::vector<HubFile> mmprojs;  // vision and audio projectors
    std::size_t files_besides = 0; // what is no model: safetensors, README, imatrix
};
[[nodiscard]] HubListing hub_listing(const std::vector<HubFile>& files);

// Greater is better. Eight bits down to four come first: below four bits a model loses much, and
// F16 doubles the size of Q8_0 for a difference that is hard to measure, so it stands between. Then
// K before the older kinds, XL > L > M > S > XS > XXS. 0: not known.
[[nodiscard]] int quality_of(std::string_view quant);

// The projector that belongs to a model: from its own folder or one above, F16 before BF16 (which
// older GPUs cannot do), Q8_0 and F32.
[[nodiscard]] std::optional<HubFile> mmproj_for(const HubListing& listing, const HubQuant& quant);

// What was asked for, beside the repository; all empty: the best that fits.
struct QuantAsked {
    std::string quant;
    std::string file;
    std::string folder{};
};

struct QuantChoice {
    HubQuant quant;
    std::optional<HubFile> mmproj;
    Fits fits = Fits::yes; // as far as the memory is known
    std::string reason;    // one sentence

    [[nodiscard]] std::int64_t download_bytes() const;
};
// The sentence says what there is instead.
struct NoQuant {
    std::string sentence;
};

// `repo_id` is for the sentences.
[[nodiscard]] std::variant<QuantChoice, NoQuant> choose_quant(const HubListing& listing,
                                                              std::string_view repo_id,
                                                              const QuantAsked& asked,
                                                              const ModelRoom& room);

// Memory that a model of this size takes with a context of 4096 tokens, by the file's size alone.
[[nodiscard]] std::int64_t memory_for_4096_bytes(std::int64_t model_bytes);

// The folder below the models folder that a pulled model gets: one for each quantisation, because
// llama-server takes one model a folder, and named like the file, so that the model answers to that
// name: "Qwen3-8B-Q4_K_M". A file with a name that says nothing ("ggml-model-q4_0.gguf") gets the
// repository's. `taken` says that this name already holds something else: then ORG_ stands before.
[[nodiscard]] std::string pull_folder(std::string_view org, std::string_view repo,
                                      const HubQuant& quant, bool taken);

} // namespace odysseus::models
