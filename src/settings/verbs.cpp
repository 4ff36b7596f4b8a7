#include "verbs.hpp"

namespace odysseus::settings {

const std::vector<VerbSpec>& verb_specs() {
    static const std::vector<VerbSpec> specs{
        {.verb = Verb::serve,
         .name = "serve",
         .usage = "[serve] [options] [-- llama-server arguments]",
         .help = "start the server (the default)",
         .examples =
             "odysseus                          serve what is in models/ on 127.0.0.1:8080\n"
             "odysseus --ctx 8192               with a context of 8192 tokens\n"
             "odysseus --device cpu             without the GPU\n"
             "odysseus -- --cache-type-k q8_0   with an argument for llama-server",
         .settings = {"--models-dir", "--ctx", "--device", "--host", "--port", "--api-key",
                      "--offline"}},
        {.verb = Verb::plan,
         .name = "plan",
         .usage = "plan [--json] [--verify] [--forget] [options]",
         .help = "show what would run here, and why",
         .examples = "odysseus plan                     what would run here, and why\n"
                     "odysseus plan --json              the same for a script\n"
                     "odysseus plan --hardware pc.json  for another machine\n"
                     "odysseus plan --verify            ask llama.cpp's own estimate too\n"
                     "odysseus plan --forget            forget which context sizes worked before",
         .switches = {{"--json", "print JSON, for scripts"},
                      {"--verify", "ask the installed build's llama-fit-params too"},
                      {"--forget", "forget which context sizes worked before"}},
         .settings = {"--hardware", "--ctx", "--device"}},
        {.verb = Verb::doctor,
         .name = "doctor",
         .usage = "doctor [--json] [--bundle] [options]",
         .help = "look for what will go wrong here, each finding with its remedy",
         .examples = "odysseus doctor                   exit code 0 when nothing blocks\n"
                     "odysseus doctor --bundle          an archive for a bug report",
         .switches = {{"--json", "print JSON, for scripts"},
                      {"--bundle", "write a support archive without secrets"}}},
        {.verb = Verb::models,
         .name = "models",
         .usage = "models [--json] [--long] [options]",
         .help = "the models found, and the name of each",
         .examples = "odysseus models                   a table\n"
                     "odysseus models --long            with every name each answers to\n"
                     "odysseus models --json            the same for a script",
         .switches = {{"--json", "print JSON, for scripts"},
                      {"--long", "also every name, and what the context costs"}}},
        {.verb = Verb::pull,
         .name = "pull",
         .usage = "pull NAME [options]",
         .help = "fetch a model into the models folder",
         .examples =
             "odysseus pull qwen3-4b                                     of the short list\n"
             "odysseus pull unsloth/Qwen3-4B-Instruct-2507-GGUF          one that fits\n"
             "odysseus pull unsloth/Qwen3-4B-Instruct-2507-GGUF:Q4_K_M   this one\n"
             "odysseus pull https://host.example/model.gguf              a file",
         .words_least = 1,
         .words_most = 1,
         .settings = {"--models-dir", "--hf-endpoint"}},
        {.verb = Verb::backend,
         .name = "backend",
         .usage = "backend list | install [TAG] | update | use TAG | rollback | import FILE|DIR",
         .help = "the llama.cpp builds that are installed, and changing them",
         .examples =
             "odysseus backend list                 what is installed, and which one is used\n"
             "odysseus backend install b11146       fetch a build and use it\n"
             "odysseus backend update               what is new; installs it after a check\n"
             "odysseus backend rollback             go back to the previous build\n"
             "odysseus backend import FILE.tar.gz   install from an archive or a folder",
         .switches = {{"--json", "print JSON, for scripts"}},
         .words_least = 1,
         .words_most = 2,
         .completions = "list install update use rollback import",
         .settings = {"--release", "--device"}},
        {.verb = Verb::config,
         .name = "config",
         .usage = "config [--json] [options]",
         .help = "every setting, its value and where it came from",
         .examples = "odysseus config                   a table\n"
                     "odysseus config --json            the same for a script",
         .switches = {{"--json", "print JSON, for scripts"}}},
        {.verb = Verb::pair,
         .name = "pair",
         .usage = "pair [HOST[:PORT]] [options]",
         .help = "make this machine and another one trust each other, for --peer and --worker",
         .examples =
             "odysseus pair                     wait for the other machine\n"
             "odysseus pair box.local           the same on the other one: HOST of the first",
         .words_most = 1,
         .settings = {"--peer", "--worker", "--tls-cert", "--tls-key"}},
        {.verb = Verb::worker,
         .name = "worker",
         .usage = "worker [[ADDRESS]:PORT] [options]",
         .help = "lend this machine's memory to a paired one, for its --worker",
         .examples = "odysseus worker                   on port 7443 of all addresses\n"
                     "odysseus worker 192.168.1.5:9000  on this address and port",
         .words_most = 1,
         .settings = {"--threads", "--device", "--release"}},
        {.verb = Verb::completion,
         .name = "completion",
         .usage = "completion bash|zsh|fish",
         .help = "print a completion script for a shell",
         .examples = "source <(odysseus completion bash)         for ~/.bashrc\n"
                     "source <(odysseus completion zsh)          for ~/.zshrc, below compinit\n"
                     "odysseus completion fish | source          for ~/.config/fish/config.fish",
         .words_least = 1,
         .words_most = 1,
         .completions = "bash zsh fish"},
        {.verb = Verb::help,
         .name = "help",
         .usage = "help [COMMAND]",
         .help = "this text, or a command's own",
         .examples = "odysseus help plan",
         .words_most = 1,
         .completions = "serve plan doctor models pull backend config pair worker completion help"},
    };
    return specs;
}

const std::vector<ExitMeaning>& exit_meanings() {
    static const std::vector<ExitMeaning> meanings{
        {0, "did what was asked; a server stopped by SIGINT or SIGTERM"},
        {1, "an unexpected error (a bug)"},
        {2, "wrong use: flag, setting, file"},
        {3, "no llama.cpp build fits this machine"},
        {4, "the network: host unreachable, rate limit, download failed"},
        {5, "integrity: digest, archive, unsafe path, a build that does not run"},
        {6, "llama-server did not start or keeps failing; its last log lines are shown"},
        {7, "a port is taken, or another odysseus runs in this HOME"}};
    return meanings;
}

} // namespace odysseus::settings
