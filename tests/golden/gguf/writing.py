"""What the make scripts beside it share: how a tiny model's file is written with the gguf package."""

import json

import gguf


def add_tokenizer(writer, golden, pre="llama-bpe"):
    """The byte-level tokenizer that all of golden/arch have: 320 tokens, of which the first three are special."""
    model = json.loads((golden / "arch/llama/tokenizer.json").read_text())["model"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if i < 3 else gguf.TokenType.NORMAL for i in range(len(tokens))])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in model["merges"]])
    for add, id in ((writer.add_bos_token_id, 0), (writer.add_eos_token_id, 1), (writer.add_pad_token_id, 2)):
        add(id)


def interleave(weights, heads):
    """Rows i and i + head_dim / 2 of each head next to one another (LlamaModel.permute)."""
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(
        weights.shape)


def published(rows, heads):
    """What `interleave` makes, back in the published order."""
    return rows.reshape(heads, -1, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
