#!/bin/sh
# What a user of Simon Willison's `llm` does. Usage: with_llm.sh LLM BASE_URL MODEL KEY FOLDER
set -eu
llm=$1 url=$2 model=$3 key=$4 LLM_USER_PATH=$5
export LLM_USER_PATH
mkdir -p "$LLM_USER_PATH"
{
  for name in "$model" "${model}x"; do
    printf -- '- model_id: %s\n  model_name: %s\n  api_base: %s\n  api_key_name: odysseus\n' "$name" "$name" "$url"
  done
} > "$LLM_USER_PATH/extra-openai-models.yaml"
"$llm" keys set odysseus --value "$key"
said=$("$llm" -m "$model" -o max_tokens 8 hello)
[ "$said" = "one two three four five six seven eight" ] || [ "$said" = " one two three four five six seven eight" ] || { echo "it said: $said"; exit 1; }
"$llm" -m "$model" --no-stream -o max_tokens 2 hello | grep -q "one two"
if wrong=$("$llm" -m "${model}x" hello 2>&1); then echo "an unknown model was taken: $wrong"; exit 1; fi
case $wrong in *"does not exist"*) ;; *) echo "$wrong"; exit 1 ;; esac
