"""Writes expected.json beside it: beam searches of transformers with tiny models of ../arch.

    pip install torch transformers && python make.py
    pip install torch transformers==4.49.0 && python make.py groups

The second one writes groups.json: groups of beams are no longer in transformers 5.

`end_ids` are many, as such models seldom come upon one of a few. `ids` are without the end token, `scores` are
sequences_scores.
"""

import itertools
import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent
ENDS = [1, 7, 23, 40, 77, 101, 130, 166, 200, 241, 290, 311]
PROMPTS = ([5, 77, 200, 13], list(range(20, 80, 3)))
CASES = [
    dict(beams=2, num=2, max_tokens=12, end_ids=[1]),
    dict(beams=3, num=1, max_tokens=20, end_ids=ENDS[:3]),
    dict(beams=4, num=4, max_tokens=16, end_ids=ENDS, length_penalty=0.0),
    dict(beams=4, num=3, max_tokens=16, end_ids=ENDS, length_penalty=2.0, early_stopping=True),
    dict(beams=5, num=5, max_tokens=16, end_ids=ENDS, length_penalty=-1.0, early_stopping="never"),
    dict(beams=6, num=2, max_tokens=24, end_ids=ENDS, length_penalty=1.5, early_stopping="never"),
    dict(beams=4, num=4, max_tokens=16, end_ids=ENDS, repetition_penalty=1.3, no_repeat_ngram=2, min_tokens=6),
    dict(beams=20, num=6, max_tokens=6, end_ids=ENDS[:1]),
]
GROUP_CASES = [
    dict(beams=4, groups=2, num=4, max_tokens=12, end_ids=[1], diversity_penalty=1.0),
    dict(beams=6, groups=3, num=3, max_tokens=16, end_ids=ENDS, diversity_penalty=0.5, length_penalty=0.0),
    dict(beams=6, groups=2, num=6, max_tokens=16, end_ids=ENDS, diversity_penalty=2.5, early_stopping=True),
    dict(beams=4, groups=4, num=4, max_tokens=10, end_ids=ENDS[:4], diversity_penalty=0.3, repetition_penalty=1.4),
    dict(beams=8, groups=2, num=5, max_tokens=14, end_ids=ENDS, diversity_penalty=0.8, length_penalty=-0.5,
         no_repeat_ngram=2, min_tokens=4),
]
NAMES = {"beams": "num_beams", "groups": "num_beam_groups", "num": "num_return_sequences", "max_tokens": "max_new_tokens",
         "end_ids": "eos_token_id", "no_repeat_ngram": "no_repeat_ngram_size", "min_tokens": "min_new_tokens"}


def search(model, prompt, case):
    out = model.generate(torch.tensor([prompt]), do_sample=False, pad_token_id=2, output_scores=True,
                         return_dict_in_generate=True, **{NAMES.get(key, key): value for key, value in case.items()})
    texts = []
    for ids, beams in zip(out.sequences.tolist(), out.beam_indices.tolist()):
        ids = ids[len(prompt):len(prompt) + sum(beam >= 0 for beam in beams)]
        texts.append(list(itertools.takewhile(lambda id: id not in case["end_ids"], ids)))
    return {"ids": texts, "scores": out.sequences_scores.tolist()}


def main(cases, file):
    expected = []
    for name in ("llama", "gpt2") if cases is GROUP_CASES else ("llama", "gpt2", "lfm2", "gemma2"):
        model = AutoModelForCausalLM.from_pretrained(HERE.parent / "arch" / name, torch_dtype=torch.float32,
                                                     attn_implementation="eager")
        for prompt, case in itertools.product(PROMPTS, cases):
            expected.append({"model": name, "prompt": prompt, **case, **search(model, prompt, case)})
    lines = ",\n".join(json.dumps(case) for case in expected)
    (HERE / file).write_text(f"[\n{lines}\n]\n")


if sys.argv[1:] == ["groups"]:
    main(GROUP_CASES, "groups.json")
else:
    main(CASES, "expected.json")
