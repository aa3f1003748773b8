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

from writing import add_tokenizer, finish, interleave

HERE = pathlib.Path(__file__).parent / "families"
HALVED = ("hidden_size", "n_embd", "n_embed", "d_model", "intermediate_size", "moe_intermediate_size",
          "ffn_hidden_size",
          "shared_expert_intermediate_size", "head_dim", "n_inner", "intermediate_size_mlp", "qk_nope_head_dim",
          "v_head_dim", "block_ff_dim")


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
    "apertus": (A.APERTUS, ""), "minicpm3": (A.MINICPM3, ""), "glm": (A.CHATGLM, ""), "gemma4": (A.GEMMA4, ""),
    "gemma4_experts": (A.GEMMA4, ""), "qwen3_next": (A.QWEN3NEXT, "plus_one"), "qwen3_5": (A.QWEN35, "plus_one"),
    "ministral3": (A.MISTRAL3, "interleave"), "mixtral_apart": (A.LLAMA, "interleave"),
}

ABSENT = object()
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
    "minicpm3": ("minicpm3", {"scale_emb": 12, "dim_model_base": 256, "scale_depth": 1.4, "head_dim": None}),
    "glm": ("glm4", {"model_type": "glm", "architectures": ["GlmForCausalLM"]}),
    "gemma4": ("gemma4", {"per_layer_config": ABSENT, "global_head_dim": 16, "use_double_wide_mlp": True,
                          "intermediate_size": 40, "hidden_size_per_layer_input": 8, "num_hidden_layers": 4,
                          "layer_types": ["sliding_attention", "full_attention"] * 2}),
    "gemma4_experts": ("gemma4", {"per_layer_config": ABSENT, "global_head_dim": 16, "num_kv_shared_layers": 0,
                                  "attention_k_eq_v": True, "num_global_key_value_heads": 1,
                                  "intermediate_size": 40, "hidden_size_per_layer_input": 0, "num_hidden_layers": 2,
                                  "layer_types": ["sliding_attention", "full_attention"],
                                  "enable_moe_block": True, "num_experts": 4, "top_k_experts": 2,
                                  "moe_intermediate_size": 16}),
    "ministral3": ("mistral", {"model_type": "ministral3", "architectures": ["Ministral3ForCausalLM"],
                               "sliding_window": None, "rope_theta": None, "rope_scaling": None, "rope_parameters": {
                                   "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "mscale": 1.0,
                                   "mscale_all_dim": 1.0, "original_max_position_embeddings": 16,
                                   "llama_4_scaling_beta": 0.1}}),
    "mixtral_apart": ("mixtral", {"num_hidden_layers": 1}),
    "qwen3_next": ("qwen3_next", {"num_hidden_layers": 2, "layer_types": ["linear_attention", "full_attention"]}),
    "qwen3_5": ("qwen3_5", {"num_hidden_layers": 2, "layer_types": ["linear_attention", "full_attention"]}),
}


def small_config(golden, family):
    folder, changes = VARIANTS.get(family, (family, {}))
    settings = json.loads((golden / "arch" / folder / "config.json").read_text())
    for key in HALVED:
        if settings.get(key):
            settings[key] //= 2
    if "query_pre_attn_scalar" in settings:  # GGUF has no key for it
        settings["query_pre_attn_scalar"] = settings["head_dim"]
    settings = {key: value for key, value in (settings | changes).items() if value is not ABSENT}
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
                less_one = config.model_type in ("gemma2", "gemma3_text", "nemotron", "qwen3_next", "qwen3_5_text")
                base = 1.0 if one and name.endswith("weight") and (not less_one or "linear_attn" in name) else 0.0
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


def tiled(values, s, dim, axis=0):
    """The value heads of the delta rule: the first of each key head, then the second of each."""
    keys = s["linear_num_key_heads"]
    shape = values.shape
    split = values.reshape(*shape[:axis], keys, -1, dim, *shape[axis + 1:])
    return split.swapaxes(axis, axis + 1).reshape(shape)


def converted_delta(name, values, s, block):
    """Of Qwen3-Next and Qwen3.5; None for other tensors."""
    keys, key_dim = s["linear_num_key_heads"], s["linear_key_head_dim"]
    dim, first = s["linear_value_head_dim"], 2 * keys * key_dim
    tile = (lambda v, d: tiled(v, s, d)) if s["model_type"].startswith("qwen3_5") else (lambda v, d: v)
    if name.endswith("A_log"):
        return [(f"{block}.ssm_a", tile(-np.exp(values), 1))]
    if name.endswith("dt_bias"):
        return [(f"{block}.ssm_dt.bias", tile(values, 1))]
    if "conv1d" in name or "in_proj_qkv." in name:
        rows = values.reshape(values.shape[0], -1)
        to = "ssm_conv1d" if "conv1d" in name else "attn_qkv"
        return [(f"{block}.{to}.weight", np.concatenate([rows[:first], tile(rows[first:], dim)]))]
    if "in_proj_z." in name:
        return [(f"{block}.attn_gate.weight", tile(values, dim))]
    if "in_proj_b." in name or "in_proj_a." in name:
        return [(f"{block}.ssm_{'beta' if 'in_proj_b.' in name else 'alpha'}.weight", tile(values, 1))]
    if "linear_attn.out_proj." in name and s["model_type"].startswith("qwen3_5"):
        return [(f"{block}.ssm_out.weight", tiled(values, s, dim, 1))]
    if "in_proj_qkvz." in name:
        rows = values.reshape(keys, -1, values.shape[-1])
        run = (rows.shape[1] - 2 * key_dim) // 2
        parts = np.split(rows, [key_dim, 2 * key_dim, 2 * key_dim + run], axis=1)
        flat = [part.reshape(-1, values.shape[-1]) for part in parts]
        return [(f"{block}.attn_qkv.weight", np.concatenate(flat[:3])), (f"{block}.attn_gate.weight", flat[3])]
    return None


def converted(tensors, s):
    """The tensors that the converter splits or turns round, under their names in GGUF; the others as they are."""
    for name, values in tensors.items():
        block = "blk." + (re.findall(r"\.(\d+)\.", name) or [""])[0]
        if "linear_attn" in name and (parts := converted_delta(name, values, s, block)):
            yield from parts
        elif ".act_fn." in name:  # xIELU's numbers are metadata
            continue
        elif name.endswith("layer_scalar"):
            yield f"{block}.layer_output_scale.weight", values
        elif name.endswith("router.scale"):
            yield f"{block}.ffn_gate_inp.scale", values
        elif name.endswith("per_expert_scale"):
            yield f"{block}.ffn_down_exps.scale", values
        elif s["model_type"].startswith("gemma4") and ".experts." in name:
            yield f"{block}.ffn_{'down' if 'down' in name else 'gate_up'}_exps.weight", values
        elif s.get("apart") and ".experts." in name:  # as the first files of Mixtral
            kind = {"w1": "gate", "w2": "down", "w3": "up"}[name.split(".")[-2]]
            for e, one in enumerate(values):
                yield f"{block}.ffn_{kind}.{e}.weight", one
        elif name.endswith("kv_b_proj.weight") and s["model_type"] != "minicpm3":
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


def write_delta_metadata(writer, s):
    writer.add_ssm_conv_kernel(s["linear_conv_kernel_dim"])
    writer.add_ssm_state_size(s["linear_key_head_dim"])
    writer.add_ssm_group_count(s["linear_num_key_heads"])
    writer.add_ssm_time_step_rank(s["linear_num_value_heads"])
    writer.add_ssm_inner_size(s["linear_value_head_dim"] * s["linear_num_value_heads"])
    writer.add_full_attention_interval(s.get("full_attention_interval") or 4)


def write_gemma4_metadata(writer, s):
    """Instead of the keys that all have."""
    slides = [kind == "sliding_attention" for kind in s["layer_types"]]
    shared, layers = s["num_kv_shared_layers"], s["num_hidden_layers"]
    writer.add_context_length(s["max_position_embeddings"])
    writer.add_embedding_length(s["hidden_size"])
    writer.add_block_count(layers)
    writer.add_head_count(s["num_attention_heads"])
    full = s.get("num_global_key_value_heads")
    if full:
        writer.add_head_count_kv([s["num_key_value_heads"] if slide else full for slide in slides])
    else:
        writer.add_head_count_kv(s["num_key_value_heads"])
    inner = s["intermediate_size"]
    writer.add_feed_forward_length([inner * (2 if i >= layers - shared else 1) for i in range(layers)]
                                   if s["use_double_wide_mlp"] else inner)
    writer.add_layer_norm_rms_eps(s["rms_norm_eps"])
    writer.add_shared_kv_layers(shared)
    writer.add_embedding_length_per_layer_input(s["hidden_size_per_layer_input"] or 0)
    writer.add_sliding_window(s["sliding_window"])
    writer.add_sliding_window_pattern(slides)
    for add in (writer.add_key_length, writer.add_value_length, writer.add_rope_dimension_count):
        add(s["global_head_dim"])
    for add in (writer.add_key_length_swa, writer.add_value_length_swa, writer.add_rope_dimension_count_swa):
        add(s["head_dim"])
    ropes = s["rope_parameters"]
    writer.add_rope_freq_base(ropes["full_attention"]["rope_theta"])
    writer.add_rope_freq_base_swa(ropes["sliding_attention"]["rope_theta"])
    pairs = s["global_head_dim"] // 2
    turning = int(pairs * ropes["full_attention"]["partial_rotary_factor"])
    writer.add_tensor("rope_freqs.weight", np.array([1.0] * turning + [1e30] * (pairs - turning), np.float32))
    if s.get("final_logit_softcapping"):
        writer.add_final_logit_softcapping(s["final_logit_softcapping"])
    if s.get("enable_moe_block"):
        writer.add_expert_count(s["num_experts"])
        writer.add_expert_used_count(s["top_k_experts"])
        writer.add_expert_feed_forward_length(s["moe_intermediate_size"])
    return s["num_attention_heads"], s["num_key_value_heads"], layers


def write_metadata(writer, s, arch):
    if arch == A.GEMMA4:
        return write_gemma4_metadata(writer, s)
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
    elif arch == A.MINICPM3:
        writer.add_q_lora_rank(s["q_lora_rank"])
        writer.add_kv_lora_rank(s["kv_lora_rank"])
        writer.add_key_length(s["qk_nope_head_dim"] + s["qk_rope_head_dim"])
    elif s.get("head_dim"):
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    rope = s.get("rope_parameters") or {}
    part = first(s, "partial_rotary_factor", "rotary_pct") or rope.get("partial_rotary_factor")
    theta = first(s, "rope_theta", "rotary_emb_base") or rope.get("rope_theta")
    if theta:
        writer.add_rope_freq_base(theta)
        writer.add_rope_dimension_count(s.get("qk_rope_head_dim") or int(head_dim * (part or 1)))
    if (s.get("sliding_window") or 0) > 0:
        writer.add_sliding_window(s["sliding_window"])
        if s["model_type"] == "olmo3":
            writer.add_sliding_window_pattern([kind == "sliding_attention" for kind in s["layer_types"]])
    scaling = s.get("rope_scaling") or rope
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
    if arch == A.MISTRAL3:
        writer.add_rope_scaling_yarn_log_mul(rope["mscale_all_dim"])
        writer.add_attn_temperature_scale(rope["llama_4_scaling_beta"])
    if "linear_num_key_heads" in s:
        write_delta_metadata(writer, s)
    if experts := first(s, "num_experts", "num_local_experts", "n_routed_experts"):
        writer.add_expert_count(experts)
    if arch == A.LLAMA4:
        writer.add_expert_feed_forward_length(s["intermediate_size"])
        writer.add_interleave_moe_layer_step(s["interleave_moe_layer_step"])
    if arch == A.MPT:
        writer.add_max_alibi_bias(s["attn_config"]["alibi_bias_max"])
    return heads, kv_heads, layers


def write_tensors(writer, tensors, arch, layers, heads, kv_heads, change):
    names = gguf.get_tensor_name_map(arch, layers)
    for published, values in tensors:
        spellings = (published, published.removeprefix("transformer."))  # the converter cuts off BLOOM's prefix
        name = next(filter(None, (names.get_name(one, try_suffixes=(".weight", ".bias")) for one in spellings)), None)
        name = published if published.startswith(("blk.", "token_embd")) or published == "rope_freqs.weight" else name
        if name is None:
            raise SystemExit(f"{published} has no name in GGUF")
        if not name.endswith((".weight", ".bias", ".scale", "ssm_a")):
            name += ".weight"
        if change == "interleave" and re.search(r"attn_[qk]\.", name):
            values = interleave(values, heads if "attn_q" in name else kv_heads)
        if change == "ungroup" and "attn_qkv" in name:
            values = ungroup(values, heads, kv_heads)
        if change == "plus_one" and name.endswith("norm.weight") and "ssm_norm" not in name:
            values = values + np.float32(1)
        values = np.squeeze(values) if values.ndim > 1 and 1 in values.shape else values
        small = values.ndim == 1 or "norm" in name or "ffn_gate_inp" in name or "conv1d" in name
        writer.add_tensor(name, np.ascontiguousarray(values, np.float32 if small else np.float16))


def make(golden, family):
    arch, change = FAMILIES[family]
    config, settings = small_config(golden, family)
    model = random_model(config)
    HERE.mkdir(exist_ok=True)
    writer = gguf.GGUFWriter(HERE / f"{family}.gguf", gguf.MODEL_ARCH_NAMES[arch])
    heads, kv_heads, layers = write_metadata(writer, settings, arch)
    add_tokenizer(writer, golden)
    settings["apart"] = family == "mixtral_apart"
    if arch == A.APERTUS:
        for key, add in (("alpha_n", writer.add_xielu_alpha_n), ("alpha_p", writer.add_xielu_alpha_p),
                         ("beta", writer.add_xielu_beta), ("eps", writer.add_xielu_eps)):
            add([getattr(layer.mlp.act_fn, key).float().item() for layer in model.model.layers])
    tensors = converted(merge_experts(published_tensors(model)), settings)
    write_tensors(writer, tensors, arch, layers, heads, kv_heads, change)
    finish(writer)
    ids = torch.arange(5, 300, 7)[:40]
    with torch.no_grad():
        logits = model(ids[None]).logits[0, -1]
    (HERE / f"{family}.json").write_text(json.dumps({
        "model_type": settings["model_type"], "ids": ids.tolist(),
        "logits_last": [float(f"{x:.6g}") for x in logits.tolist()]}) + "\n")
    print(family, (HERE / f"{family}.gguf").stat().st_size)


for chosen in sys.argv[2:] or FAMILIES:
    make(pathlib.Path(sys.argv[1]), chosen)
