"""Small but complete GGUF models for tests: a real llama-server loads and runs them.

What they say is fixed. Attention and feed-forward write zeros into the residual stream, so it carries the embedding of the
last token alone. The embedding of each word is an axis of its own, and the output layer leads from that axis to the word
that follows: any prompt is answered with WORDS, one token each, then the end, at any temperature and with any seed. Under
`ignore_eos` the words begin again.

Their shape is the test's to choose, so the cost of a token's KV cache is known exactly:

    layers * kv_heads * head_dim * 2 (K and V) * 2 bytes (f16)

The format is described in ggml's docs/gguf.md.
"""
import random
import re
import struct

_U32, _F32, _BOOL, _STRING, _ARRAY, _I32 = 4, 6, 7, 8, 9, 5
_TENSOR_F32, _TENSOR_F16 = 0, 1
_ALIGNMENT = 32
_SPACE = "\u2581"  # how SentencePiece writes it
_BYTE = re.compile("<0x[0-9A-F]{2}>")
_END = 2  # the token </s>
WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
EMOJI = ("<0xF0>", "<0x9F>", "<0x98>", "<0x80>")  # U+1F600 as byte tokens, as large vocabularies split rare characters
# Logits of the token that follows: after normalisation, so exactly these. Every other token has 0.
_SURE, _NEXT_BEST = 64.0, 32.0
_TEMPLATE = ("{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}\n{% endfor %}"
             "{% if add_generation_prompt %}<|assistant|>{% endif %}")

# A model that says TOOL_CALL in this template calls a tool, whatever it is asked: llama-server reads the call by the template.
TOOL_CALL = ('<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>',)
TOOL_TEMPLATE = """{%- if tools %}<|im_start|>system
<tools>
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
</tools>
A call is written so:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
{% endif %}
{%- for m in messages %}<|im_start|>{{ m.role }}
{%- if m.content %}
{{ m.content }}
{%- endif %}
{%- for call in m.tool_calls %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def _string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(kind, value):
    if kind == _STRING:
        return _string(value)
    return struct.pack({_U32: "<I", _F32: "<f", _BOOL: "<B", _I32: "<i"}[kind], value)


def _pair(key, kind, value):
    return _string(key) + struct.pack("<I", kind) + _value(kind, value)


def _array(key, kind, values):
    body = b"".join(_value(kind, v) for v in values)
    return _string(key) + struct.pack("<IIQ", _ARRAY, kind, len(values)) + body


def _vocabulary(says):
    """Token, score, type: three control tokens, the 256 bytes, single printable characters, and the words."""
    tokens = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
    tokens += [("<0x%02X>" % byte, 0.0, 6) for byte in range(256)]
    characters = [chr(code) for code in range(33, 127)] + [_SPACE]
    words = [_SPACE + word for word in says if not _BYTE.fullmatch(word)]
    tokens += [(text, -float(rank), 1) for rank, text in enumerate(characters + words)]
    return tokens


def _weights_that_say(says, vocabulary, width):
    """(token_embd, output): the two matrices, in f16, a row for each token."""
    if len(says) >= width or len(set(says)) != len(says):
        raise ValueError("a model of width %d says fewer than %d different words" % (width, width))
    place = {text: number for number, (text, _, _) in enumerate(vocabulary)}
    said = [place[word] if _BYTE.fullmatch(word) else place[_SPACE + word] for word in says]
    silence = len(said)  # the axis of every token that is no word of it
    axis = {token: number for number, token in enumerate(said)}
    led_to = {}  # token: {axis: logit}
    for number, token in enumerate(said):
        led_to.setdefault(token, {})[number - 1 if number else silence] = _SURE
    last = silence - 1 if said else silence
    led_to[_END] = {last: _SURE}
    if said:
        led_to[said[0]][last] = _NEXT_BEST  # unless there is one word, which follows itself
    scale = width ** 0.5  # what normalisation makes of an axis

    def row(values):
        return struct.pack("<%de" % width, *(values.get(column, 0.0) for column in range(width)))

    embedding = b"".join(row({axis.get(token, silence): 1.0}) for token in range(len(vocabulary)))
    output = b"".join(row({column: logit / scale for column, logit in led_to.get(token, {}).items()})
                      for token in range(len(vocabulary)))
    return embedding, output


def write_model(path, *, name="tiny", layers=2, width=64, feed_forward=128, heads=4, kv_heads=2, head_dim=16,
                trained_context=32768, padding_mib=0, seed=7, says=WORDS, template=_TEMPLATE, experts=0, hollow=False,
                pooling=None):
    """Writes a model of the llama architecture. padding_mib adds an unused tail: a file of a given size. `says` holds
    different words, and bytes as <0xF0>; nothing means an answer that ends at once. `experts` makes it a mixture, of which
    two are used for a token. `hollow` leaves holes in the file for the feed-forward weights, which are zeros then. With `pooling`
    (1: mean) it is made for vectors."""
    vocabulary = _vocabulary(says)
    metadata = [
        _pair("general.architecture", _STRING, "llama"),
        _pair("general.name", _STRING, name),
        _pair("general.file_type", _U32, 1),
        _pair("llama.block_count", _U32, layers),
        _pair("llama.context_length", _U32, trained_context),
        _pair("llama.embedding_length", _U32, width),
        _pair("llama.feed_forward_length", _U32, feed_forward),
        _pair("llama.vocab_size", _U32, len(vocabulary)),
        _pair("llama.attention.head_count", _U32, heads),
        _pair("llama.attention.head_count_kv", _U32, kv_heads),
        _pair("llama.attention.key_length", _U32, head_dim),
        _pair("llama.attention.value_length", _U32, head_dim),
        _pair("llama.attention.layer_norm_rms_epsilon", _F32, 1e-5),
        _pair("llama.rope.dimension_count", _U32, head_dim),
        _pair("tokenizer.ggml.model", _STRING, "llama"),
        _array("tokenizer.ggml.tokens", _STRING, [t[0] for t in vocabulary]),
        _array("tokenizer.ggml.scores", _F32, [t[1] for t in vocabulary]),
        _array("tokenizer.ggml.token_type", _I32, [t[2] for t in vocabulary]),
        _pair("tokenizer.ggml.unknown_token_id", _U32, 0),
        _pair("tokenizer.ggml.bos_token_id", _U32, 1),
        _pair("tokenizer.ggml.eos_token_id", _U32, 2),
        _pair("tokenizer.ggml.add_bos_token", _BOOL, 1),
        _pair("tokenizer.chat_template", _STRING, template),
    ]
    if pooling is not None:
        metadata.append(_pair("llama.pooling_type", _U32, pooling))
    if experts:
        metadata += [_pair("llama.expert_count", _U32, experts), _pair("llama.expert_used_count", _U32, 2)]
    forward = [("ffn_gate", (width, feed_forward), _TENSOR_F16), ("ffn_up", (width, feed_forward), _TENSOR_F16),
               ("ffn_down", (feed_forward, width), _TENSOR_F16)]
    if experts:
        forward = [("ffn_gate_inp", (width, experts), _TENSOR_F32)] + [(part + "_exps", (*shape, experts), kind)
                                                                      for part, shape, kind in forward]
    tensors = [("token_embd.weight", (width, len(vocabulary)), _TENSOR_F16)]
    for layer in range(layers):
        for part, shape, kind in [
                ("attn_norm", (width,), _TENSOR_F32), ("attn_q", (width, heads * head_dim), _TENSOR_F16),
                ("attn_k", (width, kv_heads * head_dim), _TENSOR_F16),
                ("attn_v", (width, kv_heads * head_dim), _TENSOR_F16),
                ("attn_output", (heads * head_dim, width), _TENSOR_F16), ("ffn_norm", (width,), _TENSOR_F32), *forward]:
            tensors.append(("blk.%d.%s.weight" % (layer, part), shape, kind))
    tensors += [("output_norm.weight", (width,), _TENSOR_F32),
                ("output.weight", (width, len(vocabulary)), _TENSOR_F16)]

    table, sizes, offset = b"", [], 0
    for tensor, shape, kind in tensors:
        count = 1
        for extent in shape:
            count *= extent
        size = count * (2 if kind == _TENSOR_F16 else 4)
        table += _string(tensor) + struct.pack("<I%dQIQ" % len(shape), len(shape), *shape, kind, offset)
        sizes.append((tensor, size, kind))
        offset += size + -size % _ALIGNMENT

    embedding, output = _weights_that_say(says, vocabulary, width)
    fixed = {"token_embd.weight": embedding, "output.weight": output}
    source = random.Random(seed)
    noise = b"".join(struct.pack("<e", source.gauss(0, 0.05)) for _ in range(8192))
    with open(path, "wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)) + b"".join(metadata) + table)
        file.write(bytes(-file.tell() % _ALIGNMENT))
        for tensor, size, kind in sizes:
            unit = noise if kind == _TENSOR_F16 else struct.pack("<f", 1.0)
            if hollow and ".ffn_" in tensor and kind == _TENSOR_F16:
                file.truncate(file.tell() + size + -size % _ALIGNMENT)
                file.seek(0, 2)
                continue
            if tensor.endswith(("attn_output.weight", "ffn_down.weight", "ffn_down_exps.weight")):
                unit = bytes(32)  # they add nothing to the residual stream
            unit = fixed.get(tensor, unit)
            file.write((unit * (size // len(unit) + 1))[:size] + bytes(-size % _ALIGNMENT))
        file.truncate(file.tell() + (padding_mib << 20))
