"""Makes the files beside it with other people's programs.

    pip install gguf torch transformers sentencepiece && python make.py GOLDEN

GOLDEN is the folder of reference outputs (arch/llama/tokenizer.json, tokenizers/spm_bpe_bytes). types.gguf has a tensor
of each type and metadata of every kind; types.json is what the gguf package reads from it. FAMILY.gguf is a tiny model
with random weights, written by the gguf package with what llama.cpp's convert_hf_to_gguf.py does to its family;
FAMILY.json holds the logits of transformers for the published model with the same weights. spm.gguf is a SentencePiece
vocabulary as llama.cpp's converter writes it; spm.json has what sentencepiece makes of some texts.
"""

import json
import pathlib
import sys

import gguf
import numpy as np
import sentencepiece
import torch
import transformers
from gguf import GGMLQuantizationType as Type

from writing import add_tokenizer, finish, interleave, published

HERE = pathlib.Path(__file__).parent
GOLDEN = pathlib.Path(sys.argv[1])
BLOCKS = (Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0)


def add_tensor(writer, name, values, kind):
    """Writes `values` as `kind` and returns what a reader of the file sees."""
    values = np.ascontiguousarray(values, dtype=np.float32)
    if values.shape[-1] % 32 and kind in BLOCKS:
        kind = Type.F32
    data = gguf.quants.quantize(values, kind)
    seen = gguf.quants.dequantize(data, kind).reshape(values.shape)
    if kind in (Type.F32, Type.F16):
        writer.add_tensor(name, data)
    else:
        writer.add_tensor(name, data, raw_dtype=kind)
    return seen


def shortest(values):
    """Floats as short as they can be written."""
    return [float(str(np.float32(x))) for x in values]


def make_types():
    random = np.random.default_rng(1)
    writer = gguf.GGUFWriter(HERE / "types.gguf", "llama")
    values = {"u8": (writer.add_uint8, 200), "i8": (writer.add_int8, -100), "u16": (writer.add_uint16, 60000),
              "i16": (writer.add_int16, -30000), "u32": (writer.add_uint32, 4000000000),
              "i32": (writer.add_int32, -2000000000), "u64": (writer.add_uint64, 2**63 + 1),
              "i64": (writer.add_int64, -2**62), "f32": (writer.add_float32, 1e-5), "f64": (writer.add_float64, 0.1),
              "flag": (writer.add_bool, True), "text": (writer.add_string, "naïve ▁ \n"),
              "texts": (writer.add_array, ["a", "", "bc"]), "numbers": (writer.add_array, [1, 2, 3])}
    for key, (add, value) in values.items():
        add(f"test.{key}", value)
    expected = {}
    for kind in (Type.F32, Type.F16, Type.BF16, *BLOCKS):
        seen = add_tensor(writer, f"test.{kind.name}", random.standard_normal((3, 64)), kind)
        expected[kind.name] = shortest(seen.flatten())
    finish(writer)
    metadata = {f"test.{key}": value for key, (_, value) in values.items()}
    (HERE / "types.json").write_text(json.dumps({"metadata": metadata, "tensors": expected}) + "\n")


SHAPE = dict(vocab_size=320, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.3, bos_token_id=0, eos_token_id=1,
             pad_token_id=2)
LLAMA_NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
               "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
               "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
               "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "attn.c_attn": "attn_qkv",
               "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down", "ln_1": "attn_norm",
               "ln_2": "ffn_norm"}
END_NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
             "transformer.wte": "token_embd", "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm"}


def gguf_name(name):
    stem, part = name.rsplit(".", 1)
    if stem in END_NAMES:
        return f"{END_NAMES[stem]}.{part}"
    _, _, layer, inner = stem.split(".", 3)
    return f"blk.{layer}.{LLAMA_NAMES[inner]}.{part}"


def write_metadata(writer, config):
    gpt2 = config.model_type == "gpt2"
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    if gpt2:
        writer.add_feed_forward_length(4 * config.hidden_size)
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
        return
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    rope = config.rope_parameters
    writer.add_rope_freq_base(rope["rope_theta"])
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_rope_dimension_count(head_dim)
    if head_dim * config.num_attention_heads != config.hidden_size:
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    if rope["rope_type"] in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(rope["rope_type"]))
        writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "yarn":
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if rope["rope_type"] == "llama3":
        frequencies = 1.0 / rope["rope_theta"] ** (np.arange(0, head_dim, 2, dtype=np.float32) / head_dim)
        factors = []
        for wavelength in 2 * np.pi / frequencies:
            smooth = (rope["original_max_position_embeddings"] / wavelength - rope["low_freq_factor"]) / (
                rope["high_freq_factor"] - rope["low_freq_factor"])
            factors.append(1 if smooth > 1 else rope["factor"] if smooth < 0 else
                           1 / ((1 - smooth) / rope["factor"] + smooth))
        writer.add_tensor("rope_freqs.weight", np.array(factors, dtype=np.float32))


def make_model(family, config, kinds, pre, add_bos):
    """`kinds`: the types of matrices, taken in turn."""
    torch.manual_seed(7)
    model = transformers.AutoModelForCausalLM.from_config(config).float().eval()
    writer = gguf.GGUFWriter(HERE / f"{family}.gguf", family)
    write_metadata(writer, config)
    add_tokenizer(writer, GOLDEN, pre)
    writer.add_add_bos_token(add_bos)
    writer.add_chat_template("{{ bos_token }}{{ messages[0]['content'] }}")
    state, turn = model.state_dict(), 0
    for name in list(state):
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        parameter = state[name]
        values = parameter.numpy()
        if "layernorm" in name or "norm." in name or "ln_" in name or name.endswith(".bias"):
            values = values + 0.2 * np.random.default_rng(len(name)).standard_normal(values.shape)
        conv1d = family == "gpt2" and values.ndim == 2 and ".h." in name
        offset = 1 if family == "gemma" and "norm" in name else 0
        heads = {"q_proj": config.num_attention_heads, "k_proj": getattr(config, "num_key_value_heads", 0)}.get(
            name.split(".")[-2], 0) if family == "llama" else 0
        stored = values.T if conv1d else values + np.float32(offset)
        stored = interleave(stored, heads) if heads else stored
        kind = Type.F32
        if values.ndim == 2:
            kind, turn = kinds[turn % len(kinds)], turn + 1
        seen = add_tensor(writer, gguf_name(name), stored, kind)
        if heads:  # and back
            seen = published(seen, heads)
        seen = seen.T if conv1d else seen - np.float32(offset)
        parameter.copy_(torch.from_numpy(np.ascontiguousarray(seen)))
    finish(writer)
    ids = torch.arange(5, 300, 7)[:40]
    with torch.no_grad():
        logits = model(ids[None]).logits[0, -1]
    (HERE / f"{family}.json").write_text(json.dumps({
        "parameters": sum(p.numel() for p in model.parameters()), "ids": ids.tolist(),
        "logits_last": shortest(logits)}) + "\n")


def rope(kind="default", theta=10000.0, **more):
    return {"rope_type": kind, "rope_theta": theta, **more}


def make_spm():
    """What convert_hf_to_gguf.py's _set_vocab_sentencepiece writes."""
    model = sentencepiece.SentencePieceProcessor(str(GOLDEN / "tokenizers/spm_bpe_bytes/tokenizer.model"))
    writer = gguf.GGUFWriter(HERE / "spm.gguf", "llama")
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    pieces = range(model.vocab_size())
    writer.add_token_list([model.id_to_piece(i).encode() for i in pieces])
    writer.add_token_scores([model.get_score(i) for i in pieces])
    writer.add_token_types([
        gguf.TokenType.UNKNOWN if model.is_unknown(i) else gguf.TokenType.CONTROL if model.is_control(i) else
        gguf.TokenType.UNUSED if model.is_unused(i) else gguf.TokenType.BYTE if model.is_byte(i) else
        gguf.TokenType.NORMAL for i in pieces])
    writer.add_bos_token_id(model.bos_id())
    writer.add_eos_token_id(model.eos_id())
    writer.add_unk_token_id(model.unk_id())
    writer.add_add_bos_token(False)
    finish(writer)
    texts = ["Hello, world!", " two  spaces", "naïve café 東京 🙂", "1234567890 3.14", "the the the theatre",
             "\ttab\nline", "", "a" * 40, "Don't stop", "x = [1, 2]"]
    (HERE / "spm.json").write_text(json.dumps([{"text": text, "ids": model.encode(text)} for text in texts]) + "\n")


make_types()
make_spm()
make_model("llama", transformers.LlamaConfig(**SHAPE, attention_bias=True, rope_parameters=rope(
    "llama3", 500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
    original_max_position_embeddings=64)), (Type.Q8_0, Type.Q4_1, Type.Q4_0), "llama-bpe", True)
make_model("gpt2", transformers.GPT2Config(vocab_size=320, n_embd=32, n_layer=2, n_head=4, n_positions=64,
                                           initializer_range=0.3, bos_token_id=0, eos_token_id=1),
           (Type.F16, Type.Q8_0, Type.F32), "gpt-2",
           False)
make_model("gemma", transformers.GemmaConfig(**{**SHAPE, "num_key_value_heads": 1, "head_dim": 16},
                                             hidden_activation="gelu_pytorch_tanh", rope_parameters=rope()),
           (Type.F16, Type.Q5_1), "default", False)
make_model("qwen2", transformers.Qwen2Config(**SHAPE, tie_word_embeddings=True, rope_parameters=rope(
    "linear", factor=4.0)), (Type.Q5_0, Type.BF16), "qwen2", False)
make_model("qwen3", transformers.Qwen3Config(**SHAPE, head_dim=16, tie_word_embeddings=False, rope_parameters=rope(
    "yarn", 1000000.0, factor=4.0, original_max_position_embeddings=64)), (Type.Q8_0,), "smollm", False)
