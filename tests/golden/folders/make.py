"""Makes the folders beside it: a few small matrices in each format of quantized folders.

    pip install torch transformers accelerate compressed-tensors bitsandbytes safetensors numpy
    pip install --no-deps auto-gptq==0.7.1 autoawq==0.2.9
    python make.py

NAME.expected is what the format's own program makes of NAME in float32: transformers (FP8, MXFP4), AutoGPTQ, AutoAWQ,
compressed-tensors, bitsandbytes.
"""

import importlib.util
import json
import pathlib
import sys

import numpy as np
import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
random = torch.Generator().manual_seed(20)


def weights(rows, cols):
    return torch.randn(rows, cols, generator=random) * 0.1


def load_alone(package, path):
    """A module of a package whose __init__ needs another version of something."""
    folder = pathlib.Path(importlib.util.find_spec(package).submodule_search_locations[0])
    spec = importlib.util.spec_from_file_location(path.replace("/", "_"), folder / (path + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(folder, quantization, tensors):
    folder = HERE / folder
    folder.mkdir(exist_ok=True)
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "model.safetensors")
    config = {"model_type": "llama", "quantization_config": quantization}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def make_fp8():
    from transformers.integrations.finegrained_fp8 import _dequantize_fp8_weight

    tensors = {}

    def add(name, weight, scale, block, suffix="weight_scale_inv"):
        tensors[f"{name}.weight"] = weight
        tensors[f"{name}.{suffix}"] = scale
        tensors[f"{name}.expected"] = _dequantize_fp8_weight(weight, scale, block, torch.float32)

    add("blocks", (weights(40, 80) * 1000).to(torch.float8_e4m3fn), torch.rand(2, 2, generator=random), [32, 64])
    add("tensor", (weights(8, 40) * 1000).to(torch.float8_e4m3fn), torch.tensor(0.0123), None)
    add("channel", (weights(8, 40) * 1000).to(torch.float8_e5m2), torch.rand(8, 1, generator=random), [1, 40])
    add("row", (weights(8, 40) * 1000).to(torch.float8_e4m3fn), torch.rand(8, 1, generator=random).bfloat16(), [1, 40],
        "weight_scale")
    tensors["blocks.input_scale"] = torch.tensor(1.0)
    tensors["plain.weight"] = weights(4, 8).bfloat16()
    tensors["plain.expected"] = tensors["plain.weight"].float()
    config = {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": [32, 64],
              "modules_to_not_convert": ["plain"]}
    write("fp8", config, tensors)

    # Without scales: every number that there is.
    every = torch.arange(256, dtype=torch.uint8).reshape(8, 32)
    tensors = {}
    for name, dtype in (("e4m3", torch.float8_e4m3fn), ("e5m2", torch.float8_e5m2)):
        tensors[f"{name}.weight"] = every.clone().view(dtype)
        tensors[f"{name}.expected"] = every.view(dtype).float()
    folder = HERE / "fp8_plain"
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text('{"model_type": "llama"}\n')


def make_mxfp4():
    from transformers.integrations.mxfp4 import _convert_moe_packed_tensors

    blocks = torch.randint(0, 256, (3, 5, 2, 16), generator=random, dtype=torch.uint8)
    scales = torch.randint(110, 130, (3, 5, 2), generator=random, dtype=torch.uint8)
    scales[0, 0, 0] = 0
    # [experts, inputs, outputs] there, outputs first here
    expected = _convert_moe_packed_tensors(blocks, scales, dtype=torch.float32).transpose(1, 2)
    tensors = {"experts.gate_up_proj_blocks": blocks, "experts.gate_up_proj_scales": scales,
               "experts.gate_up_proj.expected": expected, "experts.gate_up_proj_bias": torch.zeros(3, 5)}
    write("mxfp4", {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}, tensors)


def quantize_gptq(weight, bits, group_size, order=None):
    """What AutoGPTQ writes for a matrix, what it reads from that, and the zero points. `order` mixes the groups' inputs.

    Scales and zero points are any that fit roughly; the best ones are for those who use the weights.
    """
    qlinear = load_alone("auto_gptq", "nn_modules/qlinear/qlinear_cuda")
    rows, cols = weight.shape
    group_size = cols if group_size == -1 else group_size
    groups = cols // group_size
    g_idx = torch.arange(cols) // group_size
    if order is not None:
        g_idx = g_idx[order]
    layer = torch.nn.Linear(cols, rows, bias=False).half()
    largest = weight.abs().max()
    scales = ((torch.rand(rows, groups, generator=random) + 1) * 1.5 * largest / 2**bits).half()
    zeros = torch.randint(1, 2**bits, (rows, groups), generator=random) // 2 + 2**(bits - 2)
    module = qlinear.QuantLinear(bits, group_size, cols, rows, False)
    codes = torch.clamp(torch.round(weight / scales[:, g_idx]) + zeros[:, g_idx], 0, 2**bits - 1)
    layer.weight.data = ((codes - zeros[:, g_idx]) * scales[:, g_idx]).half()
    module.pack(layer, scales, zeros.clone(), g_idx.to(torch.int32))
    stored = {k: getattr(module, k).clone() for k in ("qweight", "qzeros", "scales", "g_idx")}
    module.scales = module.scales.float()
    return stored, module(torch.eye(cols)).T, zeros


def make_gptq():
    rows, cols = 32, 64
    order = torch.randperm(cols, generator=random)
    for folder, bits, group_size, v2 in (("gptq2", 2, 32, False), ("gptq3", 3, 32, False), ("gptq4", 4, 32, False),
                                         ("gptq8", 8, 32, False), ("gptq4_v2", 4, 32, True),
                                         ("gptq4_row", 4, -1, False)):
        tensors = {}
        for name, o in (("runs", None), ("order", order)):
            if o is not None and bits not in (4, 8):
                continue
            stored, expected, zeros = quantize_gptq(weights(rows, cols), bits, group_size, o)
            if v2:
                stored["qzeros"] = torch.from_numpy(bit_string(zeros.T.numpy(), bits))
            if o is None and bits == 8:
                del stored["g_idx"]
            tensors |= {f"{name}.{k}": v for k, v in stored.items()} | {f"{name}.expected": expected}
        config = {"quant_method": "gptq", "bits": bits, "group_size": group_size, "desc_act": True, "sym": False}
        if v2:
            config["checkpoint_format"] = "gptq_v2"
        write(folder, config, tensors)


def bit_string(codes, bits):
    """Rows of codes as rows of words, lowest bits first."""
    each = (codes[:, :, None] >> np.arange(bits)) & 1
    flat = each.reshape(len(codes), -1, 32).astype(np.uint32)
    return (flat << np.arange(32, dtype=np.uint32)).sum(-1, dtype=np.uint32).view(np.int32)


def quantize_awq(weight, group_size):
    """A matrix in AWQ's form, and what AutoAWQ reads from that."""
    packing = load_alone("awq", "utils/packing_utils")
    groups = weight.T.reshape(-1, group_size, len(weight))
    low, high = groups.amin(1).clamp(max=0), groups.amax(1).clamp(min=0)
    scales = ((high - low) / 15).half()
    zeros = torch.round(-low / scales).clamp(0, 15).int()
    codes = (torch.round(groups / scales[:, None]) + zeros[:, None]).clamp(0, 15).int().reshape(-1, len(weight))

    def pack(values):
        ordered = values.reshape(len(values), -1, 8)[:, :, packing.AWQ_ORDER].reshape(len(values), -1)
        return torch.from_numpy(bit_string(ordered.numpy(), 4))

    stored = {"qweight": pack(codes), "qzeros": pack(zeros), "scales": scales}
    return stored, packing.dequantize_gemm(stored["qweight"], stored["qzeros"], scales.float(), 4, group_size).T


def make_awq():
    stored, expected = quantize_awq(weights(32, 64) + 0.05, 32)
    tensors = {f"layer.{k}": v for k, v in stored.items()} | {"layer.expected": expected}
    config = {"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": True, "version": "gemm",
              "modules_to_not_convert": None}
    write("awq", config, tensors)


def make_compressed_tensors():
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

    def quantized(form, rows, cols, scale_shape, **args):
        args = QuantizationArgs(**args)
        scheme = QuantizationScheme(targets=["Linear"], weights=args)
        compressor = BaseCompressor.get_value_from_registry(form)
        top = {"int": 2 ** (args.num_bits - 1), "float": 448}[args.type]
        state = {"weight": weights(rows, cols).bfloat16(),
                 "weight_scale": (torch.rand(scale_shape, generator=random) * 0.5 / top + 0.2 / top).bfloat16()}
        if not args.symmetric:
            state["weight_zero_point"] = torch.randint(-top, top, scale_shape, generator=random, dtype=torch.int8)
        stored = compressor.compress(state, scheme)
        wide = dict(stored)
        wide["weight_scale"] = wide["weight_scale"].float()
        return stored, compressor.decompress(wide, scheme)["weight"].float()

    group = {"strategy": "group", "group_size": 32}
    cases = {
        "ct_packed": ("pack-quantized", [
            ("w4_group", 12, 64, (12, 2), dict(num_bits=4, **group)),
            ("w4_channel", 12, 64, (12, 1), dict(num_bits=4, strategy="channel")),
            ("w4_zero", 12, 64, (12, 2), dict(num_bits=4, symmetric=False, **group)),
            ("w8_group", 12, 64, (12, 2), dict(num_bits=8, **group)),
            ("w8_zero_channel", 12, 64, (12, 1), dict(num_bits=8, symmetric=False, strategy="channel")),
            ("w3_group", 12, 64, (12, 2), dict(num_bits=3, **group)),
            ("w4_narrow", 12, 52, (12, 1), dict(num_bits=4, strategy="channel"))]),
        "ct_int": ("int-quantized", [
            ("channel", 12, 64, (12, 1), dict(num_bits=8, strategy="channel")),
            ("tensor", 12, 64, (1,), dict(num_bits=8, strategy="tensor")),
            ("zero", 12, 64, (12, 1), dict(num_bits=8, strategy="channel", symmetric=False))]),
        "ct_float": ("float-quantized", [
            ("channel", 12, 64, (12, 1), dict(num_bits=8, type="float", strategy="channel")),
            ("tensor", 12, 64, (1,), dict(num_bits=8, type="float", strategy="tensor")),
            ("block", 40, 80, (2, 2), dict(num_bits=8, type="float", strategy="block", block_structure=[32, 64]))]),
    }
    for folder, (form, layers) in cases.items():
        tensors, groups = {}, {}
        for name, rows, cols, scale_shape, args in layers:
            stored, expected = quantized(form, rows, cols, scale_shape, **args)
            tensors |= {f"{name}.{k}": v for k, v in stored.items()} | {f"{name}.expected": expected}
            groups[name] = {"targets": [name], "weights": args}
        tensors["plain.weight"] = weights(4, 8).bfloat16()
        tensors["plain.expected"] = tensors["plain.weight"].float()
        write(folder, {"quant_method": "compressed-tensors", "format": form, "config_groups": groups,
                       "ignore": ["plain"], "quantization_status": "compressed"}, tensors)


def make_bitsandbytes():
    import bitsandbytes.functional as bnb

    tensors = {}
    for name, kind, nested, block_size, dtype in (("nf4", "nf4", False, 64, torch.uint8),
                                                  ("nf4_nested", "nf4", True, 64, torch.uint8),
                                                  ("nf4_words", "nf4", False, 128, torch.bfloat16),
                                                  ("fp4", "fp4", False, 64, torch.uint8)):
        weight = weights(32, 640 if nested else 72)
        packed, state = bnb.quantize_4bit(weight, blocksize=block_size, compress_statistics=nested, quant_type=kind,
                                          quant_storage=dtype)
        tensors[f"{name}.weight"] = packed
        tensors |= {f"{name}.weight.{k}": v for k, v in state.as_dict(packed=True).items()}
        tensors[f"{name}.expected"] = bnb.dequantize_4bit(packed.view(torch.uint8), state)
    write("bnb4", {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, tensors)

    codes, largest, _ = bnb.int8_vectorwise_quant(weights(8, 64).half())
    tensors = {"layer.weight": codes, "layer.SCB": largest, "layer.weight_format": torch.tensor(0, dtype=torch.uint8),
               "layer.expected": bnb.int8_vectorwise_dequant(codes, largest)}
    write("bnb8", {"quant_method": "bitsandbytes", "load_in_8bit": True}, tensors)


if __name__ == "__main__":
    for make in [make_fp8, make_mxfp4, make_gptq, make_awq, make_compressed_tensors, make_bitsandbytes]:
        if len(sys.argv) < 2 or make.__name__[5:] in sys.argv[1:]:
            make()
