#include "findings_settings.hpp"

#include "odysseus/base/text.hpp"
#include "odysseus/commands/plan_report.hpp"
#include "odysseus/settings/settings.hpp"

namespace odysseus::commands {

void look_at_settings(const DoctorFacts& facts, std::vector<Finding>& findings) {
    std::vector<std::string> known;
    for (const auto& spec : settings::setting_specs()) {
        if (spec.file_key != nullptr) known.emplace_back(spec.file_key);
    }
    for (const auto& key : facts.unknown_keys) {
        const auto near = nearest(key, known, 1);
        // The file is shared with other launchers: a key that is near to none is theirs.
        findings.push_back({near.empty() ? Severity::notes : Severity::warns, "unknown_setting",
                            concat("launcher_config.json has the key '", key,
                                   "', which is no setting of odysseus."),
                            near.empty() ? "" : concat("Did you mean ", near.front(), "?")});
    }
}

void look_at_llama_config(const DoctorFacts& facts, std::vector<Finding>& findings) {
    if (!facts.llama_config) return;
    const auto& [path, holding] = *facts.llama_config;
    if (holding.empty()) {
        findings.push_back(
            {Severity::notes, "llama_config_file",
             concat("llama-server also reads ", path, "; odysseus overrides what would conflict."),
             "Give llama-server's settings behind -- instead."});
        return;
    }
    findings.push_back({Severity::warns, "llama_config_file",
                        concat("llama-server also reads ", path, ", and odysseus cannot override ",
                               joined(holding, ", "), " there: every model is served with that."),
                        "Take these lines out of the file, or move it away."});
}

void look_at_peers(const DoctorFacts& facts, std::vector<Finding>& findings) {
    if (!facts.peer_trouble.empty())
        findings.push_back({Severity::blocks, "peer_setting", facts.peer_trouble + ".",
                            "Correct --peer, ODYSSEUS_PEER or peers in launcher_config.json.", 2});
    for (const auto& peer : facts.peers) {
        if (!peer.answers) {
            findings.push_back({Severity::warns, "peer_unreachable",
                                concat("Peer ", peer.name, " (", peer.url,
                                       ") cannot be asked: ", peer.trouble, "."),
                                "Start odysseus there, and check the address and the key of "
                                "--peer URL#KEY; its models are left out meanwhile."});
            continue;
        }
        auto what = concat("Peer ", peer.name, " answers with ", peer.models,
                           peer.models == 1 ? " model" : " models");
        if (peer.free_mib) what += concat(", ", byte_text(*peer.free_mib * 1024 * 1024), " free");
        if (peer.round_trip_ms)
            what += concat(", round trip ", static_cast<std::int64_t>(*peer.round_trip_ms + 0.5),
                           " ms");
        findings.push_back({Severity::notes, "peer_answers", what + ".", ""});
        if (peer.in_the_clear)
            findings.push_back({Severity::warns, "peer_in_the_clear",
                                concat("Prompts and answers go to peer ", peer.name,
                                       " over the network unencrypted."),
                                "Use a tunnel that ends on this machine (ssh -L), and --peer "
                                "http://127.0.0.1:PORT; docs/machines.md."});
    }
}

void look_at_worker(const DoctorFacts& facts, std::vector<Finding>& findings) {
    if (!facts.worker_trouble.empty())
        findings.push_back({Severity::blocks, "worker_setting", facts.worker_trouble + ".",
                            "Correct --worker, ODYSSEUS_WORKER or worker in launcher_config.json.",
                            2});
    if (!facts.worker) return;
    const auto& worker = *facts.worker;
    if (!worker.offer) {
        findings.push_back(
            {Severity::warns, "worker_unreachable",
             concat("Worker ", worker.name, " cannot be used: ", worker.trouble, "."),
             "Start odysseus worker there, with the same llama.cpp build; models that need it "
             "are told 503 meanwhile."});
        return;
    }
    const auto ms = static_cast<std::int64_t>(worker.round_trip_ms.value_or(0) + 0.5);
    findings.push_back({Severity::notes, "worker_answers",
                        concat("Worker ", worker.name, " answers: ", worker.offer->text(),
                               ", round trip ", ms, " ms."),
                        ""});
}

void look_at_leftovers(const DoctorFacts& facts, std::vector<Finding>& findings) {
    using Kind = LeftoverFact::Kind;
    for (const auto& left : facts.leftovers) {
        if (left.kind == Kind::process) {
            findings.push_back(
                {Severity::warns, "leftover_process",
                 concat(left.name, left.pid ? concat(" (process ", *left.pid, ")") : "",
                        " of an earlier run still runs and holds memory."),
                 "The next start of odysseus ends it."});
        } else if (left.kind == Kind::download) {
            findings.push_back(
                {Severity::notes, "leftover_download",
                 concat(left.name, " is an unfinished download (", byte_text(left.bytes), ")."),
                 "The same odysseus pull goes on where it was; or delete it."});
        } else {
            findings.push_back({Severity::notes, "leftover_installation",
                                concat(left.name, " was left by an installation that was cut off."),
                                "The next installation removes it."});
        }
    }
}

void look_at_threads(const DoctorFacts& facts, std::vector<Finding>& findings) {
    const auto used = facts.build ? facts.build->backend : facts.machine.backend;
    const auto note = threads_note(facts.machine, used, facts.threads_asked_for);
    if (!note.empty()) findings.push_back({Severity::notes, "threads", concat(note, "."), ""});
}

} // namespace odysseus::commands
