"""Makes mixed.gguf and nvfp4.gguf beside it: tiny Llamas of types that the gguf package can read but not write.

    pip install gguf torch transformers && python make_mixed.py GOLDEN

GOLDEN is the folder of reference outputs (arch/llama/tokenizer.json). The blocks are random bytes with scales that make
the weights as large as a model's. NAME.json holds the logits of transformers for the weights that gguf.quants decodes;
NVFP4's are multiplied by the number in X.scale beside X.weight, as llama.cpp does it (its PR 19769).
"""

import json
import pathlib
import sys

import gguf
import numpy as np
import torch
import transformers
from gguf import GGMLQuantizationType as Type

from writing import add_tokenizer, finish, published

HERE = pathlib.Path(__file__).parent


def config(hidden):
    return transformers.LlamaConfig(vocab_size=320, hidden_size=hidden, intermediate_size=hidden, num_hidden_layers=1,
                                    num_attention_heads=2, num_key_value_heads=1, head_dim=32,
                                    max_position_embeddings=256, bos_token_id=0, eos_token_id=1, pad_token_id=2,
                                    tie_word_embeddings=True)


# type, and where its blocks have float16 scales
MATRICES = {"model.embed_tokens": ("token_embd", Type.Q3_K, [108]),
            "self_attn.q_proj": ("attn_q", Type.Q6_K, [208]), "self_attn.k_proj": ("attn_k", Type.Q2_K, [80, 82]),
            "self_attn.v_proj": ("attn_v", Type.IQ2_XS, [0]), "self_attn.o_proj": ("attn_output", Type.IQ4_NL, [0]),
            "mlp.gate_proj": ("ffn_gate", Type.IQ2_XXS, [0]), "mlp.up_proj": ("ffn_up", Type.IQ1_S, [0]),
            "mlp.down_proj": ("ffn_down", Type.Q4_K, [0, 2])}
NVFP4 = {name: (gguf_name, Type.NVFP4, []) for name, (gguf_name, _, _) in MATRICES.items()}
NORMS = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "model.norm": "output_norm"}


def random_matrix(random, shape, kind, scales, embedding):
    """Blocks and what they stand for, 0.08 on average."""
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (shape[0] * shape[1] // elements, size), dtype=np.uint8)
    if kind == Type.NVFP4:
        low = 0x10 if embedding else 0x38  # from 2^-5 or, where there is a scale beside them, 1
        blocks[:, :4] = random.integers(low, low + 0x10, (len(blocks), 4))
        return blocks.reshape(shape[0], -1), gguf.quants.dequantize(blocks, kind).reshape(shape)

    def scaled(d):
        for i, at in enumerate(scales):  # the second one is of what is subtracted: half as much centers the values
            blocks[:, at:at + 2] = np.full(len(blocks), d / (1 + i), np.float16).view(np.uint8).reshape(-1, 2)
        return gguf.quants.dequantize(blocks, kind)

    values = scaled(0.08 / np.abs(scaled(1)).mean())
    return blocks.reshape(shape[0], -1), values.reshape(shape)


def make(name, model_config, matrices, golden):
    random = np.random.default_rng(5)
    model = transformers.LlamaForCausalLM(model_config).float().eval()
    writer = gguf.GGUFWriter(HERE / f"{name}.gguf", "llama")
    writer.add_context_length(model_config.max_position_embeddings)
    writer.add_embedding_length(model_config.hidden_size)
    writer.add_block_count(model_config.num_hidden_layers)
    writer.add_feed_forward_length(model_config.intermediate_size)
    writer.add_head_count(model_config.num_attention_heads)
    writer.add_head_count_kv(model_config.num_key_value_heads)
    writer.add_key_length(model_config.head_dim)
    writer.add_value_length(model_config.head_dim)
    writer.add_rope_dimension_count(model_config.head_dim)
    writer.add_rope_freq_base(model_config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(model_config.rms_norm_eps)
    add_tokenizer(writer, golden)
    for name_there, parameter in model.named_parameters():
        stem = name_there.removesuffix(".weight").removeprefix("model.layers.0.")
        prefix = "blk.0." if "layers" in name_there else ""
        if stem in NORMS:
            values = (1 + 0.2 * random.standard_normal(parameter.shape)).astype(np.float32)
            writer.add_tensor(prefix + NORMS[stem] + ".weight", values)
        else:
            gguf_name, kind, scales = matrices[stem]
            blocks, values = random_matrix(random, parameter.shape, kind, scales, gguf_name == "token_embd")
            writer.add_tensor(prefix + gguf_name + ".weight", blocks, raw_dtype=kind)
            if kind == Type.NVFP4 and gguf_name != "token_embd":
                scale = np.array([0.04 + 0.01 * random.random()], np.float32)
                writer.add_tensor(prefix + gguf_name + ".scale", scale)
                writer.add_tensor(prefix + gguf_name + ".input_scale", np.ones(1, np.float32))
                values = values * scale
            heads = {"attn_q": model_config.num_attention_heads, "attn_k": model_config.num_key_value_heads}.get(gguf_name)
            values = published(values, heads) if heads else values
        parameter.data.copy_(torch.from_numpy(np.ascontiguousarray(values)))
    finish(writer)
    ids = torch.arange(5, 300, 7)[:40]
    with torch.no_grad():
        logits = model(ids[None]).logits[0, -1]
    (HERE / f"{name}.json").write_text(json.dumps({
        "parameters": sum(p.numel() for p in model.parameters()), "ids": ids.tolist(),
        "logits_last": [float(str(np.float32(x))) for x in logits]}) + "\n")


make("mixed", config(256), MATRICES, pathlib.Path(sys.argv[1]))
make("nvfp4", config(64), NVFP4, pathlib.Path(sys.argv[1]))
