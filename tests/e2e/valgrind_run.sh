#!/bin/sh
# One end-to-end run under valgrind's memcheck: start, a chat, a streamed chat, an unknown model, stop. Exit 1 when memcheck
# finds an error or a definite leak. llama-server and the guard are other programs and run without it.
#
#     ODYSSEUS_BINARY=build/dev/odysseus ODYSSEUS_E2E_LLAMA_SERVER=.../llama-server tests/e2e/valgrind_run.sh
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
binary=${ODYSSEUS_BINARY:-$root/build/dev/odysseus}
server=${ODYSSEUS_E2E_LLAMA_SERVER:?names a real llama-server}
port=${ODYSSEUS_VALGRIND_PORT:-19980}
home=$(mktemp -d "${TMPDIR:-/tmp}/odysseus-valgrind-XXXXXX")
pid=
clean_up() {
    [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true
    rm -rf "$home"
}
trap clean_up EXIT

valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
    --track-fds=no --child-silent-after-fork=yes --log-file="$home/valgrind.log" \
    "$binary" --home "$home/home" --llama-server "$server" --port "$port" --llama-port $((port + 1)) --ctx 2048 --offline \
    >"$home/out" 2>&1 &
pid=$!

tries=0
until curl -sf "http://127.0.0.1:$port/health" >/dev/null; do
    tries=$((tries + 1))
    if [ "$tries" -gt 600 ] || ! kill -0 "$pid" 2>/dev/null; then
        cat "$home/out" "$home/valgrind.log" >&2
        exit 1
    fi
    sleep 0.2
done

ask() { # model, stream, what the answer must hold
    curl -s -m 120 "http://127.0.0.1:$port/v1/chat/completions" -H 'Content-Type: application/json' -d "{\"model\": \"$1\",
        \"stream\": $2, \"max_tokens\": 8, \"messages\": [{\"role\": \"user\", \"content\": \"hello\"}]}" >"$home/answer"
    grep -q "$3" "$home/answer" || { echo "no $3 in:" >&2; cat "$home/answer" >&2; exit 1; }
}
ask odysseus-toy false '"finish_reason":"'
ask odysseus-toy true 'data: \[DONE\]'
ask nobody-knows-this-one false model_not_found
curl -s -m 60 "http://127.0.0.1:$port/v1/models" "http://127.0.0.1:$port/odysseus/status" "http://127.0.0.1:$port/metrics" >/dev/null

kill -TERM "$pid"
code=0
wait "$pid" || code=$?
pid=
if [ "$code" -ne 0 ] || [ -s "$home/valgrind.log" ]; then
    echo "exit code $code" >&2
    cat "$home/valgrind.log" >&2
    tail -n 20 "$home/out" >&2
    exit 1
fi
echo "valgrind: no error, no definite leak"
