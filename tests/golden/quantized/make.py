"""Makes the files beside it: weights quantized and read back by other people's programs.

    pip install "mlx[cpu]" gguf && python make.py

model.safetensors and config.json: MLX's affine groups of every width; NAME.expected is what mx.dequantize makes of
NAME with its scales as float32. blocks.safetensors: random blocks of GGUF's types as bytes, and what the gguf package
reads from them.
"""

import json
import pathlib

import gguf
import mlx.core as mx
import numpy as np

HERE = pathlib.Path(__file__).parent
random = np.random.default_rng(20)
tensors = {}
quantization = {"group_size": 64, "bits": 4, "mode": "affine"}
for bits in (2, 3, 4, 5, 6, 8):
    for group_size, dtype in ((32, mx.float16), (64, mx.bfloat16), (128, mx.float32)):
        name = f"layers.bits{bits}.groups{group_size}"
        weights = mx.array(random.standard_normal((3, 256)).astype(np.float32)).astype(dtype)
        words, scales, biases = mx.quantize(weights, group_size=group_size, bits=bits)
        tensors |= {f"{name}.weight": words, f"{name}.scales": scales, f"{name}.biases": biases}
        tensors[f"{name}.expected"] = mx.dequantize(words, scales.astype(mx.float32), biases.astype(mx.float32),
                                                    group_size=group_size, bits=bits)
        if (bits, group_size) != (4, 64):
            quantization[name] = {"group_size": group_size, "bits": bits}
tensors["layers.plain.weight"] = mx.array(random.standard_normal((3, 256)).astype(np.float32)).astype(mx.bfloat16)
tensors["layers.plain.expected"] = tensors["layers.plain.weight"].astype(mx.float32)
quantization["layers.plain"] = False
mx.save_safetensors(str(HERE / "model.safetensors"), tensors)
config = {"model_type": "llama", "quantization": quantization, "quantization_config": quantization}
(HERE / "config.json").write_text(json.dumps(config, indent=1) + "\n")

blocks = {}
for name in ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"):
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    rows, per_row = 4, 3
    data = random.integers(0, 256, (rows, per_row, size), dtype=np.uint8)
    halves = 2 if name.endswith("_1") else 1
    scales = random.standard_normal((rows, per_row, halves)).astype(np.float16)
    data[:, :, : 2 * halves] = scales.view(np.uint8)
    data = data.reshape(rows, per_row * size)
    blocks[name] = mx.array(data)
    blocks[name + ".expected"] = mx.array(gguf.quants.dequantize(data, kind).astype(np.float32))
mx.save_safetensors(str(HERE / "blocks.safetensors"), blocks)
