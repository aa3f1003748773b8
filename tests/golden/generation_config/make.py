#!/usr/bin/env python3
"""Makes processors.json: what transformers' logits processors for settings of generation_config.json do.

    pip install "transformers==5.*" torch          (in a scratch environment)
    python tests/golden/generation_config/make.py

Each row: settings, logits, history, how many tokens of it are the prompt, the most new tokens, and the probabilities
that come out.
"""
import json
import pathlib
import random

import torch
from transformers import generation as g

VOCABULARY = 40
EOS = 3


def processors(settings, prompt, most):
    ids = torch.tensor([prompt])
    for key, value in settings.items():
        if key == "encoder_repetition_penalty":
            yield g.EncoderRepetitionPenaltyLogitsProcessor(value, ids)
        elif key == "encoder_no_repeat_ngram_size":
            yield g.EncoderNoRepeatNGramLogitsProcessor(value, ids)
        elif key == "bad_words_ids":
            yield g.NoBadWordsLogitsProcessor(value, EOS)
        elif key == "min_length":
            yield g.MinLengthLogitsProcessor(value, EOS)
        elif key == "min_new_tokens":
            yield g.MinNewTokensLengthLogitsProcessor(len(prompt), value, EOS)
        elif key == "forced_bos_token_id":
            yield g.ForcedBOSTokenLogitsProcessor(value)
        elif key == "forced_eos_token_id":
            yield g.ForcedEOSTokenLogitsProcessor(len(prompt) + most, value)
        elif key == "exponential_decay_length_penalty":
            yield g.ExponentialDecayLengthPenalty(tuple(value), EOS, len(prompt))
        elif key == "begin_suppress_tokens":
            yield g.SuppressTokensAtBeginLogitsProcessor(value, len(prompt))
        elif key == "top_h":
            yield g.TopHLogitsWarper(value)
        elif key == "watermarking_config":
            yield g.WatermarkLogitsProcessor(
                vocab_size=VOCABULARY, device="cpu", greenlist_ratio=value["greenlist_ratio"], bias=value["bias"],
                hashing_key=value["hashing_key"], seeding_scheme=value["seeding_scheme"],
                context_width=value["context_width"])


def settings(r):
    some = lambda most: r.sample([i for i in range(VOCABULARY) if i != EOS], r.randint(1, most))
    return r.choice([
        lambda: {"encoder_repetition_penalty": r.choice([0.5, 0.9, 1.3, 2.0])},
        lambda: {"encoder_no_repeat_ngram_size": r.choice([1, 2, 3])},
        lambda: {"bad_words_ids": [some(1), some(1), [r.randrange(4), r.randrange(4)], [EOS]]},
        lambda: {"min_length": r.randint(1, 20)},
        lambda: {"min_new_tokens": r.randint(1, 8)},
        lambda: {"forced_bos_token_id": r.randrange(VOCABULARY)},
        lambda: {"forced_eos_token_id": r.choice([EOS, [EOS, 5]])},
        lambda: {"exponential_decay_length_penalty": [r.randint(0, 4), r.choice([1.05, 1.5, 0.8])]},
        lambda: {"begin_suppress_tokens": some(6)},
        lambda: {"top_h": r.choice([0.2, 0.4, 0.7, 0.95])},
        lambda: {"watermarking_config": {
            "greenlist_ratio": r.choice([0.25, 0.5]), "bias": r.choice([2.0, 0.5, -1.0]),
            "hashing_key": r.choice([15485863, 35317]), "seeding_scheme": r.choice(["lefthash", "selfhash"]),
            "context_width": r.choice([1, 2, 3])}},
    ])()


def main():
    r = random.Random(7)
    rows = []
    while len(rows) < 300:
        config = settings(r)
        most = r.randint(1, 6)
        one = "forced_bos_token_id" in config and r.random() < 0.7
        prompt = [r.randrange(4)] if one else [r.randrange(8) for _ in range(r.randint(1, 12))]
        history = prompt + [r.randrange(8) for _ in range(r.randint(0, most - 1))]
        watermark = config.get("watermarking_config")
        if watermark and watermark["context_width"] > len(history):
            continue
        logits = [round(r.gauss(0, r.choice([0.3, 1, 3])), 4) for _ in range(VOCABULARY)]
        scores = torch.tensor([logits], dtype=torch.float32)
        ids = torch.tensor([history])
        for processor in processors(config, prompt, most):
            scores = processor(ids, scores)
        probabilities = torch.softmax(scores.double(), dim=-1)[0].tolist()
        rows.append({"settings": config, "logits": logits, "history": history, "prompt_length": len(prompt),
                     "max_new_tokens": most, "probabilities": [float(f"{p:.8g}") for p in probabilities]})
    path = pathlib.Path(__file__).parent / "processors.json"
    path.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


main()
