#include "name_claims.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/models/router_view.hpp"

#include <vector>

namespace odysseus::models {
namespace {

std::string last_part(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

class Claims {
  public:
    Claims(NameIndex& names, const std::string& id, const NamedFile& file)
        : m_names(names), m_id(id), m_file(file), m_quant(quant_name(file.stem).quant) {}

    void claim_all() {
        m_names.add(m_id, m_id, Claim::id);
        m_names.add(m_file.stem, m_id, Claim::file);
        m_names.add(gguf_stem(last_part(m_file.path)).value_or(""), m_id, Claim::file);
        m_names.add(m_file.absolute, m_id, Claim::tag);
        claim_base(quant_name(m_file.stem).base);
        if (const auto repo = cached_repo(m_file.path)) {
            claim_repo(*repo);
        } else if (!m_file.folder.empty()) {
            claim_folder();
        }
        if (m_file.pulled) claim_repo(*m_file.pulled);
    }

  private:
    void claim_folder() {
        m_names.add(m_file.folder + "/" + m_file.stem, m_id, Claim::file);
        m_names.add(m_file.folder, m_id, Claim::file);
        claim_tagged(m_file.folder);
        const auto last = last_part(m_file.folder);
        claim_base(last);
        claim_base(quant_name(without_gguf_ending(last)).base);
    }

    void claim_repo(const CachedRepo& repo) {
        const auto whole = repo.org + "/" + repo.repo;
        m_names.add(whole, m_id, Claim::file);
        claim_tagged(whole);
        claim_base(repo.repo);
        claim_base(without_gguf_ending(repo.repo));
    }

    void claim_base(const std::string& base) {
        m_names.add(lowered(base), m_id, Claim::derived);
        m_names.add(dashed_name(base), m_id, Claim::derived);
        claim_tagged(base);
        const auto family = family_name(base);
        if (!family) return;
        m_names.add(lowered(*family), m_id, Claim::family);
        claim_tagged(*family);
    }

    // "base:UD-Q4_K_XL" as the file says it, and "base:Q4_K_XL" as llama.cpp does.
    void claim_tagged(const std::string& base) {
        if (!m_quant) return;
        m_names.add(concat(base, ":", *m_quant), m_id, Claim::tag);
        m_names.add(concat(base, ":", canonical_tag(*m_quant)), m_id, Claim::loose_tag);
    }

    NameIndex& m_names;
    const std::string& m_id;
    const NamedFile& m_file;
    const std::optional<std::string> m_quant;
};

} // namespace

void claim_names(NameIndex& names, const std::string& id, const NamedFile& file) {
    Claims(names, id, file).claim_all();
}

void claim_stored(NameIndex& names, const std::string& id,
                  const std::vector<std::string>& store_names, const std::string& path) {
    names.add(id, id, Claim::id);
    names.add(path, id, Claim::tag);
    for (const auto& name : store_names) {
        names.add(name, id, Claim::file);
        const auto colon = name.rfind(':');
        if (colon == std::string::npos) continue;
        const bool is_latest = name.substr(colon) == ":latest";
        names.add(name.substr(0, colon), id, is_latest ? Claim::file : Claim::derived);
    }
}

} // namespace odysseus::models
