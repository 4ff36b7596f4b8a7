// odysseus pair, on both machines: each learns the other's certificate and gives it a key, after
// people have compared a short code.
#include "odysseus/base/error.hpp"
#include "odysseus/base/text.hpp"
#include "odysseus/commands/commands.hpp"
#include "odysseus/proxy/pair_link.hpp"
#include "odysseus/system/digest.hpp"
#include "odysseus/system/files.hpp"
#include "odysseus/system/random_hex.hpp"
#include "odysseus/system/stop_signal.hpp"
#include "odysseus/system/terminal.hpp"
#include "paired_file.hpp"
#include "pairing.hpp"

namespace odysseus::commands {
namespace {

using proxy::PairLink;

constexpr std::chrono::seconds k_message_max{15};
constexpr std::size_t k_number_digits = 64;
constexpr std::chrono::seconds k_person_max{300}; // compares the codes over there

std::string sha256_of(std::string_view text) {
    static constexpr char k_hex[] = "0123456789abcdef";
    system::Sha256Digest digest;
    digest.add(text.data(), text.size());
    std::string hex;
    for (const auto byte : digest.finish()) {
        hex += k_hex[byte >> 4];
        hex += k_hex[byte & 15];
    }
    return hex;
}

[[noreturn]] void fail(const std::string& why) {
    throw Error(Fault::network, concat(why, "; nothing was kept, run odysseus pair again on both "
                                            "machines"));
}

std::string number_from(PairLink& link, const char* key) {
    const auto number = number_in(link.receive(k_message_max), key);
    if (!number) fail("the other machine does not speak as odysseus pair does");
    return *number;
}

// The side that connected commits to its number first.
std::string code_as_connecting(PairLink& link, const std::string& own_certificate) {
    PairFacts facts;
    facts.connecting_certificate = own_certificate;
    facts.connecting_nonce = system::random_hex(k_number_digits);
    link.send(number_message("commit", sha256_of(commit_text(facts.connecting_nonce))));
    facts.waiting_nonce = number_from(link, "nonce");
    link.send(number_message("nonce", facts.connecting_nonce));
    facts.waiting_certificate = link.certificate();
    return pairing_code(sha256_of(code_text(facts)));
}

std::string code_as_waiting(PairLink& link, const std::string& own_certificate) {
    PairFacts facts;
    facts.waiting_certificate = own_certificate;
    facts.waiting_nonce = system::random_hex(k_number_digits);
    const auto commit = number_from(link, "commit");
    link.send(number_message("nonce", facts.waiting_nonce));
    facts.connecting_nonce = number_from(link, "nonce");
    facts.connecting_certificate = link.certificate();
    if (sha256_of(commit_text(facts.connecting_nonce)) != commit)
        fail("the other machine changed its number after it knew this one's: somebody may be in "
             "between");
    return pairing_code(sha256_of(code_text(facts)));
}

bool person_agrees(const std::string& code, const std::function<bool()>& stopped) {
    system::say("code", code);
    const auto answer =
        system::ask("Does the other machine show the same code? yes or no: ", stopped);
    return answer && (same_name(*answer, "yes") || same_name(*answer, "y"));
}

// A stranger who connects, or a port scanner, must not end the wait.
std::unique_ptr<PairLink> waited_for(const PairPlace& place, const system::TlsFiles& identity,
                                     const std::string& own, std::string& code,
                                     const std::function<bool()>& stopped) {
    const auto greet = [&own, &code](PairLink& link) {
        try {
            code = code_as_waiting(link, own);
            return true;
        } catch (const Stopped&) {
            throw;
        } catch (const Error& error) {
            if (error.fault() != Fault::network) throw;
            system::say("note", error.what());
            return false;
        }
    };
    const auto listens = [port = place.port] {
        system::say("waiting", concat("on port ", port,
                                      "; on the other machine: odysseus pair "
                                      "HOST, with this machine's name or address"));
    };
    return PairLink::wait(place.port, identity, listens, greet, stopped);
}

void say_how_to_go_on(const settings::Settings& settings, const PairedMachine& machine) {
    const auto identity = identity_files(settings);
    const bool ipv6 = machine.host.find(':') != std::string::npos;
    const auto host = ipv6 ? concat('[', machine.host, ']') : machine.host;
    system::say("paired", concat(host, "; its certificate and the keys are in ",
                                 system::utf8(paired_file(settings))));
    system::say("to ask it", concat("odysseus --peer https://", host, ":", machine.port));
    system::say("to answer", concat("odysseus --host 0.0.0.0 --tls-cert ", identity.certificate,
                                    " --tls-key ", identity.key));
}

} // namespace

int pair(const settings::CommandLine& line, const settings::ResolvedSettings& resolved) {
    const auto& settings = resolved.values;
    const auto place = pair_place(line.words.empty() ? "" : line.words.front());
    if (!place)
        throw Error(Fault::usage, concat("'", line.words.front(),
                                         "' is no machine to pair with: give HOST, HOST:PORT, or "
                                         ":PORT to wait on another port"));
    system::StopSignal stop;
    const auto stopped = [&stop] { return stop.asked(); };
    const auto identity = made_identity(settings);
    const auto own = system::certificate_digest(identity.certificate);
    auto machines = paired_with(settings);

    std::unique_ptr<PairLink> link;
    std::string code;
    if (place->host.empty()) {
        link = waited_for(*place, identity, own, code, stopped);
    } else {
        link = PairLink::connect(place->host, place->port, identity, stopped);
        code = code_as_connecting(*link, own);
    }

    PairAnswer ours;
    ours.agreed = person_agrees(code, stopped);
    ours.port = settings.port;
    ours.key = system::random_hex(k_number_digits);
    link->send(answer_message(ours));
    if (!ours.agreed) fail("the codes differ: somebody may be between the two machines");
    const auto theirs = answer_in(link->receive(k_person_max));
    if (!theirs) fail("the other machine does not speak as odysseus pair does");
    if (!theirs->agreed) fail("the codes differ, says the other machine");

    const auto host = place->host.empty() ? link->address() : place->host;
    const PairedMachine machine{host, theirs->port, link->certificate(), theirs->key, ours.key};
    keep_paired(machines, machine);
    write_paired(settings, machines);
    say_how_to_go_on(settings, machine);
    return 0;
}

} // namespace odysseus::commands
