#!/usr/bin/env python3
"""Makes expected.json: what transformers writes with contrastive search and with DoLa.

    pip install "transformers==4.49.0" torch          (in a scratch environment: later ones have neither)
    python tests/golden/strategies/make.py

Each row: the model of tests/golden/arch, the settings of generate(), the prompt and the ids that come after it. `margin`:
the least by which a choice was made, of a token or of DoLa's layer; those that float32 could turn round are left out,
and those where nothing is left to choose from.
"""
import json
import pathlib
import random

import torch
import transformers
from transformers import AutoModelForCausalLM
from transformers.generation import utils

MODELS = ["llama", "mistral", "mixtral", "gemma", "gemma2", "cohere", "cohere2", "gpt2", "gpt_neo",
          "gpt_neox", "gptj", "bloom", "falcon", "opt", "phi", "phi3", "qwen2", "granite", "nemotron", "olmo2",
          "stablelm", "starcoder2"]
HERE = pathlib.Path(__file__).parent
LEAST_MARGIN = 2e-4
margins = []


def two_best(values):
    best = torch.topk(values.flatten().double(), min(2, values.numel())).values
    if best[0] == -float("inf"):  # the penalties have forbidden all that DoLa has left: transformers takes token 0
        return -1
    return float("inf") if best.numel() < 2 or best[1] == -float("inf") else float(best[0] - best[1])


def watch(name, margin):
    """Tells `margins` by how much a function of transformers chose."""
    plain = getattr(utils, name)

    def watched(*args):
        result = plain(*args)
        margins.append(margin(args, result))
        return result

    setattr(utils, name, watched)


def ranking_margin(args, _):
    context, candidates, probabilities, _mask, alpha, _width = args
    unit = lambda x: x / x.norm(dim=2, keepdim=True)
    cosines = torch.matmul(unit(context), unit(candidates).transpose(1, 2)).squeeze(-1)
    return two_best((1 - alpha) * probabilities.view(-1) - alpha * cosines.max(dim=-1).values)


def layer_margin(args, _):
    layers, premature, final = args
    if len(layers) == 1:
        return float("inf")
    p = final.double().softmax(-1)
    divergences = []
    for layer in layers:
        q = premature[layer].double().softmax(-1)
        m = (p + q) / 2
        divergences.append(((m * (m.log() - p.log())).sum() + (m * (m.log() - q.log())).sum()) / 2)
    return two_best(torch.stack(divergences))


def computes_as_later_ones(model, folder):
    """Some models are read otherwise by this old version than by those that made golden.json."""
    for case in json.loads((folder / "golden.json").read_text())["cases"]:
        logits = model(torch.tensor([case["ids"]])).logits[0, -1]
        ids = torch.tensor([case["ids"]])
        greedy = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, pad_token_id=0,
                                eos_token_id=None, max_new_tokens=len(case["greedy"]))[0, len(case["ids"]):].tolist()
        if (logits - torch.tensor(case["logits_last"])).abs().max() > 1e-3 or greedy != case["greedy"]:
            return False
    return True


def settings(r, layers, tied):
    penalties = r.choice([{}, {}, {"repetition_penalty": 1.2}, {"no_repeat_ngram_size": 2}])
    if r.random() < 0.5:
        return {"penalty_alpha": r.choice([0.1, 0.3, 0.6, 0.9, 1.0]), "top_k": r.choice([2, 4, 5, 8, 24]), **penalties}
    choices = ["high", sorted(r.sample(range(layers), 2)), [r.randrange(layers)], list(range(layers + 2))]
    if not tied or layers > 3:  # else there is no such layer, and transformers fails
        choices.append("low")
    return {"dola_layers": r.choice(choices), **penalties}


def main():
    transformers.logging.set_verbosity_error()
    watch("_ranking_fast", ranking_margin)
    watch("_dola_select_contrast", layer_margin)
    rows = []
    for name in MODELS:
        folder = HERE.parent / "arch" / name
        model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32,
                                                     attn_implementation="eager").eval()
        config = model.config
        r = random.Random(name)
        with torch.no_grad():
            if not computes_as_later_ones(model, folder):
                print("left out:", name)
                continue
        wanted = 5
        while wanted > 0:
            chosen = settings(r, config.num_hidden_layers, config.tie_word_embeddings)
            prompt = [r.randrange(320) for _ in range(r.choice([1, 3, 9, 24]))]
            ids = torch.tensor([prompt])
            margins.clear()
            try:
                out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=16,
                                     eos_token_id=None, pad_token_id=0, output_scores=True,
                                     return_dict_in_generate=True, **chosen)
            except (TypeError, ValueError) as error:
                if "ybridCache" not in str(error) or "penalty_alpha" not in chosen:
                    raise
                continue  # its cache cannot do contrastive search there
            if "dola_layers" in chosen:
                margins.extend(two_best(scores) for scores in out.scores)
            if min(margins) < LEAST_MARGIN:
                continue
            rows.append({"model": name, "settings": chosen, "prompt": prompt,
                         "ids": out.sequences[0, len(prompt):].tolist(), "margin": float(f"{min(margins):.3g}")})
            wanted -= 1
    (HERE / "expected.json").write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


main()
