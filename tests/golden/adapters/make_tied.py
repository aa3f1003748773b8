"""Makes the adapters of tied embeddings beside it: PEFT over the models of tests/golden/arch.

    pip install peft torch transformers && python make_tied.py ../arch

NAME/golden.json holds the logits of the model with the adapter. The models' embedding is their unembedding as well;
an adapter changes the one that it names, and the other stays as it is.
"""

import json
import pathlib
import sys

import peft
import torch
import transformers

HERE = pathlib.Path(__file__).parent
ARCH = pathlib.Path(sys.argv[1])


def make(name, model_name, **settings):
    torch.manual_seed(5)
    model = transformers.AutoModelForCausalLM.from_pretrained(ARCH / model_name, dtype=torch.float32).eval()
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=3, lora_alpha=6, bias="none", **settings)).eval()
    with torch.no_grad():
        for parameter_name, parameter in adapted.named_parameters():
            if "lora_" in parameter_name:
                parameter.normal_(0, 0.15)
            elif "modules_to_save" in parameter_name:
                parameter.mul_(1 + 0.3 * torch.randn(parameter.shape[-1]))
    adapted.save_pretrained(HERE / name, save_embedding_layers=False)
    (HERE / name / "README.md").unlink(missing_ok=True)
    config = json.loads((HERE / name / "adapter_config.json").read_text())
    keep = ("peft_type", "r", "lora_alpha", "bias", "target_modules", "modules_to_save", "fan_in_fan_out", "use_rslora",
            "use_dora")
    config = {key: sorted(config[key]) if key == "target_modules" else config[key] for key in keep}
    (HERE / name / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": model_name}, indent=1))
    ids = torch.arange(3, 300, 11)
    with torch.no_grad():
        logits = adapted(ids[None]).logits[0, -1]
    (HERE / name / "golden.json").write_text(json.dumps({
        "model": model_name, "ids": ids.tolist(), "logits_last": [float(f"{x:.6g}") for x in logits.tolist()]}) + "\n")


make("tied_embedding", "qwen2", target_modules=["embed_tokens", "v_proj"])
make("tied_unembedding", "qwen2", target_modules=["lm_head", "q_proj"])
make("tied_saved", "starcoder2", target_modules=["o_proj"], modules_to_save=["lm_head"])
