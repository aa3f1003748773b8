"""Makes models/fp8_rows and models/fp8_stack_blocks: a tiny Llama 4 whose experts are stacks of float8, inputs first.

    pip install torch transformers safetensors && python make_stacks.py

In the first they have the scales of Meta's own folder (transformers' FbgemmFp8Llama4TextExperts: [experts, 1, outputs],
and [experts, outputs, 1] of the down-projection), in the second one for each block. The logits are transformers' in
float32 with the decoded weights.
"""

import json
import pathlib

import torch
import transformers
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent / "models"
IDS = [3, 17, 42, 5, 60, 33, 8]
CONFIG = transformers.Llama4TextConfig(vocab_size=64, hidden_size=64, intermediate_size=32, intermediate_size_mlp=96,
                                       num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, head_dim=32,
                                       num_local_experts=3, num_experts_per_tok=1, max_position_embeddings=128,
                                       bos_token_id=0, eos_token_id=1, pad_token_id=2, tie_word_embeddings=False)


def columns(name, weights):
    scale = weights.abs().amax(1, keepdim=True) / 448  # [experts, 1, outputs]
    return scale, scale.expand_as(weights), "_scale", scale.transpose(1, 2) if "down" in name else scale


def blocks(name, weights):
    experts, rows, cols = weights.shape
    scale = weights.reshape(experts, rows // 32, 32, cols // 32, 32).abs().amax((2, 4)) / 448
    return scale, scale.repeat_interleave(32, 1).repeat_interleave(32, 2), "_scale_inv", scale


def make(folder, quantization, scales_of):
    folder = HERE / folder
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(9)
    model = transformers.Llama4ForCausalLM(CONFIG).float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_((torch.randn_like(parameter) * 0.15 + ("norm" in name)).half().float())
    tensors = {name: value.half() for name, value in model.state_dict().items()}
    for name in [n for n in tensors if "experts.gate_up_proj" in n or "experts.down_proj" in n]:
        weights = tensors.pop(name).float()
        _, whole, suffix, stored = scales_of(name, weights)
        tensors[name] = (weights / whole).to(torch.float8_e4m3fn)
        tensors[name + suffix] = stored.contiguous()
        dict(model.named_parameters())[name].data.copy_(tensors[name].float() * whole)
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "model.safetensors", metadata={"format": "pt"})
    config = CONFIG.to_dict() | {"quantization_config": quantization, "architectures": ["Llama4ForCausalLM"]}
    (folder / "config.json").write_text(json.dumps(config, indent=1, default=str) + "\n")
    with torch.no_grad():
        found = model(torch.tensor([IDS])).logits[0, -1]
    (folder / "logits.json").write_text(json.dumps({"ids": IDS, "logits_last": found.tolist()}) + "\n")


make("fp8_rows", {"quant_method": "fbgemm_fp8", "activation_scale_ub": 1200.0, "modules_to_not_convert": ["lm_head"]},
     columns)
make("fp8_stack_blocks", {"quant_method": "fp8", "weight_block_size": [32, 32], "activation_scheme": "dynamic"}, blocks)
