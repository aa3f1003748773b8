"""Makes FAMILY.gguf and FAMILY.json in the folder `families` beside it.

    pip install gguf torch transformers safetensors && python make_families.py GOLDEN [FAMILY...]

GOLDEN is the folder of reference outputs; each family's config.json in its folder `arch` is made about half as large,
gets random weights (float16), and is written by the gguf package with what llama.cpp's convert_hf_to_gguf.py does to
the family. FAMILY.json holds the logits of transformers for the same weights.
"""

import json
import pathlib
import re
import sys
import tempfile

import gguf
import numpy as np
import torch
import transformers
from gguf import MODEL_ARCH as A
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).parent / "families"
HALVED = ("hidden_size", "n_embd", "n_embed", "d_model", "intermediate_size", "moe_intermediate_size",
          "ffn_hidden_size",
          "shared_expert_intermediate_size", "head_dim", "n_inner", "intermediate_size_mlp", "qk_nope_head_dim",
          "v_head_dim", "block_ff_dim")


def interleave(weights, heads):
    """Rows i and i + head_dim / 2 of each head next to one another (LlamaModel.permute)."""
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(
        weights.shape)


def ungroup(weights, heads, kv_heads):
    """For each key-value head its queries, its key, its value: all queries, all keys, all values."""
    per = heads // kv_heads + 2
    rows = weights.reshape(kv_heads, per, -1, *weights.shape[1:])
    return np.concatenate([part.reshape(-1, *weights.shape[1:]) for part in (rows[:, :-2], rows[:, -2], rows[:, -1])])


# family: architecture and what the converter does to its tensors
FAMILIES = {
    "arcee": (A.ARCEE, "interleave"), "bloom": (A.BLOOM, "ungroup"), "cohere": (A.COMMAND_R, ""),
    "cohere2": (A.COHERE2, ""), "ernie4_5": (A.ERNIE4_5, ""), "exaone4": (A.EXAONE4, ""),
    "falcon": (A.FALCON, "ungroup"),
    "gemma2": (A.GEMMA2, "plus_one"), "gemma3": (A.GEMMA3, "plus_one"), "glm4": (A.GLM4, ""),
    "gpt_bigcode": (A.STARCODER, ""), "gpt_neox": (A.GPTNEOX, "ungroup"), "mixtral": (A.LLAMA, "interleave"),
    "mistral": (A.LLAMA, "interleave"), "mpt": (A.MPT, ""), "nemotron": (A.NEMOTRON, "plus_one"),
    "olmo": (A.OLMO, "interleave"), "olmo2": (A.OLMO2, ""), "olmo3": (A.OLMO2, ""), "olmoe": (A.OLMOE, ""),
    "phi": (A.PHI2, ""), "phi3": (A.PHI3, ""), "qwen2_moe": (A.QWEN2MOE, ""), "qwen3_moe": (A.QWEN3MOE, ""),
    "falcon_two_norms": (A.FALCON, "ungroup"), "phi3_long": (A.PHI3, ""), "seed_oss": (A.SEED_OSS, ""),
    "smollm3": (A.SMOLLM3, "interleave"), "stablelm": (A.STABLELM, ""),
    "starcoder2": (A.STARCODER2, ""), "deepseek_v2": (A.DEEPSEEK2, ""), "deepseek_v3": (A.DEEPSEEK2, ""),
    "gpt_oss": (A.GPT_OSS, ""), "granite": (A.GRANITE, "interleave"), "granitemoe": (A.GRANITE_MOE, "interleave"),
    "hunyuan_v1_dense": (A.HUNYUAN_DENSE, ""), "lfm2": (A.LFM2, ""), "llama4": (A.LLAMA4, ""),
}

# of another family's config.json, with these settings instead
VARIANTS = {
    "falcon_two_norms": ("falcon", {"new_decoder_architecture": True, "num_kv_heads": 2}),
    "deepseek_v2": ("deepseek_v2", {"head_dim": 8, "qk_head_dim": 16, "rope_scaling": {
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "mscale": 0.707,
        "mscale_all_dim": 0.707, "beta_fast": 32, "beta_slow": 1}}),
    "llama4": ("llama4", {"attention_chunk_size": 8192}),
    "deepseek_v3": ("deepseek_v3", {"head_dim": 8, "qk_head_dim": 16}),
    "phi3_long": ("phi3", {"partial_rotary_factor": 0.5, "original_max_position_embeddings": 32, "sliding_window": 16,
                           "rope_scaling": {"type": "longrope", "short_factor": [1.0, 1.5],
                                            "long_factor": [1.5, 4.0]}}),
    "olmo": ("olmo", {"clip_qkv": 1.5}),
}


def small_config(golden, family):
    folder, changes = VARIANTS.get(family, (family, {}))
    settings = json.loads((golden / "arch" / folder / "config.json").read_text())
    for key in HALVED:
        if settings.get(key):
            settings[key] //= 2
    if "query_pre_attn_scalar" in settings:  # GGUF has no key for it
        settings["query_pre_attn_scalar"] = settings["head_dim"]
    settings |= changes
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "config.json").write_text(json.dumps(settings))
        return transformers.AutoConfig.from_pretrained(folder), settings


def random_model(config):
    """Weights as far from 0 as a model's, so that each of them counts."""
    torch.manual_seed(11)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            one = "norm" in name.lower() or "ln_" in name
            if parameter.ndim < 2 or one:
                base = 1.0 if one and name.endswith("weight") and getattr(config, "model_type") not in (
                    "gemma2", "gemma3_text", "nemotron") else 0.0
                parameter.copy_(base + 0.2 * torch.randn_like(parameter))
            else:
                parameter.copy_(torch.randn_like(parameter) * 0.7 / parameter.shape[-1]**0.5)
            parameter.copy_(parameter.half().float())
    return model


def published_tensors(model):
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return load_file(pathlib.Path(folder) / "model.safetensors")


def merge_experts(tensors):
    """X.experts.0.Y, X.experts.1.Y...: one stack X.experts.Y. The same with norms of heads: X.norms.0."""
    merged = {}
    for name in sorted(tensors, key=lambda n: [int(x) if x.isdigit() else x for x in re.split(r"(\d+)", n)]):
        stem = re.sub(r"\.(experts|norms)\.\d+\.", lambda m: "." + m[1] + "." if m[1] == "experts" else ".", name)
        merged.setdefault(stem, []).append(tensors[name].float().numpy())
        if stem == name:
            merged[stem] = merged[stem][0]
    return {name: np.stack(value) if isinstance(value, list) else value for name, value in merged.items()}


def converted(tensors, s):
    """The tensors that the converter splits or turns round, under their names in GGUF; the others as they are."""
    for name, values in tensors.items():
        block = "blk." + (re.findall(r"\.(\d+)\.", name) or [""])[0]
        if name.endswith("kv_b_proj.weight"):
            heads, keys = s["num_attention_heads"], s["qk_nope_head_dim"]
            rows = values.reshape(heads, -1, values.shape[-1])
            yield f"{block}.attn_k_b.weight", rows[:, :keys].transpose(0, 2, 1)
            yield f"{block}.attn_v_b.weight", rows[:, keys:]
        elif name.endswith("e_score_correction_bias"):
            yield f"{block}.exp_probs_b.bias", values
        elif name.endswith(("experts.gate_up_proj", "experts.gate_up_proj_bias")):  # gpt-oss: row by row in turn
            part, last = ("bias", values) if name.endswith("bias") else ("weight", values.transpose(0, 2, 1))
            in_turn, half = s["model_type"] == "gpt_oss", last.shape[1] // 2
            yield f"{block}.ffn_gate_exps.{part}", last[:, ::2] if in_turn else last[:, :half]
            yield f"{block}.ffn_up_exps.{part}", last[:, 1::2] if in_turn else last[:, half:]
        elif name.endswith("experts.down_proj"):
            yield f"{block}.ffn_down_exps.weight", values.transpose(0, 2, 1)
        elif name.endswith("experts.down_proj_bias"):
            yield f"{block}.ffn_down_exps.bias", values
        elif name.endswith("input_linear.weight"):  # Granite
            yield f"{block}.ffn_gate_exps.weight", values[:, :values.shape[1] // 2]
            yield f"{block}.ffn_up_exps.weight", values[:, values.shape[1] // 2:]
        elif name.endswith("output_linear.weight"):
            yield f"{block}.ffn_down_exps.weight", values
        elif name == "model.embedding_norm.weight":
            yield "token_embd_norm.weight", values
        else:
            yield name, values


def first(settings, *keys):
    return next((settings[key] for key in keys if settings.get(key) is not None), None)


def write_latent_metadata(writer, s):
    writer.add_q_lora_rank(s["q_lora_rank"])
    writer.add_kv_lora_rank(s["kv_lora_rank"])
    writer.add_key_length(s["kv_lora_rank"] + s["qk_rope_head_dim"])
    writer.add_value_length(s["kv_lora_rank"])
    writer.add_key_length_mla(s["qk_nope_head_dim"] + s["qk_rope_head_dim"])
    writer.add_value_length_mla(s["v_head_dim"])
    writer.add_leading_dense_block_count(s["first_k_dense_replace"])
    writer.add_expert_shared_count(s["n_shared_experts"])
    writer.add_expert_weights_scale(s["routed_scaling_factor"])
    writer.add_expert_weights_norm(s["norm_topk_prob"])
    if s.get("n_group"):
        writer.add_expert_group_count(s["n_group"])
        writer.add_expert_group_used_count(s["topk_group"])
    if scaling := s.get("rope_scaling"):
        writer.add_rope_scaling_yarn_log_mul(0.1 * scaling["mscale_all_dim"])


def write_metadata(writer, s, arch):
    hidden = first(s, "hidden_size", "n_embd", "n_embed", "d_model")
    heads = first(s, "num_attention_heads", "n_head", "n_heads")
    head_dim = s.get("head_dim") or hidden // heads
    layers = first(s, "num_hidden_layers", "n_layer", "n_layers")
    writer.add_context_length(first(s, "max_position_embeddings", "seq_length", "n_positions", "max_seq_len") or 2048)
    writer.add_embedding_length(hidden)
    writer.add_block_count(layers)
    writer.add_head_count(heads)
    inner = first(s, "intermediate_size_mlp", "intermediate_size", "ffn_hidden_size", "n_inner")
    writer.add_feed_forward_length(inner or 4 * hidden)
    kv_heads = heads if arch == A.GPTNEOX else first(s, "num_key_value_heads") or heads
    if arch == A.FALCON:
        kv_heads = first(s, "num_kv_heads") if s["new_decoder_architecture"] else 1 if s["multi_query"] else heads
    if s["model_type"] == "gpt_bigcode":
        kv_heads = 1 if s["multi_query"] else heads
    if arch == A.LFM2:
        writer.add_head_count_kv([kv_heads if kind == "full_attention" else 0 for kind in s["layer_types"]])
        writer.add_shortconv_l_cache(s["conv_L_cache"])
    else:
        writer.add_head_count_kv(1 if arch == A.DEEPSEEK2 else kv_heads)
    if "rms_norm_eps" in s or arch == A.LFM2:
        writer.add_layer_norm_rms_eps(s["norm_eps"] if arch == A.LFM2 else s["rms_norm_eps"])
    else:
        writer.add_layer_norm_eps(first(s, "layer_norm_eps", "layer_norm_epsilon", "norm_epsilon", "norm_eps") or 1e-5)
    if arch == A.DEEPSEEK2:
        write_latent_metadata(writer, s)
    elif s.get("head_dim"):
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    part = first(s, "partial_rotary_factor", "rotary_pct")
    theta = first(s, "rope_theta", "rotary_emb_base") or s.get("rope_parameters", {}).get("rope_theta")
    if theta:
        writer.add_rope_freq_base(theta)
        writer.add_rope_dimension_count(s.get("qk_rope_head_dim") or int(head_dim * (part or 1)))
    if (s.get("sliding_window") or 0) > 0:
        writer.add_sliding_window(s["sliding_window"])
        if s["model_type"] == "olmo3":
            writer.add_sliding_window_pattern([kind == "sliding_attention" for kind in s["layer_types"]])
    scaling = s.get("rope_scaling")
    if scaling and scaling.get("rope_type") == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(scaling["factor"])
        writer.add_rope_scaling_orig_ctx_len(scaling["original_max_position_embeddings"])
        if "attention_factor" in scaling:
            writer.add_rope_scaling_attn_factors(scaling["attention_factor"])
    if scaling and scaling.get("type") == "longrope":
        ratio = s["max_position_embeddings"] / s["original_max_position_embeddings"]
        writer.add_rope_scaling_orig_ctx_len(s["original_max_position_embeddings"])
        writer.add_rope_scaling_attn_factors((1 + np.log(ratio) / np.log(s["original_max_position_embeddings"]))**0.5)
        for kind in ("long", "short"):
            writer.add_tensor(f"rope_factors_{kind}.weight", np.array(scaling[f"{kind}_factor"], np.float32))
    for key, add in (("attn_logit_softcapping", writer.add_attn_logit_softcapping),
                     ("final_logit_softcapping", writer.add_final_logit_softcapping),
                     ("logit_scale", writer.add_logit_scale), ("clip_qkv", writer.add_clamp_kqv),
                     ("use_parallel_residual", writer.add_parallel_residual),
                     ("num_experts_per_tok", writer.add_expert_used_count),
                     ("moe_intermediate_size", writer.add_expert_feed_forward_length),
                     ("shared_expert_intermediate_size", writer.add_expert_shared_feed_forward_length)):
        if s.get(key) is not None:
            add(s[key])
    if s["model_type"].startswith("granite"):
        writer.add_attention_scale(s["attention_multiplier"])
        writer.add_embedding_scale(s["embedding_multiplier"])
        writer.add_residual_scale(s["residual_multiplier"])
        writer.add_logit_scale(s["logits_scaling"])
    if experts := first(s, "num_experts", "num_local_experts", "n_routed_experts"):
        writer.add_expert_count(experts)
    if arch == A.LLAMA4:
        writer.add_expert_feed_forward_length(s["intermediate_size"])
        writer.add_interleave_moe_layer_step(s["interleave_moe_layer_step"])
    if arch == A.MPT:
        writer.add_max_alibi_bias(s["attn_config"]["alibi_bias_max"])
    return heads, kv_heads, layers


def add_tokenizer(writer, golden):
    model = json.loads((golden / "arch/llama/tokenizer.json").read_text())["model"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if i < 3 else gguf.TokenType.NORMAL for i in range(len(tokens))])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in model["merges"]])
    for add, id in ((writer.add_bos_token_id, 0), (writer.add_eos_token_id, 1), (writer.add_pad_token_id, 2)):
        add(id)


def write_tensors(writer, tensors, arch, layers, heads, kv_heads, change):
    names = gguf.get_tensor_name_map(arch, layers)
    for published, values in tensors:
        spellings = (published, published.removeprefix("transformer."))  # the converter cuts off BLOOM's prefix
        name = next(filter(None, (names.get_name(one, try_suffixes=(".weight", ".bias")) for one in spellings)), None)
        name = published if published.startswith(("blk.", "token_embd")) else name
        if name is None:
            raise SystemExit(f"{published} has no name in GGUF")
        if not name.endswith((".weight", ".bias")):
            name += ".weight"
        if change == "interleave" and re.search(r"attn_[qk]\.", name):
            values = interleave(values, heads if "attn_q" in name else kv_heads)
        if change == "ungroup" and "attn_qkv" in name:
            values = ungroup(values, heads, kv_heads)
        if change == "plus_one" and name.endswith("norm.weight"):
            values = values + np.float32(1)
        values = np.squeeze(values) if values.ndim > 1 and 1 in values.shape else values
        small = values.ndim == 1 or "norm" in name or "ffn_gate_inp" in name
        writer.add_tensor(name, np.ascontiguousarray(values, np.float32 if small else np.float16))


def make(golden, family):
    arch, change = FAMILIES[family]
    config, settings = small_config(golden, family)
    model = random_model(config)
    HERE.mkdir(exist_ok=True)
    writer = gguf.GGUFWriter(HERE / f"{family}.gguf", gguf.MODEL_ARCH_NAMES[arch])
    heads, kv_heads, layers = write_metadata(writer, settings, arch)
    add_tokenizer(writer, golden)
    tensors = converted(merge_experts(published_tensors(model)), settings)
    write_tensors(writer, tensors, arch, layers, heads, kv_heads, change)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    ids = torch.arange(5, 300, 7)[:40]
    with torch.no_grad():
        logits = model(ids[None]).logits[0, -1]
    (HERE / f"{family}.json").write_text(json.dumps({
        "model_type": settings["model_type"], "ids": ids.tolist(),
        "logits_last": [float(f"{x:.6g}") for x in logits.tolist()]}) + "\n")
    print(family, (HERE / f"{family}.gguf").stat().st_size)


for chosen in sys.argv[2:] or FAMILIES:
    make(pathlib.Path(sys.argv[1]), chosen)
