"""Makes the folders models/FORMAT: one tiny Llama in formats of quantized folders, with logits.json.

    (the packages of make.py) python make_models.py

The logits are transformers' in float32. FP8 and compressed-tensors folders are loaded by transformers as they are; those
of GPTQ and AWQ, which it runs on GPUs only, and of NF4, whose scales bitsandbytes rounds on a CPU, as the weights that
AutoGPTQ, AutoAWQ and bitsandbytes make of them.
"""

import json
import pathlib

import torch
import transformers
from safetensors.torch import save_file

import make

HERE = pathlib.Path(__file__).parent / "models"
CONFIG = transformers.LlamaConfig(vocab_size=64, hidden_size=64, intermediate_size=128, num_hidden_layers=1,
                                  num_attention_heads=2, num_key_value_heads=1, head_dim=32,
                                  max_position_embeddings=128, bos_token_id=0, eos_token_id=1,
                                  tie_word_embeddings=False, initializer_range=0.1)
IDS = [3, 17, 42, 5, 60, 33, 8]


def base_model():
    torch.manual_seed(7)
    return transformers.LlamaForCausalLM(CONFIG).float().eval()


def layers(model):
    return {name: m for name, m in model.named_modules() if isinstance(m, torch.nn.Linear) and "lm_head" not in name}


def logits(model):
    with torch.no_grad():
        return model(torch.tensor([IDS])).logits[0, -1].float()


def write(folder, quantization, stored, reference=None):
    """`stored` by layer; what is not quantized in float16, as it is in the reference."""
    folder = HERE / folder
    folder.mkdir(parents=True, exist_ok=True)
    model = base_model()
    tensors = {k: v.half() for k, v in model.state_dict().items() if k.removesuffix(".weight") not in layers(model)}
    for layer, parts in stored.items():
        tensors |= {f"{layer}.{k}": v.contiguous() for k, v in parts.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = CONFIG.to_dict() | {"quantization_config": quantization, "dtype": "float32",
                                 "architectures": ["LlamaForCausalLM"]}
    (folder / "config.json").write_text(json.dumps(config, indent=1, default=str) + "\n")
    if reference is None:
        loaded = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        for module in loaded.modules():  # what is not quantized stays float16 otherwise
            for parameter in module.parameters(recurse=False):
                if parameter.dtype in (torch.float16, torch.bfloat16):
                    parameter.data = parameter.data.float()
    else:
        loaded = base_model()
        loaded.load_state_dict({k: v.float() for k, v in tensors.items() if k in model.state_dict()}
                               | {f"{k}.weight": v for k, v in reference.items()})
    found = logits(loaded)
    (folder / "logits.json").write_text(json.dumps({"ids": IDS, "logits_last": found.tolist()}) + "\n")
    print(folder.name, float((found - logits(base_model())).abs().max()))


def gpt_oss():
    """Experts in MXFP4 as gpt-oss's folder has them; transformers decodes them on a CPU."""
    torch.manual_seed(8)
    config = transformers.GptOssConfig(vocab_size=64, hidden_size=64, intermediate_size=32, num_hidden_layers=2,
                                       num_attention_heads=2, num_key_value_heads=1, head_dim=32, num_local_experts=4,
                                       num_experts_per_tok=2, sliding_window=4, max_position_embeddings=128,
                                       initial_context_length=64, layer_types=["sliding_attention", "full_attention"],
                                       initializer_range=0.1)
    tensors = transformers.GptOssForCausalLM(config).bfloat16().state_dict()
    for name in [n for n in tensors if n.endswith("_proj") and "experts" in n]:
        inputs, outputs = tensors.pop(name).shape[1:]
        size = (4, outputs, inputs // 32)
        tensors[name + "_blocks"] = torch.randint(0, 256, (*size, 16), generator=make.random, dtype=torch.uint8)
        tensors[name + "_scales"] = torch.randint(121, 124, size, generator=make.random, dtype=torch.uint8)
    folder = HERE / "mxfp4"
    folder.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "model.safetensors", metadata={"format": "pt"})
    quantization = {"quant_method": "mxfp4", "modules_to_not_convert": ["model.embed_tokens", "lm_head"]}
    (folder / "config.json").write_text(json.dumps(config.to_dict() | {
        "quantization_config": quantization, "architectures": ["GptOssForCausalLM"], "dtype": "bfloat16"},
        indent=1, default=str) + "\n")
    loaded = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32,
                                                               attn_implementation="eager").eval()
    found = logits(loaded)
    (folder / "logits.json").write_text(json.dumps({"ids": IDS, "logits_last": found.tolist()}) + "\n")
    print(folder.name, found.std())


def main():
    linear = {name: m.weight.data for name, m in layers(base_model()).items()}

    order, stored, reference = torch.randperm(64, generator=make.random), {}, {}
    for name, weight in linear.items():
        desc_act = weight.shape[1] == 64 and "o_proj" not in name
        stored[name], reference[name], _ = make.quantize_gptq(weight, 4, 32, order if desc_act else None)
    write("gptq", {"quant_method": "gptq", "bits": 4, "group_size": 32, "desc_act": True, "sym": False}, stored,
          reference)

    stored, reference = {}, {}
    for name, weight in linear.items():
        stored[name], reference[name] = make.quantize_awq(weight, 32)
    write("awq", {"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": True, "version": "gemm"}, stored,
          reference)

    def fp8(weight):
        rows, cols = weight.shape
        blocks = weight.reshape(rows // 32, 32, cols // 32, 32)
        scale = blocks.abs().amax((1, 3)) / 448
        return {"weight": (blocks / scale[:, None, :, None]).reshape(rows, cols).to(torch.float8_e4m3fn),
                "weight_scale_inv": scale}

    write("fp8", {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [32, 32],
                  "modules_to_not_convert": ["lm_head"]}, {k: fp8(v) for k, v in linear.items()})

    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

    args = QuantizationArgs(num_bits=4, strategy="group", group_size=32)
    scheme = QuantizationScheme(targets=["Linear"], weights=args)
    packer = BaseCompressor.get_value_from_registry("pack-quantized")
    write("compressed_tensors",
          {"quant_method": "compressed-tensors", "format": "pack-quantized", "quantization_status": "compressed",
           "config_groups": {"group_0": {"targets": ["Linear"], "weights": args.model_dump(mode="json")}},
           "ignore": ["lm_head"]},
          {k: packer.compress({"weight": v, "weight_scale": v.reshape(len(v), -1, 32).abs().amax(2) / 7.5}, scheme)
           for k, v in linear.items()})

    import bitsandbytes.functional as bnb

    def nf4(weight):
        packed, state = bnb.quantize_4bit(weight, blocksize=64, compress_statistics=True, quant_type="nf4")
        stored = {"weight": packed} | {f"weight.{k}": v for k, v in state.as_dict(packed=True).items()}
        return stored, bnb.dequantize_4bit(packed, state)

    stored = {k: nf4(v) for k, v in linear.items()}

    write("nf4", {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4",
                  "bnb_4bit_use_double_quant": True, "bnb_4bit_compute_dtype": "float32"},
          {k: v[0] for k, v in stored.items()}, {k: v[1] for k, v in stored.items()})


main()
gpt_oss()
