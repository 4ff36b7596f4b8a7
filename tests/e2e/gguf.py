"""Small but complete GGUF models for tests: a real llama-server loads and runs them. The weights are random, so what
they say is noise; their shape is the test's to choose, so the cost of a token's KV cache is known exactly:

    layers * kv_heads * head_dim * 2 (K and V) * 2 bytes (f16)

The format is described in ggml's docs/gguf.md.
"""
import random
import struct

_U32, _F32, _BOOL, _STRING, _ARRAY, _I32 = 4, 6, 7, 8, 9, 5
_TENSOR_F32, _TENSOR_F16 = 0, 1
_ALIGNMENT = 32
_TEMPLATE = ("{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}\n{% endfor %}"
             "{% if add_generation_prompt %}<|assistant|>{% endif %}")


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


def _vocabulary():
    """Token, score, type: three control tokens, the 256 bytes, and single printable characters."""
    tokens = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3)]
    tokens += [("<0x%02X>" % byte, 0.0, 6) for byte in range(256)]
    characters = [chr(code) for code in range(33, 127)] + ["\u2581"]
    tokens += [(text, -float(rank), 1) for rank, text in enumerate(characters)]
    return tokens


def write_model(path, *, name="tiny", layers=2, width=64, feed_forward=128, heads=4, kv_heads=2, head_dim=16,
                trained_context=32768, padding_mib=0, seed=7):
    """Writes a model of the llama architecture. padding_mib adds an unused tail: a file of a given size."""
    vocabulary = _vocabulary()
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
        _pair("tokenizer.chat_template", _STRING, _TEMPLATE),
    ]
    tensors = [("token_embd.weight", (width, len(vocabulary)), _TENSOR_F16)]
    for layer in range(layers):
        for part, shape, kind in [
                ("attn_norm", (width,), _TENSOR_F32), ("attn_q", (width, heads * head_dim), _TENSOR_F16),
                ("attn_k", (width, kv_heads * head_dim), _TENSOR_F16),
                ("attn_v", (width, kv_heads * head_dim), _TENSOR_F16),
                ("attn_output", (heads * head_dim, width), _TENSOR_F16), ("ffn_norm", (width,), _TENSOR_F32),
                ("ffn_gate", (width, feed_forward), _TENSOR_F16), ("ffn_up", (width, feed_forward), _TENSOR_F16),
                ("ffn_down", (feed_forward, width), _TENSOR_F16)]:
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
        sizes.append((size, kind))
        offset += size + -size % _ALIGNMENT

    source = random.Random(seed)
    noise = b"".join(struct.pack("<e", source.gauss(0, 0.05)) for _ in range(8192))
    with open(path, "wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)) + b"".join(metadata) + table)
        file.write(bytes(-file.tell() % _ALIGNMENT))
        for size, kind in sizes:
            unit = noise if kind == _TENSOR_F16 else struct.pack("<f", 1.0)
            file.write((unit * (size // len(unit) + 1))[:size] + bytes(-size % _ALIGNMENT))
        file.truncate(file.tell() + (padding_mib << 20))
