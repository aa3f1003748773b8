#!/usr/bin/env python3
"""Makes smollm2.json: what transformers' token healing (GenerationMixin.heal_tokens) makes of prompts.

    pip install "transformers==5.*" torch          (in a scratch environment)
    foretell convert --dtype float32 -o FOLDER && python tests/golden/token_healing/make.py FOLDER

transformers takes the last token back and draws it again with a bonus of 10 for each token that begins with it, and of
11 for itself. Kept are prompts for which that means the same as to allow nothing else: where the best of these tokens is
the best by a margin of 1.5 without the bonus, too, also against tokens that are a beginning of the one taken back.
Each row: the prompt, its ids and the healed ones, of which the last is the new token.
"""
import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.generation import utils

MARGIN = 1.5
TEXTS = [
    'The link is <a href="http://www.example.com/index.html">this page</a>.',
    "def fibonacci(n):\n    if n < 2:\n        return n\n    return fibonacci(n - 1) + fibonacci(n - 2)\n",
    "It was the best of times, it was the worst of times, it was the age of wisdom.",
    "The president of the United States lives in the White House in Washington, D.C.",
    "Water is made of hydrogen and oxygen. Its formula is H2O, and it boils at 100 degrees.",
    "#include <stdio.h>\n\nint main(void) {\n  printf(\"Hello, world!\\n\");\n  return 0;\n}\n",
    "SELECT name, address FROM customers WHERE country = 'Germany' ORDER BY name;",
    "Photosynthesis is the process by which green plants convert sunlight into chemical energy.",
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<title>Welcome</title>\n</head>\n<body></body>\n</html>",
    "Once upon a time there was a little girl who lived in a small house at the edge of the forest.",
]


def margin_of(model, tokenizer, names, ids):
    """How much better the best token that begins with the last one is than any other that may be meant."""
    with torch.no_grad():
        logits = model(torch.tensor([ids[:-1]])).logits[0, -1]
    tail = names[ids[-1]]
    longer = {i for i, name in names.items() if name.startswith(tail)}
    shorter = {i for i, name in names.items() if tail.startswith(name) and i not in longer}
    best = max(longer, key=lambda i: logits[i].item())
    others = [logits[i].item() for i in (longer | shorter) - {best}]
    biased = max((i for i in names if i not in longer), key=lambda i: logits[i].item())
    margin = min([logits[best].item() - other for other in others], default=99.0)
    return best, min(margin, logits[best].item() + 10 - logits[biased].item())


def main():
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
    model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32).eval()
    # It looks for the vocabulary's spelling of a blank, and would take the unknown token where " " is no entry.
    find = tokenizer.convert_tokens_to_ids
    tokenizer.convert_tokens_to_ids = lambda name: find("Ġ" if name == " " else name)
    trie = utils.ExtensionsTrie(tokenizer.get_vocab())
    utils.ExtensionsTrie = lambda _: trie  # made once
    names = {i: name for name, i in tokenizer.get_vocab().items() if i not in tokenizer.all_special_ids}
    rows = []
    for text in TEXTS:
        for end in range(8, len(text), 2):
            prompt = text[:end]
            if prompt != prompt.strip():
                continue  # transformers strips it
            ids = tokenizer(prompt).input_ids
            if len(ids) < 2:
                continue
            best, margin = margin_of(model, tokenizer, names, ids)
            if margin < MARGIN:
                continue
            try:
                healed = model.heal_tokens(torch.tensor([ids]), tokenizer)[0].tolist()
            except KeyError:
                continue  # it does not find tokens that are spelled in another alphabet ("Ċ")
            assert healed == ids[:-1] + [best], (prompt, healed, ids, best)
            rows.append({"prompt": prompt, "ids": ids, "healed": healed})
    changed = [row for row in rows if row["healed"] != row["ids"]]
    same = [row for row in rows if row["healed"] == row["ids"]]
    chosen = changed[:: max(1, len(changed) // 40)] + same[:: max(1, len(same) // 20)]
    print(len(rows), "rows,", len(changed), "changed,", len(chosen), "chosen")
    path = pathlib.Path(__file__).parent / "smollm2.json"
    path.write_text("[\n" + ",\n".join(json.dumps(row) for row in chosen) + "\n]\n")


main()
