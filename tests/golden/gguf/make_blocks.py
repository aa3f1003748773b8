"""Makes blocks.gguf beside it: random blocks of every type of GGUF and what they stand for.

    pip install gguf && python make_blocks.py

The tensor TYPE holds random bytes with finite scales, TYPE.expected what gguf.quants.dequantize makes of them. That
function knows neither Q8_K nor Q1_0: their formulas (ggml-quants.c: d * q; d where a bit is set, else -d) stand here.
"""

import pathlib

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

# Where a block's scales lie: offsets of float16 numbers.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "Q8_K": [], "IQ1_S": [0], "IQ1_M": [], "IQ2_XXS": [0],
          "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0], "IQ3_S": [0], "IQ4_NL": [0], "IQ4_XS": [0], "TQ1_0": [52],
          "TQ2_0": [64], "MXFP4": [], "NVFP4": [], "Q1_0": [0]}


def halves(random, count):
    """Numbers of both signs and all sizes below 256 (times 128, Q8_0's bias, is a float16 too), some subnormal."""
    values = random.integers(0, 1 << 16, count, dtype=np.uint16)
    return np.where(values & 0x7c00 >= 0x5c00, values & 0x83ff, values).astype("<u2")


def random_blocks(random, kind, count):
    _, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (count, size), dtype=np.uint8)
    for offset in HALVES[kind.name]:
        blocks[:, offset:offset + 2] = halves(random, len(blocks)).view(np.uint8).reshape(-1, 2)
    if kind == Type.Q8_K:
        blocks[:, :4] = random.standard_normal(len(blocks)).astype("<f4").view(np.uint8).reshape(-1, 4)
    if kind == Type.IQ1_M:  # in the highest four bits of four words, the lowest first
        for nibble in range(4):
            bits = halves(random, len(blocks)) if nibble == 0 else bits >> 4
            at = 48 + 2 * nibble + 1
            blocks[:, at] = blocks[:, at] & 15 | (bits & 15).astype(np.uint8) << 4
    if kind == Type.MXFP4:  # twelve times the largest power is not finite
        blocks[:, 0] = np.where(blocks[:, 0] > 250, 127, blocks[:, 0])
        blocks[:3, 0] = (0, 1, 2)[:count]
    return blocks


def dequantize(blocks, kind):
    if kind == Type.Q8_K:
        return blocks[:, :4].copy().view("<f4") * blocks[:, 4:260].view(np.int8).astype(np.float32)
    if kind == Type.Q1_0:
        bits = np.unpackbits(blocks[:, 2:], axis=-1, bitorder="little")
        d = blocks[:, :2].copy().view(np.float16).astype(np.float32)
        return np.where(bits == 1, d, -d)
    return gguf.quants.dequantize(blocks, kind)


def write(path, cols=None, expected=True):
    random = np.random.default_rng(4)
    writer = gguf.GGUFWriter(path, "llama")
    for name in HALVES:
        elements, _ = gguf.GGML_QUANT_SIZES[Type[name]]
        blocks = random_blocks(random, Type[name], (cols or elements) // elements)
        values = dequantize(blocks, Type[name]).astype(np.float32).reshape(1, -1)
        assert np.isfinite(values).all(), name
        writer.add_tensor(name, blocks.reshape(1, -1), raw_dtype=Type[name])
        if expected:
            writer.add_tensor(name + ".expected", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


HERE = pathlib.Path(__file__).parent
write(HERE / "blocks.gguf", cols=512)
write(HERE.parent.parent / "fuzz/corpus/gguf/blocks.gguf", expected=False)  # a block of each, to begin with
