// Any bytes are a header or a refusal, and any header has a cost or none.
#include "odysseus/memory/kv_cost.hpp"
#include "odysseus/models/gguf_header.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace odysseus;
    const auto read =
        models::read_gguf(std::string_view(reinterpret_cast<const char*>(data), size));
    const auto* info = std::get_if<models::GgufInfo>(&read);
    if (info == nullptr) return 0;
    const auto shape = models::kv_shape(*info);
    if (!shape) return 0;
    memory::KvUse use;
    use.context = static_cast<std::int64_t>(size) << 20;
    use.slots = 3;
    if (memory::kv_bytes(*shape, use) < 0 || memory::kv_fixed_bytes(*shape) < 0) std::abort();
    return 0;
}
